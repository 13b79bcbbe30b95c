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
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// configure makes those settings of the plan whose moment it is: each kind is
// read, written where it differs, and read back before the next write. It gives an
// event if the target must wait for that; nil means that all is as the plan asks.
// A plan without settings costs nothing.
func (r *run) configure(ctx context.Context, m appconfig.Moment) (rollout.Event, error) {
	if r.sets == nil {
		return nil, nil
	}
	want, err := r.wanted()
	if err != nil {
		return nil, err
	}
	if event, err := r.readBackSetting(ctx, want); event != nil || err != nil {
		return event, err
	}
	for _, kind := range want.At(m) {
		event, err := r.setting(ctx, kind, want)
		if err != nil {
			return nil, fmt.Errorf("configure %s: %w", kind, err)
		}
		if event != nil {
			return event, nil
		}
	}
	return nil, nil
}

// wanted is what the plan asks for this app.
func (r *run) wanted() (appconfig.Spec, error) {
	if r.sets == nil || r.setter == nil {
		return appconfig.Spec{}, &planError{fmt.Errorf("the plan has settings, and this worker makes none")}
	}
	want, err := r.sets.Render(extjson.App{AppID: r.assignment.AppID, Label: r.t.Label, Columns: r.t.Columns})
	if err != nil {
		return want, &planError{fmt.Errorf("render the settings: %w", err)}
	}
	var faults []string
	for _, f := range want.Faults() {
		faults = append(faults, f.String())
	}
	if len(faults) > 0 {
		return want, &planError{errors.New(strings.Join(faults, "; "))}
	}
	return want, nil
}

// readBackSetting looks whether a write whose reply was lost took effect. One that
// did not may be made again after a while.
func (r *run) readBackSetting(ctx context.Context, want appconfig.Spec) (rollout.Event, error) {
	in := r.t.Intent
	if in == nil || in.Op != rollout.OpConfigure {
		return nil, nil
	}
	shows, err := r.shows(ctx, want, in.What)
	if err != nil {
		return nil, fmt.Errorf("read back %s: %w", in, err)
	}
	if !shows {
		return r.unresolved()
	}
	return nil, r.apply(rollout.Resolved{At: r.now(), Note: "read back: it took effect"})
}

// shows tells whether a change is there, or wanted no more.
func (r *run) shows(ctx context.Context, want appconfig.Spec, change string) (bool, error) {
	name, _, _ := strings.Cut(change, " ")
	kind := appconfig.Kind(name)
	if !want.Has(kind) {
		return true, nil
	}
	have, err := r.have(ctx, kind)
	if err != nil {
		return false, err
	}
	changes, err := appconfig.Diff(kind, want, have)
	if err != nil {
		return false, &planError{err}
	}
	return !isIn(changes, change), nil
}

func isIn(changes []appconfig.Change, id string) bool {
	return slices.ContainsFunc(changes, func(c appconfig.Change) bool { return c.ID() == id })
}

// have reads what the app has of a kind.
func (r *run) have(ctx context.Context, kind appconfig.Kind) (appconfig.Have, error) {
	return ReadSettings(ctx, r.setter, r.assignment.AppID, kind)
}

// setting makes the writes of one kind, a read after each. A write that was made in this
// assignment is not made once more in it.
func (r *run) setting(ctx context.Context, kind appconfig.Kind, want appconfig.Spec) (rollout.Event, error) {
	if kind == appconfig.Testers {
		return r.testers(ctx, want)
	}
	var made []string
	var refused error // of the last write: it is so already, says WeChat
	for {
		have, err := r.have(ctx, kind)
		if err != nil {
			return nil, err
		}
		changes, err := appconfig.Diff(kind, want, have)
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
			return nil, dropped(kind, want, have)
		}
		c := changes[0]
		made = append(made, c.ID())
		refused = r.attemptOf(ctx, rollout.OpConfigure, c.ID(), func(ctx context.Context) error { return r.write(ctx, c) })
		if refused != nil && wxclient.ClassOf(code(refused)) != wxclient.ClassAlreadyDone {
			return r.refusedSetting(ctx, kind, refused)
		}
	}
}

// unshown waits if a write of this assignment does not show, or shows no more after the write
// of another change.
func (r *run) unshown(changes []appconfig.Change, made []string, refused error) rollout.Event {
	again := slices.IndexFunc(changes, func(c appconfig.Change) bool { return slices.Contains(made, c.ID()) })
	switch last := len(made) - 1; {
	case again < 0:
		return nil
	case refused != nil:
		what := made[last]
		return r.contradicted(refused, "WeChat says that "+what+" is so already, and a read denies it",
			"compare "+what+" at mp.weixin.qq.com with the plan; then "+r.retry(""))
	case isIn(changes, made[last]):
		return r.notShown(unshownText(made[last]))
	default:
		text := fmt.Sprintf("WeChat took %s and drops %s for it", made[last], changes[again].ID())
		return rollout.Waited{
			At: r.now(), Reason: rollout.ReasonUnknown, Cause: rollout.CauseContradicted, Note: text,
			For:       r.growing(rollout.CauseContradicted, r.timing.Settle),
			LastError: &rollout.LastError{Stage: r.assignment.Stage, Class: "unshown", Text: text, At: r.now()},
		}
	}
}

