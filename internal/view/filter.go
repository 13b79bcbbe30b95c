package view

import (
	"slices"
	"strings"

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
	// Text is part of the last error's text, in any case.
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
		in(f.Waves, WaveName(r, t.Wave())) &&
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

// WaveName is the name of a wave; "" if the plan has no such wave.
func WaveName(r rollout.Rollout, wave int) string {
	if wave < 0 || wave >= len(r.Plan.Waves) {
		return ""
	}
	return r.Plan.Waves[wave].Name
}

// Check refuses waves that the rollout doesn't have.
func (f Filter) Check(r rollout.Rollout) error {
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

// FilterError reports a filter that can't match anything.
type FilterError struct{ Why string }

func (e *FilterError) Error() string { return "filter: " + e.Why }
