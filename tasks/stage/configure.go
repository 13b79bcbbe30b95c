package stage

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
)

// configurer brings the app configuration of an app to what the plan wants.
type configurer struct {
	*run.Run
}

// codeBusy is WeChat's answer when it is busy.
const codeBusy = -1

// configure applies the plan's app configuration for a moment: it reads each kind, writes it where
// it differs, and reads it back before the next write. It returns an event if the target must wait,
// and nil if all kinds match the plan. A plan without app configuration costs no call.
func configure(ctx context.Context, of *run.Run, m appconfig.Moment) (rollout.Event, error) {
	r := configurer{of}
	if r.Configs == nil {
		return nil, nil
	}
	want, err := r.wanted()
	if err != nil {
		return nil, err
	}
	if event, err := r.readBackChange(ctx, want); event != nil || err != nil {
		return event, err
	}
	for _, kind := range want.At(m) {
		event, err := r.configureKind(ctx, kind, want)
		if err != nil {
			return nil, fmt.Errorf("configure %s: %w", kind.Name, err)
		}
		if event != nil {
			return event, nil
		}
	}
	return nil, nil
}

// wanted is what the plan wants of this app.
func (r configurer) wanted() (*appconfig.Want, error) {
	if r.Configs == nil || r.AppConfig == nil {
		return nil, &classify.PlanError{Err: fmt.Errorf("the plan has app configuration, which this worker does not write")}
	}
	want, err := r.Configs.Render(extjson.App{AppID: r.Assignment.AppID, Label: r.Target.Label, Columns: r.Target.Columns})
	if err != nil {
		return nil, &classify.PlanError{Err: fmt.Errorf("render the app configuration: %w", err)}
	}
	var faults []string
	for _, f := range want.Faults {
		faults = append(faults, f.String())
	}
	if len(faults) > 0 {
		return nil, &classify.PlanError{Err: errors.New(strings.Join(faults, "; "))}
	}
	return want, nil
}

// readBackChange reads whether a write whose reply was lost took effect. One that did not may be
// repeated after a while.
func (r configurer) readBackChange(ctx context.Context, want *appconfig.Want) (rollout.Event, error) {
	in := r.Target.Intent
	if in == nil || in.Op != rollout.OpConfigure {
		return nil, nil
	}
	changed, err := r.changed(ctx, want, in.What)
	if err != nil {
		return nil, fmt.Errorf("read back %s: %w", in, err)
	}
	if !changed {
		return r.Unresolved()
	}
	return nil, r.Apply(rollout.Resolved{At: r.Now(), Note: "read back: it took effect"})
}

// changed reports whether a change is there, or no longer wanted.
func (r configurer) changed(ctx context.Context, want *appconfig.Want, change string) (bool, error) {
	kind := appconfig.KindOfChange(change)
	if kind == nil || !want.Asks(kind) {
		return true, nil
	}
	work, err := kind.Open(r.AppConfig, want)
	if err != nil {
		return false, err
	}
	if err := work.Read(ctx); err != nil {
		return false, err
	}
	changes, err := work.Changes()
	if err != nil {
		return false, &classify.PlanError{Err: err}
	}
	return !isIn(changes, change), nil
}

func isIn(changes []appconfig.Change, id string) bool {
	return slices.ContainsFunc(changes, func(c appconfig.Change) bool { return c.ID() == id })
}

// configureKind makes the writes of one kind, a read after each. No write is made twice in one
// assignment.
func (r configurer) configureKind(ctx context.Context, kind *appconfig.Kind, want *appconfig.Want) (rollout.Event, error) {
	work, err := kind.Open(r.AppConfig, want)
	if err != nil {
		return nil, err
	}
	var made []string
	var refused error // of the last write: WeChat says that it is done already
	for {
		if err := work.Read(ctx); err != nil {
			return nil, err
		}
		changes, err := work.Changes()
		if err != nil {
			return nil, &classify.PlanError{Err: err}
		}
		if event := r.unshown(changes, made, refused); event != nil {
			return event, nil
		}
		if r.Target.Intent != nil {
			if err := r.Apply(rollout.Resolved{At: r.Now()}); err != nil {
				return nil, err
			}
		}
		if len(changes) == 0 {
			if trapped := work.Trapped(); len(trapped) > 0 {
				return nil, &classify.DropsError{Domains: trapped}
			}
			return nil, nil
		}
		c := changes[0]
		made = append(made, c.ID())
		refused = r.AttemptOf(ctx, rollout.OpConfigure, c.ID(), func(ctx context.Context) error { return work.Write(ctx, c) })
		if refused != nil && wxclient.ClassOf(classify.Code(refused)) != wxclient.ClassAlreadyDone {
			return r.refusedChange(ctx, work, refused)
		}
	}
}

// unshown waits if a write of this assignment does not show, or no longer shows after the write of
// another change.
func (r configurer) unshown(changes []appconfig.Change, made []string, refused error) rollout.Event {
	again := slices.IndexFunc(changes, func(c appconfig.Change) bool { return slices.Contains(made, c.ID()) })
	switch last := len(made) - 1; {
	case again < 0:
		return nil
	case refused != nil:
		what := made[last]
		return r.Facts().Contradicted(refused, "WeChat says that "+what+" is done already, and a read denies it",
			"compare "+what+" at mp.weixin.qq.com with the plan; then "+r.Facts().Retry(""))
	case isIn(changes, made[last]):
		return r.Facts().NotShown("WeChat took " + made[last] + " and does not show it yet")
	default:
		text := fmt.Sprintf("WeChat took %s and drops %s for it", made[last], changes[again].ID())
		return rollout.Waited{
			At: r.Now(), Reason: rollout.ReasonUnknown, Cause: rollout.CauseContradicted, Note: text,
			For:       r.Facts().Growing(rollout.CauseContradicted, r.Timing.Settle),
			LastError: &rollout.LastError{Stage: r.Assignment.Stage, Class: "unshown", Text: text, At: r.Now()},
		}
	}
}

// refusedChange decides by the refusal of a write.
func (r configurer) refusedChange(ctx context.Context, work appconfig.Work, refused error) (rollout.Event, error) {
	if classify.Code(refused) == codeBusy && work.Kind.MonthSpent != 0 { // it may have spent one of the month's changes too
		lastError := r.Facts().LastError(fmt.Errorf("configure %s: %w", work.Kind.Name, refused))
		return r.Draw(r.Facts().WaitFor(rollout.CauseThrottle, rollout.ReasonBusy, r.Facts().Growing(rollout.CauseThrottle, r.Timing.BusyPark), lastError)), nil
	}
	if api := (*wxclient.Error)(nil); errors.As(refused, &api) && len(api.Refused) > 0 {
		return nil, &appconfig.RefusedError{Items: api.Refused, Err: refused}
	}
	if duty, err := work.Duty(ctx, classify.Code(refused)); duty != "" && err == nil {
		return nil, &classify.OwnerError{Err: fmt.Errorf("%w: %s", refused, duty)}
	}
	return nil, refused
}
