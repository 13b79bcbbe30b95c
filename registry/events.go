package registry

import (
	"context"
	"fmt"
)

// The callbacks that concern credentials, by WeChat's InfoType.
const (
	eventTicket           = "component_verify_ticket"
	eventAuthorized       = "authorized"
	eventUpdateAuthorized = "updateauthorized"
	eventUnauthorized     = "unauthorized"
)

// Event is a verified callback, as far as credentials are concerned.
type Event struct {
	// Type is WeChat's InfoType.
	Type string
	// AppID is the app concerned, "" for a ticket.
	AppID string
	// CreateTime is in unix seconds.
	CreateTime int64
	// Ticket is the verify ticket: a secret.
	Ticket string `json:"-"`
	// AuthCode is the authorization code: a secret.
	AuthCode string `json:"-"`
}

// String renders the event without its secrets.
func (e Event) String() string { return fmt.Sprintf("%s of %q at %d", e.Type, e.AppID, e.CreateTime) }

// GoString is String, so that %#v shows no secret either.
func (e Event) GoString() string { return e.String() }

// HandleEvent stores a ticket, trades an authorization for tokens, and forgets an app that took its
// authorization back. handled is false for every other type. Repeated callbacks and callbacks out of
// order do no harm. An error asks WeChat to repeat the callback.
func (t *Tokens) HandleEvent(ctx context.Context, e Event) (handled bool, err error) {
	switch e.Type {
	case eventTicket:
		return true, t.SetTicket(ctx, e.Ticket, e.CreateTime)
	case eventAuthorized, eventUpdateAuthorized:
		return true, t.authorized(ctx, e)
	case eventUnauthorized:
		s := t.slot(e.AppID)
		defer t.cache.clear(s.key)
		return true, t.store.forget(ctx, s, e.CreateTime)
	default:
		return false, nil
	}
}

func (t *Tokens) authorized(ctx context.Context, e Event) error {
	f := fresh{since: e.CreateTime}
	auth, err := t.client.QueryAuth(ctx, e.AuthCode)
	switch answerCode(err) {
	case codeBadCode, codeBadAuthCode, codeAuthCodeExpired:
		// The code is spent: a repeated callback. The refresh token can still be read.
		if f.refresh, err = t.readBack(ctx, e.AppID); err != nil {
			return err
		}
	default:
		if err != nil {
			return fmt.Errorf("trade an authorization code: %w", err)
		}
		if auth.AppID != e.AppID {
			return fmt.Errorf("trade an authorization code: it is for app %s, the callback for %s", auth.AppID, e.AppID)
		}
		f.token, f.life, f.refresh = auth.Token.Access, auth.Token.ExpiresIn, auth.Token.Refresh
	}
	s := t.slot(e.AppID)
	defer t.cache.clear(s.key)
	_, err = t.store.put(ctx, s, byEvent, f)
	return err
}
