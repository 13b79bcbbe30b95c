package tasks

import (
	"context"

	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient"
)

// versionReader reads the versions of an app.
type versionReader interface {
	VersionInfo(ctx context.Context, appid string) (wxclient.VersionInfo, error)
}

// auditReader reads the app's last submission.
type auditReader interface {
	LatestAudit(ctx context.Context, appid string) (wxclient.Audit, error)
}

// What a reply lacks that does not show whose a version or an audit is.
const (
	whichTrial = "which trial version the app has"
	whichLive  = "which version is live"
	whoseAudit = "whose the last audit is"
)

// readTrial reads whose the app's trial version is.
func (r *run) readTrial(ctx context.Context, wx versionReader) (fact, error) {
	versions, err := wx.VersionInfo(ctx, r.assignment.AppID)
	if err != nil {
		return unknown, err
	}
	return trialFact(r.mark(), versions), nil
}

// readLive reads whose the live version is, and its name.
func (r *run) readLive(ctx context.Context, wx versionReader) (whose fact, version string, err error) {
	versions, err := wx.VersionInfo(ctx, r.assignment.AppID)
	if err != nil {
		return unknown, "", err
	}
	if versions.Release != nil {
		version = versions.Release.Version
	}
	return liveFact(r.mark(), versions), version, nil
}

// Errcodes of get_latest_auditstatus for an app without a submission.
const (
	codeBadAuditID = 85012
	codeNoAuditID  = 85058
	codeNoTrial    = 86001
)

// readAudit reads the app's last submission, if there is one. Fields that the reply lacks are zero.
func (r *run) readAudit(ctx context.Context, wx auditReader) (latest wxclient.Audit, exists bool, err error) {
	latest, err = wx.LatestAudit(ctx, r.assignment.AppID)
	switch classify.Code(err) {
	case codeBadAuditID, codeNoAuditID, codeNoTrial:
		return wxclient.Audit{}, false, nil
	default:
		return latest, err == nil, err
	}
}

// undecided reports whether a submission is in audit.
func undecided(a wxclient.Audit) bool {
	return a.Status == wxclient.AuditPending || a.Status == wxclient.AuditDelayed
}
