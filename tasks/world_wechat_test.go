package tasks

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// cloud is a small WeChat for the property of the handlers: what it keeps of
// each app, and the rules by which its calls change that.
type cloud struct {
	apps  map[string]*cloudApp
	rest  int64 // submissions that the platform has left
	audit int64 // newest auditid
	late  []lateEffect
}

// cloudApp is one app at WeChat.
type cloudApp struct {
	trial, live wxclient.VersionEntry
	before      []wxclient.VersionEntry // were live, oldest first
	audits      []wxclient.Audit        // oldest first
	published   int64                   // newest audit that was released
	gray        wxclient.GrayPlan
	library     string // lowest base library
}

// lateEffect is a request that WeChat acts on after its sender gave it up.
type lateEffect struct {
	app string
	op  rollout.Op
	at  time.Time
	do  func()
}

func (a *cloudApp) latest() *wxclient.Audit {
	if len(a.audits) == 0 {
		return nil
	}
	return &a.audits[len(a.audits)-1]
}

func (a *cloudApp) inAudit() bool {
	l := a.latest()
	return l != nil && (l.Status == wxclient.AuditPending || l.Status == wxclient.AuditDelayed)
}

// approved is what a release would publish: the newest audit that passed.
func (a *cloudApp) approved() *wxclient.Audit {
	for _, x := range slices.Backward(a.audits) {
		if x.Status == wxclient.AuditPassed {
			return &x
		}
	}
	return nil
}

// happen does the late effects whose time has come.
func (c *cloud) happen(now time.Time) {
	rest := c.late[:0]
	for _, l := range c.late {
		if l.at.After(now) {
			rest = append(rest, l)
			continue
		}
		l.do()
	}
	c.late = rest
}

// pending reports whether something may still happen to an app late: of these ops, or any.
func (c *cloud) pending(app string, ops ...rollout.Op) bool {
	return slices.ContainsFunc(c.late, func(l lateEffect) bool {
		return l.app == app && (len(ops) == 0 || slices.Contains(ops, l.op))
	})
}

func (c *cloud) commit(app string, r wxclient.CommitRequest) error {
	c.apps[app].trial = wxclient.VersionEntry{Version: r.Version, Desc: r.Desc}
	return nil
}

func (c *cloud) submit(app string) (int64, error) {
	a := c.apps[app]
	switch {
	case a.trial.Version == "":
		return 0, refusal(85086)
	case a.inAudit():
		return 0, refusal(85009)
	case c.rest <= 0:
		return 0, refusal(85085)
	}
	c.rest--
	c.audit++
	a.audits = append(a.audits, wxclient.Audit{
		ID: c.audit, Status: wxclient.AuditPending, Version: a.trial.Version, Desc: a.trial.Desc,
	})
	return c.audit, nil
}

func (c *cloud) withdraw(app string) error {
	a := c.apps[app]
	if !a.inAudit() {
		return refusal(87012)
	}
	a.latest().Status = wxclient.AuditWithdrawn
	return nil
}

// decide gives the verdict of an app's audit; false if none is awaited.
func (c *cloud) decide(app string, s wxclient.AuditStatus) bool {
	a := c.apps[app]
	if !a.inAudit() {
		return false
	}
	a.latest().Status, a.latest().Reason = s, "login<br>page"
	return true
}

func (c *cloud) release(app string) error {
	a, ok := c.apps[app], c.apps[app].approved()
	switch {
	case ok == nil:
		return refusal(85019)
	case ok.ID == a.published:
		return refusal(85052)
	}
	a.before = append(a.before, a.live)
	a.live, a.published = wxclient.VersionEntry{Version: ok.Version, Desc: ok.Desc}, ok.ID
	if a.gray.Status == wxclient.GrayRunning {
		a.gray.Status = wxclient.GrayFinished
	}
	return nil
}

func (c *cloud) grayRelease(app string, percent int) error {
	a, ok := c.apps[app], c.apps[app].approved()
	switch {
	case ok == nil || ok.ID == a.published:
		return refusal(85080)
	case a.gray.Status == wxclient.GrayRunning && percent <= a.gray.Percentage:
		return refusal(85082)
	}
	a.gray = wxclient.GrayPlan{Exists: true, Status: wxclient.GrayRunning, Percentage: percent}
	return nil
}

func (c *cloud) revert(app string) error {
	a := c.apps[app]
	n := len(a.before)
	switch {
	case a.gray.Status == wxclient.GrayRunning:
		return refusal(87011)
	case n == 0 || a.before[n-1].Version == "":
		return refusal(87012)
	}
	a.live, a.before = a.before[n-1], a.before[:n-1]
	return nil
}

