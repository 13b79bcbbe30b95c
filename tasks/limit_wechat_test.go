package tasks

import (
	"context"
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

func (v *liver) AuthorizerInfo(context.Context, string) (wxclient.AuthorizerInfo, error) {
	return livedRead(v, "authorizer-info", func(m mood) (wxclient.AuthorizerInfo, error) {
		info := wxclient.AuthorizerInfo{AppID: "wx1", MiniProgram: true, AccountStatus: 1, PermissionSets: []int64{18}, NickName: "Shop", HeadImage: "i", Signature: "s"}
		if m != fine && v.target.Stage != rollout.StagePreflight {
			info.PermissionSets, info.NickName = nil, ""
		}
		return info, nil
	})
}

func (v *liver) VersionInfo(context.Context, string) (wxclient.VersionInfo, error) {
	v.reported["trial"], v.reported["live"] = false, false
	return livedRead(v, "version-info", func(m mood) (wxclient.VersionInfo, error) {
		info := v.cloud.versions("wx1")
		if m == fine {
			v.reported["trial"], v.reported["live"] = true, true
			return info, nil
		}
		for _, e := range []*wxclient.VersionEntry{info.Exp, info.Release} {
			if e != nil {
				*e = wxclient.VersionEntry{Time: 1}
			}
		}
		return info, nil
	})
}

func (v *liver) Categories(context.Context, string) ([]wxclient.Category, error) {
	return livedRead(v, "categories", func(mood) ([]wxclient.Category, error) {
		return []wxclient.Category{{FirstClass: "A", FirstID: 1}}, nil
	})
}

func (v *liver) Pages(context.Context, string) ([]string, error) { return []string{"p"}, nil }

func (v *liver) CodePrivacyInfo(context.Context, string) (wxclient.PrivacyInfo, error) {
	return livedRead(v, "privacy", func(mood) (wxclient.PrivacyInfo, error) { return wxclient.PrivacyInfo{}, nil })
}

func (v *liver) LatestAudit(context.Context, string) (wxclient.Audit, error) {
	if v.polls++; v.verdict > 0 && v.polls >= v.verdict && v.target.Stage == rollout.StageVerdict {
		v.cloud.decide("wx1", wxclient.AuditPassed)
	}
	v.reported["audit"] = false
	a, err := livedRead(v, "latest-audit", func(m mood) (wxclient.Audit, error) {
		a, err := v.cloud.latestAudit("wx1")
		// A known id shows the owner, and so do the texts.
		v.reported["audit"] = m == fine || m == noID || m == blank && a.ID == v.target.AuditID
		switch m {
		case blank:
			a.Version, a.Desc = "", ""
		case noID:
			a.ID = 0
		case void:
			a.ID, a.Version, a.Desc = 0, "", ""
		}
		return a, err
	})
	if slices.Contains([]int64{85012, 85058, 86001}, classify.Code(err)) {
		v.reported["audit"] = true
	}
	return a, err
}

func (v *liver) AuditStatus(_ context.Context, _ string, id int64) (wxclient.Audit, error) {
	return livedRead(v, "audit-status", func(mood) (wxclient.Audit, error) { return v.cloud.auditStatus("wx1", id) })
}

func (v *liver) GrayPlan(context.Context, string) (wxclient.GrayPlan, error) {
	return livedRead(v, "gray-plan", func(mood) (wxclient.GrayPlan, error) { return v.cloud.apps["wx1"].gray, nil })
}

func (v *liver) QueryQuota(context.Context, string) (wxclient.Quota, error) {
	return wxclient.Quota{Rest: 9, Limit: 9}, nil
}

func (v *liver) Commit(_ context.Context, app string, r wxclient.CommitRequest) error {
	return livedDo(v, "commit", func() error { return v.cloud.commit(app, r) })
}

func (v *liver) SubmitAudit(_ context.Context, app string, _ wxclient.SubmitRequest) (int64, error) {
	return livedWrite(v, "submit", func() (int64, error) { return v.cloud.submit(app) })
}

func (v *liver) UndoAudit(_ context.Context, app string) error {
	return livedDo(v, "undo", func() error { return v.cloud.withdraw(app) })
}

// released notes a release that WeChat took, which proves it with any reads.
func (v *liver) released(err error) error {
	v.took = v.took || err == nil || classify.Code(err) == 85052
	return err
}

func (v *liver) Release(_ context.Context, app string) error {
	return v.released(livedDo(v, "release", func() error { return v.cloud.release(app) }))
}

func (v *liver) GrayRelease(_ context.Context, app string, r wxclient.GrayRequest) error {
	return livedDo(v, "gray-release", func() error { return v.cloud.grayRelease(app, r.Percentage) })
}

func (v *liver) RevertRelease(_ context.Context, app string, _ *int64) error {
	return livedDo(v, "revert", func() error { return v.cloud.revert(app) })
}

func (v *liver) RevertGray(_ context.Context, app string) error {
	return livedDo(v, "revert-gray", func() error { return v.cloud.revertGray(app) })
}

// The ledger of a life.

func (v *liver) Start(_ context.Context, assignment rollout.Assignment, _ time.Duration) (rollout.Started, error) {
	v.target.State, v.target.Reason = rollout.StateRunning, rollout.ReasonActing
	v.reported, v.took = map[string]bool{}, false
	v.open = v.target.Intent != nil && v.target.Intent.Op == rollout.OpCommit
	return rollout.Started{Target: v.target, Status: rollout.StatusRunning, Now: v.now}, nil
}

func (v *liver) Save(_ context.Context, was, next rollout.Target, _ rollout.SaveOptions) (rollout.Target, error) {
	if v.old && next.State == rollout.StateParked {
		next.Tries = was.Tries
	}
	v.target = next
	v.target.Version++
	return v.target, nil
}

func (v *liver) Plan(context.Context, string, int) (rollout.Plan, error) { return v.plan, nil }
func (v *liver) Rollout(context.Context, string) (rollout.Rollout, error) {
	return rollout.Rollout{ID: "r1"}, nil
}

func (v *liver) Pause(context.Context, string, string, string) error {
	v.paused = true
	return nil
}

// NotePlatformFault ends a life: nothing is dispatched while such a fault stands.
func (v *liver) NotePlatformFault(context.Context, rollout.PlatformFault, string) (rollout.FaultReport, error) {
	v.closed = true
	return "", nil
}

// The permits of a life.

func (v *liver) Holds(context.Context, rollout.Stage, string) (bool, int64, error) {
	return true, 0, nil
}
func (v *liver) Settle(context.Context, rollout.Stage, string, string, ratelimit.Use) error {
	return nil
}

func (v *liver) Open(context.Context, rollout.Stage) bool { return true }

func (v *liver) ClosedFor(context.Context, rollout.Stage) string { return "" }

// Refused says that the app alone is refused: the platform has submissions left.
func (v *liver) Refused(context.Context, ratelimit.Refusal) (closed bool, err error) {
	return false, nil
}

func (v *liver) Close(context.Context, rollout.Stage, ratelimit.Refusal, time.Duration) error {
	v.closed = true
	return nil
}

func (v *liver) Refill(context.Context, func(context.Context) (int64, int64, error)) (int64, error) {
	return 9, nil
}
