package registry

import (
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/wxclient"
)

// CredentialError means that a token cannot be had until a human, or the merchant, acts.
// It may wrap a *wxclient.Error: look for CredentialError first, since the class of the
// wrapped code (40001 is retry-token) speaks of the credential call, not of the caller's.
type CredentialError struct {
	// What is missing or refused, like "verify ticket".
	What string
	// AppID is the app concerned; "" means the platform itself, and so every app.
	AppID string
	// Hint is what to do.
	Hint string
	// Err is the cause; may be nil.
	Err error
}

// Error renders what is wrong and what to do about it.
func (e *CredentialError) Error() string {
	who := "the platform"
	if e.AppID != "" {
		who = "app " + e.AppID
	}
	text := fmt.Sprintf("credentials of %s: %s: %s", who, e.What, e.Hint)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the cause.
func (e *CredentialError) Unwrap() error { return e.Err }

// The codes of the credential calls that a human has to act on.
const (
	codeBadSecret       = 40001
	codeBadAppID        = 40013
	codeBadRefresh      = 40030
	codeBadSecret2      = 40125
	codeNoRefresh       = 41003
	codeRefreshExpired  = 42002
	codePasswordChanged = 42007
	codeNotRelated      = 43007
	codeNotAuthorized   = 61003
	codeAddress         = 61004
	codeTicketExpired   = 61005
	codeTicketWrong     = 61006
	codeBadComponent    = 61011
	codeRefreshRefused  = 61023
	codeBadAuthCode     = 61009
	codeAuthCodeExpired = 61010
	codeBadCode         = 40029
)

// answerCode returns the errcode WeChat answered a call with; 0 if err is no answer, or the
// answer to another call, made to get a token for this one.
func answerCode(err error) int64 {
	var notSent *wxclient.NotSentError
	if errors.As(err, &notSent) {
		return 0
	}
	var answer *wxclient.Error
	if errors.As(err, &answer) {
		return answer.Code
	}
	return 0
}

// tokenRefused reports whether WeChat refused the token the call carried.
func tokenRefused(err error) bool {
	var answer *wxclient.Error
	return errors.As(err, &answer) && answer.Class == wxclient.ClassRetryToken
}

// componentFault explains why WeChat gave no component token; err itself if that is not
// for a human to fix.
func componentFault(err error) error {
	fault := func(what, hint string) error { return &CredentialError{What: what, Hint: hint, Err: err} }
	switch answerCode(err) {
	case codeBadSecret, codeBadSecret2:
		return fault("component secret is wrong", "compare it with the platform's console")
	case codeBadAppID, codeBadComponent:
		return fault("component appid is wrong", "compare it with the platform's console")
	case codeAddress:
		return fault("this machine's address is refused", "add it to the allow-list on the platform's console")
	case codeTicketExpired, codeTicketWrong:
		return fault(ticketRefused, newTicketHint)
	default:
		return fmt.Errorf("get a component token: %w", err)
	}
}

// What is wrong with a ticket.
const (
	ticketRefused = "verify ticket is refused"
	ticketNone    = "no verify ticket yet"
	ticketOld     = "verify ticket is too old"

	newTicketHint = "WeChat sends one about every 10 minutes, and is asked again when none arrives: check that the event URL on the platform's console " +
		"leads here, or set WXROLLOUT_COMPONENT_TICKET for a start by hand"
)

func noTicket() error { return &CredentialError{What: ticketNone, Hint: newTicketHint} }

func oldTicket(age time.Duration) error {
	return &CredentialError{
		What: ticketOld, Hint: newTicketHint,
		Err: fmt.Errorf("the newest arrived %s ago, and WeChat accepts none after %s", age.Round(time.Minute), TicketLife),
	}
}

// needsTicket reports whether a new ticket would help.
func needsTicket(err error) bool {
	var credential *CredentialError
	if !errors.As(err, &credential) {
		return false
	}
	return credential.What == ticketRefused || credential.What == ticketNone || credential.What == ticketOld
}

func mustReauthorize(appid string, err error) error {
	return &CredentialError{
		What: "authorization is gone", AppID: appid,
		Hint: "the merchant must authorize the platform again", Err: err,
	}
}

func badSeal(key string) error {
	return &CredentialError{
		What: "stored value under " + key + " was sealed with another key",
		Hint: "start with that key as the previous one, or delete the row to start over", Err: ErrSeal,
	}
}

// CredentialOf is the app whose merchant must act; "" is the platform itself. Callers need not import
// this package to distinguish them.
func (e *CredentialError) CredentialOf() string { return e.AppID }

// ServiceError means that the token service gave no usable answer: it is out of reach, too slow
// or busy. No app and no plan is at fault.
type ServiceError struct {
	// Err is the cause, without the URL and secrets.
	Err error
}

// Error renders what was attempted and the cause.
func (e *ServiceError) Error() string { return "ask the token broker: " + e.Err.Error() }

// Unwrap returns the cause.
func (e *ServiceError) Unwrap() error { return e.Err }

// TokenServiceDown marks the error for callers that don't import this package.
func (e *ServiceError) TokenServiceDown() {}
