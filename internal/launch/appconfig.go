package launch

import (
	"context"
	"iter"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

const (
	// ComparedApps is how many apps a preview compares with a plan by default.
	ComparedApps = 20
	// CompareRate bounds the calls a second of all previews together.
	CompareRate = 20
	// comparedAtOnce is how many apps are compared at the same time.
	comparedAtOnce = 4
)

// ConfigDiff is what the configure section of a plan would change.
type ConfigDiff struct {
	// Compared is how many of Total apps were compared, from the first one on.
	Compared int `json:"compared"`
	Total    int `json:"total"`
	// Right of them need no write for certain; Unknown could not be read.
	Right   int `json:"right"`
	Unknown int `json:"unknown"`
	// Kinds sum up the changes, in order.
	Kinds []appconfig.KindDiff `json:"kinds"`
	// Apps are those that differ or could not be read, in the plan's order.
	Apps []appconfig.AppDiff `json:"apps"`
	// Missing are domains that the platform's own lists lack.
	Missing []appconfig.Missing `json:"missing,omitempty"`
	// Note says why WeChat was not asked.
	Note string `json:"note,omitempty"`
}

// configDiff compares the app configuration of a preview's first apps.
func (l *Launcher) configDiff(ctx context.Context, p *Preview, opt PlanOptions) error {
	if p.compiled.Configure() == nil {
		return nil
	}
	compared := opt.Compare
	if compared < 0 || compared > p.Total {
		compared = p.Total
	}
	d := &ConfigDiff{Total: p.Total, Kinds: []appconfig.KindDiff{}, Apps: []appconfig.AppDiff{}}
	p.AppConfig = d
	if l.d.AppConfig == nil || opt.Offline {
		d.Note = "WeChat was not asked"
		return nil
	}
	var err error
	if d.Missing, err = appconfig.FindMissing(ctx, l.d.AppConfig, wants(p.compiled.Configure(), p.compiled.Targets())); err != nil {
		return err
	}
	for _, m := range d.Missing {
		if !m.Add {
			p.warn("%s", m.Warning())
		}
	}
	d.Compared = compared
	return l.compare(ctx, p, opt)
}

// compare fills in p.AppConfig.
func (l *Launcher) compare(ctx context.Context, p *Preview, opt PlanOptions) error {
	wait := func(context.Context) error { return nil }
	if opt.CompareRate > 0 {
		wait = ratelimit.NewPacer(ratelimit.NewThrottle(l.d.Redis, "plan app config", ratelimit.Rate{Permits: opt.CompareRate, Per: time.Second}), nil).Wait
	}
	diffs := make([]appconfig.AppDiff, p.AppConfig.Compared)
	var mu sync.Mutex
	done := 0
	g, running := errgroup.WithContext(ctx)
	g.SetLimit(comparedAtOnce)
	for i := range diffs {
		g.Go(func() error {
			app := p.compiled.App(i)
			want, err := p.compiled.Configure().Render(app)
			if err != nil {
				return err // the check of the plan rendered all apps
			}
			diffs[i], err = appconfig.Compare(running, l.d.AppConfig, want, app.Label, func(ctx context.Context, read func(context.Context) error) error {
				if err := wait(ctx); err != nil {
					return err
				}
				return l.d.Readers.Borrow(ctx, app.AppID, read)
			})
			if err != nil {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			done++
			opt.Progress("app configuration read", done, len(diffs))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		return err
	}
	p.AppConfig.Kinds = appconfig.Sum(diffs)
	drops := 0
	for _, a := range diffs {
		drops += min(len(a.Drops), 1)
		if a.Error != "" {
			p.AppConfig.Unknown++
		} else if a.Right() {
			p.AppConfig.Right++
		}
		if a.Error != "" || len(a.Changes)+len(a.Drops) > 0 {
			p.AppConfig.Apps = append(p.AppConfig.Apps, a)
		}
	}
	if drops > 0 {
		p.warn("%d of the compared apps have domains set at mp.weixin.qq.com, which a release by the platform deletes: adopt: true keeps them", drops)
	}
	return nil
}

// addToPlatform adds the domains that targets need, and the platform's lists lack, if the plan says so.
// It is safe to repeat.
func (l *Launcher) addToPlatform(ctx context.Context, plan rollout.Plan, targets iter.Seq2[rollout.Target, error]) error {
	tmpl, err := appconfig.Parse(plan.Configure)
	if err != nil || tmpl == nil || !appconfig.AddsToPlatform(plan.Configure) {
		return err
	}
	if l.d.AppConfig == nil {
		return &credential.OfflineError{What: "add domains to the platform"}
	}
	missing, err := appconfig.FindMissing(ctx, l.d.AppConfig, wants(tmpl, targets))
	if err != nil {
		return err
	}
	return appconfig.AddMissing(ctx, l.d.AppConfig, missing)
}

// wants is what the plan wants of each target. One that can't be rendered fails on its way, with the
// reason.
func wants(tmpl *appconfig.Template, targets iter.Seq2[rollout.Target, error]) iter.Seq2[*appconfig.Want, error] {
	return func(yield func(*appconfig.Want, error) bool) {
		for t, err := range targets {
			var want *appconfig.Want
			if err == nil {
				var bad error
				if want, bad = tmpl.Render(extjson.App{AppID: t.AppID, Label: t.Label, Columns: t.Columns}); bad != nil {
					continue
				}
			}
			if !yield(want, err) {
				return
			}
		}
	}
}
