package operator

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/library"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// PlanOptions say how to look at a plan.
type PlanOptions struct {
	// Offline asks WeChat nothing; a plan that needs it is a *credential.OfflineError.
	Offline bool
	// Compare is how many apps are compared with the app configuration of a plan that has some, the
	// first ones; below 0 is all.
	Compare int
	// CompareRate bounds the calls a second for that; 0 is no limit.
	CompareRate int
	// Progress hears of long work; nil is fine.
	Progress func(what string, done, total int)
}

// LatestTemplate is the template id of a schedule that takes the newest template
// at each run.
const LatestTemplate = library.LatestTemplate

// Preview is what applying a plan would do. Apply does just that.
type Preview struct {
	// ID is the rollout's: the plan's name and the beginning of the digest.
	ID     string `json:"id"`
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Plan is what will be stored, without the texts of its templates.
	Plan rollout.Plan `json:"plan"`
	// Latest says that the plan asks for the newest template: Plan names the one it is
	// now, and applying pins that one.
	Latest bool `json:"latest,omitempty"`
	// Total is the number of targets, Listed that of the apps before the plan's selector.
	Total int `json:"total"`
	// Source is where the apps come from.
	Source string     `json:"source"`
	Waves  []WavePlan `json:"waves"`
	// StartAt is when it begins; zero is at once, or by Schedule.
	StartAt time.Time `json:"start_at,omitzero"`
	// Schedule repeats it; NextRuns are the next times.
	Schedule string      `json:"schedule,omitempty"`
	NextRuns []time.Time `json:"next_runs,omitempty"`
	// Quota tells what fits in the platform's submissions.
	Quota QuotaFit `json:"quota"`
	// Owned tells which apps other rollouts work on.
	Owned Owned `json:"owned"`
	// Earlier is the newest rollout of the same content, if there is one.
	Earlier *Earlier `json:"earlier,omitempty"`
	// AppConfig is what the plan's configure would change; nil if it has none.
	AppConfig *ConfigDiff `json:"app_config,omitempty"`
	// Warnings are for a person to read before applying.
	Warnings []string `json:"warnings,omitempty"`

	full    rollout.Plan // with the templates
	ext     *extjson.Template
	configs *appconfig.Template
	apps    *planfile.Apps
	// recipe chooses the apps of each run of a schedule; "" for a list of its own.
	recipe string
	// kept are submissions that the baseline keeps from the plan, beyond what the plan does.
	kept int64
}

// WavePlan is one wave of a preview.
type WavePlan struct {
	Name string `json:"name"`
	Size int    `json:"size"`
	// First is its first app.
	First string `json:"first"`
	// Gate says what the wave after it waits for; "" for nothing.
	Gate string `json:"gate,omitempty"`
}

// Earlier is a rollout of the same content.
type Earlier struct {
	ID     string         `json:"id"`
	Status rollout.Status `json:"status"`
}

// Plan shows what applying a plan would do. It changes nothing. The error joins
// all that is wrong, planfile.Faults among it.
func (o *Operator) Plan(ctx context.Context, file *planfile.File, opt PlanOptions) (*Preview, error) {
	if opt.Progress == nil {
		opt.Progress = func(string, int, int) {}
	}
	// The template and the apps are found apart: tell of both's faults at once.
	tmpl, warnings, tmplErr := o.library.Find(ctx, file.Template, opt.Offline)
	apps, notes, appsErr := o.planApps(ctx, file, opt)
	warnings = append(warnings, notes...)
	var extErr error
	if appsErr == nil {
		faults := append(planfile.CheckExt(file.Ext, apps), planfile.CheckConfigure(file.Configure, apps)...)
		if len(faults) > 0 {
			extErr = faults
		}
	}
	if err := errors.Join(tmplErr, appsErr, extErr); err != nil {
		return nil, err
	}
	plan, err := file.Freeze(tmpl, apps.Len())
	if err != nil {
		return nil, err
	}
	if file.Schedule != "" && file.Template.Latest {
		// Each run takes what is newest then.
		plan.Template = rollout.Template{ID: LatestTemplate, Version: file.Template.Version, Desc: file.Template.Desc}
	}
	p := &Preview{
		Name: file.Name, Digest: file.Digest(plan, apps), Plan: plan, Total: apps.Len(), Source: apps.Name(),
		Latest: file.Template.Latest, StartAt: file.Start, Schedule: file.Schedule, Warnings: warnings,
		full: plan, ext: file.Ext, configs: file.Configure.Template(), apps: apps,
	}
	if file.Schedule != "" && file.Targets.Registry() {
		// Each run takes the apps of its time: they are no part of what it is.
		p.recipe = file.Recipe()
		sum := sha256.Sum256([]byte(p.recipe))
		p.Digest = hex.EncodeToString(sum[:])
	}
	p.Plan.Ext, p.Plan.Configure = "", ""
	p.ID = p.Name + "-" + p.Digest[:8]
	p.Waves = p.waves()
	if err := o.noteReserve(ctx, p); err != nil {
		return nil, err
	}
	if err := o.surroundings(ctx, p, opt); err != nil {
		return p, err
	}
	return p, o.configDiff(ctx, p, opt)
}

