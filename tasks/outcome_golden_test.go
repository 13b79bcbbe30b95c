package tasks

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/run"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// t0 is the store's time in tests without a store.
var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

// stubLedger stores nothing: every save succeeds unless save says otherwise.
type stubLedger struct {
	plan   rollout.Plan
	counts rollout.Counts
	save   func(next rollout.Target, o rollout.SaveOptions) error
	paused []string
	news   rollout.FaultReport // to a reported fault of the platform
	faults []rollout.PlatformFault
}

func (l *stubLedger) Start(context.Context, rollout.Assignment, time.Duration) (rollout.Started, error) {
	return rollout.Started{}, fmt.Errorf("a stub starts nothing")
}

func (l *stubLedger) Save(_ context.Context, _, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error) {
	if l.save != nil {
		if err := l.save(next, o); err != nil {
			return rollout.Target{}, err
		}
	}
	next.Version++
	next.Wait = 0
	return next, nil
}

func (l *stubLedger) Plan(context.Context, string, int) (rollout.Plan, error) { return l.plan, nil }

func (l *stubLedger) Rollout(context.Context, string) (rollout.Rollout, error) {
	return rollout.Rollout{Counts: l.counts}, nil
}

func (l *stubLedger) Pause(_ context.Context, _, by, why string) error {
	l.paused = append(l.paused, by+": "+why)
	return nil
}

func (l *stubLedger) NotePlatformFault(_ context.Context, f rollout.PlatformFault, app string) (rollout.FaultReport, error) {
	f.Apps = []string{app}
	l.faults = append(l.faults, f)
	return cmp.Or(l.news, rollout.FaultBegan), nil
}

// testPlan commits template 118 and submits the app's first category.
func testPlan() rollout.Plan {
	return rollout.Plan{
		Name: "spring", Template: rollout.Template{ID: 118, Version: "3.9.0", Desc: "spring sale"},
		Audit:   rollout.AuditPolicy{InAudit: rollout.InAuditWait},
		Waves:   []rollout.Wave{{Name: "all", Size: 1}},
		Release: rollout.ReleasePolicy{When: rollout.ReleaseApproved},
	}
}

// ourVersion and ourDesc are what testPlan's version is called at WeChat.
const (
	ourVersion = "3.9.0"
	ourDesc    = "spring sale [r1/0]"
)

// running is a target in its assignment at a stage.
func running(stage rollout.Stage) rollout.Target {
	t := rollout.Target{
		Rollout: "r1", AppID: "wx1", Stage: stage, State: rollout.StateRunning, Reason: rollout.ReasonActing,
		Fence: 7, Version: 3, Attempt: 1, Since: t0,
	}
	if rollout.StageSubmit.Before(stage) {
		t.AuditID = 41
	}
	return t
}

// stubRun is a handler's run at a stage, on stubs, with the smallest jitter.
func stubRun(wx WeChat, l *stubLedger, p Permits, t rollout.Target) *stubbed {
	h := NewHandler(HandlerOptions{WeChat: wx, Ledger: l, Permits: p, Log: zerolog.Nop(), Seed: 1})
	h.rnd = rand.New(least{})
	assignment := rollout.Assignment{Rollout: t.Rollout, AppID: t.AppID, Stage: t.Stage, Fence: t.Fence, Permit: t.Stage == rollout.StageSubmit}
	return &stubbed{run.New(h.env, assignment, rollout.Started{Target: t, Now: t0}, h.env.Clock()), h}
}

// stubbed is a run with its handler.
type stubbed struct {
	*run.Run
	h *Handler
}

// decide runs the stage of a stub.
func (r *stubbed) decide(ctx context.Context, status rollout.Status) rollout.Event {
	return delivery{r.Run, r.h, status}.decide(ctx)
}

// least is a source of the smallest draws; 0 itself is drawn again without end.
type least struct{}

func (least) Uint64() uint64 { return 1 }

// happy answers every call as a target at any stage would like it.
func happy(t testing.TB) *fakeWeChat {
	versions := wxclient.VersionInfo{
		Exp:     &wxclient.VersionEntry{Version: ourVersion, Desc: ourDesc},
		Release: &wxclient.VersionEntry{Version: "3.8.0", Desc: "winter"},
	}
	audit := wxclient.Audit{ID: 41, Status: wxclient.AuditPassed, Version: ourVersion, Desc: ourDesc}
	return &fakeWeChat{
		t:              t,
		authorizerInfo: gives(wxclient.AuthorizerInfo{AppID: "wx1", MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18}}),
		versionInfo:    gives(versions),
		categories:     gives([]wxclient.Category{{FirstClass: "A", SecondClass: "B", FirstID: 1, SecondID: 2}}),
		pages:          gives([]string{"pages/index"}),
		commit:         func(context.Context, wxclient.CommitRequest) error { return nil },
		privacy:        gives(wxclient.PrivacyInfo{}),
		latestAudit:    gives(audit),
		auditStatus:    func(int64) (wxclient.Audit, error) { return audit, nil },
		submit:         func(wxclient.SubmitRequest) (int64, error) { return 41, nil },
		release:        func() error { return nil },
		quota:          gives(wxclient.Quota{Limit: 9}),
	}
}

