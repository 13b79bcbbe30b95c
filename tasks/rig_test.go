package tasks

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient"
)

// rig is a handler of one target on a fake WeChat and a real ledger, whose time
// the test moves.
type rig struct {
	*testing.T
	ledger  *ledger.Ledger
	wx      *fakeWeChat
	configs appconfig.Client // of its handlers
	app     string
	permits *fakePermits
	h       *Handler
	advance func(time.Duration)
	now     func() time.Time // the store's time
	moves   []string         // transitions that the hook received
	dropped []string
}

// newRig loads rollout r1 with the app wx1; change edits its plan.
func newRig(t *testing.T, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	return newRigOf(t, "wx1", change...)
}

// newRigOf is newRig with another app.
func newRigOf(t *testing.T, app string, change ...func(*rollout.Plan)) *rig {
	t.Helper()
	m, rdb := redistest.Mini(t)
	r := &rig{
		T: t, app: app, ledger: ledger.New(rdb, ledger.Options{}), wx: happy(t), permits: &fakePermits{},
		advance: func(d time.Duration) { redistest.Advance(m, d) },
		now:     func() time.Time { return redistest.Now(m) },
	}
	plan := testPlan()
	for _, edit := range change {
		edit(&plan)
	}
	_, err := r.ledger.Create(t.Context(), ledger.NewRollout{ID: "r1", Plan: plan, Digest: "d"})
	r.must(err)
	_, err = r.ledger.Add(t.Context(), "r1", []rollout.Target{{AppID: app, Attempt: 1, Label: "shop", Columns: map[string]string{"city": "Foshan"}}})
	r.must(err)
	r.must(r.ledger.Seal(t.Context(), "r1", 1, false, "test", ""))
	r.h = r.handler(Timing{})
	return r
}

// handler makes one more handler on the same ports.
func (r *rig) handler(timing Timing) *Handler {
	return NewHandler(HandlerOptions{
		WeChat: r.wx, AppConfig: r.configs, Ledger: r.ledger, Permits: r.permits, Log: zerolog.Nop(), Timing: timing, Seed: 1,
		Hooks: Hooks{
			Transition: func(from rollout.Target, event string, to rollout.Target) {
				r.moves = append(r.moves, fmt.Sprintf("%s %s %s", place(from), event, place(to)))
			},
			Dropped: func(s rollout.Stage, why string) { r.dropped = append(r.dropped, string(s)+" "+why) },
		},
	})
}

// place is where a target stands.
func place(t rollout.Target) string {
	if t.Reason != "" {
		return fmt.Sprintf("%s/%s/%s", t.Stage, t.State, t.Reason)
	}
	return fmt.Sprintf("%s/%s", t.Stage, t.State)
}

func (r *rig) must(err error) {
	r.Helper()
	if err != nil {
		r.Fatal(err)
	}
}

func (r *rig) target() rollout.Target {
	r.Helper()
	t, err := r.ledger.Target(r.Context(), "r1", r.app)
	r.must(err)
	return t
}

// at puts the target, pending, at a stage; edit changes it further.
func (r *rig) at(stage rollout.Stage, edit ...func(*rollout.Target)) *rig {
	r.Helper()
	was := r.target()
	next := was
	next.Stage, next.State, next.Reason, next.Since = stage, rollout.StatePending, "", r.now()
	if rollout.StageSubmit.Before(stage) {
		next.AuditID = 41
	}
	for _, e := range edit {
		e(&next)
	}
	if next.State == rollout.StatePending && next.Intent != nil {
		next.Reason = rollout.ReasonUnknown
	}
	_, err := r.ledger.Save(r.Context(), was, next, rollout.SaveOptions{})
	r.must(err)
	return r
}

// intent is a call whose end is not known, made some time ago.
func (r *rig) intent(op rollout.Op, ago time.Duration) func(*rollout.Target) {
	return func(t *rollout.Target) { t.Intent = &rollout.Intent{Op: op, At: r.now().Add(-ago)} }
}

