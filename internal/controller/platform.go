package controller

import (
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// probeEvery is how often the loop reads whether there is a platform fault.
const probeEvery = time.Second

// probeLoan bounds a probe's calls for one app.
const probeLoan = 30 * time.Second

// probedMost is how many apps a probe asks at most: one may be broken itself.
const probedMost = 3

// Faults holds the platform fault, and lends apps to its probes. *ledger.Ledger implements it.
type Faults interface {
	PlatformFault(ctx context.Context) (*ledger.PlatformFault, error)
	BeginProbe(ctx context.Context, f ledger.PlatformFault) (due bool, err error)
	ClearPlatformFault(ctx context.Context, f ledger.PlatformFault, alone ...string) (cleared bool, err error)
	Borrow(ctx context.Context, appID string, d time.Duration, use func(context.Context) error) error
}

// Unfinished lists unfinished rollouts and their targets. *ledger.Ledger implements it.
type Unfinished interface {
	Active(ctx context.Context) ([]rollout.Rollout, error)
	Targets(ctx context.Context, id string) iter.Seq2[rollout.Target, error]
}

// Prober makes the calls of a probe. *wxclient.Client implements it.
type Prober interface {
	AuthorizerInfo(ctx context.Context, appid string) (wxclient.AuthorizerInfo, error)
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
	AuthorizerList(ctx context.Context, offset, count int) (wxclient.AuthorizerPage, error)
}

// Platform is the loop that ends a platform fault: it probes what failed, and a success lets
// dispatching go on. The workers that met the fault have logged its begin.
type Platform struct {
	Faults     Faults
	Unfinished Unfinished
	WeChat     Prober
	Log        zerolog.Logger
}

// Reconcile implements Reconciler.
func (p *Platform) Reconcile(ctx context.Context) (next time.Duration, err error) {
	_, err = p.Probe(ctx)
	return probeEvery, err
}

// Probed is the result of a probe.
type Probed struct {
	// Fault is what was probed; nil if there is none.
	Fault *ledger.PlatformFault
	// Cleared reports that the probe ended the fault.
	Cleared bool
	// Alone are apps that fail where others work.
	Alone []string
	// Failed is why the fault stays; nil if no probe was due, or the fault has ended.
	Failed error
}

// Probe probes the platform fault, if there is one and a probe is due.
func (p *Platform) Probe(ctx context.Context) (Probed, error) {
	f, err := p.Faults.PlatformFault(ctx)
	if err != nil || f == nil {
		return Probed{}, err
	}
	out := Probed{Fault: f}
	if due, err := p.Faults.BeginProbe(ctx, *f); err != nil || !due {
		return out, err
	}
	out.Alone, out.Failed = p.probe(ctx, *f)
	if out.Failed != nil { // a finding, not a failure of the loop
		return out, nil //nolint:nilerr // it is in out
	}
	out.Cleared, err = p.Faults.ClearPlatformFault(ctx, *f, out.Alone...)
	if out.Cleared {
		p.Log.Info().Int64("errcode", f.Code).Dur("lasted", time.Since(f.Since)).Strs("alone", out.Alone).
			Msg("platform fault is over: dispatching goes on")
	}
	return out, err
}

// probe returns the apps that fail alone, or the error that keeps the fault.
func (p *Platform) probe(ctx context.Context, f ledger.PlatformFault) (alone []string, err error) {
	if len(f.Apps) == 0 {
		return nil, p.others(ctx, nil)
	}
	if !f.Confirm {
		return nil, p.again(ctx, f)
	}
	for _, app := range f.Apps {
		e := p.try(ctx, app)
		if errors.As(e, new(*ledger.LentError)) { // proves nothing about the app
			return nil, e
		}
		if e != nil {
			alone, err = append(alone, app), e
		}
	}
	switch {
	case len(alone) < len(f.Apps): // it works for one of them
		return alone, nil
	case p.others(ctx, f.Apps) == nil:
		return alone, nil
	default:
		return nil, err
	}
}

// again probes through the apps that met the fault, beginning with another one each time. A busy
// reply or a lost one proves nothing about the platform, unless its credentials were the fault:
// they got the call through.
func (p *Platform) again(ctx context.Context, f ledger.PlatformFault) (err error) {
	for i := range min(len(f.Apps), probedMost) {
		err = p.try(ctx, f.Apps[(f.Probes+i)%len(f.Apps)])
		lent := errors.As(err, new(*ledger.LentError))
		switch {
		case err == nil, classify.ScopeOf(err) == classify.ScopePlatform:
			return err
		case !lent && classify.ScopeOf(err) == classify.ScopeStage && classify.OfComponent(f.Endpoint):
			return nil
		}
	}
	return err
}

// try makes the calls that every app needs: one with the component's token, one with the app's
// token. A reply about the app or its merchant proves that the platform works. The app is borrowed,
// so that no call of a worker overlaps.
func (p *Platform) try(ctx context.Context, app string) error {
	return p.Faults.Borrow(ctx, app, probeLoan, func(ctx context.Context) error {
		if _, err := p.WeChat.AuthorizerInfo(ctx, app); !works(err) {
			return fmt.Errorf("probe through %s: %w", app, err)
		}
		if _, err := p.WeChat.VersionInfo(ctx, app); !works(err) {
			return fmt.Errorf("probe through %s: %w", app, err)
		}
		return nil
	})
}

// works reports whether a reply proves that the platform's calls get through.
func works(err error) bool {
	if err == nil {
		return true
	}
	s := classify.ScopeOf(err)
	return s == classify.ScopeMerchant || s == classify.ScopeApp || s == classify.ScopePool
}

// others probes through other apps than those that failed; nil if one works. Without any, the
// list of apps has to answer: it needs the component's token alone. That says nothing about a call
// that failed for each of several apps.
func (p *Platform) others(ctx context.Context, failed []string) error {
	apps, err := p.idle(ctx, failed)
	if err != nil {
		return err
	}
	for _, app := range apps {
		if err = p.try(ctx, app); err == nil {
			return nil
		}
	}
	switch {
	case len(apps) > 0:
		return err
	case len(failed) > 1:
		return errors.New("no other app to probe through")
	}
	if _, err := p.WeChat.AuthorizerList(ctx, 0, 1); err != nil {
		return fmt.Errorf("probe by the list of apps: %w", err)
	}
	return nil
}

// idle are some apps of unfinished rollouts, without those in not and those of running targets.
func (p *Platform) idle(ctx context.Context, not []string) ([]string, error) {
	active, err := p.Unfinished.Active(ctx)
	if err != nil {
		return nil, err
	}
	var apps []string
	for _, r := range active {
		for t, err := range p.Unfinished.Targets(ctx, r.ID) {
			if err != nil {
				return nil, err
			}
			if t.State == rollout.StateRunning || slices.Contains(not, t.AppID) || slices.Contains(apps, t.AppID) {
				continue
			}
			if apps = append(apps, t.AppID); len(apps) == probedMost {
				return apps, nil
			}
		}
	}
	return apps, nil
}
