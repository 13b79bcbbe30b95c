package endpoint

import (
	"cmp"
	"slices"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// checkComponent checks component_appid.
func checkComponent(c *call) (code int) {
	id, ok := c.F.Text("component_appid")
	switch {
	case !ok:
		return 47001
	case id == "":
		return 41018
	case id != c.World.ComponentAppID:
		return 40013
	}
	return 0
}

// checkSecret checks the secret under either of its names. One of another form is 40125, a wrong one of the right form
// is 40001.
func checkSecret(c *call, key string) (code int) {
	got, ok := c.F.Text(key)
	switch {
	case !ok:
		return 47001
	case got == "":
		return 41004
	case len(got) != len(c.World.Secret):
		return 40125
	case got != c.World.Secret:
		return 40001
	}
	return 0
}

// authorizer is the app that authorizer_appid names.
func authorizer(c *call) (a *app, code int) {
	id, ok := c.F.Text("authorizer_appid")
	if !ok {
		return nil, 47001
	}
	if a = c.World.App(id); a == nil {
		return nil, 40013
	}
	return a, 0
}

// withAuthorizer runs f with the app that authorizer_appid names, locked and authorized.
func withAuthorizer(c *call, f func(*app) (payload, int)) (payload, int) {
	a, code := authorizer(c)
	if code != 0 {
		return nil, code
	}
	return withAuthorized(a, f)
}

// withAuthorized runs f with an app locked, if it is authorized.
func withAuthorized(a *app, f func(*app) (payload, int)) (payload, int) {
	a.Lock()
	defer a.Unlock()
	if !a.Authorized {
		return nil, 61003
	}
	return f(a)
}

func componentToken(c *call) (payload, int) {
	ticket, ok := c.F.Text("component_verify_ticket")
	if code := checkSecret(c, "component_appsecret"); code != 0 {
		return nil, code
	}
	if !ok {
		return nil, 47001
	}
	token, code := c.World.ComponentToken(ticket, c.Now)
	return payload{"component_access_token": token, "expires_in": int(c.World.TokenTTL.Seconds())}, code
}

// startPushTicket has component_secret where the token call has component_appsecret.
func startPushTicket(c *call) (payload, int) {
	if code := checkSecret(c, "component_secret"); code != 0 {
		return nil, code
	}
	if c.World.StartTickets() {
		return nil, 0
	}
	return payload{"errmsg": "in a normal state"}, 0
}

func createPreAuthCode(c *call) (payload, int) {
	return payload{"pre_auth_code": c.World.PreAuthCode(c.Now), "expires_in": int(model.PreAuthLife.Seconds())}, 0
}

func queryAuth(c *call, authCode string) (payload, int) {
	a, code := c.World.UseAuthCode(authCode, c.Now)
	if code != 0 {
		return nil, code
	}
	a.Lock()
	defer a.Unlock()
	info := authorizationInfo(a)
	info["authorizer_access_token"], info["expires_in"] = a.AccessToken(c.Now), int(c.World.TokenTTL.Seconds())
	return payload{"authorization_info": info}, 0
}

func authorizerToken(c *call) (payload, int) {
	return withAuthorizer(c, func(a *app) (payload, int) {
		refresh, _ := c.F.Text("authorizer_refresh_token")
		token, code := a.Renew(refresh, c.Now)
		return payload{
			"authorizer_access_token": token, "expires_in": int(c.World.TokenTTL.Seconds()), "authorizer_refresh_token": a.Refresh,
		}, code
	})
}

// maxListCount is the most that api_get_authorizer_list returns per call.
const maxListCount = 500

// authorizerList is in the order of the apps' indices.
func authorizerList(c *call, in struct {
	Offset int64 `in:"offset"`
	Count  int64 `in:"count"`
},
) (payload, int) {
	switch {
	case in.Count > maxListCount:
		return nil, 40170
	case in.Offset < 0 || in.Count <= 0:
		return nil, 40097
	}
	list, total := []payload{}, int64(0)
	for _, a := range c.World.Apps() {
		a.Lock()
		if a.Authorized {
			if total >= in.Offset && int64(len(list)) < in.Count {
				list = append(list, payload{"authorizer_appid": a.ID, "refresh_token": a.Refresh, "auth_time": a.AuthTime.Unix()})
			}
			total++
		}
		a.Unlock()
	}
	return payload{"total_count": total, "list": list}, 0
}

func authorizerInfo(c *call) (payload, int) {
	return withAuthorizer(c, func(a *app) (payload, int) {
		id := func(n int) payload { return payload{"id": n} }
		info := payload{
			"nick_name": a.Nick, "head_img": "http://wx.qlogo.cn/mmopen/" + a.User + "/0", "user_name": a.User, "alias": "",
			"service_type_info": id(a.Service()), "verify_type_info": id(0), "principal_name": a.Principal(),
			"qrcode_url": "http://mmbiz.qpic.cn/mmbiz/" + a.User + "/0", "signature": "A shop.", "idc": 1,
			"register_type": a.CreatedBy, "account_status": a.Status,
			"business_info": payload{"open_store": 0, "open_scan": 0, "open_pay": 0, "open_card": 0, "open_shake": 0},
			"basic_config":  payload{"is_phone_configured": true, "is_email_configured": true},
		}
		if a.MiniProgram {
			info["MiniProgramInfo"] = miniProgramInfo(a)
		}
		return payload{"authorizer_info": info, "authorization_info": authorizationInfo(a)}, 0
	})
}

func miniProgramInfo(a *app) payload {
	categories := []payload{}
	if a.HasCategory {
		categories = append(categories, payload{"first": a.Category.FirstClass, "second": a.Category.SecondClass})
	}
	d := a.Config.Domains.Live
	return payload{
		"network": payload{
			"RequestDomain": some(d["requestdomain"]), "WsRequestDomain": some(d["wsrequestdomain"]),
			"UploadDomain": some(d["uploaddomain"]), "DownloadDomain": some(d["downloaddomain"]),
			"UDPDomain": some(d["udpdomain"]), "TCPDomain": some(d["tcpdomain"]), "BizDomain": some(d[appconfig.WebviewKey]),
		},
		"categories": categories, "visit_status": 0,
	}
}

// authorizationInfo is what an app granted.
func authorizationInfo(a *app) payload {
	grants := []payload{}
	for _, id := range []int{17, 18, 19, 25, 30, 31, 36, 37, 40} {
		if id != 18 || a.Set18 {
			grants = append(grants, payload{"funcscope_category": payload{"id": id}})
		}
	}
	return payload{"authorizer_appid": a.ID, "authorizer_refresh_token": a.Refresh, "func_info": grants}
}

// optionValues are the options of an account and their values.
var optionValues = map[string][]string{
	"location_report": {"0", "1", "2"}, "voice_recognize": {"0", "1"}, "customer_service": {"0", "1"},
}

// optionOwner is the account of an option call. The sources differ on whose token these calls carry: a quirk decides, and
// the other kind is refused.
func optionOwner(c *call) (a *app, code int) {
	byComponent := c.World.Settings().Quirks.OptionByComponent
	switch {
	case !byComponent && c.By.App == nil:
		return nil, 61015
	case !byComponent:
		return c.By.App, 0
	case c.By.App != nil:
		return nil, 61014
	}
	if code := checkComponent(c); code != 0 {
		return nil, code
	}
	return authorizer(c)
}

// option is what both calls share: the account and the name of the option.
func option(c *call) (a *app, name string, code int) {
	if a, code = optionOwner(c); code != 0 {
		return nil, "", code
	}
	name, ok := c.F.Text("option_name")
	switch {
	case !ok:
		return nil, "", 47001
	case optionValues[name] == nil:
		return nil, "", 61012
	}
	return a, name, 0
}

// getOption answers 0 for an option that was never set.
func getOption(c *call) (payload, int) {
	a, name, code := option(c)
	if code != 0 {
		return nil, code
	}
	return withAuthorized(a, func(a *app) (payload, int) {
		return payload{"authorizer_appid": a.ID, "option_name": name, "option_value": cmp.Or(a.Options[name], "0")}, 0
	})
}

func setOption(c *call) (payload, int) {
	a, name, code := option(c)
	value, ok := c.F.Text("option_value")
	switch {
	case code != 0:
		return nil, code
	case !ok:
		return nil, 47001
	case !slices.Contains(optionValues[name], value):
		return nil, 61013
	}
	return withAuthorized(a, func(a *app) (payload, int) {
		if a.Options == nil {
			a.Options = map[string]string{}
		}
		a.Options[name] = value
		return nil, 0
	})
}