// planApps are the plan's apps, selected and in order, with what to warn of.
func (o *Operator) planApps(ctx context.Context, file *planfile.File, opt PlanOptions) (*planfile.Apps, []string, error) {
	if !file.Targets.Registry() {
		list, err := file.ReadApps()
		return list, nil, err
	}
	list, warnings, err := o.chosen(ctx, file)
	if errors.Is(err, fleet.ErrNotSynced) && o.wx != nil && !opt.Offline && file.Targets.Select.Empty() {
		return o.listed(ctx, file, opt)
	}
	return list, warnings, err
}

// waves describes the plan's waves.
func (p *Preview) waves() []WavePlan {
	waves := make([]WavePlan, len(p.Plan.Waves))
	first := 0
	for i, w := range p.Plan.Waves {
		waves[i] = WavePlan{Name: w.Name, Size: w.Size, First: p.apps.At(first).AppID}
		if i+1 < len(p.Plan.Waves) {
			waves[i].Gate = gateWords(w)
		}
		first += w.Size
	}
	return waves
}

// gateWords says what opens the wave after w.
func gateWords(w rollout.Wave) string {
	if !w.Gated() {
		return ""
	}
	need := w.MinJudged
	if need <= 0 || need > w.Size {
		need = w.Size
	}
	text := fmt.Sprintf("%d of %d judged", need, w.Size)
	if w.RejectAbove > 0 {
		text += fmt.Sprintf(", at most %.3g%% of them bad", w.RejectAbove*100)
	}
	switch {
	case w.DelayAbove > 0 && w.DelayAbove < 1:
		text += fmt.Sprintf(", at most %.3g%% of the wave delayed", w.DelayAbove*100)
	case w.DelayAbove <= 0:
		text += ", none delayed"
	}
	if w.Approve {
		text += ", then enqueue promote"
	}
	return text
}

// PlannedApp is one app of a preview.
type PlannedApp struct {
	AppID string `json:"appid"`
	Label string `json:"label,omitempty"`
	Wave  string `json:"wave"`
	// Place is its place in the order of assignments, from 1.
	Place int `json:"place"`
}

// Each calls f with every app in the order of assignments until f says false.
func (p *Preview) Each(f func(PlannedApp) bool) {
	for n, app := range p.apps.All() {
		wave, _, _ := planfile.WaveOf(p.Plan, n)
		if !f(PlannedApp{AppID: app.AppID, Label: app.Label, Wave: p.Plan.Waves[wave].Name, Place: n + 1}) {
			return
		}
	}
}

// Ext is the ext_json that one app of the preview would be committed with.
func (p *Preview) Ext(appID string) (string, error) {
	for _, app := range p.apps.All() {
		if app.AppID != appID {
			continue
		}
		if p.ext == nil {
			return "{}", nil
		}
		return p.ext.Render(extjson.App{AppID: app.AppID, Label: app.Label, Columns: app.Columns})
	}
	return "", fmt.Errorf("app %s is not among the plan's %d targets", appID, p.Total)
}

// target is the n-th app as the ledger takes it.
func (p *Preview) target(n int, now time.Time) rollout.Target {
	app := p.apps.At(n)
	wave, place, _ := planfile.WaveOf(p.Plan, n)
	return rollout.Target{
		AppID: app.AppID, Rank: rollout.Rank(wave, place), Label: app.Label, Columns: app.Columns,
		Attempt: 1, Since: now,
	}
}
