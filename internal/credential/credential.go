// Package credential classifies errors by whether the platform's own credentials caused them.
package credential

import (
	"errors"

	"github.com/wxrollout/wxrollout/wxclient"
)

// OfflineError reports a command that needs WeChat in an installation without credentials.
type OfflineError struct {
	// What was attempted.
	What string
}

func (e *OfflineError) Error() string {
	return e.What + ": needs WeChat, and no credentials are set (component-appid, component secret, seal key)"
}

// AtFault reports whether the platform's own credentials, not an app or a plan, caused err.
func AtFault(err error) bool {
	if app, ok := AppOf(err); ok {
		return app == ""
	}
	if errors.As(err, new(*OfflineError)) {
		return true
	}
	var api *wxclient.Error
	return errors.As(err, &api) && (api.Class == wxclient.ClassFatalConfig || api.Class == wxclient.ClassRetryToken)
}

// AppOf returns the app of a credential error, or "" if it is the platform's; ok reports whether
// err is one.
func AppOf(err error) (appID string, ok bool) {
	var cred interface{ CredentialOf() (appid string) }
	if !errors.As(err, &cred) {
		return "", false
	}
	return cred.CredentialOf(), true
}
