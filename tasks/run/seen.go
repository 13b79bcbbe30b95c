package run

import (
	"strings"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Seen is what a handler read of an app; an empty field was not read.
type Seen struct {
	// Account is what get_authorizer_info said.
	Account *wxclient.AuthorizerInfo
	// Live is the live version.
	Live string
	// Privacy is the result of the privacy detection of the last commit: PrivacyOK, or the APIs.
	Privacy string
}

// PrivacyOK is a detection that found nothing.
const PrivacyOK = "ok"

// PrivacyWords is the result of a detection as text.
func PrivacyWords(info wxclient.PrivacyInfo) string {
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