func unshownText(what string) string { return "WeChat took " + what + " and doesn't show it yet" }

// allotted are the kinds whose changes an app has a number of in a month, which a busy reply
// may have spent too.
var allotted = []appconfig.Kind{appconfig.Domains, appconfig.Webview, appconfig.QRRules, appconfig.QRPublish}

// refusedSetting decides by the refusal of a write.
func (r *run) refusedSetting(ctx context.Context, kind appconfig.Kind, refused error) (rollout.Event, error) {
	if code(refused) == codeBusy && slices.Contains(allotted, kind) {
		lastError := r.lastError(fmt.Errorf("configure %s: %w", kind, refused))
		return r.waitFor(rollout.CauseThrottle, rollout.ReasonBusy, r.growing(rollout.CauseThrottle, r.timing.BusyPark), lastError), nil
	}
	if api := (*wxclient.Error)(nil); errors.As(refused, &api) && len(api.Refused) > 0 {
		return nil, &itemsError{items: api.Refused, err: refused}
	}
	return nil, r.owners(ctx, refused)
}

// itemsError says which entries of a write WeChat did not take, and why.
type itemsError struct {
	items []wxclient.RefusedItem
	err   error // the refusal; nil if WeChat took the other entries
}

func (e *itemsError) Error() string {
	text := "WeChat refused " + errcode.RefusedText(e.items)
	if e.err != nil {
		text += ": " + e.err.Error()
	}
	return text
}

func (e *itemsError) Unwrap() error { return e.err }

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

// dropped tells of domains that the next release would take away all the same.
func dropped(kind appconfig.Kind, want appconfig.Spec, have appconfig.Have) error {
	if trapped := appconfig.Trapped(kind, want, have); len(trapped) > 0 {
		return &dropsError{trapped}
	}
	return nil
}

// testers binds and unbinds people. WeChat lists testers by names of its own, so
// that only an attempt tells whether somebody is one: 85004 is, 85001 isn't.
func (r *run) testers(ctx context.Context, want appconfig.Spec) (rollout.Event, error) {
	wx := r.setter
	have := appconfig.Have{Testers: map[string]bool{}}
	if len(want.Testers.Remove) > 0 {
		var err error
		if have, err = r.have(ctx, appconfig.Testers); err != nil {
			return nil, err
		}
		have.Testers = map[string]bool{}
	}
	for {
		changes, err := appconfig.Diff(appconfig.Testers, want, have)
		if err != nil || len(changes) == 0 {
			return nil, err
		}
		c := changes[0]
		user := ""
		err = r.attemptOf(ctx, rollout.OpConfigure, c.ID(), func(ctx context.Context) (err error) {
			if c.Verb == appconfig.VerbRemove {
				return wx.UnbindTester(ctx, r.assignment.AppID, c.Name, "")
			}
			user, err = wx.BindTester(ctx, r.assignment.AppID, c.Name)
			return err
		})
		is := code(err)
		if err != nil && is != codeIsTester && (c.Verb == appconfig.VerbAdd || is != codeNoUser && is != codeNoTester) {
			return nil, fmt.Errorf("%s %s: %w", c.Verb, c.Name, err)
		}
		have.Testers[c.Name] = c.Verb == appconfig.VerbAdd
		if user != "" {
			bound, err := wx.Testers(ctx, r.assignment.AppID)
			if err != nil {
				return nil, fmt.Errorf("verify the tester %s: %w", c.Name, err)
			}
			if !slices.Contains(bound, user) {
				return r.notShown(unshownText(c.ID())), nil
			}
		}
		if r.t.Intent != nil {
			if err := r.apply(rollout.Resolved{At: r.now()}); err != nil {
				return nil, err
			}
		}
	}
}

// owners says of a refusal who must put what where, if that is the app's owner's
// matter.
func (r *run) owners(ctx context.Context, refused error) error {
	wx := r.setter
	switch code(refused) {
	case codeNoWebFile:
		file, err := wx.WebviewFile(ctx, r.assignment.AppID)
		if err != nil {
			return refused
		}
		return &ownerError{fmt.Errorf("%w: the file %s must lie at the root of each web-view domain of the app, byte for byte", refused, file.Name)}
	case codeNoQRFile:
		file, err := wx.QRFile(ctx, r.assignment.AppID)
		if err != nil {
			return refused
		}
		return &ownerError{fmt.Errorf("%w: the file %s must lie below the prefix of each QR code rule of the app, byte for byte", refused, file.Name)}
	case codeNoFiling:
		return &ownerError{fmt.Errorf("%w: its owner must file it first", refused)}
	default:
		return refused
	}
}

// ownerError waits for something that only the owner of the app or of its site can do.
type ownerError struct{ err error }

func (e *ownerError) Error() string { return e.err.Error() }
func (e *ownerError) Unwrap() error { return e.err }

// ownerWait is how long to wait for a site's owner: only the write itself tells whether the file
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
	return fmt.Sprintf("a release would drop %s: not registered on the platform any more; register again (enqueue plan tells what the platform lacks), then resume",
		strings.Join(e.domains, ", "))
}
