package registry

import "errors"

// The results of asking for a token. A closed set.
const (
	// RenewalOK: there is a new one.
	RenewalOK = "ok"
	// RenewalBusy: WeChat, the broker or Redis gave no answer, or a busy one; it is tried again.
	RenewalBusy = "busy"
	// RenewalMerchant: an app's merchant has to authorize the platform again.
	RenewalMerchant = "merchant"
	// RenewalPlatform: the platform's own credentials are at fault.
	RenewalPlatform = "platform"
)

// RenewalResults lists every result, for callers that prepare a label per result.
func RenewalResults() []string {
	return []string{RenewalOK, RenewalBusy, RenewalMerchant, RenewalPlatform}
}

// Renewal is one request for a new token, to WeChat or to a broker.
type Renewal struct {
	// App reports that it was for an app's token, not the component's.
	App bool
	// Result is one of RenewalResults.
	Result string
}

// renewalOf classifies the result of a token request.
func renewalOf(appid string, err error) Renewal {
	r := Renewal{App: appid != "", Result: RenewalOK}
	var credential *CredentialError
	switch {
	case err == nil:
	case !errors.As(err, &credential):
		r.Result = RenewalBusy
	case credential.AppID != "":
		r.Result = RenewalMerchant
	default:
		r.Result = RenewalPlatform
	}
	return r
}
