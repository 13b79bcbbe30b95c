package launch

import (
	"context"
	"fmt"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/internal/quota"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
)

// OwnedChecked bounds how many apps a preview looks up the owner of.
const OwnedChecked = 2000

// ownedShown bounds how many owned apps a preview names.
const ownedShown = 20

// Owned are the apps of a plan that other unfinished rollouts work on. Such a
// target waits until the other rollout is done with the app.
type Owned struct {
	// Checked is how many apps were looked up, from the first one on.
	Checked int `json:"checked"`
	// Total is how many of them are owned, ByRollout splits them.
	Total     int            `json:"total"`
	ByRollout map[string]int `json:"by_rollout,omitempty"`
	// Apps names the first few.
	Apps []string `json:"apps,omitempty"`
}

// surroundings fills in the state of the world outside the plan.
func (l *Launcher) surroundings(ctx context.Context, p *Preview, opt PlanOptions) error {
	if p.Schedule != "" {
		var err error
		if p.NextRuns, err = calendar.NextRuns(p.Schedule, l.d.Now(), runsShown); err != nil {
			return err
		}
	} else if !p.StartAt.IsZero() && p.StartAt.Before(l.d.Now()) {
		p.warn("its start %s is past: it begins at once", p.StartAt.Format(time.RFC3339))
	}
	last, err := l.lastOf(ctx, p.ID)
	if err != nil {
		return err
	}
	if last != nil {
		p.Earlier = &Earlier{ID: last.ID, Status: last.Status}
	}
	active, err := l.d.Ledger.Active(ctx)
	broken, err := ledger.Broken(err)
	if err != nil {
		return err
	}
	for _, b := range broken {
		p.warn("%v; what it works on and still submits is not counted here", b)
	}
	if p.Owned, err = l.owned(ctx, p, active); err != nil {
		return err
	}
	p.Quota, err = l.fit(ctx, p, active, opt.Offline)
	return err
}

func (p *Preview) warn(format string, args ...any) {
	p.Warnings = append(p.Warnings, fmt.Sprintf(format, args...))
}

// owned looks up the owners of the plan's first apps.
func (l *Launcher) owned(ctx context.Context, p *Preview, active []rollout.Rollout) (Owned, error) {
	others := make(map[string]bool)
	for _, r := range active {
		if !r.Status.Ended() && (p.Earlier == nil || r.ID != p.Earlier.ID) {
			others[r.ID] = true
		}
	}
	if len(others) == 0 {
		return Owned{Checked: p.Total}, nil
	}
	owned := Owned{Checked: min(p.Total, OwnedChecked), ByRollout: make(map[string]int)}
	var mu sync.Mutex
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(16)
	for i := range owned.Checked {
		appID := p.compiled.Apps.At(i).AppID
		g.Go(func() error {
			id, err := l.d.Ledger.Owner(ctx, appID)
			if err != nil || !others[id] {
				return err
			}
			mu.Lock()
			defer mu.Unlock()
			owned.Total++
			owned.ByRollout[id]++
			if len(owned.Apps) < ownedShown {
				owned.Apps = append(owned.Apps, appID)
			}
			return nil
		})
	}
	return owned, g.Wait()
}

// QuotaFit is what of a plan fits in the platform's submissions.
type QuotaFit struct {
	// Source is "wechat" for a reading made now, "pool" for the workers' last
	// one, or "" when nothing is known.
	Source string `json:"source"`
	// Rest and Limit are the platform's submissions of the month.
	Rest  int64 `json:"rest"`
	Limit int64 `json:"limit"`
	// Reserved are kept for other pools by the plan and the baseline.
	Reserved int64 `json:"reserved"`
	// Ahead is how many submissions unfinished rollouts still want.
	Ahead int64 `json:"ahead"`
	// Fits is how many of the plan's targets the rest allows, Over how many wait
	// for more quota. Both suppose that nothing goes Ahead.
	Fits int64 `json:"fits"`
	Over int64 `json:"over"`
	// Pool is the submit pool as the workers see it.
	Pool quota.Pool `json:"pool"`
	// Note is why WeChat's own number is missing.
	Note string `json:"note,omitempty"`
}

// candidates is how many apps are tried for the quota, which any app can read.
const candidates = 20

// fit compares the plan with the quota.
func (l *Launcher) fit(ctx context.Context, p *Preview, active []rollout.Rollout, offline bool) (QuotaFit, error) {
	submit, err := l.d.Quota.Pool(ctx, rollout.StageSubmit)
	if err != nil {
		return QuotaFit{}, err
	}
	fit := QuotaFit{Pool: submit, Reserved: p.Plan.Quota.Reserved() + p.kept}
	if submit.Known {
		fit.Source, fit.Rest, fit.Limit = "pool", submit.Rest, submit.Limit
	}
	if offline || !l.d.Quota.Online() {
		fit.Note = "WeChat was not asked"
	} else {
		var apps []string
		for i := range min(candidates, p.Total) {
			apps = append(apps, p.compiled.Apps.At(i).AppID)
		}
		if live, err := l.d.Quota.Live(ctx, apps...); err == nil {
			fit.Source, fit.Rest, fit.Limit = "wechat", live.Rest, live.Limit
		} else if ctx.Err() != nil {
			return fit, ctx.Err()
		} else {
			fit.Note = err.Error()
		}
	}
	for _, r := range active {
		if !r.Status.Ended() && (p.Earlier == nil || r.ID != p.Earlier.ID) {
			fit.Ahead += int64(r.Counts.Unsubmitted())
		}
	}
	if fit.Source != "" {
		fit.Fits = min(int64(p.Total), max(0, fit.Rest-fit.Reserved))
		fit.Over = int64(p.Total) - fit.Fits
	}
	return fit, nil
}
