package judgement

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/dispatch"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/tasks/pool"
	"github.com/wxrollout/wxrollout/wxclient"
)

// caller is a process that calls WeChat: a worker, or a leader's quota loop.
type caller struct {
	w    *world
	name string
	// assignment and attempt are what a worker runs.
	assignment rollout.Assignment
	attempt    int
	busy       bool
	// calls are left before the process dies; it never does below 0.
	calls int
	// gone: the process has died. Nothing it does has an effect.
	gone bool
	// answered is what queryquota reported it last.
	answered answer
}

var errGone = errors.New("the process is gone")

// fate is what becomes of a call.
type fate int

const (
	fateOK         fate = iota
	fateNotSent         // no connection
	fateLostBefore      // it never arrived, and the outcome is unknown
	fateLostAfter       // it took effect, and the outcome is unknown
	fateLate            // the outcome is unknown, and it takes effect later
	fateRuns            // it took effect, and the answer is 9402202
	fateCode            // an errcode
	fateDies            // the process dies: before the call arrives, or after
)

// request is one call on its way.
type request[T any] struct {
	name, app string
	write     bool
	effect    func(reported bool) (T, error)
}

// codes are errcodes for any call, submitCodes such as submit_audit also answers. 45009 and
// 86008 close a stage's pool.
var (
	codes       = []int64{-1, -1, 45009, 45011, 61003, 99999}
	submitCodes = []int64{-1, 45009, 45009, 86008}
)

// fate draws what becomes of a call: mostly nothing.
func (c *caller) fate(name string, write bool) (fate, int64) {
	if c.calls == 0 {
		return fateDies, 0
	}
	c.calls--
	w := c.w
	if w.calm {
		return fateOK, 0
	}
	list, often := codes, 12
	if name == "submit_audit" {
		list, often = submitCodes, 5
	}
	switch {
	case write && w.oneIn(often):
		return pick(w, []fate{fateNotSent, fateLostBefore, fateLostAfter, fateLate, fateRuns, fateCode, fateCode, fateCode}), pick(w, list)
	case !write && w.oneIn(50):
		return pick(w, []fate{fateNotSent, fateLostBefore, fateCode}), pick(w, codes)
	default:
		return fateOK, 0
	}
}

// call makes one call.
func call[T any](ctx context.Context, c *caller, r request[T]) (T, error) {
	var none T
	w, endpoint := c.w, "/wxa/"+r.name
	if c.gone || ctx.Err() != nil {
		return none, &wxclient.NotSentError{Endpoint: endpoint, Err: errGone}
	}
	if other := w.cloud.flying[r.app]; other != "" {
		w.breach("%s calls %s of %s while %s calls for it", c.name, r.name, r.app, other)
	}
	w.cloud.flying[r.app] = c.name
	defer delete(w.cloud.flying, r.app)
	if err := w.cloud.out.of(r.name); err != nil {
		if wxclient.IsOutcomeUnknown(err) {
			c.doubt(r.name)
		}
		return none, err
	}
	f, code := c.fate(r.name, r.write)
	if f != fateOK {
		w.log("%s: %s of %s: fate %d %d", c.name, r.name, r.app, f, code)
	}
	lost := &wxclient.OutcomeUnknownError{Endpoint: endpoint, Err: context.DeadlineExceeded}
	switch f {
	case fateNotSent:
		return none, &wxclient.NotSentError{Endpoint: endpoint, Err: context.DeadlineExceeded}
	case fateLostBefore:
		c.doubt(r.name)
		return none, lost
	case fateLostAfter:
		c.settled(r, true)
		return none, lost
	case fateLate:
		c.doubt(r.name)
		w.cloud.late = append(w.cloud.late, lateEffect{
			at: w.now.Add(time.Duration(w.between(1, 90)) * time.Second),
			do: func() { _, _ = r.effect(false) },
		})
		return none, lost
	case fateRuns:
		c.settled(r, true)
		return none, refusal(r.name, 9402202)
	case fateCode:
		if wxclient.ClassOf(code) != wxclient.ClassRetryBusy {
			w.cloud.throttled[r.name] = w.now
		}
		return none, refusal(r.name, code)
	case fateDies:
		if w.oneIn(2) {
			_, _ = r.effect(false)
		}
		w.log("%s dies in %s of %s", c.name, r.name, r.app)
		c.gone = true
		return none, lost
	}
	v, err := r.effect(true)
	w.interlude()
	return v, err
}

// settled runs an effect whose reply is lost; a submission that was not taken may be counted.
func (c *caller) settled(r any, reported bool) {
	switch r := r.(type) {
	case request[int64]:
		if _, err := r.effect(reported); err != nil {
			c.doubt(r.name)
		}
	case request[struct{}]:
		_, _ = r.effect(reported)
	}
}

