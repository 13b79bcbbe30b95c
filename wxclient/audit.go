package wxclient

import (
	"context"
	"fmt"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// AuditStatus is the state of one audit. WeChat moves it; only AuditWithdrawn is our doing.
type AuditStatus int64

// The audit states WeChat documents. Any other value shows nothing: the audit may be pending or over.
const (
	// AuditPassed: the version may be released.
	AuditPassed AuditStatus = 0
	// AuditRejected: Reason and Screenshot say why; final.
	AuditRejected AuditStatus = 1
	// AuditPending: WeChat has not decided.
	AuditPending AuditStatus = 2
	// AuditWithdrawn: withdrawn by a call or on the console; final.
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
	// Version and Desc are those of the commit. "" means unknown: WeChat does not always return them, and
	// AuditStatus never does. It does not mean that another system submitted; ID proves ownership.
	Version, Desc string
	// SubmittedAt is the time of the submission in unix seconds; 0 from AuditStatus.
	SubmittedAt int64
}

type auditReply struct {
	ID          *wire.Integer `json:"auditid"`
	Status      *wire.Integer `json:"status" need:"yes"`
	Reason      string        `json:"reason"`
	Screenshot  string        `json:"screenshot"` // also sent as ScreenShot
	Version     string        `json:"user_version"`
	Desc        string        `json:"user_desc"`
	SubmittedAt wire.Integer  `json:"submit_audit_time"`
}

func (r *auditReply) audit() Audit {
	return Audit{
		ID: r.ID.Value(), Status: AuditStatus(r.Status.Value()), Reason: r.Reason, Screenshot: r.Screenshot,
		Version: r.Version, Desc: r.Desc, SubmittedAt: int64(r.SubmittedAt),
	}
}

// LatestAudit reads the last submission of the app with its version: the call to make before
// every SubmitAudit and before every Release. An ID of 0, or a blank Version or Desc, means that the
// reply lacks it. An app without a submission is an errcode.
//
// WeChat page: api_getlatestauditstatus. Codes: 85012, 86000, 86001 if there was none.
func (c *Client) LatestAudit(ctx context.Context, appid string) (Audit, error) {
	var reply auditReply
	if err := c.wire.CallApp(ctx, appid, wire.Get("/wxa/get_latest_auditstatus"), &reply); err != nil {
		return Audit{}, err
	}
	return reply.audit(), nil
}

// AuditStatus reads one submission by its id. The reply names no version.
//
// WeChat page: api_getauditstatus. Codes: 85012 not an audit of this app (call LatestAudit).
func (c *Client) AuditStatus(ctx context.Context, appid string, auditID int64) (Audit, error) {
	var reply auditReply
	if err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/get_auditstatus", auditRef{auditID}), &reply); err != nil {
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

// UndoAudit withdraws the running audit. An app has 5 of these a day and 10 a month. WeChat does not
// document that the unit of submission quota is restored.
//
// WeChat page: api_undoaudit (a GET that writes). Codes: 87013 allowance spent, 87012.
func (c *Client) UndoAudit(ctx context.Context, appid string) error {
	r := wire.Get("/wxa/undocodeaudit")
	r.Writes = true
	return c.wire.CallApp(ctx, appid, r, nil)
}

// SpeedUpAudit requests a verdict within 2 to 12 hours and spends one speed-up of the month.
//
// WeChat page: api_speedupcodeaudit. Codes: 89401-89405.
func (c *Client) SpeedUpAudit(ctx context.Context, appid string, auditID int64) error {
	return c.wire.CallApp(ctx, appid, wire.Post("/wxa/speedupaudit", auditRef{auditID}), nil)
}

// Quota is what the platform has left this month. All apps of the component share it.
type Quota struct {
	// Rest and Limit count submissions. Zero of zero can mean a platform without any quota.
	Rest, Limit int64
	// SpeedupRest and SpeedupLimit count speed-ups; -1 means that WeChat does not show them.
	SpeedupRest, SpeedupLimit int64
}

type quotaReply struct {
	Rest         *wire.Integer `json:"rest" need:"yes"`
	Limit        *wire.Integer `json:"limit" need:"yes"`
	SpeedupRest  *wire.Integer `json:"speedup_rest"`
	SpeedupLimit *wire.Integer `json:"speedup_limit"`
}

// QueryQuota reads the platform's quota through the token of any of its apps. A reply that
// lacks the number of submissions is an error, not zero.
//
// WeChat page: api_setcodeauditquota. Codes: -1.
func (c *Client) QueryQuota(ctx context.Context, appid string) (Quota, error) {
	var reply quotaReply
	if err := c.wire.CallApp(ctx, appid, wire.Get("/wxa/queryquota"), &reply); err != nil {
		return Quota{}, err
	}
	q := Quota{Rest: reply.Rest.Value(), Limit: reply.Limit.Value(), SpeedupRest: -1, SpeedupLimit: -1}
	if reply.SpeedupRest != nil && reply.SpeedupLimit != nil {
		q.SpeedupRest, q.SpeedupLimit = reply.SpeedupRest.Value(), reply.SpeedupLimit.Value()
	}
	return q, nil
}
