package tasks

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/wxclient"
)

// configure brings the app configuration of a moment to what the plan wants: each kind is read,
// written where it differs, and read back before the next write. It returns an event if the target
// must wait; nil means that all is as the plan wants. A plan without app configuration costs no call.
func (r *run) configure(ctx context.Context, m appconfig.Moment) (rollout.Event, error) {
	if r.configs == nil {
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
func (r *run) wanted() (*appconfig.Want, error) {
	if r.configs == nil || r.appConfig == nil {
		return nil, &planError{fmt.Errorf("the plan has app configuration, which this worker does not write")}
	}
	want, err := r.configs.Render(extjson.App{AppID: r.assignment.AppID, Label: r.t.Label, Columns: r.t.Columns})
	if err != nil {
		return nil, &planError{fmt.Errorf("render the app configuration: %w", err)}
	}
	var faults []string
	for _, f := range want.Faults {
		faults = append(faults, f.String())
	}
	if len(faults) > 0 {
		return nil, &planError{errors.New(strings.Join(faults, "; "))}
	}
	return want, nil
}

// readBackChange reads whether a write whose reply was lost took effect. One that did not may be
// repeated after a while.
func (r *run) readBackChange(ctx context.Context, want *appconfig.Want) (rollout.Event, error) {
	in := r.t.Intent
	if in == nil || in.Op != rollout.OpConfigure {
		return nil, nil
	}
	changed, err := r.changed(ctx, want, in.What)
	if err != nil {
		return nil, fmt.Errorf("read back %s: %w", in, err)
	}
	if !changed {
		return r.unresolved()
	}
	return nil, r.apply(rollout.Resolved{At: r.now(), Note: "read back: it took effect"})
}

// changed tells whether a change is there, or no longer wanted.
func (r *run) changed(ctx context.Context, want *appconfig.Want, change string) (bool, error) {
	kind := appconfig.KindOfChange(change)
	if kind == nil || !want.Asks(kind) {
		return true, nil
	}
	work, err := kind.Open(r.appConfig, want)
	if err != nil {
		return false, err
	}
	if err := work.Read(ctx); err != nil {
		return false, err
	}
	changes, err := work.Changes()
	if err != nil {
		return false, &planError{err}
	}
	return !isIn(changes, change), nil
}

func isIn(changes []appconfig.Change, id string) bool {
	return slices.ContainsFunc(changes, func(c appconfig.Change) bool { return c.ID() == id })
}

// configureKind makes the writes of one kind, a read after each. No write is made twice in one
// assignment.
func (r *run) configureKind(ctx context.Context, kind *appconfig.Kind, want *appconfig.Want) (rollout.Event, error) {
	work, err := kind.Open(r.appConfig, want)
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
			return nil, &planError{err}
		}
		if event := r.unshown(changes, made, refused); event != nil {
			return event, nil
		}
		if r.t.Intent != nil {
			if err := r.apply(rollout.Resolved{At: r.now()}); err != nil {
				return nil, err
			}
		}
		if len(changes) == 0 {
			if trapped := work.Trapped(); len(trapped) > 0 {
				return nil, &dropsError{trapped}
			}
			return nil, nil
		}
		c := changes[0]
		made = append(made, c.ID())
		refused = r.attemptOf(ctx, rollout.OpConfigure, c.ID(), func(ctx context.Context) error { return work.Write(ctx, c) })
		if refused != nil && wxclient.ClassOf(code(refused)) != wxclient.ClassAlreadyDone {
			return r.refusedChange(ctx, work, refused)
		}
	}
}

// unshown waits if a write of this assignment does not show, or no longer shows after the write of
// another change.
func (r *run) unshown(changes []appconfig.Change, made []string, refused error) rollout.Event {
	again := slices.IndexFunc(changes, func(c appconfig.Change) bool { return slices.Contains(made, c.ID()) })
	switch last := len(made) - 1; {
	case again < 0:
		return nil
	case refused != nil:
		what := made[last]
		return r.contradicted(refused, "WeChat says that "+what+" is done already, and a read denies it",
			"compare "+what+" at mp.weixin.qq.com with the plan; then "+r.retry(""))
	case isIn(changes, made[last]):
		return r.notShown("WeChat took " + made[last] + " and does not show it yet")
	default:
		text := fmt.Sprintf("WeChat took %s and drops %s for it", made[last], changes[again].ID())
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, Cause: rollout.CauseContradicted, Note: text,
			For:       r.growing(rollout.CauseContradicted, r.timing.Settle),
			LastError: &rollout.LastError{Stage: r.assignment.Stage, Class: "unshown", Text: text, At: r.now()},
		}
	}
}

// refusedChange decides by the refusal of a write.
func (r *run) refusedChange(ctx context.Context, work appconfig.Work, refused error) (rollout.Event, error) {
	if code(refused) == codeBusy && work.Kind.Allotted { // it may have spent one of the month's changes too
		lastError := r.lastError(fmt.Errorf("configure %s: %w", work.Kind.Name, refused))
		return r.waitFor(rollout.CauseThrottle, rollout.ReasonBusy, r.growing(rollout.CauseThrottle, r.timing.BusyPark), lastError), nil
	}
	if api := (*wxclient.Error)(nil); errors.As(refused, &api) && len(api.Refused) > 0 {
		return nil, &appconfig.RefusedError{Items: api.Refused, Err: refused}
	}
	if duty, err := work.Duty(ctx, code(refused)); duty != "" && err == nil {
		return nil, &ownerError{fmt.Errorf("%w: %s", refused, duty)}
	}
	return nil, refused
}

// refusedTextMax bounds the text of refused entries, in runes: up to ten are named.
const refusedTextMax = 900

// refusedItems fails the target at once: each write of what stays refused would spend one of the
// month's changes.
func (r *run) refusedItems(err error, lastError rollout.LastError) rollout.Event {
	if lastError.Class == "" {
		lastError.Class = "plan"
	}
	lastError.Text = clipTo(err.Error(), refusedTextMax)
	lastError.Next = "file or fix the refused domains, or take them out of the plan (--recommit with a fixed one); then " + r.retry("")
	return r.failed(lastError)
}

// ownerError waits for something that only the owner of the app or of its site can do.
type ownerError struct{ err error }

func (e *ownerError) Error() string { return e.err.Error() }
func (e *ownerError) Unwrap() error { return e.err }

// ownerWait is how long to wait for a site's owner: only the write itself shows whether the file
// is there, so that each wait is longer, up to two days.
func (r *run) ownerWait() time.Duration {
	const longest = 48 * time.Hour
	d := r.timing.Merchant
	for range min(r.t.Polls, 8) {
		d *= 2
	}
	return max(r.timing.Merchant, min(d, longest))
}

// dropsError says that a release would drop domains of the plan.
type dropsError struct{ domains []string }

func (e *dropsError) Error() string {
	return fmt.Sprintf("a release would drop %s, which the platform's list lacks now: add them again (enqueue plan names them), then resume",
		strings.Join(e.domains, ", "))
}
