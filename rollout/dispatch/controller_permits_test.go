package dispatch_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
)

func TestControllerClosedPool(t *testing.T) {
	t.Parallel()
	s := setup(running("a", map[rollout.Stage]int{rollout.StageSubmit: 50, rollout.StageVerdict: 5, rollout.StageCommit: 5}))
	s.pools.allow = map[rollout.Stage]rollout.Allowance{rollout.StageSubmit: {N: 0, Permits: true}}
	s.tick(t)
	if diff := cmp.Diff([]string{"claim a commit 5", "claim a verdict 5"}, s.store.log); diff != "" {
		t.Errorf("calls while submit is closed (-want +got):\n%s", diff)
	}
	if len(s.pools.taken) != 0 {
		t.Errorf("permits %q were asked of a closed pool", s.pools.taken)
	}
}

func TestControllerTakesPermits(t *testing.T) {
	t.Parallel()
	assignments := func(apps ...string) func(rollout.Claim) ([]rollout.Assignment, error) {
		return func(c rollout.Claim) ([]rollout.Assignment, error) {
			var list []rollout.Assignment
			for _, app := range apps {
				list = append(list, rollout.Assignment{Rollout: c.Rollout, AppID: app, Stage: c.Stage})
			}
			return list, nil
		}
	}
	for _, tc := range []struct {
		name      string
		allow     int64
		take      func(rollout.TakeRequest) (int, error)
		claim     func(rollout.Claim) ([]rollout.Assignment, error)
		returnErr error
		taken     []string
		returned  []string
		queued    []string
		err       error
	}{
		{name: "every assignment has one", allow: 2, taken: []string{"a/wx00", "a/wx01"}, queued: []string{"wx00", "wx01"}},
		{
			name: "the pool gives fewer than it said", allow: 3,
			take:  func(rollout.TakeRequest) (int, error) { return 1, nil },
			taken: []string{"a/wx00"}, queued: []string{"wx00"},
		},
		{name: "the pool closed in between", allow: 3, take: func(rollout.TakeRequest) (int, error) { return 0, nil }},
		{name: "the pool errs", allow: 3, take: func(rollout.TakeRequest) (int, error) { return 0, errDown }, err: errDown},
		{
			name: "unused ones go back", allow: 3, claim: assignments("wx01"),
			taken: []string{"a/wx00", "a/wx01", "a/wx02"}, returned: []string{"a/wx00", "a/wx02"}, queued: []string{"wx01"},
		},
		{
			name: "a failed claim gives all back", allow: 2,
			claim: func(rollout.Claim) ([]rollout.Assignment, error) { return nil, errDown },
			taken: []string{"a/wx00", "a/wx01"}, returned: []string{"a/wx00", "a/wx01"}, err: errDown,
		},
		{
			name: "a failed return doesn't hold up the assignments", allow: 2, claim: assignments("wx01"), returnErr: errDown,
			taken: []string{"a/wx00", "a/wx01"}, returned: []string{"a/wx00"}, queued: []string{"wx01"}, err: errDown,
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			s := setup(running("a", map[rollout.Stage]int{rollout.StageSubmit: 9}))
			s.pools = fakePools{
				allow: map[rollout.Stage]rollout.Allowance{rollout.StageSubmit: {N: tc.allow, Permits: true}},
				take:  tc.take, returnErr: tc.returnErr,
			}
			s.store.claim = tc.claim
			_, err := s.controller(dispatch.Options{}).Reconcile(t.Context())
			if !errors.Is(err, tc.err) {
				t.Errorf("error %v, want %v", err, tc.err)
			}
			var queued []string
			for _, assignment := range s.queue.assignments {
				queued = append(queued, assignment.AppID)
				if !assignment.Permit {
					t.Errorf("the assignment of %s doesn't know of its permit", assignment.AppID)
				}
			}
			for _, d := range []struct{ what, diff string }{
				{"taken", cmp.Diff(tc.taken, s.pools.taken)},
				{"returned", cmp.Diff(tc.returned, s.pools.returned)},
				{"queued", cmp.Diff(tc.queued, queued)},
			} {
				if d.diff != "" {
					t.Errorf("%s (-want +got):\n%s", d.what, d.diff)
				}
			}
		})
	}
}