// doubt notes a submission that may be counted though WeChat did not take it.
func (c *caller) doubt(name string) {
	if a := c.w.byID[c.assignment.Rollout]; name == "submit_audit" && a != nil {
		c.w.books.doubts[rollout.PermitID(c.assignment.Rollout, c.assignment.AppID)] = a.plan.Quota.PoolName()
	}
}

// wire is a process's connection to the model.
type wire struct{ *caller }

var _ tasks.WeChat = wire{}

func read[T any](ctx context.Context, c *caller, name, app string, answer func() (T, error)) (T, error) {
	return call(ctx, c, request[T]{name: name, app: app, effect: func(bool) (T, error) { return answer() }})
}

func write(ctx context.Context, c *caller, name, app string, do func() error) error {
	_, err := call(ctx, c, request[struct{}]{name: name, app: app, write: true, effect: func(bool) (struct{}, error) { return struct{}{}, do() }})
	return err
}

func gives[T any](v T) func() (T, error) { return func() (T, error) { return v, nil } }

func (c wire) AuthorizerInfo(ctx context.Context, app string) (wxclient.AuthorizerInfo, error) {
	return read(ctx, c.caller, "api_get_authorizer_info", app, gives(wxclient.AuthorizerInfo{
		AppID: app, MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18},
	}))
}

func (c wire) VersionInfo(ctx context.Context, app string) (wxclient.VersionInfo, error) {
	return read(ctx, c.caller, "getversioninfo", app, func() (wxclient.VersionInfo, error) { return c.w.cloud.versions(app), nil })
}

func (c wire) Categories(ctx context.Context, app string) ([]wxclient.Category, error) {
	return read(ctx, c.caller, "get_category", app, gives([]wxclient.Category{{FirstClass: "A", FirstID: 1}}))
}

func (c wire) Pages(ctx context.Context, app string) ([]string, error) {
	return read(ctx, c.caller, "get_page", app, gives([]string{"pages/index"}))
}

func (c wire) CodePrivacyInfo(ctx context.Context, app string) (wxclient.PrivacyInfo, error) {
	return read(ctx, c.caller, "get_code_privacy_info", app, gives(wxclient.PrivacyInfo{}))
}

func (c wire) LatestAudit(ctx context.Context, app string) (wxclient.Audit, error) {
	return read(ctx, c.caller, "get_latest_auditstatus", app, func() (wxclient.Audit, error) { return c.w.cloud.latestAudit(app) })
}

func (c wire) AuditStatus(ctx context.Context, app string, id int64) (wxclient.Audit, error) {
	return read(ctx, c.caller, "get_auditstatus", app, func() (wxclient.Audit, error) { return c.w.cloud.auditStatus(app, id) })
}

func (c wire) QueryQuota(ctx context.Context, app string) (wxclient.Quota, error) {
	return read(ctx, c.caller, "queryquota", app, func() (wxclient.Quota, error) {
		q := wxclient.Quota{Rest: c.w.cloud.rest(), Limit: c.w.cloud.limit}
		c.answered = answer{rest: q.Rest, total: c.w.books.total}
		return q, nil
	})
}

func (c wire) Commit(ctx context.Context, app string, r wxclient.CommitRequest) error {
	return write(ctx, c.caller, "commit", app, func() error {
		c.w.cloud.apps[app].trial = wxclient.VersionEntry{Version: r.Version, Desc: r.Desc}
		return nil
	})
}

func (c wire) SubmitAudit(ctx context.Context, app string, _ wxclient.SubmitRequest) (int64, error) {
	w, assignment, attempt := c.w, c.assignment, c.attempt
	due, verdict := w.now.Add(time.Duration(w.between(1, 30))*time.Hour), wxclient.AuditPassed
	if w.oneIn(8) {
		verdict = wxclient.AuditRejected
	}
	return call(ctx, c.caller, request[int64]{name: "submit_audit", app: app, write: true, effect: func(reported bool) (int64, error) {
		id, err := w.cloud.submit(app, due, verdict)
		if err == nil {
			w.submitted(assignment, attempt, reported)
		}
		return id, err
	}})
}

func (c wire) Release(ctx context.Context, app string) error {
	assignment := c.assignment
	return write(ctx, c.caller, "release", app, func() error {
		err := c.w.cloud.release(app)
		if err == nil {
			c.w.released(assignment.Rollout, app)
		}
		return err
	})
}

func (c wire) UndoAudit(context.Context, string) error { return refusal("undocodeaudit", 87013) }
func (c wire) GrayRelease(context.Context, string, wxclient.GrayRequest) error {
	return refusal("grayrelease", 85080)
}
func (c wire) GrayPlan(context.Context, string) (wxclient.GrayPlan, error) {
	return wxclient.GrayPlan{}, nil
}
func (c wire) RevertRelease(context.Context, string, *int64) error {
	return refusal("revertcoderelease", 87012)
}
func (c wire) RevertGray(context.Context, string) error { return nil }

