package tasks

import (
	"errors"
	"net/netip"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient"
)

// Scope is whose fault an error is: the widest circle that it can stop. It is a closed set.
type Scope string

// The scopes, from the widest to the narrowest.
const (
	// ScopePlatform: the platform's credentials, its IP allow-list or its token service. Nothing
	// can work for any app, and no app or plan is to blame.
	ScopePlatform Scope = "platform"
	// ScopePool: one kind of call is refused for every app: a quota, a rate limit, a penalty.
	ScopePool Scope = "pool"
	// ScopeStage: WeChat is busy, unreachable or gives no usable answer. Whether it does so for
	// every app is the stage breaker's question; one such answer alone is this app's.
	ScopeStage Scope = "stage"
	// ScopePlan: the same call would fail for every app of the plan.
	ScopePlan Scope = "plan"
	// ScopeApp: this app alone.
	ScopeApp Scope = "app"
	// ScopeMerchant: this app, until its merchant acts.
	ScopeMerchant Scope = "merchant"
	// ScopeUnknown: the error tells nothing about its cause. Unknown is nobody's fault.
	ScopeUnknown Scope = "unknown"
)

// Scopes lists every scope, the widest first.
func Scopes() []Scope {
	return []Scope{ScopePlatform, ScopePool, ScopeStage, ScopePlan, ScopeApp, ScopeMerchant, ScopeUnknown}
}

// endpointKind says whose token an endpoint takes and whom its answers are about.
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

// OfComponent tells whether an endpoint takes the platform's own credentials and concerns no app.
func OfComponent(endpoint string) bool { return kindOf(endpoint) == kindComponent }

// addressCodes say that our address is missing from an allow-list, whatever the endpoint. The
// allow-list is the platform's.
var addressCodes = []int64{40090, 40164, 45035, 61004}

// grantCodes are answers of a kindGrant call about this app's authorization: its merchant has to
// authorize the platform again.
var grantCodes = []int64{40029, 40030, 41003, 42002, 42007, 43007, 61003, 61007, 61009, 61010, 61023}

// accountCodes are answers of a kindGrant call about this app's account, which no other app shares.
var accountCodes = []int64{43016, 48004, 50002, 50004, 89013}

// tokenServiceError is a token service that gives no usable answer.
type tokenServiceError interface {
	error
	TokenServiceDown()
}

// judged is an error's scope, and the answer it rests on.
type judged struct {
	scope Scope
	// confirm says that another app has to meet the same before the platform is proven to be at
	// fault: the answer may be about this app alone.
	confirm bool
	// api is WeChat's answer; nil if there is none.
	api *wxclient.Error
	// endpoint is the path of the call that failed; "" if it is not known.
	endpoint string
	// cause is the error without the call that it kept from being sent.
	cause error
}

// ScopeOf tells whose fault an error of a call is.
func ScopeOf(err error) Scope { return judge(err).scope }

// judge finds the scope of an error and what it rests on. A call that got no token is judged by
// the credential call behind it, and never by its own endpoint.
func judge(err error) judged {
	var token *wxclient.TokenError
	asked := err
	if errors.As(err, &token) {
		asked = token.Err
	}
	j := judged{scope: ScopeUnknown, cause: asked}
	var cred credentialError
	var api *wxclient.Error
	if errors.As(asked, &api) {
		j.api, j.endpoint = api, api.Endpoint
	} else {
		j.endpoint = lostEndpoint(asked)
	}
	switch {
	case errors.As(err, &cred):
		j.scope = ScopePlatform
		if cred.CredentialOf() != "" {
			j.scope = ScopeMerchant
		}
	case errors.As(asked, new(tokenServiceError)):
		j.scope = ScopePlatform
	case api != nil:
		j.scope, j.confirm = answerScope(kindOf(api.Endpoint), api.Code, api.Class)
		if token != nil && j.scope == ScopePool { // without tokens every stage stands
			j.scope, j.confirm = ScopePlatform, false
		}
	case kindOf(j.endpoint) == kindComponent, token != nil && token.AppID == "" && j.endpoint == "":
		j.scope = ScopePlatform
	case j.endpoint != "" || token != nil:
		j.scope = ScopeStage
	}
	return j
}

// lostEndpoint is the call that got no answer; "" if err is none.
func lostEndpoint(err error) string {
	var lost *wxclient.OutcomeUnknownError
	if errors.As(err, &lost) {
		return lost.Endpoint
	}
	var unsent *wxclient.NotSentError
	if errors.As(err, &unsent) {
		return unsent.Endpoint
	}
	return ""
}

// answerScope tells whose fault WeChat's answer to a call of a kind is; confirm as in judged.
func answerScope(kind endpointKind, code int64, class wxclient.Class) (s Scope, confirm bool) {
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

// grantScope judges an answer of a credential call about one app. What is not known to be about
// that app's authorization is the platform's, until the same call works for another app.
func grantScope(code int64, class wxclient.Class) (s Scope, confirm bool) {
	switch {
	case slices.Contains(grantCodes, code):
		return ScopeMerchant, false
	case slices.Contains(accountCodes, code), class == wxclient.ClassThrottleApp:
		return ScopeApp, false
	case class == wxclient.ClassRetryBusy:
		return ScopeStage, false
	case class == wxclient.ClassThrottlePlatform:
		return ScopePool, false
	default:
		return ScopePlatform, true
	}
}

// classScope judges an answer of a call made with the app's own token.
func classScope(code int64, class wxclient.Class) Scope {
	switch class {
	case wxclient.ClassRetryBusy, wxclient.ClassRetryToken:
		return ScopeStage
	case wxclient.ClassThrottlePlatform:
		return ScopePool
	case wxclient.ClassFatalConfig:
		if Penalty(code) { // stops submissions, not the rest: see Handler.pause
			return ScopePool
		}
		return ScopePlan
	case wxclient.ClassFatalRollout:
		return ScopePlan
	case wxclient.ClassFatalApp:
		if slices.Contains(merchantCodes, code) {
			return ScopeMerchant
		}
		return ScopeApp
	case wxclient.ClassThrottleApp, wxclient.ClassWaitExternal, wxclient.ClassAlreadyDone:
		return ScopeApp
	default:
		return ScopeUnknown
	}
}

// addressIn finds the address that WeChat saw us call from in the text of a refusal, such as
// "access clientip is not registered, requestIP: 203.0.113.9"; "" if it names none.
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
