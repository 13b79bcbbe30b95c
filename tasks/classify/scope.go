package classify

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Scope is whose fault an error is: the widest circle that it can stop. The set is closed.
type Scope string

// The scopes, from the widest to the narrowest.
const (
	// ScopePlatform: the platform's credentials, its IP allow-list or its token service. Nothing
	// can work for any app, and no app or plan is to blame.
	ScopePlatform Scope = "platform"
	// ScopePool: one kind of call is refused for every app: a quota, a rate limit, a penalty.
	ScopePool Scope = "pool"
	// ScopeStage: WeChat is busy, unreachable or gives no usable answer. One such answer is this
	// app's; the breaker of the stage decides whether all apps get none.
	ScopeStage Scope = "stage"
	// ScopePlan: the same call would fail for every app of the plan.
	ScopePlan Scope = "plan"
	// ScopeApp: this app alone.
	ScopeApp Scope = "app"
	// ScopeMerchant: this app, until its merchant acts.
	ScopeMerchant Scope = "merchant"
	// ScopeUnknown: the error shows no cause. Unknown is no one's fault.
	ScopeUnknown Scope = "unknown"
)

// endpointKind is whose token an endpoint takes and what its answers concern.
type endpointKind string

// The kinds of endpoints.
const (
	// kindComponent: the platform's own credentials; no app is concerned.
	kindComponent endpointKind = "component"
	// kindGrant: made with the platform's credentials about one app's authorization.
	kindGrant endpointKind = "grant"
	// kindApp: made with the app's own token.
	kindApp endpointKind = "app"
)

// endpointKinds are the credential calls; every other endpoint is kindApp.
var endpointKinds = map[string]endpointKind{
	"/cgi-bin/component/api_component_token":     kindComponent,
	"/cgi-bin/component/api_start_push_ticket":   kindComponent,
	"/cgi-bin/component/api_create_preauthcode":  kindComponent,
	"/cgi-bin/component/api_get_authorizer_list": kindComponent,
	"/cgi-bin/component/api_authorizer_token":    kindGrant,
	"/cgi-bin/component/api_get_authorizer_info": kindGrant,
	"/cgi-bin/component/api_query_auth":          kindGrant,
}

func kindOf(endpoint string) endpointKind {
	if k, ok := endpointKinds[endpoint]; ok {
		return k
	}
	return kindApp
}

// OfComponent reports whether an endpoint takes the platform's own credentials and concerns no app.
func OfComponent(endpoint string) bool { return kindOf(endpoint) == kindComponent }

// addressCodes mean, at every endpoint, that our address is missing from the platform's allow-list.
var addressCodes = []int64{40090, 40164, 45035, 61004}

// grantCodes are answers of a kindGrant call about this app's authorization: its merchant has to
// authorize the platform again.
var grantCodes = []int64{40029, 40030, 41003, 42002, 42007, 43007, 61003, 61007, 61009, 61010, 61023}

// accountCodes are answers of a kindGrant call about this app's account, which no other app shares.
var accountCodes = []int64{43016, 48004, 50002, 50004, 89013}

// Judged is an error's scope, and the answer it rests on.
type Judged struct {
	Scope Scope
	// Confirm is set if the answer may be about this app alone: another app has to meet it before
	// the platform is proven to be at fault.
	Confirm bool
	// API is WeChat's answer; nil if there is none.
	API *errcode.Error
	// Endpoint is the path of the call that failed; "" if it is unknown.
	Endpoint string
	// Cause is the error without the call that it kept from being sent.
	Cause error
}

// Answers reports whether an error is WeChat's answer about one app or its call.
func (j Judged) Answers() bool {
	return j.API != nil && j.Scope != ScopeStage && j.Scope != ScopePlatform
}

// ScopeOf is whose fault an error of a call is.
func ScopeOf(err error) Scope { return Judge(err).Scope }