// disk is a worker's way to the ledger.
type disk struct {
	tasks.Ledger
	*caller
}

func (d disk) Start(ctx context.Context, t rollout.Assignment, lease time.Duration) (rollout.Started, error) {
	s, err := d.Ledger.Start(ctx, t, lease)
	d.attempt = s.Target.Attempt
	return s, err
}

func (d disk) Save(ctx context.Context, was, next rollout.Target, o rollout.SaveOptions) (rollout.Target, error) {
	if d.gone {
		return was, errGone
	}
	return d.Ledger.Save(ctx, was, next, o)
}

func (d disk) Pause(ctx context.Context, id, by, why string) error {
	if d.gone {
		return errGone
	}
	d.w.log("%s pauses %s: %s", d.name, id, why)
	return d.Ledger.Pause(ctx, id, by, why)
}

// counter is a worker's way to the pools.
type counter struct {
	tasks.Permits
	*caller
}

func (c counter) Settle(ctx context.Context, s rollout.Stage, pool, id string, use ratelimit.Use) error {
	if c.gone {
		return errGone
	}
	return c.Permits.Settle(ctx, s, pool, id, use)
}

func (c counter) Close(ctx context.Context, s rollout.Stage, f ratelimit.Refusal, retry time.Duration) error {
	if c.gone {
		return errGone
	}
	c.w.log("%s closes %s: %s", c.name, s, f.Reason)
	return c.Permits.Close(ctx, s, f, retry)
}

func (c counter) Refused(ctx context.Context, f ratelimit.Refusal) (bool, error) {
	if c.gone {
		return false, errGone
	}
	closed, err := c.Permits.Refused(ctx, f)
	c.w.log("%s: %s refused for lack of quota, left %v: closed %v", c.name, f.App, f.Left, closed)
	return closed, err
}

func (c counter) Refill(ctx context.Context, ask func(context.Context) (int64, int64, error)) (int64, error) {
	if c.gone {
		return 0, errGone
	}
	return c.w.refill(ctx, c.caller, c.Permits.Refill, ask)
}

// answer is what queryquota answered last.
type answer struct{ rest, total int64 }

type refill func(context.Context, func(context.Context) (int64, int64, error)) (int64, error)

// refill notes a reading that is stored.
func (w *world) refill(ctx context.Context, c *caller, store refill, ask func(context.Context) (int64, int64, error)) (int64, error) {
	month, got := w.books.month, answer{}
	rest, err := store(ctx, func(ctx context.Context) (int64, int64, error) {
		rest, limit, err := ask(ctx)
		got = c.answered
		return rest, limit, err
	})
	if err == nil && month == w.books.month {
		w.books.read(got.rest, got.total)
		w.log("%s reads the quota: %d are left", c.name, got.rest)
	}
	return rest, err
}

// readings are a leader's pools as its quota loop uses them.
type readings struct {
	*pool.Pools
	*caller
}

func (r readings) Refill(ctx context.Context, ask func(context.Context) (int64, int64, error)) (int64, error) {
	return r.w.refill(ctx, r.caller, r.Pools.Refill, ask)
}

// till are the controller's pools; the permits that are granted are noted.
type till struct {
	dispatch.Pools
	w *world
}

func (t till) Take(ctx context.Context, r rollout.TakeRequest) (rollout.Taken, error) {
	taken, err := t.Pools.Take(ctx, r)
	if err != nil || r.Stage != rollout.StageSubmit || len(taken.Granted) == 0 {
		return taken, err
	}
	shares := t.w.shares()
	for _, id := range taken.Granted {
		if fault := t.w.books.granted(id, r.Pool, shares); fault != "" {
			t.w.breach("%s", fault)
		}
	}
	return taken, nil
}

// stalledFor is how long an assignment waits in its queue, as a handler's error asks for.
func stalledFor(err error) (time.Duration, bool) {
	if err == nil {
		return 0, false
	}
	text, ok := strings.CutPrefix(err.Error(), "again in ")
	text, _, _ = strings.Cut(text, ":")
	d, bad := time.ParseDuration(text)
	return d, ok && bad == nil
}

// lender lends apps to the readers and notes nothing: the wire finds two calls at once.
type lender struct{ *ledger.Ledger }

// place is where a target stands.
func place(t rollout.Target) string {
	s := fmt.Sprintf("%s/%s", t.Stage, t.State)
	if t.Reason != "" {
		s += "/" + string(t.Reason)
	}
	return s
}
