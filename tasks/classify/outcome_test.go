package classify

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// factsAt are the facts of a target at a stage.
func factsAt(stage rollout.Stage) Facts {
	return Facts{
		Assignment: rollout.Assignment{Rollout: "r1", AppID: "wx1", Stage: stage, Permit: stage == rollout.StageSubmit},
		Target:     rollout.Target{Rollout: "r1", AppID: "wx1", Stage: stage, State: rollout.StateRunning, Attempt: 1, Since: t0},
		Now:        t0, Waits: Waits{}.WithDefaults(),
	}
}

// cases are the situations that an errcode is met in.
var cases = []struct {
	name  string
	facts Facts
	wrap  func(error) error
}{
	{"preflight", factsAt(rollout.StagePreflight), nil},
	{"read", factsAt(rollout.StageRelease), nil},
	{"write", factsAt(rollout.StageRelease), write},
	{"submission", factsAt(rollout.StageSubmit), write},
	{"undo", factsAt(rollout.StageUndo), write},
	{"read-back", lost(factsAt(rollout.StageRelease)), nil},
}

func write(err error) error { return &RefusedWrite{Err: err} }

// lost gives the target a call of unknown outcome.
func lost(f Facts) Facts {
	f.Target.Intent = &rollout.Intent{Op: rollout.OpRelease, At: t0}
	return f
}

// describe is an outcome in words.
func describe(o Outcome) string {
	var parts []string
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	switch e := o.Event.(type) {
	case nil:
	case rollout.Waited:
		add("waits %s for %s", e.Reason, e.For)
		if e.Cause != "" {
			add("counts as %s", e.Cause)
		}
	case rollout.Stalled:
		add("tries again in the queue, counts as %s", e.Cause)
	case rollout.Failed:
		add("fails as %s", e.LastError.Class)
	case rollout.Yielded:
		add("keeps its place")
	default:
		add("%s", e.Kind())
	}
	if o.Spread > 0 {
		add("at most %s more", o.Spread.Round(time.Second))
	}
	if o.Outage != nil {
		add("stage closed for an outage")
	}
	if o.Fault != nil {
		add("fault of the platform")
	}
	if o.Close != nil {
		add("pool closed for %s", o.Close.Retry)
	}
	if o.Pause != nil {
		add("rollout paused")
	}
	if o.Read != "" {
		add("reads its %s", o.Read)
	}
	return strings.Join(parts, ", ")
}

// The table of outcomes: every errcode in every case.
func TestOutcomeTable(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	out.WriteString("# errcode class: outcome, by the case that it is met in (none named: any)\n")
	for _, code := range allCodes() {
		var order []string
		names := make(map[string][]string)
		for _, c := range cases {
			var err error = &errcode.Error{Endpoint: "/wxa/x", Code: code, Msg: "m", RID: "rid-1", Class: errcode.ClassOf(code)}
			if c.wrap != nil {
				err = c.wrap(err)
			}
			what := describe(Of(c.facts, err))
			if names[what] == nil {
				order = append(order, what)
			}
			names[what] = append(names[what], c.name)
		}
		fmt.Fprintf(&out, "%d %s", code, errcode.ClassOf(code))
		if len(order) == 1 {
			fmt.Fprintf(&out, ": %s\n", order[0])
			continue
		}
		out.WriteString("\n")
		for _, what := range order {
			fmt.Fprintf(&out, "\t%s: %s\n", strings.Join(names[what], ", "), what)
		}
	}
	goldentest.Compare(t, "outcome.golden", out.String())
}

// The same facts and error have the same outcome, and neither is changed.
func TestOutcomeIsPure(t *testing.T) {
	t.Parallel()
	for _, c := range cases {
		before := c.facts
		for _, code := range allCodes() {
			err := write(&errcode.Error{Endpoint: "/wxa/x", Code: code, Class: errcode.ClassOf(code)})
			if diff := cmp.Diff(Of(c.facts, err), Of(c.facts, err)); diff != "" {
				t.Fatalf("%s, %d: %s", c.name, code, diff)
			}
		}
		if diff := cmp.Diff(before, c.facts); diff != "" {
			t.Errorf("%s: facts changed: %s", c.name, diff)
		}
	}
}

// Outages: what closes a stage, and what a closed stage means for a target.
func TestOutcomeOfAnOutage(t *testing.T) {
	t.Parallel()
	unanswered := &errcode.NotSentError{Endpoint: "/wxa/x", Err: errors.New("dial")}
	for name, tc := range map[string]struct {
		change func(*Facts)
		err    error
		want   string
	}{
		"one of few":            {func(*Facts) {}, unanswered, "tries again in the queue, counts as busy, at most 4s more"},
		"one too many":          {func(f *Facts) { f.Broken = true }, unanswered, "keeps its place, stage closed for an outage"},
		"closed already":        {func(f *Facts) { f.Broken, f.Closed = true, ReasonOutage }, unanswered, "keeps its place"},
		"closed for a limit":    {func(f *Facts) { f.Broken, f.Closed = true, "45009" }, unanswered, "tries again in the queue, counts as busy, at most 4s more"},
		"the probe":             {func(f *Facts) { f.Closed, f.Assignment.Permit = ReasonOutage, true }, unanswered, "waits busy for 45s, at most 9s more, stage closed for an outage"},
		"a read-back":           {func(f *Facts) { *f = lost(*f); f.Closed = ReasonOutage }, unanswered, "waits unknown for 45s"},
		"a lost write":          {func(f *Facts) { f.Broken = true }, &LostError{Op: "release", Err: unanswered}, "waits unknown for 1m5s, stage closed for an outage"},
		"the worker stops":      {func(f *Facts) { f.Broken, f.Stopping = true, true }, unanswered, "keeps its place"},
		"an answer":             {func(f *Facts) { f.Broken = true }, &errcode.Error{Code: 85009, Class: errcode.ClassOf(85009)}, "waits external for 1m5s, counts as contradicted"},
		"another worker has it": {func(f *Facts) { f.Broken = true }, &rollout.StaleError{}, ""},
	} {
		f := factsAt(rollout.StageRelease)
		tc.change(&f)
		if got := describe(Of(f, tc.err)); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}

// What the readings say decides.
func TestOutcomeAfterAReading(t *testing.T) {
	t.Parallel()
	f, quota := factsAt(rollout.StageSubmit), write(&errcode.Error{Code: codeQuotaUsed, Class: errcode.ClassThrottlePlatform})
	rights := write(&errcode.Error{Code: 48001, Class: errcode.ClassOf(48001)})
	for name, tc := range map[string]struct {
		got  Outcome
		want string
	}{
		"nothing is left":            {AfterQuota(f, quota, false, true, false), "keeps its place"},
		"this app alone is refused":  {AfterQuota(f, quota, true, false, false), "waits quota for 5m0s, counts as quota, at most 1m0s more"},
		"several apps are refused":   {AfterQuota(f, quota, true, true, false), "waits quota for 5m0s, at most 1m0s more"},
		"an operator opened it":      {AfterQuota(f, quota, false, false, true), "keeps its place"},
		"the permission is gone":     {AfterPermission(f, rights, true), "waits merchant for 6h0m0s, counts as refused, at most 1h12m0s more"},
		"the permission is there":    {AfterPermission(f, rights, false), "fails as fatal-app"},
		"a read that was refused so": {AfterPermission(f, errors.Unwrap(rights), true), "waits merchant for 6h0m0s, at most 1h12m0s more"},
	} {
		if got := describe(tc.got); got != tc.want {
			t.Errorf("%s: %s, want %s", name, got, tc.want)
		}
	}
}
