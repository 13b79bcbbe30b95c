package registry

import (
	"context"
	"errors"
	"fmt"
	"time"
)

// fetch asks WeChat for a new token in place of r.
func (t *Tokens) fetch(ctx context.Context, s slot, r row) (fresh, error) {
	ctx, cancel := context.WithTimeout(ctx, renewWithin)
	defer cancel()
	if s.appid == "" {
		return t.fetchComponent(ctx)
	}
	return t.fetchApp(ctx, s.appid, r.refresh)
}

// fetchComponent needs the secret and a ticket. Without a ticket that WeChat accepts, it asks for one.
func (t *Tokens) fetchComponent(ctx context.Context) (fresh, error) {
	ticket, err := t.usableTicket(ctx)
	if err == nil {
		var token string
		var life time.Duration
		if token, life, err = t.client.FetchComponentToken(ctx, t.secret, ticket); err == nil {
			return fresh{token: token, life: life}, nil
		}
		err = componentFault(err)
	}
	if !needsTicket(err) {
		return fresh{}, err
	}
	_, asking := t.requestTickets(ctx)
	return fresh{}, errors.Join(err, asking)
}

// fetchApp trades the refresh token. If there is none, or WeChat refuses it, the current one is
// read back once from the app's info.
func (t *Tokens) fetchApp(ctx context.Context, appid, refresh string) (fresh, error) {
	var refused error
	if refresh != "" {
		f, err := t.refresh(ctx, appid, refresh)
		if !refreshRefused(err) {
			return f, err
		}
		refused = err
	}
	current, err := t.readBack(ctx, appid)
	if err != nil {
		return fresh{}, err
	}
	if current == refresh {
		return fresh{}, mustReauthorize(appid, refused)
	}
	f, err := t.refresh(ctx, appid, current)
	if refreshRefused(err) {
		return fresh{}, mustReauthorize(appid, err)
	}
	return f, err
}

// refreshTries bounds the component tokens that a renewal of an app's token goes through: a
// forgotten one of this process's memory, the stored one, a renewed one, and one more.
const refreshTries = 4

// refresh trades one refresh token. If WeChat refuses the component's token, that is
// renewed once, and a refusal of the renewed one is the platform's fault and not the app's. One
// that others replaced already does not count.
func (t *Tokens) refresh(ctx context.Context, appid, refresh string) (fresh, error) {
	var refused error
	for dropped, tries := 0, 0; dropped < 2 && tries < refreshTries; tries++ {
		component, err := t.ComponentToken(ctx)
		if err != nil {
			return fresh{}, err
		}
		pair, err := t.client.RefreshAuthorizerToken(ctx, component, appid, refresh)
		switch {
		case err == nil:
			return fresh{token: pair.Access, life: pair.ExpiresIn, refresh: pair.Refresh}, nil
		case authorizationGone(err):
			return fresh{}, mustReauthorize(appid, err)
		case !tokenRefused(err):
			return fresh{}, fmt.Errorf("renew an app's token: %w", err)
		}
		refused = err
		stored, err := t.refuse(ctx, t.slot(""), component)
		if err != nil {
			return fresh{}, err
		}
		if stored {
			dropped++
		}
	}
	return fresh{}, &CredentialError{
		What: "a renewed component token is refused", Err: refused,
		Hint: "something else renews it too: let only this registry ask for component tokens",
	}
}

// errNotShown is a reply without a refresh token, which does not mean that the authorization has ended.
var errNotShown = errors.New("WeChat's reply shows no refresh token")

// readBack reads the app's current refresh token from WeChat. A reply that shows none is an error: it
// proves nothing about the authorization.
func (t *Tokens) readBack(ctx context.Context, appid string) (string, error) {
	info, err := t.client.AuthorizerInfo(ctx, appid)
	if authorizationGone(err) {
		return "", mustReauthorize(appid, err)
	}
	if err != nil {
		return "", fmt.Errorf("read an app's refresh token back: %w", err)
	}
	if info.RefreshToken == "" {
		return "", fmt.Errorf("read the refresh token of app %s back: %w: try again, and if that persists, let the merchant authorize the platform again", appid, errNotShown)
	}
	return info.RefreshToken, nil
}

// refreshRefused reports whether WeChat refused the refresh token itself.
func refreshRefused(err error) bool {
	switch answerCode(err) {
	case codeRefreshRefused, codeBadRefresh, codeNoRefresh, codeRefreshExpired:
		return true
	default:
		return false
	}
}

// authorizationGone reports whether the app's authorization has ended.
func authorizationGone(err error) bool {
	switch answerCode(err) {
	case codeNotAuthorized, codeNotRelated, codePasswordChanged:
		return true
	default:
		return false
	}
}
