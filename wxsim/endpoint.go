package wxsim

import (
	"net/http"
	"slices"
)

// auth is the kind of token an endpoint wants.
type auth int

const (
	authNone      auth = iota // the secret is in the body
	authComponent             // component_access_token
	authApp                   // authorizer_access_token
	authEither                // whichever fits the API asked about
)

// endpoint is one played call.
type endpoint struct {
	index  int
	path   string
	method string
	auth   auth
	write  bool // changes an app; subject to LostRate and to 9402202
	code   bool // needs permission set 18 and a mini program
	old    bool // also accepts component_access_token as the query name
	form   bool // multipart instead of JSON
	sets   bool // a write of a setting, counted as such

	oldOnly bool // takes its token as component_access_token alone

	play  func(*call) reply
	limit limiter
}

// The makers of endpoints. Handlers of authApp endpoints run with the app locked.

// onPlatform is a call under /cgi-bin/component/ with the component's token.
func onPlatform(path string, play func(*call) reply) *endpoint {
	return &endpoint{path: "/cgi-bin/component/" + path, method: http.MethodPost, auth: authComponent, old: true, play: play}
}

// onLibrary is a call under /wxa/ with the component's token.
func onLibrary(method, path string, play func(*call) reply) *endpoint {
	return &endpoint{path: "/wxa/" + path, method: method, auth: authComponent, play: play}
}

// onOldName is a call that takes the component's token as component_access_token alone.
func onOldName(path string, play func(*call) reply) *endpoint {
	return &endpoint{path: path, method: http.MethodPost, auth: authComponent, oldOnly: true, play: play}
}

// onEither is a call for both kinds of token.
func onEither(path string, old bool, play func(*call) reply) *endpoint {
	return &endpoint{path: path, method: http.MethodPost, auth: authEither, old: old, play: play}
}

// bySecret is a call without a token.
func bySecret(path string, play func(*call) reply) *endpoint {
	return &endpoint{path: "/cgi-bin/component/" + path, method: http.MethodPost, play: play}
}

// read is a call on an app.
func read(method, path string, play func(*call) reply) *endpoint {
	return &endpoint{path: path, method: method, auth: authApp, code: true, play: play}
}

// write is a call that changes an app.
func write(method, path string, play func(*call) reply) *endpoint {
	ep := read(method, path, play)
	ep.write = true
	return ep
}

// upload is a write whose body is a form.
func upload(path string, play func(*call) reply) *endpoint {
	ep := write(http.MethodPost, path, play)
	ep.form = true
	return ep
}

// endpoints builds the table of everything played.
func endpoints() ([]*endpoint, map[string]*endpoint) {
	list := slices.Concat(platformCalls(), codeCalls(), settingCalls())
	byPath := make(map[string]*endpoint, len(list))
	for i, ep := range list {
		ep.index = i
		byPath[ep.path] = ep
	}
	return list, byPath
}

// platformCalls are the component's own: credentials, registration, the template library, its domains, support.
func platformCalls() []*endpoint {
	const get, post = http.MethodGet, http.MethodPost
	return []*endpoint{
		bySecret("api_component_token", (*call).componentToken),
		bySecret("api_start_push_ticket", (*call).startPushTicket),
		onPlatform("api_create_preauthcode", (*call).createPreAuthCode),
		onPlatform("api_query_auth", (*call).queryAuth),
		onPlatform("api_authorizer_token", (*call).authorizerToken),
		onPlatform("api_get_authorizer_list", (*call).authorizerList),
		onPlatform("api_get_authorizer_info", (*call).authorizerInfo),
		onEither("/cgi-bin/component/get_authorizer_option", true, (*call).getOption),
		onEither("/cgi-bin/component/set_authorizer_option", true, (*call).setOption),

		onLibrary(post, "component/fastregisterbetaweapp", (*call).registerTrial),
		onOldName("/cgi-bin/component/fastregisterweapp", (*call).registerEnterprise),
		onOldName("/wxa/component/fastregisterpersonalweapp", (*call).registerPersonal),

		onLibrary(get, "gettemplatedraftlist", (*call).draftList),
		onLibrary(post, "addtotemplate", (*call).addToTemplate),
		onLibrary(get, "gettemplatelist", (*call).templateList),
		onLibrary(post, "deletetemplate", (*call).deleteTemplate),

		onPlatform("modify_wxa_server_domain", (*call).platformServers),
		onPlatform("modify_wxa_jump_domain", (*call).platformJumps),
		onPlatform("get_domain_confirmfile", (*call).platformFile),

		{path: "/cgi-bin/getcallbackip", method: get, auth: authComponent, play: (*call).callbackIP},
		onEither("/cgi-bin/openapi/quota/get", false, (*call).apiQuota),
		onEither("/cgi-bin/openapi/rid/get", false, (*call).ridInfo),
		onEither("/cgi-bin/clear_quota", false, (*call).clearQuota),
		bySecret("clear_quota/v2", (*call).clearQuotaBySecret),
	}
}

