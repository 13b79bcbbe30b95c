// Package endpoint holds the calls of the API that the simulator serves: each reads its request, asks the model, and
// writes the reply as WeChat does. Table says which function serves which path.
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
	payload = gateway.Payload
	app     = model.App
	// play serves a call: it returns the members of the reply, or an errcode.
	play = func(*call) (payload, int)
)

const (
	get  = http.MethodGet
	post = http.MethodPost
)

// Traits of common kinds of calls.
const (
	component = gateway.ComponentToken | gateway.OldName
	oldName   = gateway.ComponentToken | gateway.OldOnly
	library   = gateway.ComponentToken | gateway.Library
	either    = gateway.ComponentToken | gateway.AppToken
	read      = gateway.AppToken | gateway.Code
	write     = read | gateway.Write
	setting   = write | gateway.Configures
	form      = gateway.Form
	bare      = gateway.Bare
)

func serve(method, path string, traits gateway.Traits, play play) *gateway.Endpoint {
	return &gateway.Endpoint{Method: method, Path: path, Traits: traits, Play: play}
}

// in makes a play of a function that takes the decoded members of the body; see gateway.Decode.
func in[T any](f func(*call, T) (payload, int)) play {
	return func(c *call) (payload, int) {
		members, ok := gateway.Decode[T](c.F)
		if !ok {
			return nil, 47001
		}
		return f(c, members)
	}
}

// text is in for a body of which only one text matters.
func text(key string, f func(*call, string) (payload, int)) play {
	return func(c *call) (payload, int) {
		got, ok := c.F.Text(key)
		if !ok {
			return nil, 47001
		}
		return f(c, got)
	}
}

// after makes a play with a check before it.
func after(check func(*call) (code int), play play) play {
	return func(c *call) (payload, int) {
		if code := check(c); code != 0 {
			return nil, code
		}
		return play(c)
	}
}

// Table lists the endpoints, the platform's first.
func Table() []*gateway.Endpoint {
	return slices.Concat(platformCalls(), codeCalls(), configurationCalls())
}

// platformCalls are the component's: credentials, app creation, the template library, its domains, support.
func platformCalls() []*gateway.Endpoint {
	const prefix = "/cgi-bin/component/"
	return []*gateway.Endpoint{
		serve(post, prefix+"api_component_token", bare, after(checkComponent, componentToken)),
		serve(post, prefix+"api_start_push_ticket", 0, after(checkComponent, startPushTicket)),
		serve(post, prefix+"api_create_preauthcode", component|bare, after(checkComponent, createPreAuthCode)),
		serve(post, prefix+"api_query_auth", component|bare, after(checkComponent, text("authorization_code", queryAuth))),
		serve(post, prefix+"api_authorizer_token", component|bare, after(checkComponent, authorizerToken)),
		serve(post, prefix+"api_get_authorizer_list", component|bare, after(checkComponent, in(authorizerList))),
		serve(post, prefix+"api_get_authorizer_info", component|bare, after(checkComponent, authorizerInfo)),
		serve(post, prefix+"get_authorizer_option", either|gateway.OldName|bare, getOption),
		serve(post, prefix+"set_authorizer_option", either|gateway.OldName, setOption),

		serve(post, "/wxa/component/fastregisterbetaweapp", gateway.ComponentToken, in(createTrial)),
		serve(post, prefix+"fastregisterweapp", oldName, createEnterprise),
		serve(post, "/wxa/component/fastregisterpersonalweapp", oldName, createPersonal),

		serve(get, "/wxa/gettemplatedraftlist", library, draftList),
		serve(post, "/wxa/addtotemplate", library, in(addToTemplate)),
		serve(get, "/wxa/gettemplatelist", library, templateList),
		serve(post, "/wxa/deletetemplate", library, in(deleteTemplate)),

		serve(post, prefix+"modify_wxa_server_domain", component, func(c *call) (payload, int) {
			return platformHosts(c, "wxa_server_domain", c.World.Platform.ChangeServers)
		}),
		serve(post, prefix+"modify_wxa_jump_domain", component, func(c *call) (payload, int) {
			return platformHosts(c, "wxa_jump_h5_domain", c.World.Platform.ChangeJumps)
		}),
		serve(post, prefix+"get_domain_confirmfile", component, func(c *call) (payload, int) { return confirmFile(c, "") }),

		serve(get, "/cgi-bin/getcallbackip", gateway.ComponentToken|bare, callbackIP),
		serve(post, "/cgi-bin/openapi/quota/get", either, text("cgi_path", apiQuota)),
		serve(post, "/cgi-bin/openapi/rid/get", either, text("rid", ridInfo)),
		serve(post, "/cgi-bin/clear_quota", either, text("appid", clearQuota)),
		serve(post, prefix+"clear_quota/v2", 0, in(clearQuotaBySecret)),
	}
}