// Judge finds the scope of an error and what it rests on. A call without a token is judged by the
// credential call behind it, never by its own endpoint.
func Judge(err error) Judged {
	var token *errcode.TokenError
	asked := err
	if errors.As(err, &token) {
		asked = token.Err
	}
	j := Judged{Scope: ScopeUnknown, Cause: asked}
	var cred credentialError
	var api *errcode.Error
	if errors.As(asked, &api) {
		j.API, j.Endpoint = api, api.Endpoint
	} else {
		j.Endpoint = lostEndpoint(asked)
	}
	switch {
	case errors.As(err, &cred):
		j.Scope = ScopePlatform
		if cred.CredentialOf() != "" {
			j.Scope = ScopeMerchant
		}
	case errors.As(asked, new(tokenServiceError)):
		j.Scope = ScopePlatform
	case api != nil:
		j.Scope, j.Confirm = answerScope(kindOf(api.Endpoint), api.Code, api.Class)
		if token != nil && j.Scope == ScopePool { // without tokens no stage works
			j.Scope, j.Confirm = ScopePlatform, false
		}
	case kindOf(j.Endpoint) == kindComponent, token != nil && token.AppID == "" && j.Endpoint == "":
		j.Scope = ScopePlatform
	case j.Endpoint != "" || token != nil:
		j.Scope = ScopeStage
	}
	return j
}

// lostEndpoint is the endpoint of a call without an answer; "" if err is none.
func lostEndpoint(err error) string {
	var lost *errcode.OutcomeUnknownError
	if errors.As(err, &lost) {
		return lost.Endpoint
	}
	var unsent *errcode.NotSentError
	if errors.As(err, &unsent) {
		return unsent.Endpoint
	}
	return ""
}

// answerScope is whose fault WeChat's answer to a call of a kind is; confirm as in [Judged].
func answerScope(kind endpointKind, code int64, class errcode.Class) (s Scope, confirm bool) {
	switch {
	case slices.Contains(addressCodes, code):
		return ScopePlatform, false
	case kind == kindComponent:
		return ScopePlatform, false
	case kind == kindGrant:
		return grantScope(code, class)
	default:
		return classScope(code, class), false
	}
}

// grantScope judges an answer of a credential call about one app. An answer that is not known to
// concern that app's authorization is the platform's fault until the same call works for another app.
func grantScope(code int64, class errcode.Class) (s Scope, confirm bool) {
	switch {
	case slices.Contains(grantCodes, code):
		return ScopeMerchant, false
	case slices.Contains(accountCodes, code), class == errcode.ClassThrottleApp:
		return ScopeApp, false
	case class == errcode.ClassRetryBusy:
		return ScopeStage, false
	case class == errcode.ClassThrottlePlatform:
		return ScopePool, false
	default:
		return ScopePlatform, true
	}
}

// classScope judges an answer of a call made with the app's own token.
func classScope(code int64, class errcode.Class) Scope {
	switch class {
	case errcode.ClassRetryBusy, errcode.ClassRetryToken:
		return ScopeStage
	case errcode.ClassThrottlePlatform:
		return ScopePool
	case errcode.ClassFatalConfig:
		if Penalty(code) { // stops submissions, not the rest
			return ScopePool
		}
		return ScopePlan
	case errcode.ClassFatalRollout:
		return ScopePlan
	case errcode.ClassFatalApp:
		if slices.Contains(merchantCodes, code) {
			return ScopeMerchant
		}
		return ScopeApp
	case errcode.ClassThrottleApp, errcode.ClassWaitExternal, errcode.ClassAlreadyDone:
		return ScopeApp
	default:
		return ScopeUnknown
	}
}

// addressIn is our address in the text of a refusal such as "access clientip is not registered,
// requestIP: 203.0.113.9"; "" if the text has none.
func addressIn(msg string) string {
	for word := range strings.FieldsFuncSeq(msg, func(r rune) bool { return strings.ContainsRune(" ,;()[]<>\"'=", r) }) {
		if i := strings.LastIndex(word, "::ffff:"); i >= 0 {
			word = word[i+len("::ffff:"):]
		}
		if i := strings.Index(word, "requestIP:"); i >= 0 {
			word = word[i+len("requestIP:"):]
		}
		if ip, err := netip.ParseAddr(strings.Trim(word, ".:，。")); err == nil {
			return ip.String()
		}
	}
	return ""
}
