package operator

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// Filter chooses targets: those that match every field that is set.
type Filter struct {
	States  []rollout.State
	Stages  []rollout.Stage
	Reasons []rollout.Reason
	// Classes are classes of the last error: of errcodes, or rejected,
	// withdrawn, pin, plan, network, credential.
	Classes []string
	// Codes are errcodes of the last error.
	Codes []int64
	// Text is part of the last error's text, whatever the case of its letters.
	Text string
	// Selector looks at the app list's columns, label and appid.
	Selector selector.Selector
	// AppIDs are just these apps.
	AppIDs []string
	// Waves are names of waves.
	Waves []string
}

// Match reports whether a target of the rollout is chosen.
func (f Filter) Match(r rollout.Rollout, t rollout.Target) bool {
	lastError := rollout.LastError{}
	if t.LastError != nil {
		lastError = *t.LastError
	}
	return in(f.States, t.State) && in(f.Stages, t.Stage) && in(f.Reasons, t.Reason) &&
		in(f.Classes, lastError.Class) && in(f.Codes, lastError.Code) && in(f.AppIDs, t.AppID) &&
		in(f.Waves, waveName(r, t.Wave())) &&
		strings.Contains(strings.ToLower(lastError.Text), strings.ToLower(f.Text)) &&
		f.Selector.Match(func(key string) (string, bool) { return column(t, key) })
}

// in reports whether v is one of the wanted; none wanted is any.
func in[T comparable](want []T, v T) bool { return len(want) == 0 || slices.Contains(want, v) }

// column is a target's value in the app list.
func column(t rollout.Target, key string) (string, bool) {
	switch key {
	case "appid":
		return t.AppID, true
	case "label":
		return t.Label, true
	default:
		v, ok := t.Columns[key]
		return v, ok
	}
}

// waveName is the name of a wave; "" if the plan has no such wave.
func waveName(r rollout.Rollout, wave int) string {
	if wave < 0 || wave >= len(r.Plan.Waves) {
		return ""
	}
	return r.Plan.Waves[wave].Name
}

// check refuses waves that the rollout doesn't have.
func (f Filter) check(r rollout.Rollout) error {
	var names []string
	for _, w := range r.Plan.Waves {
		names = append(names, w.Name)
	}
	for _, name := range f.Waves {
		if !slices.Contains(names, name) {
			return &FilterError{Why: "rollout " + r.ID + " has no wave " + name + ", only " + strings.Join(names, ", ")}
		}
	}
	return nil
}

// Targets walks over the targets of a rollout that match, in pages and in no
// order. A record that can't be read is an error of its own, and the walk goes on.
func (o *Operator) Targets(ctx context.Context, r rollout.Rollout, f Filter) iter.Seq2[rollout.Target, error] {
	return func(yield func(rollout.Target, error) bool) {
		if err := f.check(r); err != nil {
			yield(rollout.Target{}, err)
			return
		}
		for t, err := range o.candidates(ctx, r, f) {
			if err == nil && !f.Match(r, t) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}

// candidates are the targets a filter has to look at: all, or the ones it names.
func (o *Operator) candidates(ctx context.Context, r rollout.Rollout, f Filter) iter.Seq2[rollout.Target, error] {
	if len(f.AppIDs) == 0 {
		return o.ledger.Targets(ctx, r.ID)
	}
	return func(yield func(rollout.Target, error) bool) {
		for _, appID := range f.AppIDs {
			t, err := o.ledger.Target(ctx, r.ID, appID)
			if errors.Is(err, ledger.ErrNotFound) {
				continue
			}
			if !yield(t, err) {
				return
			}
		}
	}
}
