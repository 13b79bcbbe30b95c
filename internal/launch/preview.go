package launch

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// PlanOptions say how to preview a plan.
type PlanOptions struct {
	// Offline asks WeChat nothing; a plan that needs it is a *credential.OfflineError.
	Offline bool
	// Compare is how many apps are compared with the app configuration of a plan that has some, the
	// first ones; below 0 is all.
	Compare int
	// CompareRate bounds the calls a second for that; 0 is no limit.
	CompareRate int
	// Progress is called during long work; nil is fine.
	Progress func(what string, done, total int)
}

// Preview is what applying a plan would do. Apply does just that.
type Preview struct {
	// ID is the rollout's: the plan's name and the beginning of the digest.
	ID     string `json:"id"`
	Name   string `json:"name"`
	Digest string `json:"digest"`
	// Plan is what will be stored, without the texts of its templates.
	Plan rollout.Plan `json:"plan"`
	// Latest reports that the plan asks for the newest template: Plan names the one it is
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
	// Quota is what fits in the platform's submissions.
	Quota QuotaFit `json:"quota"`
	// Owned are the apps that other rollouts work on.
	Owned Owned `json:"owned"`
	// Earlier is the newest rollout of the same content, if there is one.
	Earlier *Earlier `json:"earlier,omitempty"`
	// AppConfig is what the plan's configure would change; nil if it has none.
	AppConfig *ConfigDiff `json:"app_config,omitempty"`
	// Damaged are values of the list that a spreadsheet program seems to have changed. Applying
	// refuses them unless they are allowed.
	Damaged filefault.Faults `json:"damaged,omitempty"`
	// Warnings are for a person to read before applying.
	Warnings []string `json:"warnings,omitempty"`

	compiled *planfile.Compiled
	// kept are submissions that the baseline keeps from the plan, beyond what the plan does.
	kept int64
}

// WavePlan is one wave of a preview.
type WavePlan struct {
	Name string `json:"name"`
	Size int    `json:"size"`
	// First is its first app.
	First string `json:"first"`
	// Waits says what it waits for; "" for the first one.
	Waits string `json:"waits,omitempty"`
	// Gate is the gate after it, in words; "" for none.
	Gate string `json:"gate,omitempty"`
}

// Earlier is a rollout of the same content.
type Earlier struct {
	ID     string         `json:"id"`
	Status rollout.Status `json:"status"`
}

// Preview shows what applying a plan would do. It changes nothing. The error joins everything that
// is wrong, filefault.Faults among it.
func (l *Launcher) Preview(ctx context.Context, file *planfile.File, opt PlanOptions) (*Preview, error) {
	if opt.Progress == nil {
		opt.Progress = func(string, int, int) {}
	}
	// The template and the apps are found independently: report the faults of both at once.
	tmpl, warnings, err := l.d.Templates.Find(ctx, file.Template, opt.Offline)
	apps, notes, appsErr := l.planApps(ctx, file, opt)
	if err != nil || appsErr != nil {
		if appsErr == nil {
			appsErr = file.Check(apps)
		}
		return nil, errors.Join(err, appsErr)
	}
	compiled, err := file.Compile(tmpl, apps)
	if err != nil {
		return nil, err
	}
	p := &Preview{
		ID: file.Name + "-" + compiled.Digest[:8], Name: file.Name, Digest: compiled.Digest, Plan: compiled.Plan,
		Total: apps.Len(), Source: apps.Name(), Latest: file.Template.Latest, StartAt: file.Start, Schedule: file.Schedule,
		Warnings: append(warnings, notes...), compiled: compiled,
	}
	p.Plan.Ext, p.Plan.Configure = "", ""
	p.Waves, p.Damaged = p.waves(), apps.Damage()
	for _, f := range p.Damaged.Grouped() {
		p.warn("%s", f)
	}
	if len(p.Damaged) > 0 {
		p.warn("apply refuses these values without --allow-damaged: %s", applist.Advice)
	}
	if err := l.noteReserve(ctx, p); err != nil {
		return nil, err
	}
	if err := l.surroundings(ctx, p, opt); err != nil {
		return p, err
	}
	return p, l.configDiff(ctx, p, opt)
}

// planApps are the plan's apps, selected and in order, with what to warn of.
func (l *Launcher) planApps(ctx context.Context, file *planfile.File, opt PlanOptions) (*applist.Apps, []string, error) {
	if !file.Targets.Registry() {
		list, err := file.ReadApps()
		if err == nil {
			err = list.Without(l.d.Component, "is the third-party platform's own appid: want the apps that authorized it").Err()
		}
		return list, nil, err
	}
	list, warnings, err := l.chosen(ctx, file)
	if errors.Is(err, fleet.ErrNotSynced) && l.d.Quota.Online() && !opt.Offline && file.Targets.Select.Empty() {
		return l.listed(ctx, file, opt)
	}
	return list, warnings, err
}

// waves describes the plan's waves.
func (p *Preview) waves() []WavePlan {
	waves := make([]WavePlan, len(p.Plan.Waves))
	first := 0
	for i, w := range p.Plan.Waves {
		waves[i] = WavePlan{Name: w.Name, Size: w.Size, First: p.compiled.Apps.At(first).AppID}
		switch {
		case i == 0:
		case p.Plan.Waves[i-1].Judges():
			waves[i].Waits = p.Plan.Waves[i-1].Name + ": " + gateWords(p.Plan.Waves[i-1])
		case p.Plan.Waves[i-1].Sequential:
			waves[i].Waits = p.Plan.Waves[i-1].Name + " done"
		default:
			waves[i].Waits = "nothing, starts with " + p.Plan.Waves[i-1].Name
		}
		if i+1 < len(p.Plan.Waves) {
			waves[i].Gate = gateWords(w)
		}
		first += w.Size
	}
	return waves
}

// gateWords describes what opens the wave after w.
func gateWords(w rollout.Wave) string {
	if !w.Judges() {
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

// Each calls f with every app in the order of assignments until f returns false.
func (p *Preview) Each(f func(PlannedApp) bool) {
	for n, app := range p.compiled.Apps.All() {
		if !f(PlannedApp{AppID: app.AppID, Label: app.Label, Wave: p.compiled.Wave(n).Name, Place: n + 1}) {
			return
		}
	}
}

// Ext is the ext_json of one app's commit.
func (p *Preview) Ext(appID string) (string, error) { return p.compiled.Ext(appID) }
