package main

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks"
	"github.com/wxrollout/wxrollout/wxclient"
)

// fakeWeChat answers every call of a rollout without delay and without errors, so that runs measure
// the engine alone.
type fakeWeChat struct {
	tasks.WeChat // nil: no run makes its other calls
	audits       atomic.Int64
	calls        atomic.Int64
	shards       [64]shard
}

// shard holds the versions of some apps: 100,000 apps must not contend for one lock.
type shard struct {
	mu   sync.Mutex
	apps map[string]*fakeApp
}

type fakeApp struct {
	trial, live wxclient.VersionEntry
	audit       wxclient.Audit
}

func newFakeWeChat() *fakeWeChat {
	f := &fakeWeChat{}
	for i := range f.shards {
		f.shards[i].apps = make(map[string]*fakeApp)
	}
	return f
}

// with runs fn with the app's state locked.
func (f *fakeWeChat) with(appid string, fn func(*fakeApp)) {
	f.calls.Add(1)
	h := 0
	for _, c := range []byte(appid) {
		h = h*31 + int(c)
	}
	s := &f.shards[uint(h)%uint(len(f.shards))]
	s.mu.Lock()
	defer s.mu.Unlock()
	a := s.apps[appid]
	if a == nil {
		a = &fakeApp{}
		s.apps[appid] = a
	}
	fn(a)
}

func (f *fakeWeChat) AuthorizerInfo(_ context.Context, appid string) (wxclient.AuthorizerInfo, error) {
	f.with(appid, func(*fakeApp) {})
	return wxclient.AuthorizerInfo{AppID: appid, MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18}}, nil
}

func (f *fakeWeChat) VersionInfo(_ context.Context, appid string) (v wxclient.VersionInfo, _ error) {
	f.with(appid, func(a *fakeApp) {
		if trial := a.trial; trial.Version != "" {
			v.Exp = &trial
		}
		if live := a.live; live.Version != "" {
			v.Release = &live
		}
	})
	return v, nil
}

func (f *fakeWeChat) Categories(context.Context, string) ([]wxclient.Category, error) {
	return []wxclient.Category{{FirstClass: "tools", FirstID: 1, SecondClass: "notes", SecondID: 2}}, nil
}

func (f *fakeWeChat) Pages(context.Context, string) ([]string, error) {
	return []string{"pages/index/index"}, nil
}

func (f *fakeWeChat) Commit(_ context.Context, appid string, r wxclient.CommitRequest) error {
	f.with(appid, func(a *fakeApp) { a.trial = wxclient.VersionEntry{Version: r.Version, Desc: r.Desc} })
	return nil
}

func (f *fakeWeChat) CodePrivacyInfo(context.Context, string) (wxclient.PrivacyInfo, error) {
	return wxclient.PrivacyInfo{}, nil
}

func (f *fakeWeChat) LatestAudit(_ context.Context, appid string) (audit wxclient.Audit, _ error) {
	f.with(appid, func(a *fakeApp) { audit = a.audit })
	if audit.ID == 0 {
		return audit, &wxclient.Error{Endpoint: "/wxa/get_latest_auditstatus", Code: 85058, Class: wxclient.ClassFatalApp}
	}
	return audit, nil
}

func (f *fakeWeChat) AuditStatus(ctx context.Context, appid string, _ int64) (wxclient.Audit, error) {
	return f.LatestAudit(ctx, appid)
}

func (f *fakeWeChat) SubmitAudit(_ context.Context, appid string, _ wxclient.SubmitRequest) (int64, error) {
	id := f.audits.Add(1)
	f.with(appid, func(a *fakeApp) {
		a.audit = wxclient.Audit{ID: id, Status: wxclient.AuditPassed, Version: a.trial.Version, Desc: a.trial.Desc}
	})
	return id, nil
}

func (f *fakeWeChat) QueryQuota(context.Context, string) (wxclient.Quota, error) {
	return wxclient.Quota{Rest: 1_000_000, Limit: 1_000_000}, nil
}

func (f *fakeWeChat) Release(_ context.Context, appid string) error {
	f.with(appid, func(a *fakeApp) { a.live = a.trial })
	return nil
}

// plan is the plan of every run.
func plan(apps int) rollout.Plan {
	return rollout.Plan{
		Name: "bench", Template: rollout.Template{ID: 1, Version: "3.9.0", Desc: "bench"},
		Ext: `{"ext":{"shop":"{{.label}}"}}`, Audit: rollout.AuditPolicy{InAudit: rollout.InAuditWait},
		Waves: []rollout.Wave{{Name: "all", Size: apps}}, Release: rollout.ReleasePolicy{When: rollout.ReleaseApproved},
	}
}