func (c *cloud) revertGray(app string) error {
	if a := c.apps[app]; a.gray.Status == wxclient.GrayRunning {
		a.gray.Status = wxclient.GrayDeleted
	}
	return nil
}

func (c *cloud) versions(app string) wxclient.VersionInfo {
	a, v := c.apps[app], wxclient.VersionInfo{}
	if a.trial.Version != "" {
		trial := a.trial
		v.Exp = &trial
	}
	if a.live.Version != "" {
		live := a.live
		v.Release = &live
	}
	return v
}

func (c *cloud) latestAudit(app string) (wxclient.Audit, error) {
	l := c.apps[app].latest()
	if l == nil {
		return wxclient.Audit{}, refusal(85058)
	}
	return *l, nil
}

func (c *cloud) auditStatus(app string, id int64) (wxclient.Audit, error) {
	for _, a := range c.apps[app].audits {
		if a.ID == id {
			return wxclient.Audit{ID: id, Status: a.Status, Reason: a.Reason}, nil
		}
	}
	return wxclient.Audit{}, refusal(85012)
}

// wire is a process's connection to the cloud: each call stops before it is
// sent and before its answer comes.
type wire struct {
	*process
}

var _ WeChat = wire{}

// conf is a process's connection for app configuration: the one kind that the world knows, as
// all go the same way.
type conf struct {
	wire
}

func (c conf) LowestLibrary(ctx context.Context, app string) (configapi.BaseLibrary, error) {
	return read(ctx, c.wire, "getweappsupportversion", app, func() (configapi.BaseLibrary, error) {
		return configapi.BaseLibrary{Lowest: c.w.cloud.apps[app].library}, nil
	})
}

func (c conf) SetLowestLibrary(ctx context.Context, app, version string) error {
	return c.wire.write(ctx, "setweappsupportversion", app, rollout.OpConfigure, func() error {
		c.w.cloud.apps[app].library = version
		return nil
	})
}

// read is a call that changes nothing.
func read[T any](ctx context.Context, w wire, name, app string, answer func() (T, error)) (T, error) {
	return transmit(ctx, w.process, request[T]{name: name, app: app, effect: answer})
}

// request is one call on its way.
type request[T any] struct {
	name, app string
	op        rollout.Op // "" for a read
	effect    func() (T, error)
}

// transmit makes one call as the process is reported to.
func transmit[T any](ctx context.Context, p *process, r request[T]) (T, error) {
	var none T
	endpoint := "/wxa/" + r.name
	o := p.stop(point{kind: sending, name: r.name, op: r.op})
	if err := p.expired(ctx); err != nil {
		return none, &wxclient.NotSentError{Endpoint: endpoint, Err: err}
	}
	if r.op != "" && o.reaches() {
		p.w.allowed(p, r.op)
	}
	lost := &wxclient.OutcomeUnknownError{Endpoint: endpoint, Err: context.DeadlineExceeded}
	switch {
	case o.reply == replyNotSent:
		return none, &wxclient.NotSentError{Endpoint: endpoint, Err: context.DeadlineExceeded}
	case o.reply == replyLostBefore:
		return none, lost
	case o.reply == replyLate:
		p.w.cloud.late = append(p.w.cloud.late, lateEffect{app: r.app, op: r.op, at: p.w.now().Add(o.delay), do: func() { _, _ = r.effect() }})
		return none, lost
	case o.reply == replyLostAfter:
		_, _ = r.effect()
		return none, lost
	case o.reply == replyRunsAlready:
		_, _ = r.effect()
		return none, &wxclient.Error{Endpoint: endpoint, Code: 9402202, Class: wxclient.ClassOf(9402202)}
	case o.reply != replyOK:
		code := int64(o.reply)
		return none, &wxclient.Error{Endpoint: endpoint, Code: code, Msg: "m", RID: "rid-1", Class: wxclient.ClassOf(code)}
	}
	p.w.fly(p, r.app)
	defer p.w.land(p, r.app)
	v, err := r.effect()
	p.deadline, _ = ctx.Deadline()
	p.stop(point{kind: replying, name: r.name})
	if p.expired(ctx) != nil {
		return none, lost
	}
	return v, err
}

func (w wire) AuthorizerInfo(ctx context.Context, app string) (wxclient.AuthorizerInfo, error) {
	return read(ctx, w, "api_get_authorizer_info", app, gives(wxclient.AuthorizerInfo{
		AppID: app, MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18},
	}))
}

func (w wire) VersionInfo(ctx context.Context, app string) (wxclient.VersionInfo, error) {
	return read(ctx, w, "getversioninfo", app, func() (wxclient.VersionInfo, error) { return w.w.cloud.versions(app), nil })
}