// codeCalls are those on an app's code, from a commit to its release.
func codeCalls() []*endpoint {
	const get, post = http.MethodGet, http.MethodPost
	return []*endpoint{
		write(post, "/wxa/commit", (*call).commit),
		read(get, "/wxa/security/get_code_privacy_info", (*call).codePrivacyInfo),
		read(get, "/wxa/get_page", (*call).getPage),
		read(get, "/wxa/get_qrcode", (*call).getQRCode),
		read(get, "/wxa/get_category", (*call).getCategory),
		upload("/wxa/uploadmedia", (*call).uploadMedia),
		write(post, "/wxa/submit_audit", (*call).submitAudit),
		read(post, "/wxa/get_auditstatus", (*call).auditStatus),
		read(get, "/wxa/get_latest_auditstatus", (*call).latestAuditStatus),
		write(get, "/wxa/undocodeaudit", (*call).undoAudit),
		write(post, "/wxa/speedupaudit", (*call).speedupAudit),
		write(post, "/wxa/release", (*call).release),
		read(post, "/wxa/getversioninfo", (*call).versionInfo),
		write(get, "/wxa/revertcoderelease", (*call).revertRelease),
		write(post, "/wxa/grayrelease", (*call).grayRelease),
		read(get, "/wxa/getgrayreleaseplan", (*call).grayPlanInfo),
		write(get, "/wxa/revertgrayrelease", (*call).revertGray),
		read(get, "/wxa/queryquota", (*call).queryQuota),
	}
}

// settingCalls are those on an app's settings: privacy, visibility, domains, testers, QR codes, conversion.
func settingCalls() []*endpoint {
	const get, post = http.MethodGet, http.MethodPost
	convert := write(post, "/wxa/verifybetaweapp", (*call).convertTrial)
	convert.code = false // another permission set
	apply := write(post, "/wxa/security/apply_privacy_interface", (*call).applyInterface)
	apply.limit.set(Limit{PerMinute: applicationsPerMin})
	list := []*endpoint{
		read(post, "/cgi-bin/component/getprivacysetting", (*call).getPrivacy),
		write(post, "/cgi-bin/component/setprivacysetting", (*call).setPrivacy),
		upload("/cgi-bin/component/uploadprivacyextfile", (*call).uploadPrivacy),
		read(get, "/wxa/security/get_privacy_interface", (*call).privacyInterfaces),
		apply,
		write(post, "/wxa/change_visitstatus", (*call).changeVisit),
		read(post, "/wxa/getvisitstatus", (*call).visitStatus),
		read(post, "/cgi-bin/wxopen/getweappsupportversion", (*call).supportVersion),
		write(post, "/cgi-bin/wxopen/setweappsupportversion", (*call).setSupportVersion),

		write(post, "/wxa/modify_domain", (*call).modifyDomain),
		write(post, "/wxa/modify_domain_directly", (*call).modifyDomainDirectly),
		read(post, "/wxa/get_effective_domain", (*call).effectiveDomain),
		write(post, "/wxa/setwebviewdomain", (*call).setWebview),
		write(post, "/wxa/setwebviewdomain_directly", (*call).setWebviewDirectly),
		read(post, "/wxa/get_webviewdomain_confirmfile", (*call).appFile),
		read(post, "/wxa/get_effective_webviewdomain", (*call).effectiveWebview),

		write(post, "/wxa/bind_tester", (*call).bindTester),
		write(post, "/wxa/unbind_tester", (*call).unbindTester),
		read(post, "/wxa/memberauth", (*call).memberAuth),

		write(post, "/cgi-bin/wxopen/qrcodejumpadd", (*call).addRule),
		read(post, "/cgi-bin/wxopen/qrcodejumpget", (*call).rules),
		read(post, "/cgi-bin/wxopen/qrcodejumpdownload", (*call).appFile),
		write(post, "/cgi-bin/wxopen/qrcodejumpdelete", (*call).deleteRule),
		write(post, "/cgi-bin/wxopen/qrcodejumppublish", (*call).publishRule),
	}
	for _, ep := range list {
		ep.sets = ep.write
	}
	return append(list, convert)
}

// numEndpoints bounds the table, so that per-app counters are an array.
const numEndpoints = 96

// Route is one call that is played.
type Route struct {
	// Method is GET or POST, Path the path with its leading slash.
	Method, Path string
	// Token is whose token it takes: none, component, app or either.
	Token string
}

// Routes lists the calls that are played, the platform's first.
func Routes() []Route {
	kinds := map[auth]string{authNone: "none", authComponent: "component", authApp: "app", authEither: "either"}
	list, _ := endpoints()
	routes := make([]Route, 0, len(list))
	for _, ep := range list {
		routes = append(routes, Route{Method: ep.method, Path: ep.path, Token: kinds[ep.auth]})
	}
	return routes
}
