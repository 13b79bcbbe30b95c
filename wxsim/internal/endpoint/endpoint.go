// Package endpoint holds the calls of the API that the simulator serves: each reads its request, asks the model, and
// writes the reply as WeChat does.
package endpoint

import (
	"net/http"
	"slices"

	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

type (
	call    = gateway.Call
	fields  = gateway.Fields
	reply   = gateway.Reply
	payload = gateway.Payload
	app     = model.App
)

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// result is a refusal for a code other than 0, else a success without data.
func result(code int) reply { return gateway.Result(code) }

func success(data payload) reply { return gateway.OK(data) }

// bare is a success without errcode and errmsg.
func bare(data payload) reply { return gateway.Bare(data) }

// onPlatform is a call under /cgi-bin/component/ with the component's token and component_appid in its body.
func onPlatform(path string, play func(*call) reply) *gateway.Endpoint {
	return &gateway.Endpoint{
		Path: "/cgi-bin/component/" + path, Method: post, Auth: gateway.ComponentToken, OldName: true, Play: play,
	}
}

// withComponent adds the check of component_appid to a call.
func withComponent(play func(*call) reply) func(*call) reply {
	return func(c *call) reply {
		if code := checkComponent(c); code != 0 {
			return result(code)
		}
		return play(c)
	}
}

// onLibrary is a call on the template library.
func onLibrary(method, path string, play func(*call) reply) *gateway.Endpoint {
	return &gateway.Endpoint{Path: "/wxa/" + path, Method: method, Auth: gateway.ComponentToken, Library: true, Play: play}
}

// onOldName is a call that takes the component's token as component_access_token only.
func onOldName(path string, play func(*call) reply) *gateway.Endpoint {
	return &gateway.Endpoint{Path: path, Method: post, Auth: gateway.ComponentToken, OldOnly: true, Play: play}
}

// onEither is a call for both kinds of token.
func onEither(path string, play func(*call) reply) *gateway.Endpoint {
	return &gateway.Endpoint{Path: path, Method: post, Auth: gateway.EitherToken, Play: play}
}

// bySecret is a call without a token.
func bySecret(path string, play func(*call) reply) *gateway.Endpoint {
	return &gateway.Endpoint{Path: "/cgi-bin/component/" + path, Method: post, Play: play}
}

// read is a call on an app.
func read(method, path string, play func(*call) reply) *gateway.Endpoint {
	return &gateway.Endpoint{Path: path, Method: method, Auth: gateway.AppToken, Code: true, Play: play}
}

// write is a call that changes an app.
func write(method, path string, play func(*call) reply) *gateway.Endpoint {
	ep := read(method, path, play)
	ep.Write = true
	return ep
}

// upload is a write whose body is a form.
func upload(path string, play func(*call) reply) *gateway.Endpoint {
	ep := write(post, path, play)
	ep.Form = true
	return ep
}

// Table lists the endpoints, the platform's first.
func Table() []*gateway.Endpoint {
	return slices.Concat(platformCalls(), codeCalls(), configurationCalls())
}

// platformCalls are the component's: credentials, app creation, the template library, its domains, support.
func platformCalls() []*gateway.Endpoint {
	getOption, setOption := onEither("/cgi-bin/component/get_authorizer_option", getOption), onEither("/cgi-bin/component/set_authorizer_option", setOption)
	getOption.OldName, setOption.OldName = true, true
	return []*gateway.Endpoint{
		bySecret("api_component_token", withComponent(componentToken)),
		bySecret("api_start_push_ticket", withComponent(startPushTicket)),
		onPlatform("api_create_preauthcode", withComponent(createPreAuthCode)),
		onPlatform("api_query_auth", withComponent(queryAuth)),
		onPlatform("api_authorizer_token", withComponent(authorizerToken)),
		onPlatform("api_get_authorizer_list", withComponent(authorizerList)),
		onPlatform("api_get_authorizer_info", withComponent(authorizerInfo)),
		getOption, setOption,

		{Path: "/wxa/component/fastregisterbetaweapp", Method: post, Auth: gateway.ComponentToken, Play: createTrial},
		onOldName("/cgi-bin/component/fastregisterweapp", createEnterprise),
		onOldName("/wxa/component/fastregisterpersonalweapp", createPersonal),

		onLibrary(get, "gettemplatedraftlist", draftList),
		onLibrary(post, "addtotemplate", addToTemplate),
		onLibrary(get, "gettemplatelist", templateList),
		onLibrary(post, "deletetemplate", deleteTemplate),

		onPlatform("modify_wxa_server_domain", platformServers),
		onPlatform("modify_wxa_jump_domain", platformJumps),
		onPlatform("get_domain_confirmfile", func(c *call) reply { return confirmFile(c, "") }),

		{Path: "/cgi-bin/getcallbackip", Method: get, Auth: gateway.ComponentToken, Play: callbackIP},
		onEither("/cgi-bin/openapi/quota/get", apiQuota),
		onEither("/cgi-bin/openapi/rid/get", ridInfo),
		onEither("/cgi-bin/clear_quota", clearQuota),
		bySecret("clear_quota/v2", clearQuotaBySecret),
	}
}

// codeCalls are those on an app's code, from a commit to its release.
func codeCalls() []*gateway.Endpoint {
	return []*gateway.Endpoint{
		write(post, "/wxa/commit", commit),
		read(get, "/wxa/security/get_code_privacy_info", codePrivacyInfo),
		read(get, "/wxa/get_page", getPage),
		read(get, "/wxa/get_qrcode", getQRCode),
		read(get, "/wxa/get_category", getCategory),
		upload("/wxa/uploadmedia", uploadMedia),
		write(post, "/wxa/submit_audit", submitAudit),
		read(post, "/wxa/get_auditstatus", auditStatus),
		read(get, "/wxa/get_latest_auditstatus", latestAuditStatus),
		write(get, "/wxa/undocodeaudit", func(c *call) reply { return result(c.App.Withdraw(c.Now)) }),
		write(post, "/wxa/speedupaudit", speedupAudit),
		write(post, "/wxa/release", func(c *call) reply { return result(c.App.Release(c.Now)) }),
		read(post, "/wxa/getversioninfo", versionInfo),
		write(get, "/wxa/revertcoderelease", revertRelease),
		write(post, "/wxa/grayrelease", grayRelease),
		read(get, "/wxa/getgrayreleaseplan", grayPlan),
		write(get, "/wxa/revertgrayrelease", func(c *call) reply { c.App.RevertGray(); return success(nil) }),
		read(get, "/wxa/queryquota", queryQuota),
	}
}

// applicationsPerMinute bounds apply_privacy_interface.
const applicationsPerMinute = 280

// configurationCalls are those on an app's configuration, and the conversion of trial apps.
func configurationCalls() []*gateway.Endpoint {
	convert := write(post, "/wxa/verifybetaweapp", convertTrial)
	convert.Code = false // another permission set
	apply := write(post, "/wxa/security/apply_privacy_interface", applyInterface)
	apply.Limit = gateway.Limit{PerMinute: applicationsPerMinute}
	appFile := func(c *call) reply { return confirmFile(c, c.App.ID) }
	list := []*gateway.Endpoint{
		read(post, "/cgi-bin/component/getprivacysetting", getPrivacy),
		write(post, "/cgi-bin/component/setprivacysetting", setPrivacy),
		upload("/cgi-bin/component/uploadprivacyextfile", uploadPrivacy),
		read(get, "/wxa/security/get_privacy_interface", privacyInterfaces),
		apply,
		write(post, "/wxa/change_visitstatus", changeVisit),
		read(post, "/wxa/getvisitstatus", visitStatus),
		read(post, "/cgi-bin/wxopen/getweappsupportversion", supportVersion),
		write(post, "/cgi-bin/wxopen/setweappsupportversion", setSupportVersion),

		write(post, "/wxa/modify_domain", modifyDomain),
		write(post, "/wxa/modify_domain_directly", modifyDomainDirectly),
		read(post, "/wxa/get_effective_domain", effectiveDomain),
		write(post, "/wxa/setwebviewdomain", setWebview),
		write(post, "/wxa/setwebviewdomain_directly", setWebviewDirectly),
		read(post, "/wxa/get_webviewdomain_confirmfile", appFile),
		read(post, "/wxa/get_effective_webviewdomain", effectiveWebview),

		write(post, "/wxa/bind_tester", bindTester),
		write(post, "/wxa/unbind_tester", unbindTester),
		read(post, "/wxa/memberauth", memberAuth),

		write(post, "/cgi-bin/wxopen/qrcodejumpadd", addRule),
		read(post, "/cgi-bin/wxopen/qrcodejumpget", listRules),
		read(post, "/cgi-bin/wxopen/qrcodejumpdownload", appFile), // for the prefixes of QR code rules
		write(post, "/cgi-bin/wxopen/qrcodejumpdelete", deleteRule),
		write(post, "/cgi-bin/wxopen/qrcodejumppublish", publishRule),
	}
	for _, ep := range list {
		ep.Configures = ep.Write
	}
	return append(list, convert)
}

// some makes an absent list an empty one.
func some[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