// claim gives the target its assignment at its stage.
func (r *rig) claim() rollout.Assignment {
	r.Helper()
	t := r.target()
	stage := t.Stage
	assignments, err := r.ledger.Claim(r.Context(), rollout.Claim{
		Rollout: "r1", Stage: stage, MaxRank: rollout.Rank(9, 0), ReadBack: t.Reason == rollout.ReasonUnknown, N: 1, Lease: time.Minute,
	})
	r.must(err)
	if len(assignments) != 1 {
		r.Fatalf("no assignment for %s", place(r.target()))
	}
	assignments[0].Permit = stage == rollout.StageSubmit
	return assignments[0]
}

// act gives the target its assignment and runs the handler, which must not ask for
// another delivery.
func (r *rig) act() rollout.Target {
	r.Helper()
	r.must(r.h.Run(r.Context(), r.claim()))
	return r.target()
}

// stalls runs the handler, which must ask for another delivery; it returns its assignment.
func (r *rig) stalls() rollout.Assignment {
	r.Helper()
	assignment := r.claim()
	if err := r.h.Run(r.Context(), assignment); !errors.As(err, new(*queue.Again)) {
		r.Fatalf("handler returned %v, want another delivery", err)
	}
	return assignment
}

// is checks where the target stands.
func (r *rig) is(want string) rollout.Target {
	r.Helper()
	t := r.target()
	if got := place(t); got != want {
		r.Fatalf("target is %s, want %s (last error %+v)", got, want, t.LastError)
	}
	return t
}

// parked checks where the target is parked and for how long from now, and wakes it.
func (r *rig) parked(want string, wait time.Duration) rollout.Target {
	r.Helper()
	t := r.is(want)
	r.advance(wait - time.Second) // a handler's own time counts too
	if n, err := r.ledger.WakeDue(r.Context(), 9); err != nil || n != 0 {
		r.Fatalf("%s: woken before %s (%v)", want, wait, err)
	}
	r.advance(time.Second + wait/5 + time.Second) // jitter
	if n, err := r.ledger.WakeDue(r.Context(), 9); err != nil || n != 1 {
		r.Fatalf("%s: not woken after %s and its jitter (%v)", want, wait, err)
	}
	return t
}

// parkedUntil checks where the target is parked, and that it wakes at a reset or minutes later.
func (r *rig) parkedUntil(want string, reset time.Duration) rollout.Target {
	r.Helper()
	t := r.is(want)
	if wait := t.Due.Sub(r.now()); wait < reset-2*time.Second || wait > reset+(10*time.Minute)+2*time.Second {
		r.Fatalf("%s for %s, want %s and at most %s more", want, wait, reset, (10 * time.Minute))
	}
	return t
}

// called checks the calls since the last look, in order.
func (r *rig) called(want ...string) {
	r.Helper()
	same(r, "calls", r.wx.took(), want...)
}

// pool checks what was done with the pools since the last look.
func (r *rig) pool(want ...string) {
	r.Helper()
	same(r, "pool", r.permits.took(), want...)
}

// exp is the app's versions with this trial version.
func exp(version, desc string) func() (wxclient.VersionInfo, error) {
	return gives(wxclient.VersionInfo{Exp: &wxclient.VersionEntry{Version: version, Desc: desc}})
}

// live is the app's versions with this live version and our trial version.
func live(version, desc string) func() (wxclient.VersionInfo, error) {
	return gives(wxclient.VersionInfo{
		Exp:     &wxclient.VersionEntry{Version: ourVersion, Desc: ourDesc},
		Release: &wxclient.VersionEntry{Version: version, Desc: desc},
	})
}

// committed makes commit take effect, and shows it.
func (r *rig) committed(_ context.Context, req wxclient.CommitRequest) error {
	r.wx.versionInfo = exp(req.Version, req.Desc)
	return nil
}

// untilTomorrow is the time to 00:00 in Beijing, where limits of the day end.
func untilTomorrow(now time.Time) time.Duration {
	y, m, d := now.In(time.FixedZone("UTC+8", 8*60*60)).Date()
	return time.Date(y, m, d+1, 0, 0, 0, 0, time.FixedZone("UTC+8", 8*60*60)).Sub(now)
}
