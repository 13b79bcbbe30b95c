package run

import (
	"context"

	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/tasks/whose"
	"github.com/wxrollout/wxrollout/wxclient"
)

// VersionReader reads the versions of an app.
type VersionReader interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
}

// AuditReader reads the app's last submission.
type AuditReader interface {
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
}

// What a reply lacks that does not show whose a version or an audit is.
const (
	WhichTrial = "which trial version the app has"
	WhichLive  = "which version is live"
	WhoseAudit = "whose the last audit is"
	AuditState = "a documented status of our audit"
)

// ReadTrial reads whose the app's trial version is.
func (r *Run) ReadTrial(ctx context.Context, wx VersionReader) (whose.Fact, error) {
	versions, err := wx.VersionInfo(ctx, r.Assignment.AppID)
	if err != nil {
		return whose.Unknown, err
	}
	return whose.Trial(r.Mark(), versions), nil
}

// ReadLive reads whose the live version is, and its name.
func (r *Run) ReadLive(ctx context.Context, wx VersionReader) (live whose.Fact, version string, err error) {
	versions, err := wx.VersionInfo(ctx, r.Assignment.AppID)
	if err != nil {
		return whose.Unknown, "", err
	}
	if versions.Release != nil {
		version = versions.Release.Version
	}
	return whose.Live(r.Mark(), versions), version, nil
}

// Errcodes of get_latest_auditstatus for an app without a submission.
const (
	codeBadAuditID = 85012
	codeNoAuditID  = 85058
	CodeNoTrial    = 86001
)

// ReadAudit reads the app's last submission, if there is one. Fields that the reply lacks are zero.
func (r *Run) ReadAudit(ctx context.Context, wx AuditReader) (latest wxclient.Audit, exists bool, err error) {
	latest, err = wx.LatestAudit(ctx, r.Assignment.AppID)
	switch classify.Code(err) {
	case codeBadAuditID, codeNoAuditID, CodeNoTrial:
		return wxclient.Audit{}, false, nil
	default:
		return latest, err == nil, err
	}
}

// Undecided reports whether a submission is in audit.
func Undecided(a wxclient.Audit) bool {
	return a.Status == wxclient.AuditPending || a.Status == wxclient.AuditDelayed
}

// Documented reports whether the status of a submission is one that WeChat documents. Any other shows
// nothing: the submission may be in audit.
func Documented(a wxclient.Audit) bool {
	return a.Status >= wxclient.AuditPassed && a.Status <= wxclient.AuditDelayed
}

// Mark distinguishes the target's own versions.
func (r *Run) Mark() whose.Mark {
	return whose.Mark{Rollout: r.Assignment.Rollout, Revision: r.Target.Revision, Version: r.Plan.Template.Version, Desc: r.Plan.Desc(r.Assignment.Rollout, r.Target.Revision)}
}
