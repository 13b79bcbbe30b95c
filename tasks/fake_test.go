package tasks

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// fakeWeChat answers from its fields and remembers the order of calls. A call
// whose field is nil is one that the handler must not make.
type fakeWeChat struct {
	t testing.TB

	authorizerInfo func() (wxclient.AuthorizerInfo, error)
	versionInfo    func() (wxclient.VersionInfo, error)
	categories     func() ([]wxclient.Category, error)
	pages          func() ([]string, error)
	commit         func(ctx context.Context, r wxclient.CommitRequest) error
	privacy        func() (wxclient.PrivacyInfo, error)
	latestAudit    func() (wxclient.Audit, error)
	auditStatus    func(id int64) (wxclient.Audit, error)
	submit         func(r wxclient.SubmitRequest) (int64, error)
	undo           func() error
	quota          func() (wxclient.Quota, error)
	release        func() error
	grayRelease    func(r wxclient.GrayRequest) error
	grayPlan       func() (wxclient.GrayPlan, error)
	revert         func() error
	revertGray     func() error

	mu    sync.Mutex
	calls []string
}

var _ WeChat = (*fakeWeChat)(nil)

// called remembers a call; it fails the test if it is not expected.
func (f *fakeWeChat) called(name string, expected bool) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	if !expected {
		f.t.Errorf("unexpected call of %s after %q", name, f.calls)
		return fmt.Errorf("unexpected call of %s", name)
	}
	return nil
}

// took gives the calls since the last look.
func (f *fakeWeChat) took() []string {
	f.mu.Lock()
	defer f.mu.Unlock()
	calls := f.calls
	f.calls = nil
	return calls
}

// answer makes one call of a fake.
func answer[T any](f *fakeWeChat, name string, fn func() (T, error)) (T, error) {
	if err := f.called(name, fn != nil); err != nil {
		return *new(T), err
	}
	return fn()
}

func (f *fakeWeChat) AuthorizerInfo(context.Context, string) (wxclient.AuthorizerInfo, error) {
	return answer(f, "authorizer-info", f.authorizerInfo)
}

func (f *fakeWeChat) VersionInfo(context.Context, string) (wxclient.VersionInfo, error) {
	return answer(f, "version-info", f.versionInfo)
}

func (f *fakeWeChat) Categories(context.Context, string) ([]wxclient.Category, error) {
	return answer(f, "categories", f.categories)
}

func (f *fakeWeChat) Pages(context.Context, string) ([]string, error) {
	return answer(f, "pages", f.pages)
}

func (f *fakeWeChat) Commit(ctx context.Context, _ string, r wxclient.CommitRequest) error {
	if err := f.called("commit", f.commit != nil); err != nil {
		return err
	}
	return f.commit(ctx, r)
}

func (f *fakeWeChat) CodePrivacyInfo(context.Context, string) (wxclient.PrivacyInfo, error) {
	return answer(f, "privacy", f.privacy)
}

func (f *fakeWeChat) LatestAudit(context.Context, string) (wxclient.Audit, error) {
	return answer(f, "latest-audit", f.latestAudit)
}

func (f *fakeWeChat) AuditStatus(_ context.Context, _ string, id int64) (wxclient.Audit, error) {
	if err := f.called("audit-status", f.auditStatus != nil); err != nil {
		return wxclient.Audit{}, err
	}
	return f.auditStatus(id)
}

func (f *fakeWeChat) SubmitAudit(_ context.Context, _ string, r wxclient.SubmitRequest) (int64, error) {
	if err := f.called("submit", f.submit != nil); err != nil {
		return 0, err
	}
	return f.submit(r)
}

func (f *fakeWeChat) UndoAudit(context.Context, string) error {
	if err := f.called("undo", f.undo != nil); err != nil {
		return err
	}
	return f.undo()
}

func (f *fakeWeChat) QueryQuota(context.Context, string) (wxclient.Quota, error) {
	return answer(f, "quota", f.quota)
}

func (f *fakeWeChat) Release(context.Context, string) error {
	if err := f.called("release", f.release != nil); err != nil {
		return err
	}
	return f.release()
}

