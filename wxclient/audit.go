package wxclient

import (
	"context"
	"fmt"
)

// AuditStatus is the state of one audit. WeChat moves it; only AuditWithdrawn is our doing.
type AuditStatus int64

// The audit states WeChat documents. Treat any other value as "look again later".
const (
	// AuditPassed: the version may be released.
	AuditPassed AuditStatus = 0
	// AuditRejected: Reason and Screenshot say why; final.
	AuditRejected AuditStatus = 1
	// AuditPending: WeChat has not decided.
	AuditPending AuditStatus = 2
	// AuditWithdrawn: we, or someone on the console, took it back; final.
	AuditWithdrawn AuditStatus = 3
	// AuditDelayed: WeChat needs longer; Reason says why. A verdict follows.
	AuditDelayed AuditStatus = 4
)

// String returns our word for the state.
func (s AuditStatus) String() string {
	switch s {
	case AuditPassed:
		return "passed"
	case AuditRejected:
		return "rejected"
	case AuditPending:
		return "pending"
	case AuditWithdrawn:
		return "withdrawn"
	case AuditDelayed:
		return "delayed"
	default:
		return fmt.Sprintf("status %d", int64(s))
	}
}

// Audit is one submission and its state.
type Audit struct {
	// ID is the auditid.
	ID int64
	// Status is the state; a reply without one is an error, never "passed".
	Status AuditStatus
	// Reason is filled for rejected and delayed audits and holds <br> markup.
	Reason string
	// Screenshot holds media ids joined by a vertical bar.
	Screenshot string
	// Version and Desc are those of the commit. "" means that WeChat does not show them (AuditStatus
	// never does): unknown, and no proof that somebody else submitted. ID proves ownership.
	Version, Desc string
	// SubmittedAt is the time of the submission in unix seconds; 0 from AuditStatus.
	SubmittedAt int64
}

type auditReply struct {
	ID          *integer `json:"auditid"`
	Status      *integer `json:"status"`
	Reason      string   `json:"reason"`
	Screenshot  string   `json:"screenshot"` // also sent as ScreenShot
	Version     string   `json:"user_version"`
	Desc        string   `json:"user_desc"`
	SubmittedAt integer  `json:"submit_audit_time"`
}

func (r *auditReply) check() error {
	if r.Status == nil {
		return missing("status")
	}
	return nil
}

func (r *auditReply) audit() Audit {
	return Audit{
		ID: r.ID.value(), Status: AuditStatus(r.Status.value()), Reason: r.Reason, Screenshot: r.Screenshot,
		Version: r.Version, Desc: r.Desc, SubmittedAt: int64(r.SubmittedAt),
	}
}

// LatestAudit reads the last submission of the app with its version: the call to make before
// every SubmitAudit and before every Release. An ID of 0, or a blank Version or Desc, means that
// the reply does not tell it, and never that there is none: that is an errcode.
//
// WeChat page: api_getlatestauditstatus. Codes: 85012, 86000, 86001 if there was none.
func (c *Client) LatestAudit(ctx context.Context, appid string) (Audit, error) {
	var reply auditReply
	if err := c.callApp(ctx, appid, get("/wxa/get_latest_auditstatus"), &reply); err != nil {
		return Audit{}, err
	}
	return reply.audit(), nil
}

// AuditStatus reads one submission by its id. The reply names no version.
//
// WeChat page: api_getauditstatus. Codes: 85012 not an audit of this app (ask LatestAudit).
func (c *Client) AuditStatus(ctx context.Context, appid string, auditID int64) (Audit, error) {
	var reply auditReply
	if err := c.callApp(ctx, appid, post("/wxa/get_auditstatus", auditRef{auditID}), &reply); err != nil {
		return Audit{}, err
	}
	audit := reply.audit()
	audit.ID = auditID
	return audit, nil
}

// auditRef is the body of the calls that name an audit; ids go out as numbers.
type auditRef struct {
	ID int64 `json:"auditid"`
}

// UndoAudit takes the running audit back. An app has 5 of these a day and 10 a month, and the
// unit of submission quota is not known to come back.
//
// WeChat page: api_undoaudit (a GET that writes). Codes: 87013 allowance spent, 87012.
func (c *Client) UndoAudit(ctx context.Context, appid string) error {
	r := get("/wxa/undocodeaudit")
	r.writes = true
	return c.callApp(ctx, appid, r, nil)
}

// SpeedUpAudit asks for a verdict within 2 to 12 hours and spends one speed-up of the month.
//
// WeChat page: api_speedupcodeaudit. Codes: 89401-89405.
func (c *Client) SpeedUpAudit(ctx context.Context, appid string, auditID int64) error {
	return c.callApp(ctx, appid, post("/wxa/speedupaudit", auditRef{auditID}), nil)
}

// Quota is what the platform has left this month. All apps of the component share it.
type Quota struct {
	// Rest and Limit count submissions. Zero of zero can mean a platform without any quota.
	Rest, Limit int64
	// SpeedupRest and SpeedupLimit count speed-ups.
	SpeedupRest, SpeedupLimit int64
}

type quotaReply struct {
	Rest         *integer `json:"rest"`
	Limit        *integer `json:"limit"`
	SpeedupRest  *integer `json:"speedup_rest"`
	SpeedupLimit *integer `json:"speedup_limit"`
}

func (r *quotaReply) check() error {
	for _, f := range []struct {
		name  string
		value *integer
	}{{"rest", r.Rest}, {"limit", r.Limit}, {"speedup_rest", r.SpeedupRest}, {"speedup_limit", r.SpeedupLimit}} {
		if f.value == nil {
			return missing(f.name)
		}
	}
	return nil
}

// QueryQuota reads the platform's quota through the token of any of its apps. A reply that
// lacks a number is an error, not zero.
//
// WeChat page: api_setcodeauditquota. Codes: -1.
func (c *Client) QueryQuota(ctx context.Context, appid string) (Quota, error) {
	var reply quotaReply
	if err := c.callApp(ctx, appid, get("/wxa/queryquota"), &reply); err != nil {
		return Quota{}, err
	}
	return Quota{
		Rest: reply.Rest.value(), Limit: reply.Limit.value(),
		SpeedupRest: reply.SpeedupRest.value(), SpeedupLimit: reply.SpeedupLimit.value(),
	}, nil
}
