package operator_test

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// mixed is a rollout of ten apps that came to different ends; the last wave is held.
//
//	canary: 0 rejected, 1 failed 85013 at commit, 2 parked for the merchant,
//	3 parked with an unlisted errcode, 4 up to date, 5 released; rest: 6-9
func mixed(b *bench) string {
	b.T.Helper()
	id := b.Apply(simple+"waves: [{name: canary, size: 6, hold: approve}, {name: rest}]\n", 10)
	b.Worker.Answer(appID(0), rollout.StageVerdict, operatortest.Rejected("1: no login page of audit 123 for "+appID(0)))
	b.Worker.Answer(appID(1), rollout.StageCommit, operatortest.Failed(rollout.StageCommit, "fatal-app", 85013, "custom version wrong"))
	b.Worker.Answer(appID(2), rollout.StagePreflight, operatortest.Parked(rollout.StagePreflight, rollout.ReasonMerchant, 61007, "permission set 18 is not granted"))
	b.Worker.Answer(appID(3), rollout.StageCheck, operatortest.Parked(rollout.StageCheck, rollout.ReasonUnlisted, 99999, "what is this"))
	b.Worker.Answer(appID(4), rollout.StagePreflight, operatortest.Ended(rollout.StateUpToDate, "live already"))
	b.Work()
	return id
}

func TestTargetsFilter(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := mixed(b)
	selector := func(s string) selector.Selector {
		sel, err := selector.Parse(s)
		if err != nil {
			t.Fatal(err)
		}
		return sel
	}
	tests := []struct {
		name string
		f    view.Filter
		want []int
	}{
		{"all", view.Filter{}, []int{0, 1, 2, 3, 4, 5, 6, 7, 8, 9}},
		{"states", view.Filter{States: []rollout.State{rollout.StateRejected, rollout.StateFailed}}, []int{0, 1}},
		{"stage", view.Filter{Stages: []rollout.Stage{rollout.StageCheck}}, []int{3}},
		{"reason", view.Filter{Reasons: []rollout.Reason{rollout.ReasonMerchant}}, []int{2}},
		{"class", view.Filter{Classes: []string{"fatal-app"}}, []int{1, 2, 3}},
		{"code", view.Filter{Codes: []int64{85013, 99999}}, []int{1, 3}},
		{"text", view.Filter{Text: "LOGIN page"}, []int{0}},
		{"selector", view.Filter{Selector: selector("tier=gold")}, []int{0}},
		{"selector of a label", view.Filter{Selector: selector(`label="店 7"`)}, []int{7}},
		{"selector of a missing column", view.Filter{Selector: selector("!region"), Waves: []string{"rest"}}, []int{6, 7, 8, 9}},
		{"apps", view.Filter{AppIDs: []string{appID(9), appID(4), appID(77)}}, []int{4, 9}},
		{"wave and state", view.Filter{Waves: []string{"canary"}, States: []rollout.State{rollout.StateReleased}}, []int{5}},
		{"apps and state", view.Filter{AppIDs: []string{appID(0), appID(4)}, States: []rollout.State{rollout.StateRejected}}, []int{0}},
	}
	for _, tt := range tests {
		var got []string
		for target, err := range b.Operator.Targets(b.Ctx, b.Rollout(id), tt.f) {
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, target.AppID)
		}
		slices.Sort(got)
		var want []string
		for _, n := range tt.want {
			want = append(want, appID(n))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
	for _, err := range b.Operator.Targets(b.Ctx, b.Rollout(id), view.Filter{Waves: []string{"resst"}}) {
		var wrong *view.FilterError
		if !errors.As(err, &wrong) || !strings.Contains(err.Error(), "canary, rest") {
			t.Errorf("a wave that isn't there: %v", err)
		}
	}
}

func TestFailures(t *testing.T) {
	t.Parallel()
	b := mini(t)
	id := b.Apply(simple, 10)
	for i := range 6 {
		b.Worker.Answer(appID(i), rollout.StageVerdict, operatortest.Rejected("no login page of "+appID(i)))
	}
	b.Worker.Answer(appID(6), rollout.StageVerdict, operatortest.Rejected("wrong category"))
	b.Worker.Answer(appID(7), rollout.StageCommit, operatortest.Failed(rollout.StageCommit, "fatal-app", 85013, "rid: abc"))
	b.Worker.Answer(appID(8), rollout.StageCommit, operatortest.ParkedMerchant)
	b.Work()
	f, err := b.Operator.Failures(b.Ctx, b.Rollout(id))
	if err != nil {
		t.Fatal(err)
	}
	if f.Total != 9 || len(f.Rows) != 9 || f.Rows[0].AppID != appID(0) || f.Rows[8].AppID != appID(8) {
		t.Errorf("%d in %d rows: %+v", f.Total, len(f.Rows), f.Rows)
	}
	type group struct {
		Count  int
		State  rollout.State
		Reason rollout.Reason
		Code   int64
		Text   string
		Apps   int
	}
	var got []group
	for _, g := range f.Groups {
		got = append(got, group{g.Count, g.State, g.Reason, g.Code, g.Text, len(g.Apps)})
		if g.Next == "" {
			t.Errorf("nothing to do about %+v", g)
		}
	}
	want := []group{
		{6, rollout.StateRejected, "", 0, "no login page of …", 5},
		{1, rollout.StateRejected, "", 0, "wrong category", 1},
		{1, rollout.StateFailed, "", 85013, operatortest.Known(t, 85013), 1},
		{1, rollout.StateParked, rollout.ReasonMerchant, 61007, operatortest.Known(t, 61007), 1},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}
