package wxsim

import "net/http"

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
	play   func(*call) reply
	limit  limiter
}

// endpoints builds the table of everything played. Handlers of authApp endpoints run with the app locked.
func endpoints() ([]*endpoint, map[string]*endpoint) {
	const get, post = http.MethodGet, http.MethodPost
	component := func(path string, play func(*call) reply) *endpoint {
		return &endpoint{path: "/cgi-bin/component/" + path, method: post, auth: authComponent, old: true, play: play}
	}
	library := func(method, path string, play func(*call) reply) *endpoint {
		return &endpoint{path: "/wxa/" + path, method: method, auth: authComponent, play: play}
	}
	read := func(method, path string, play func(*call) reply) *endpoint {
		return &endpoint{path: "/wxa/" + path, method: method, auth: authApp, code: true, play: play}
	}
	write := func(method, path string, play func(*call) reply) *endpoint {
		ep := read(method, path, play)
		ep.write = true
		return ep
	}
	upload := write(post, "uploadmedia", (*call).uploadMedia)
	upload.form = true

	list := []*endpoint{
		{path: "/cgi-bin/component/api_component_token", method: post, play: (*call).componentToken},
		{path: "/cgi-bin/component/api_start_push_ticket", method: post, play: (*call).startPushTicket},
		component("api_create_preauthcode", (*call).createPreAuthCode),
		component("api_query_auth", (*call).queryAuth),
		component("api_authorizer_token", (*call).authorizerToken),
		component("api_get_authorizer_list", (*call).authorizerList),
		component("api_get_authorizer_info", (*call).authorizerInfo),

		library(get, "gettemplatedraftlist", (*call).draftList),
		library(post, "addtotemplate", (*call).addToTemplate),
		library(get, "gettemplatelist", (*call).templateList),
		library(post, "deletetemplate", (*call).deleteTemplate),

		write(post, "commit", (*call).commit),
		read(get, "security/get_code_privacy_info", (*call).codePrivacyInfo),
		read(get, "get_page", (*call).getPage),
		read(get, "get_qrcode", (*call).getQRCode),
		read(get, "get_category", (*call).getCategory),
		upload,
		write(post, "submit_audit", (*call).submitAudit),
		read(post, "get_auditstatus", (*call).auditStatus),
		read(get, "get_latest_auditstatus", (*call).latestAuditStatus),
		write(get, "undocodeaudit", (*call).undoAudit),
		write(post, "speedupaudit", (*call).speedupAudit),
		write(post, "release", (*call).release),
		read(post, "getversioninfo", (*call).versionInfo),
		write(get, "revertcoderelease", (*call).revertRelease),
		write(post, "grayrelease", (*call).grayRelease),
		read(get, "getgrayreleaseplan", (*call).grayPlanInfo),
		write(get, "revertgrayrelease", (*call).revertGray),
		read(get, "queryquota", (*call).queryQuota),
		write(post, "change_visitstatus", (*call).changeVisit),
		read(post, "getvisitstatus", (*call).visitStatus),
		{path: "/cgi-bin/openapi/quota/get", method: post, auth: authEither, play: (*call).apiQuota},
	}
	byPath := make(map[string]*endpoint, len(list))
	for i, ep := range list {
		ep.index = i
		byPath[ep.path] = ep
	}
	return list, byPath
}

// numEndpoints bounds the table, so that per-app counters are an array.
const numEndpoints = 40