func (f *fakeWeChat) GrayRelease(_ context.Context, _ string, r wxclient.GrayRequest) error {
	if err := f.called(fmt.Sprintf("gray-release %d", r.Percentage), f.grayRelease != nil); err != nil {
		return err
	}
	return f.grayRelease(r)
}

func (f *fakeWeChat) GrayPlan(context.Context, string) (wxclient.GrayPlan, error) {
	return answer(f, "gray-plan", f.grayPlan)
}

func (f *fakeWeChat) RevertRelease(_ context.Context, _ string, appVersion *int64) error {
	if err := f.called("revert", f.revert != nil && appVersion == nil); err != nil {
		return err
	}
	return f.revert()
}

func (f *fakeWeChat) RevertGray(context.Context, string) error {
	if err := f.called("revert-gray", f.revertGray != nil); err != nil {
		return err
	}
	return f.revertGray()
}

// fakePermits is a pool that gives what its fields say.
type fakePermits struct {
	gone    bool // the permit was taken back
	third   bool // other apps were refused for lack of quota before
	open    bool // assignments go on at the next stage
	opening int64
	closed  string // why the pool is closed
	err     error

	mu  sync.Mutex
	did []string
}

var _ Permits = (*fakePermits)(nil)

func (p *fakePermits) note(format string, args ...any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.did = append(p.did, fmt.Sprintf(format, args...))
}

// took gives what was done since the last look.
func (p *fakePermits) took() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	did := p.did
	p.did = nil
	return did
}

func (p *fakePermits) Holds(context.Context, rollout.Stage, string) (bool, int64, error) {
	return !p.gone, p.opening, p.err
}

func (p *fakePermits) ClosedFor(context.Context, rollout.Stage) string { return p.closed }

func (p *fakePermits) Open(context.Context, rollout.Stage) bool { return p.open }

func (p *fakePermits) Settle(_ context.Context, s rollout.Stage, pool, id string, use ratelimit.Use) error {
	if pool != "bulk" {
		id += " of " + pool
	}
	p.note("settle %s %s %s", s, id, use)
	return nil
}

func (p *fakePermits) Close(_ context.Context, s rollout.Stage, f ratelimit.Refusal, retry time.Duration) error {
	if f.Opening != 0 && f.Opening != p.opening {
		return &ratelimit.ReopenedError{Pool: string(s), Reason: f.Reason}
	}
	p.note("close %s %s %s", s, f.Reason, retry)
	return nil
}

func (p *fakePermits) Refused(_ context.Context, f ratelimit.Refusal) (bool, error) {
	if f.Opening != 0 && f.Opening != p.opening {
		return false, &ratelimit.ReopenedError{Pool: "submit", Reason: f.Reason}
	}
	p.note("refused %s %s left=%t", f.App, f.Reason, f.Left)
	return !f.Left || p.third, nil
}

func (p *fakePermits) Refill(ctx context.Context, read func(context.Context) (int64, int64, error)) (int64, error) {
	rest, limit, err := read(ctx)
	if err == nil {
		p.note("refill %d/%d", rest, limit)
	}
	return rest, err
}

// gives answers the same each time.
func gives[T any](v T) func() (T, error) {
	return func() (T, error) { return v, nil }
}

// fails answers an error each time.
func fails[T any](err error) func() (T, error) {
	return func() (T, error) { return *new(T), err }
}

// refusal is WeChat's answer with an errcode.
func refusal(code int64) *wxclient.Error {
	return &wxclient.Error{Endpoint: "/wxa/x", Code: code, Msg: "m", RID: "rid-1", Class: wxclient.ClassOf(code)}
}

// lostReply is a reply that did not come.
func lostReply() error {
	return &wxclient.OutcomeUnknownError{Endpoint: "/wxa/x", Err: context.DeadlineExceeded}
}

// notSent is a call that certainly did not reach WeChat.
func notSent() error {
	return &wxclient.NotSentError{Endpoint: "/wxa/x", Err: context.DeadlineExceeded}
}

func same(t testing.TB, what string, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s: %q, want %q", what, got, want)
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
