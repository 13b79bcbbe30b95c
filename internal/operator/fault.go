package operator

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
)

// Probed is what a probe of the platform found.
type Probed struct {
	// Fault is the fault that was looked at; nil if none stands.
	Fault *ledger.PlatformFault
	// Cleared says that this probe ended the fault.
	Cleared bool
	// Alone are apps that fail where others work.
	Alone []string
	// Failed is why the fault stays; nil if it was not probed now, or has ended.
	Failed error
}

// ProbePlatform looks whether a fault of the platform stands, and tries again what failed when
// its time has come. A success ends the fault, and work goes on. Only the leader calls it.
func (o *Operator) ProbePlatform(ctx context.Context) (Probed, error) {
	f, err := o.ledger.PlatformFault(ctx)
	if err != nil || f == nil {
		return Probed{}, err
	}
	p := Probed{Fault: f}
	if due, err := o.ledger.BeginProbe(ctx, *f); err != nil || !due {
		return p, err
	}
	wx, err := o.online("probe the platform")
	if err != nil {
		return p, err
	}
	p.Alone, p.Failed = (prober{o: o, wx: wx}).probe(ctx, *f)
	if p.Failed != nil { // what the probe found is no error of ours
		return p, nil //nolint:nilerr // it is in p
	}
	p.Cleared, err = o.ledger.ClearPlatformFault(ctx, *f, p.Alone...)
	return p, err
}

// prober tries again what a fault made fail.
type prober struct {
	o  *Operator
	wx WeChat
}

// probe gives the apps that fail alone, or the error that keeps the fault.
func (p prober) probe(ctx context.Context, f ledger.PlatformFault) (alone []string, err error) {
	if len(f.Apps) == 0 {
		return nil, p.witness(ctx, nil)
	}
	if !f.Confirm {
		return nil, p.again(ctx, f)
	}
	for _, app := range f.Apps {
		e := p.try(ctx, app)
		if errors.As(e, new(*ledger.LentError)) { // says nothing of the app
			return nil, e
		}
		if e != nil {
			alone, err = append(alone, app), e
		}
	}
	switch {
	case len(alone) < len(f.Apps): // it works for one of them
		return alone, nil
	case p.witness(ctx, f.Apps) == nil:
		return alone, nil
	default:
		return nil, err
	}
}

// again tries the apps that met the fault, beginning with another one each time. A call that WeChat
// is busy for, or whose reply is lost, says nothing of the platform, unless its credentials were
// the fault: they got the call through.
func (p prober) again(ctx context.Context, f ledger.PlatformFault) (err error) {
	for i := range min(len(f.Apps), witnesses) {
		err = p.try(ctx, f.Apps[(f.Probes+i)%len(f.Apps)])
		lent := errors.As(err, new(*ledger.LentError))
		switch {
		case err == nil, tasks.ScopeOf(err) == tasks.ScopePlatform:
			return err
		case !lent && tasks.ScopeOf(err) == tasks.ScopeStage && tasks.OfComponent(f.Endpoint):
			return nil
		}
	}
	return err
}

// probeLoan bounds a probe's calls for one app.
const probeLoan = 30 * time.Second

// try makes the calls that every app needs: one with the component's token, one with the app's
// own. An answer about the app or its merchant shows that the platform works. The app is borrowed,
// so that no call of a worker is crossed.
func (p prober) try(ctx context.Context, app string) error {
	return p.o.ledger.Borrow(ctx, app, probeLoan, func(ctx context.Context) error {
		if _, err := p.wx.AuthorizerInfo(ctx, app); !works(err) {
			return fmt.Errorf("probe through %s: %w", app, err)
		}
		if _, err := p.wx.VersionInfo(ctx, app); !works(err) {
			return fmt.Errorf("probe through %s: %w", app, err)
		}
		return nil
	})
}

// works tells whether an answer shows that the platform's calls get through.
func works(err error) bool {
	if err == nil {
		return true
	}
	s := tasks.ScopeOf(err)
	return s == tasks.ScopeMerchant || s == tasks.ScopeApp || s == tasks.ScopePool
}

// witnesses is how many apps a probe asks at most: one may be broken itself.
const witnesses = 3

// witness tries other apps than those that failed; nil if one works. If there is no other app,
// WeChat's list of apps is the witness: it needs the component's token alone.
func (p prober) witness(ctx context.Context, not []string) error {
	others, err := p.others(ctx, not)
	if err != nil {
		return err
	}
	for _, app := range others {
		if err = p.try(ctx, app); err == nil {
			return nil
		}
	}
	if len(others) > 0 {
		return err
	}
	if _, err := p.wx.AuthorizerList(ctx, 0, 1); err != nil {
		return fmt.Errorf("probe by the list of apps: %w", err)
	}
	return nil
}

// others are apps of unfinished rollouts that no worker has.
func (p prober) others(ctx context.Context, not []string) ([]string, error) {
	active, err := p.o.ledger.Active(ctx)
	if err != nil {
		return nil, err
	}
	var apps []string
	for _, r := range active {
		for t, err := range p.o.ledger.Targets(ctx, r.ID) {
			if err != nil {
				return nil, err
			}
			if t.State == rollout.StateRunning || slices.Contains(not, t.AppID) || slices.Contains(apps, t.AppID) {
				continue
			}
			if apps = append(apps, t.AppID); len(apps) == witnesses {
				return apps, nil
			}
		}
	}
	return apps, nil
}

// faultWords are a fault's one cause, and since when.
func faultWords(f ledger.PlatformFault) string {
	return fmt.Sprintf("%s (since %s; nothing is dispatched, and nothing fails)", f.Cause(), f.Since.Format(time.RFC3339))
}

// faultNext is the one step that ends a fault.
func faultNext(f ledger.PlatformFault) string {
	step := map[rollout.FaultCause]string{
		rollout.FaultAddress:    "add " + cmp.Or(f.IP, "this machine's public address") + " to the IP allow-list (白名单IP地址列表) of the platform at open.weixin.qq.com",
		rollout.FaultSecret:     "compare WXROLLOUT_COMPONENT_SECRET with the platform's console",
		rollout.FaultAppID:      "compare WXROLLOUT_COMPONENT_APPID with the platform's console",
		rollout.FaultTicket:     "look that the event URL on the platform's console leads to a worker",
		rollout.FaultToken:      "look for another system that renews this platform's tokens, see docs/token-broker.md",
		rollout.FaultPermission: "look at the platform's permissions and its status at open.weixin.qq.com",
		rollout.FaultNoAnswer:   "look whether this machine reaches WeChat, or the token service if one is set",
	}[f.Kind()]
	if step == "" {
		step = "look the errcode up at WeChat, with its rid"
	}
	return step + "; work goes on by itself within a minute"
}

// checkFault tells of a fault of the platform that stands.
func (o *Operator) checkFault(ctx context.Context) Result {
	const name = "platform"
	f, err := o.ledger.PlatformFault(ctx)
	switch {
	case err != nil:
		return Result{Name: name, Level: LevelFail, Detail: err.Error()}
	case f == nil:
		return Result{Name: name, Level: LevelOK, Detail: "the workers met no fault of the platform"}
	default:
		return Result{Name: name, Level: LevelFail, Detail: faultWords(*f), Hint: faultNext(*f), Credentials: true}
	}
}