func (w wire) Categories(ctx context.Context, app string) ([]wxclient.Category, error) {
	return read(ctx, w, "get_category", app, gives([]wxclient.Category{{FirstClass: "A", FirstID: 1}}))
}

func (w wire) Pages(ctx context.Context, app string) ([]string, error) {
	return read(ctx, w, "get_page", app, gives([]string{"pages/index"}))
}

func (w wire) CodePrivacyInfo(ctx context.Context, app string) (wxclient.PrivacyInfo, error) {
	return read(ctx, w, "get_code_privacy_info", app, gives(wxclient.PrivacyInfo{}))
}

func (w wire) LatestAudit(ctx context.Context, app string) (wxclient.Audit, error) {
	return read(ctx, w, "get_latest_auditstatus", app, func() (wxclient.Audit, error) { return w.w.cloud.latestAudit(app) })
}

func (w wire) AuditStatus(ctx context.Context, app string, id int64) (wxclient.Audit, error) {
	return read(ctx, w, "get_auditstatus", app, func() (wxclient.Audit, error) { return w.w.cloud.auditStatus(app, id) })
}

func (w wire) QueryQuota(ctx context.Context, app string) (wxclient.Quota, error) {
	return read(ctx, w, "queryquota", app, func() (wxclient.Quota, error) {
		return wxclient.Quota{Rest: w.w.cloud.rest, Limit: 100}, nil
	})
}

func (w wire) GrayPlan(ctx context.Context, app string) (wxclient.GrayPlan, error) {
	return read(ctx, w, "getgrayreleaseplan", app, func() (wxclient.GrayPlan, error) { return w.w.cloud.apps[app].gray, nil })
}

// done makes an effect that answers nothing one that transmit takes.
func done(do func() error) func() (struct{}, error) {
	return func() (struct{}, error) { return struct{}{}, do() }
}

func (w wire) write(ctx context.Context, name, app string, op rollout.Op, do func() error) error {
	_, err := transmit(ctx, w.process, request[struct{}]{name: name, app: app, op: op, effect: done(do)})
	return err
}

func (w wire) Commit(ctx context.Context, app string, r wxclient.CommitRequest) error {
	return w.write(ctx, "commit", app, rollout.OpCommit, func() error {
		w.w.settled(w.process, app)
		return w.w.cloud.commit(app, r)
	})
}

func (w wire) SubmitAudit(ctx context.Context, app string, _ wxclient.SubmitRequest) (int64, error) {
	attempt := 0
	return transmit(ctx, w.process, request[int64]{
		name: "submit_audit", app: app, op: rollout.OpSubmit,
		effect: func() (int64, error) {
			if attempt == 0 {
				attempt = w.attempt
			}
			id, err := w.w.cloud.submit(app)
			if err == nil {
				w.w.spent(w.process, fmt.Sprintf("%s %s attempt %d", w.assignment.Rollout, app, attempt))
			}
			return id, err
		},
	})
}

func (w wire) UndoAudit(ctx context.Context, app string) error {
	return w.write(ctx, "undocodeaudit", app, rollout.OpUndo, func() error {
		if latest := w.w.cloud.apps[app].latest(); latest != nil {
			w.w.own(w.process, "withdraws", latest.Desc, w.assignment.Stage == rollout.StageUndo)
		}
		return w.w.cloud.withdraw(app)
	})
}

func (w wire) RevertRelease(ctx context.Context, app string, _ *int64) error {
	return w.write(ctx, "revertcoderelease", app, rollout.OpRevert, func() error {
		w.w.own(w.process, "reverts", w.w.cloud.apps[app].live.Desc, true)
		return w.w.cloud.revert(app)
	})
}

func (w wire) RevertGray(ctx context.Context, app string) error {
	return w.write(ctx, "revertgrayrelease", app, rollout.OpRevertGray, func() error {
		if ok := w.w.cloud.apps[app].approved(); ok != nil {
			w.w.own(w.process, "ends the gray release of", ok.Desc, true)
		}
		return w.w.cloud.revertGray(app)
	})
}

func (w wire) Release(ctx context.Context, app string) error {
	return w.write(ctx, "release", app, rollout.OpRelease, func() error {
		w.w.pinned(w.process)
		return w.w.cloud.release(app)
	})
}

func (w wire) GrayRelease(ctx context.Context, app string, r wxclient.GrayRequest) error {
	return w.write(ctx, "grayrelease", app, rollout.OpRelease, func() error {
		w.w.pinned(w.process)
		return w.w.cloud.grayRelease(app, r.Percentage)
	})
}