// codeCalls are those on an app's code, from a commit to its release.
func codeCalls() []*gateway.Endpoint {
	return []*gateway.Endpoint{
		serve(post, "/wxa/commit", write, in(commit)),
		serve(get, "/wxa/security/get_code_privacy_info", read, codePrivacyInfo),
		serve(get, "/wxa/get_page", read, getPage),
		serve(get, "/wxa/get_qrcode", read, getQRCode),
		serve(get, "/wxa/get_category", read, getCategory),
		serve(post, "/wxa/uploadmedia", write|form, uploadMedia),
		serve(post, "/wxa/submit_audit", write, submitAudit),
		serve(post, "/wxa/get_auditstatus", read, in(auditStatus)),
		serve(get, "/wxa/get_latest_auditstatus", read, latestAuditStatus),
		serve(get, "/wxa/undocodeaudit", write, func(c *call) (payload, int) { return nil, c.App.Withdraw(c.Now) }),
		serve(post, "/wxa/speedupaudit", write, in(speedupAudit)),
		serve(post, "/wxa/release", write, func(c *call) (payload, int) { return nil, c.App.Release(c.Now) }),
		serve(post, "/wxa/getversioninfo", read, versionInfo),
		serve(get, "/wxa/revertcoderelease", write, revertRelease),
		serve(post, "/wxa/grayrelease", write, grayRelease),
		serve(get, "/wxa/getgrayreleaseplan", read, grayPlan),
		serve(get, "/wxa/revertgrayrelease", write, func(c *call) (payload, int) { c.App.RevertGray(); return nil, 0 }),
		serve(get, "/wxa/queryquota", read, queryQuota),
	}
}

// applicationsPerMinute bounds apply_privacy_interface.
const applicationsPerMinute = 280

// configurationCalls are those on an app's configuration, and the conversion of trial apps.
func configurationCalls() []*gateway.Endpoint {
	apply := serve(post, "/wxa/security/apply_privacy_interface", setting, in(applyInterface))
	apply.Limit = gateway.Limit{PerMinute: applicationsPerMinute}
	appFile := func(c *call) (payload, int) { return confirmFile(c, c.App.ID) }
	return []*gateway.Endpoint{
		serve(post, "/cgi-bin/component/getprivacysetting", read, getPrivacy),
		serve(post, "/cgi-bin/component/setprivacysetting", setting, setPrivacy),
		serve(post, "/cgi-bin/component/uploadprivacyextfile", setting|form, uploadPrivacy),
		serve(get, "/wxa/security/get_privacy_interface", read, privacyInterfaces),
		apply,
		serve(post, "/wxa/change_visitstatus", setting, text("action", changeVisit)),
		serve(post, "/wxa/getvisitstatus", read, visitStatus),
		serve(post, "/cgi-bin/wxopen/getweappsupportversion", read, supportVersion),
		serve(post, "/cgi-bin/wxopen/setweappsupportversion", setting, text("version", setSupportVersion)),

		serve(post, "/wxa/modify_domain", setting, func(c *call) (payload, int) {
			return changeDomains(c, c.App.Config.Domains.Third, c.World.Platform.ModifyDomains)
		}),
		serve(post, "/wxa/modify_domain_directly", setting, func(c *call) (payload, int) {
			return changeDomains(c, c.App.Config.Domains.Direct, c.World.Platform.ModifyDomainsDirectly)
		}),
		serve(post, "/wxa/get_effective_domain", read, effectiveDomain),
		serve(post, "/wxa/setwebviewdomain", setting, in(func(c *call, in webviewChange) (payload, int) {
			return changeWebviews(c, in, true, c.World.Platform.ModifyWebview)
		})),
		serve(post, "/wxa/setwebviewdomain_directly", setting, in(func(c *call, in webviewChange) (payload, int) {
			return changeWebviews(c, in, false, c.World.Platform.ModifyWebviewDirectly)
		})),
		serve(post, "/wxa/get_webviewdomain_confirmfile", read, appFile),
		serve(post, "/wxa/get_effective_webviewdomain", read, effectiveWebview),

		serve(post, "/wxa/bind_tester", setting, text("wechatid", bindTester)),
		serve(post, "/wxa/unbind_tester", setting, in(unbindTester)),
		serve(post, "/wxa/memberauth", read, text("action", memberAuth)),

		serve(post, "/cgi-bin/wxopen/qrcodejumpadd", setting, after(noPerson, in(addRule))),
		serve(post, "/cgi-bin/wxopen/qrcodejumpget", read, listRules),
		serve(post, "/cgi-bin/wxopen/qrcodejumpdownload", read, appFile), // for the prefixes of QR code rules
		serve(post, "/cgi-bin/wxopen/qrcodejumpdelete", setting, after(noPerson, text("prefix", deleteRule))),
		serve(post, "/cgi-bin/wxopen/qrcodejumppublish", setting, after(noPerson, text("prefix", publishRule))),

		// It belongs to permission set 81, which only trial apps have.
		serve(post, "/wxa/verifybetaweapp", gateway.AppToken|gateway.Write, convertTrial),
	}
}

// some makes an absent list an empty one.
func some[T any](l []T) []T {
	if l == nil {
		return []T{}
	}
	return l
}
