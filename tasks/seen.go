package tasks

import (
	"context"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Seen is what a handler saw of an app on its way. What is empty was not looked at.
type Seen struct {
	// Account is what get_authorizer_info said.
	Account *wxclient.AuthorizerInfo
	// Live is the version users have.
	Live string
	// Privacy is what the detection of the last commit found: PrivacyOK, or the apis.
	Privacy string
}

// PrivacyOK is a detection that found nothing.
const PrivacyOK = "ok"

// saw tells the hook.
func (r *run) saw(ctx context.Context, s Seen) {
	if r.hooks.Seen != nil {
		r.hooks.Seen(ctx, r.assignment.AppID, s)
	}
}

// privacyWords are what a detection found.
func privacyWords(info wxclient.PrivacyInfo) string {
	var parts []string
	if len(info.WithoutConf) > 0 {
		parts = append(parts, "undeclared: "+strings.Join(info.WithoutConf, " "))
	}
	if len(info.WithoutAuth) > 0 {
		parts = append(parts, "without the right: "+strings.Join(info.WithoutAuth, " "))
	}
	if len(parts) == 0 {
		return PrivacyOK
	}
	return strings.Join(parts, "; ")
}
