package appconfig

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"reflect"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Client makes the calls. Each kind asserts the small port it needs; wxclient's client has them all.
type Client any

// Kind is one kind of app configuration. [Define] adds how it is decoded and edited.
type Kind struct {
	// Name identifies the kind in intents, errors and JSON.
	Name string
	// Title says in words what it is, such as "server domains".
	Title string
	// Key is the key of the plan's configure section. Kinds that share one have one Schema.
	Key    string
	Schema Node
	// At are the moments at which the kind is compared and written.
	At []Moment
	// MonthSpent is WeChat's errcode once the month's changes of an app are spent; 0 if they are not
	// limited. A failed write may spend one.
	MonthSpent int64
	// Unreadable says why no read shows whether a lost write took effect; "" if one does.
	Unreadable string
	// Platform is the platform's own list that the kind depends on; nil for none.
	Platform *Platform

	decode func(section []byte) (want any, err error)
	open   func(wx Client, appID string, want any) (Editor, error)
}

// Define makes a kind of what a plan wants (W, decoded from the plan's section) and how an app is
// edited through a port P. W may have the methods asks and faults, see Want.
func Define[P, W any](k Kind, edit func(wx P, appID string, want W) Editor) *Kind {
	k.decode = func(section []byte) (any, error) {
		var want W
		d := json.NewDecoder(bytes.NewReader(section))
		d.DisallowUnknownFields()
		err := d.Decode(&want)
		return want, err
	}
	k.open = func(wx Client, appID string, want any) (Editor, error) {
		p, err := port[P](wx)
		if err != nil {
			return nil, err
		}
		return edit(p, appID, want.(W)), nil
	}
	return &k
}

func port[P any](wx Client) (P, error) {
	p, ok := wx.(P)
	if !ok {
		return p, fmt.Errorf("app configuration: %T does not implement %v", wx, reflect.TypeFor[P]())
	}
	return p, nil
}

// Editor reads and writes one kind of one app's configuration. It may also have the methods of
// [Work] that it does not list.
type Editor interface {
	// Read reads what the app has.
	Read(ctx context.Context) error
	// Changes returns the least writes from what was read to what is wanted, in order.
	Changes() ([]Change, error)
	// Write makes one of them. Read shows its effect.
	Write(ctx context.Context, c Change) error
}

// Work is an Editor with all that a kind may leave out.
type Work struct {
	Editor
	Kind *Kind
}

// Open prepares the work on one app.
func (k *Kind) Open(wx Client, want *Want) (Work, error) {
	e, err := k.open(wx, want.AppID, want.asked[k.Name])
	return Work{e, k}, err
}

// Changes are the editor's, with the kind's name.
func (w Work) Changes() ([]Change, error) {
	changes, err := w.Editor.Changes()
	for i := range changes {
		changes[i].Kind = w.Kind.Name
	}
	return changes, err
}

// Reads reports whether Read makes a call.
func (w Work) Reads() bool {
	e, ok := w.Editor.(interface{ Reads() bool })
	return !ok || e.Reads()
}

// Trapped lists what the app has as wanted and a release would drop.
func (w Work) Trapped() []string {
	if e, ok := w.Editor.(interface{ Trapped() []string }); ok {
		return e.Trapped()
	}
	return nil
}

// Dropped lists what was set at mp.weixin.qq.com and a release deletes.
func (w Work) Dropped() []string {
	if e, ok := w.Editor.(interface{ Dropped() []string }); ok {
		return e.Dropped()
	}
	return nil
}

// Ahead replaces what was read by what the app has once the kinds before are written.
func (w Work) Ahead() {
	if e, ok := w.Editor.(interface{ Ahead() }); ok {
		e.Ahead()
	}
}

// Duty says what the owner of the app or of its site must do about an errcode; "" if it is no
// owner's duty.
func (w Work) Duty(ctx context.Context, code int64) (string, error) {
	if e, ok := w.Editor.(interface {
		Duty(ctx context.Context, code int64) (string, error)
	}); ok {
		return e.Duty(ctx, code)
	}
	return "", nil
}

// Moment is when a kind is compared and written on a target's way.
type Moment string

// The moments.
const (
	// BeforeCommit is for all that WeChat takes at any time.
	BeforeCommit Moment = "before commit"
	// AfterCheck is for what WeChat refuses while the privacy detection of the committed code
	// runs, and forgets without committed code.
	AfterCheck Moment = "after check"
	// BeforeRelease reads again what a release would drop.
	BeforeRelease Moment = "before release"
	// Live is for what WeChat takes of a live app only.
	Live Moment = "live"
)

// Verb is what a change does.
type Verb string

// The verbs.
const (
	Add     Verb = "add"
	Remove  Verb = "remove"
	Set     Verb = "set"
	Publish Verb = "publish"
)

// Change is one write at WeChat.
type Change struct {
	// Kind is the kind's name, which Work fills in.
	Kind string `json:"kind"`
	Verb Verb   `json:"verb"`
	// Name is what the change is about, for kinds that take several writes: a WeChat id, or the
	// prefix of a QR code rule.
	Name string `json:"-"`
	// Lines describe the difference: + is new, - goes, ~ changes.
	Lines []string `json:"lines"`
	// Perhaps means that only the write itself shows whether it is needed.
	Perhaps bool `json:"perhaps,omitempty"`
	// Body is what the kind sends.
	Body any `json:"-"`
}

// ID identifies the change among those of its app: domains, or testers remove alice.
func (c Change) ID() string {
	if c.Name == "" {
		return c.Kind
	}
	return fmt.Sprintf("%s %s %s", c.Kind, c.Verb, c.Name)
}

// RefusedError says which entries of a write WeChat did not take, and why.
type RefusedError struct {
	Items []errcode.RefusedItem
	// Err is the refusal; nil if WeChat took the other entries.
	Err error
}

func (e *RefusedError) Error() string {
	text := "WeChat refused " + errcode.RefusedText(e.Items)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

func (e *RefusedError) Unwrap() error { return e.Err }

// taken is the error of a write that WeChat took in part only.
func taken(refused []errcode.RefusedItem, err error) error {
	if err != nil || len(refused) == 0 {
		return err
	}
	return &RefusedError{Items: refused}
}
