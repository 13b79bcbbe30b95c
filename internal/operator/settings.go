package operator

import (
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// Settings are the calls about settings: what apps have, and the platform's own
// lists of domains, which an apply adds to if the plan says register.
// *wxclient.Client implements it.
type Settings interface {
	tasks.SettingsReader
	PlatformServerDomains(ctx context.Context, action configapi.DomainAction, domains []string, published bool) (configapi.PlatformDomains, error)
	PlatformWebviewDomains(ctx context.Context, action configapi.DomainAction, domains []string, published bool) (configapi.PlatformDomains, error)
	PlatformFile(ctx context.Context) (configapi.ConfirmFile, error)
}

const (
	// SettingsLooked is how many apps a person's look at a plan reads settings of.
	SettingsLooked = 20
	// SettingsRate is how many calls a second such looks make at most, all together.
	SettingsRate = 20
	// settingsAtOnce is how many apps are looked at together.
	settingsAtOnce = 4
)

// SettingsDiff tells what the configure part of a plan would change.
type SettingsDiff struct {
	// Looked is how many of Total apps were looked at, from the first one on.
	Looked int `json:"looked"`
	Total  int `json:"total"`
	// Right of them need no write, but perhaps of testers, of whom only an attempt
	// tells; Unknown could not be read.
	Right   int `json:"right"`
	Unknown int `json:"unknown"`
	// Kinds sum the changes up, in order; those of testers are perhaps so already.
	Kinds []KindDiff `json:"kinds"`
	// Apps are those that differ or could not be read, in the plan's order.
	Apps []AppDiff `json:"apps"`
	// Missing are domains that the platform has not registered.
	Missing []MissingHosts `json:"missing,omitempty"`
	// Note says why nobody was asked.
	Note string `json:"note,omitempty"`
}

// KindDiff sums one kind of settings up.
type KindDiff struct {
	Kind appconfig.Kind `json:"kind"`
	// Apps is how many of those looked at differ, Writes the writes that takes.
	Apps   int `json:"apps"`
	Writes int `json:"writes"`
}

// AppDiff is what would change at one app.
type AppDiff struct {
	AppID   string          `json:"appid"`
	Label   string          `json:"label,omitempty"`
	Changes []SettingChange `json:"changes"`
	// Drops are domains set at mp.weixin.qq.com that the release deletes.
	Drops []string `json:"drops,omitempty"`
	// Error says why it could not be read, or why it would fail.
	Error string `json:"error,omitempty"`
}

// SettingChange is one write at WeChat.
type SettingChange struct {
	Kind appconfig.Kind `json:"kind"`
	Verb appconfig.Verb `json:"verb"`
	// Lines say what would differ: + is new, - goes, ~ changes.
	Lines []string `json:"lines"`
	// Perhaps means that only an attempt tells whether it is so already: of testers.
	Perhaps bool `json:"perhaps,omitempty"`
}

// sure are the changes that will be made for certain.
func (a AppDiff) sure() int {
	n := 0
	for _, c := range a.Changes {
		if !c.Perhaps {
			n++
		}
	}
	return n
}

// MissingHosts are domains that the platform has not registered.
type MissingHosts struct {
	Kind  appconfig.Kind `json:"kind"`
	Hosts []string       `json:"hosts"`
	// Register says that applying the plan registers them.
	Register bool `json:"register"`
}

// settingsDiff looks at the settings of a preview's first apps.
func (o *Operator) settingsDiff(ctx context.Context, p *Preview, opt PlanOptions) error {
	tmpl := p.settings
	if tmpl == nil {
		return nil
	}
	looked := opt.Settings
	if looked < 0 || looked > p.Total {
		looked = p.Total
	}
	d := &SettingsDiff{Total: p.Total, Kinds: []KindDiff{}, Apps: []AppDiff{}}
	p.Settings = d
	if o.settings == nil || opt.Offline {
		d.Note = "WeChat was not asked"
		return nil
	}
	var err error
	if d.Missing, err = o.missingHosts(ctx, tmpl, p.targets()); err != nil {
		return err
	}
	for _, m := range d.Missing {
		if !m.Register {
			p.warn("the platform has not registered %s: apps stop at errcode %d; register them, or say configure.%s.register: true",
				shortList(m.Hosts), map[appconfig.Kind]int{appconfig.Domains: 85018, appconfig.Webview: 89021}[m.Kind], m.Kind)
		}
	}
	d.Looked = looked
	return o.lookAtSettings(ctx, p, opt)
}

// shortList names the first few.
func shortList(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more domains", strings.Join(list[:most], ", "), len(list)-most)
}

func (o *Operator) lookAtSettings(ctx context.Context, p *Preview, opt PlanOptions) error {
	d := p.Settings
	wait := func(context.Context) error { return nil }
	if opt.SettingsRate > 0 {
		wait = ratelimit.NewPacer(ratelimit.NewThrottle(o.rdb, "plan settings", ratelimit.Rate{Permits: opt.SettingsRate, Per: time.Second}), nil).Wait
	}
	diffs := make([]AppDiff, d.Looked)
	var mu sync.Mutex
	done := 0
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(settingsAtOnce)
	for i := range diffs {
		g.Go(func() error {
			var err error
			if diffs[i], err = o.appDiff(running, p, i, wait); err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			opt.Progress("settings read", done, d.Looked)
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	d.sum(diffs)
	drops := 0
	for _, a := range d.Apps {
		drops += min(len(a.Drops), 1)
	}
	if drops > 0 {
		p.warn("%d of the apps looked at have domains set at mp.weixin.qq.com, which a release by the platform deletes: adopt: true keeps them", drops)
	}
	return nil
}

// sum adds the apps' diffs up.
func (d *SettingsDiff) sum(diffs []AppDiff) {
	for _, a := range diffs {
		switch {
		case a.Error != "":
			d.Unknown++
		case a.sure() == 0:
			d.Right++
		}
		if a.Error != "" || len(a.Changes)+len(a.Drops) > 0 {
			d.Apps = append(d.Apps, a)
		}
	}
	for _, kind := range appconfig.Kinds() {
		sum := KindDiff{Kind: kind}
		for _, a := range diffs {
			writes := 0
			for _, c := range a.Changes {
				if c.Kind == kind {
					writes++
				}
			}
			sum.Writes += writes
			sum.Apps += min(writes, 1)
		}
		if sum.Writes > 0 {
			d.Kinds = append(d.Kinds, sum)
		}
	}
}

// appDiff looks at one app. What WeChat refuses is the app's own error.
func (o *Operator) appDiff(ctx context.Context, p *Preview, n int, wait func(context.Context) error) (AppDiff, error) {
	app := p.apps.At(n)
	a := AppDiff{AppID: app.AppID, Label: app.Label, Changes: []SettingChange{}}
	want, err := p.settings.Render(extjson.App{AppID: app.AppID, Label: app.Label, Columns: app.Columns})
	if err != nil {
		return a, err // they were all rendered before
	}
	for _, kind := range appconfig.Kinds() {
		if !want.Has(kind) {
			continue
		}
		var have appconfig.Have
		if kind != appconfig.Testers || len(want.Testers.Remove) > 0 {
			if err := wait(ctx); err != nil {
				return a, err
			}
			err = o.borrow(ctx, app.AppID, func(ctx context.Context) (err error) {
				have, err = tasks.ReadSettings(ctx, o.settings, app.AppID, kind)
				return err
			})
			if err != nil {
				a.Error = fmt.Sprintf("%s: %v", kind, err)
				return a, ctx.Err()
			}
		}
		if kind == appconfig.QRPublish {
			have.Rules = afterRules(want, have.Rules)
		}
		changes, err := appconfig.Diff(kind, want, have)
		if err != nil {
			a.Error = err.Error() // this app's alone: the others are looked at
			return a, nil         //nolint:nilerr // told in the diff
		}
		for _, c := range changes {
			a.Changes = append(a.Changes, SettingChange{Kind: c.Kind, Verb: c.Verb, Lines: c.Lines, Perhaps: kind == appconfig.Testers})
		}
		a.Drops = append(a.Drops, appconfig.Dropped(kind, want, have)...)
	}
	return a, nil
}

// afterRules are an app's rules as they will be when it is time to publish them.
func afterRules(want appconfig.Spec, have []appconfig.Rule) []appconfig.Rule {
	changes, err := appconfig.Diff(appconfig.QRRules, want, appconfig.Have{Rules: have})
	if err != nil {
		return have
	}
	for _, c := range changes {
		have = slices.DeleteFunc(slices.Clone(have), func(r appconfig.Rule) bool { return r.Prefix == c.Name })
		if c.Verb != appconfig.VerbRemove {
			have = append(have, c.Rule)
		}
	}
	return have
}

// missingHosts are the domains of targets that the platform has not registered. A
// registered web-view domain stands for its subdomains too.
func (o *Operator) missingHosts(ctx context.Context, tmpl *appconfig.Template, targets iter.Seq2[rollout.Target, error]) ([]MissingHosts, error) {
	kinds := []appconfig.Kind{appconfig.Domains, appconfig.Webview}
	wanted, register := make([]map[string]bool, len(kinds)), make([]bool, len(kinds))
	for t, err := range targets {
		if err != nil {
			return nil, err
		}
		want, err := tmpl.Render(extjson.App{AppID: t.AppID, Label: t.Label, Columns: t.Columns})
		if err != nil {
			continue // it fails by itself, with its reason
		}
		for i, kind := range kinds {
			for _, host := range want.Hosts(kind) {
				if wanted[i] == nil {
					wanted[i] = make(map[string]bool)
				}
				wanted[i][host] = true
			}
			register[i] = register[i] || want.Registers(kind)
		}
	}
	var missing []MissingHosts
	for i, kind := range kinds {
		if wanted[i] == nil {
			continue
		}
		have, err := o.platformDomains(ctx, kind, configapi.DomainGet, nil)
		if err != nil {
			return nil, fmt.Errorf("read the platform's %s: %w", kind, err)
		}
		m := MissingHosts{Kind: kind, Register: register[i]}
		for host := range wanted[i] {
			if !slices.ContainsFunc(have.Published, func(own string) bool {
				return own == host || kind == appconfig.Webview && strings.HasSuffix(host, "."+own)
			}) {
				m.Hosts = append(m.Hosts, host)
			}
		}
		if slices.Sort(m.Hosts); len(m.Hosts) > 0 {
			missing = append(missing, m)
		}
	}
	return missing, nil
}

func (o *Operator) platformDomains(ctx context.Context, kind appconfig.Kind, action configapi.DomainAction, hosts []string) (configapi.PlatformDomains, error) {
	wx, published := o.settings, action != configapi.DomainGet
	if kind == appconfig.Webview {
		return wx.PlatformWebviewDomains(ctx, action, hosts, published)
	}
	return wx.PlatformServerDomains(ctx, action, hosts, published)
}

// register puts the domains that targets want, and the platform lacks, on its lists:
// one write for each list, none if nothing is missing. It is safe to do again.
func (o *Operator) register(ctx context.Context, plan rollout.Plan, targets iter.Seq2[rollout.Target, error]) error {
	tmpl, err := appconfig.Parse(plan.Configure)
	if err != nil || tmpl == nil || !strings.Contains(plan.Configure, `"register"`) {
		return err
	}
	if o.settings == nil {
		return &OfflineError{What: "register domains on the platform"}
	}
	missing, err := o.missingHosts(ctx, tmpl, targets)
	if err != nil {
		return err
	}
	for _, m := range missing {
		if !m.Register {
			continue
		}
		after, err := o.platformDomains(ctx, m.Kind, configapi.DomainAdd, m.Hosts)
		if err != nil {
			return fmt.Errorf("register %s on the platform: %w", shortList(m.Hosts), err)
		}
		if len(after.Refused) > 0 {
			return o.notTaken(ctx, m.Kind, after.Refused)
		}
	}
	return nil
}

// notTaken says why the platform can't have some domains.
func (o *Operator) notTaken(ctx context.Context, kind appconfig.Kind, refused []wxclient.RefusedItem) error {
	wx := o.settings
	if kind == appconfig.Webview {
		if file, err := wx.PlatformFile(ctx); err == nil {
			return fmt.Errorf("add domains to the platform: WeChat refused %s: the file %s must lie at the root of each, byte for byte", errcode.RefusedText(refused), file.Name)
		}
	}
	return fmt.Errorf("add domains to the platform: WeChat refused %s", errcode.RefusedText(refused))
}

// targets are the preview's targets in order.
func (p *Preview) targets() iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		for n := range p.Total {
			if !yield(p.target(n, time.Time{}), nil) {
				return
			}
		}
	}
}