// refusedCalls are the calls whose refusal means something special.
var refusedCalls = []struct {
	name  string
	stage rollout.Stage
	set   func(f *fakeWeChat, err error)
}{
	{"preflight", rollout.StagePreflight, func(f *fakeWeChat, err error) { f.authorizerInfo = fails[wxclient.AuthorizerInfo](err) }},
	{"commit", rollout.StageCommit, func(f *fakeWeChat, err error) {
		f.commit = func(context.Context, wxclient.CommitRequest) error { return err }
	}},
	{"check", rollout.StageCheck, func(f *fakeWeChat, err error) { f.privacy = fails[wxclient.PrivacyInfo](err) }},
	{"submit's look", rollout.StageSubmit, func(f *fakeWeChat, err error) { f.latestAudit = fails[wxclient.Audit](err) }},
	{"submit", rollout.StageSubmit, func(f *fakeWeChat, err error) {
		f.latestAudit = fails[wxclient.Audit](refusal(85012))
		f.submit = func(wxclient.SubmitRequest) (int64, error) { return 0, err }
	}},
	{"verdict", rollout.StageVerdict, func(f *fakeWeChat, err error) {
		f.latestAudit, f.auditStatus = fails[wxclient.Audit](err), func(int64) (wxclient.Audit, error) { return wxclient.Audit{}, err }
	}},
	{"release's pin", rollout.StageRelease, func(f *fakeWeChat, err error) { f.latestAudit = fails[wxclient.Audit](err) }},
	{"release", rollout.StageRelease, func(f *fakeWeChat, err error) { f.release = func() error { return err } }},
}

// describe is an event with what it is about.
func describe(e rollout.Event) string {
	switch e := e.(type) {
	case nil:
		return "nothing"
	case rollout.Waited:
		return fmt.Sprintf("waited %s %s", e.Reason, e.For.Round(time.Second))
	case rollout.Stalled:
		return fmt.Sprintf("stalled %s", e.For)
	case rollout.Failed:
		return "failed " + e.LastError.Class
	case rollout.Finished:
		return "finished " + string(e.End)
	default:
		return e.Kind()
	}
}

// refused runs one call of a stage into an error and says what comes of it.
func refused(t *testing.T, i int, err error) string {
	t.Helper()
	c, f, l, p := refusedCalls[i], happy(t), &stubLedger{plan: testPlan()}, &fakePermits{}
	c.set(f, err)
	r := stubRun(f, l, p, running(c.stage))
	event := r.decide(t.Context(), rollout.StatusRunning)
	what := describe(event)
	for _, did := range p.took() {
		what += ", " + strings.Replace(did, "close "+string(c.stage)+" ", "its pool closed: ", 1)
	}
	for range l.paused {
		what += ", pause"
	}
	for range l.faults {
		what += ", fault of the platform"
	}
	// With any meaning, the target must be able to take it.
	if e := r.Apply(event); e != nil {
		t.Errorf("%s: after %v: %v", c.name, err, e)
	}
	return what
}

// allCodes are the errcodes of the table but 0, and one that it lacks.
func allCodes() []int64 {
	codes := []int64{123456}
	for _, class := range errcode.Classes() {
		codes = append(codes, errcode.Codes(class)...)
	}
	codes = slices.DeleteFunc(codes, func(code int64) bool { return code == 0 })
	slices.Sort(codes)
	return codes
}

// Every errcode, as the answer to each call that acts on it.
func TestOutcomeOfEveryErrcode(t *testing.T) {
	t.Parallel()
	var out strings.Builder
	out.WriteString("# errcode class: what comes of it, by the call that was refused (none named: any)\n")
	for _, code := range allCodes() {
		var order []string
		calls := make(map[string][]string)
		for i, c := range refusedCalls {
			what := refused(t, i, refusal(code))
			if calls[what] == nil {
				order = append(order, what)
			}
			calls[what] = append(calls[what], c.name)
		}
		fmt.Fprintf(&out, "%d %s", code, wxclient.ClassOf(code))
		if len(order) == 1 {
			fmt.Fprintf(&out, ": %s\n", order[0])
			continue
		}
		out.WriteString("\n")
		for _, what := range order {
			fmt.Fprintf(&out, "\t%s: %s\n", strings.Join(calls[what], ", "), what)
		}
	}
	goldentest.Compare(t, "outcome.golden", out.String())
}
