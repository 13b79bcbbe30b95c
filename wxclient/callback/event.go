package callback

import (
	"context"
	"errors"
	"fmt"
	"strconv"
)

// The events that this program acts on. Sinks receive others under WeChat's name.
const (
	// TypeTicket brings a new verify ticket, about every 10 minutes.
	TypeTicket = "component_verify_ticket"
	// TypeAuthorized: an app authorized the component; AuthCode is set.
	TypeAuthorized = "authorized"
	// TypeUpdateAuthorized: the granted permission sets changed; AuthCode is set.
	TypeUpdateAuthorized = "updateauthorized"
	// TypeUnauthorized: an app withdrew its authorization.
	TypeUnauthorized = "unauthorized"
	// TypeAuditSuccess: a version of the app passed; read which one.
	TypeAuditSuccess = "weapp_audit_success"
	// TypeAuditFail: a version was rejected; Reason and ScreenShot are set.
	TypeAuditFail = "weapp_audit_fail"
	// TypeAuditDelay: an audit takes longer; a verdict follows. Reason is set.
	TypeAuditDelay = "weapp_audit_delay"
	// TypeEnterprise (WeChat's spelling): the creation of an enterprise's or a person's app ended.
	// Status is set, and AppID and AuthCode on success.
	TypeEnterprise = "notify_third_fasteregister"
	// TypeTrial: the creation of a trial app ended; authorized follows. Status is set, and UniqueID
	// and AppID on success.
	TypeTrial = "notify_third_fastregisterbetaapp"
	// TypeConversion: the conversion of a trial app ended. Status and AppID are set.
	TypeConversion = "notify_third_fastverifybetaapp"
)

// Event is one verified callback. Fields that the type does not have are empty.
type Event struct {
	// Type is WeChat's InfoType or Event.
	Type string
	// AppID is the app of the event: from the message for authorization events, from the URL path for
	// app messages (where no signature covers it), empty for the ticket.
	AppID string
	// CreateTime is in unix seconds.
	CreateTime int64
	// Ticket is the verify ticket: a secret.
	Ticket string `json:"-"`
	// AuthCode is the authorization code: a secret.
	AuthCode string `json:"-"`
	// UserName is the app's gh_ id, for app messages.
	UserName string
	// Reason is WeChat's explanation with <br> markup.
	Reason string
	// ScreenShot holds media ids joined by a vertical bar.
	ScreenShot string
	// VerdictTime is when the audit ended or was delayed, in unix seconds.
	VerdictTime int64
	// Status is the result of an app creation: 0 is success, others are WeChat's numbers for the
	// failure, with WeChat's text in Reason.
	Status int64
	// UniqueID, Name and Code identify an app creation: the id of a trial app, the name of the app or
	// its owner, and the enterprise's code. WeChat omits some or all of them.
	UniqueID, Name, Code string
}

// endsCreation reports whether a type is the end of an app creation.
func endsCreation(kind string) bool {
	return kind == TypeEnterprise || kind == TypeTrial || kind == TypeConversion
}

// String renders the event without its secrets.
func (e Event) String() string { return fmt.Sprintf("%s of %q at %d", e.Type, e.AppID, e.CreateTime) }

// GoString is String, so that %#v shows no secret either.
func (e Event) GoString() string { return e.String() }

// Sink receives the events. Handle has about 4 seconds: it should store the event and do the work
// later. After an error WeChat repeats the callback. Handle must be idempotent.
type Sink interface {
	Handle(ctx context.Context, e Event) error
}

var errNotAnEvent = errors.New("the message is no event")

// authEvent reads a message of the authorization URL.
func authEvent(f fields, component string) (Event, error) {
	if f["AppId"] != component {
		return Event{}, ErrForeign
	}
	e := Event{
		Type:     f["InfoType"],
		AppID:    f.first("AuthorizerAppid", "authorizer_appid", "appid"),
		Ticket:   f["ComponentVerifyTicket"],
		AuthCode: f.first("AuthorizationCode", "auth_code"),
		Reason:   f.first("msg", "message"),
	}
	if endsCreation(e.Type) {
		status, err := strconv.ParseInt(f["status"], 10, 64)
		if err != nil { // never taken for 0, which is success
			return Event{}, errors.New("the status is no number")
		}
		e.Status, e.UniqueID, e.Code = status, f.first("info.unique_id", "unique_id"), f["info.code"]
		e.Name = f.first("info.name", "info.enterprise_name")
	}
	return e.finish(f)
}

// appEvent reads a message of the app URL. User messages give errNotAnEvent.
func appEvent(f fields, appid string) (Event, error) {
	if f["MsgType"] != "event" && f["MsgType"] != "" {
		return Event{}, errNotAnEvent
	}
	if named := f.first("AuthorizerAppid", "AppId", "appid"); named != "" && named != appid {
		return Event{}, ErrForeign
	}
	e := Event{
		Type:       f["Event"],
		AppID:      appid,
		UserName:   f["ToUserName"],
		Reason:     f["Reason"],
		ScreenShot: f["ScreenShot"],
	}
	if at := f.first("SuccTime", "FailTime", "DelayTime"); at != "" {
		n, err := strconv.ParseInt(at, 10, 64)
		if err != nil {
			return Event{}, errors.New("the verdict time is no number")
		}
		e.VerdictTime = n
	}
	return e.finish(f)
}

func (e Event) finish(f fields) (Event, error) {
	if e.Type == "" {
		return Event{}, errors.New("the message has no type")
	}
	if e.Type == TypeTicket && e.Ticket == "" {
		return Event{}, errors.New("the ticket message has no ticket")
	}
	n, err := strconv.ParseInt(f["CreateTime"], 10, 64)
	if err != nil {
		return Event{}, errors.New("CreateTime is no number")
	}
	e.CreateTime = n
	return e, nil
}
