package operator_test

import (
	"bytes"
	"context"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// TestEvents: the record has actor, verb and reason of each verb, and a failed gate's numbers after
// its promote.
func TestEvents(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple+"release: {when: manual}\nwaves: [{name: canary, size: 2, reject_above: 10%}, {name: rest}]\n", 4)
	b.Worker.Answer(appID(0), rollout.StageVerdict, operatortest.Rejected("1: no login page"))
	b.Work()
	planned, err := operator.PlanPromote(b.Rollout(id), "")
	b.Must(err)
	_, err = b.Operator.PromoteAs(b.Ctx, planned, "known fault")
	b.Must(err)
	_, err = b.Operator.ApproveReleases(b.Ctx, id, "go")
	b.Must(err)
	_, err = b.Operator.Pause(b.Ctx, id, "lunch")
	b.Must(err)
	_, err = b.Operator.Retry(b.Ctx, id, view.Filter{AppIDs: []string{appID(0)}}, operator.RetryOptions{Why: strings.Repeat("long ", 1000)})
	b.Must(err)
	_, err = b.Operator.Retry(b.Ctx, id, view.Filter{}, operator.RetryOptions{DryRun: true, Why: "a dry run"})
	b.Must(err)
	resumed, err := b.Operator.Resume(b.Ctx, id, "back")
	b.Must(err)
	if resumed.Pause.Why != "lunch" {
		t.Errorf("the pause that ended is %+v, want that of lunch", resumed.Pause)
	}
	_, err = b.Operator.Abort(b.Ctx, id, "enough")
	b.Must(err)
	events, err := b.Operator.Events(b.Ctx, id)
	b.Must(err)
	var got [][]string
	for _, e := range events {
		got = append(got, []string{e.By, e.Verb, e.Change(), e.Reason[:min(len(e.Reason), 12)]})
	}
	const by = operatortest.By
	want := [][]string{
		{by, "apply", "loading to running", "applied"},
		{"controller", "gate", "gate after canary: hold to fail", "1 of 2 judge"},
		{by, "promote", "gate after canary: fail to pass", "known fault"},
		{by, "approve", "", "go"},
		{by, "pause", "running to paused", "lunch"},
		{by, "retry", appID(0), "long long lo"},
		{by, "resume", "paused to running", "back"},
		{by, "abort", "running to aborted", "enough"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
	if n := len(events[5].Reason); n > 1010 {
		t.Errorf("a reason of %d bytes is in the record", n)
	}
	canary := view.Summarize(b.Rollout(id)).Waves[0]
	was := canary.GateOverruled
	if canary.Gate != rollout.DecisionPass || was == nil || was.Decision != rollout.DecisionFail || was.At.IsZero() ||
		was.Numbers != (rollout.GateBasis{Size: 2, Judged: 2, Need: 2, Bad: 1, RejectAbove: 0.1}) {
		t.Errorf("the promoted gate is %+v, was %+v", canary, was)
	}
	var out bytes.Buffer
	_, err = b.Operator.Report(b.Ctx, id, &out, operator.FormatMarkdown)
	b.Must(err)
	if text := out.String(); !strings.Contains(text, "it was fail at ") || !strings.Contains(text, " on 2 of 2 judged, 1 bad (limit 10%)") {
		t.Errorf("report %s", text)
	}
}

// TestFollowEvents yields each event once, and ends with the rollout.
func TestFollowEvents(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 1)
	ctx, cancel := context.WithTimeout(b.Ctx, time.Minute)
	defer cancel()
	var got []string
	for events, err := range b.Operator.FollowEvents(ctx, id, time.Millisecond) {
		b.Must(err)
		for _, e := range events {
			got = append(got, e.Verb)
		}
		switch len(got) {
		case 1:
			_, err = b.Operator.Pause(b.Ctx, id, "wait")
		case 2:
			_, err = b.Operator.Abort(b.Ctx, id, "stop")
		}
		b.Must(err)
	}
	if diff := cmp.Diff([]string{"apply", "pause", "abort"}, got); diff != "" {
		t.Errorf("events (-want +got):\n%s", diff)
	}
}
