package endpoint

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

const (
	minName   = 4
	maxName   = 30
	minOpenID = 20
)

// createTrial serves fastregisterbetaweapp.
func createTrial(c *call) reply {
	got, ok := c.F.Texts("name", "openid")
	if !ok {
		return result(47001)
	}
	name, openID := got[0], got[1]
	n := utf8.RuneCountInString(name)
	switch {
	case n < minName || n > maxName:
		return result(86017)
	case len(openID) < minOpenID || strings.Trim(openID, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
		return result(86012)
	}
	g, code := c.World.CreateTrial(name, openID, func(secret string) string {
		return "https://mp.weixin.qq.com/wxopen/fastregisterbetaweapp?" + url.Values{"create_token": {secret}}.Encode()
	}, c.Now)
	if code != 0 {
		return result(code)
	}
	return success(payload{"unique_id": g.ID, "authorize_url": g.URL()})
}

// parseCompany checks what an enterprise must give; name is the key of its name.
func parseCompany(f fields, name string) (co model.Company, code int) {
	got, ok := f.Texts(name, "code", "legal_persona_wechat", "legal_persona_name", "component_phone")
	kind, ok2 := f.Number("code_type", false)
	lengths := map[int64]int{1: 18, 2: 10, 3: 15}
	switch {
	case !ok:
		return co, 47001
	case got[0] == "" || got[1] == "" || got[3] == "" || !f.Has("code_type"):
		return co, 89253
	case !ok2 || lengths[kind] == 0:
		return co, 89248
	case len(got[1]) != lengths[kind]:
		return co, 89255
	case !appconfig.WeChatForm.MatchString(got[2]):
		return co, 86004
	}
	return model.Company{Name: got[0], Code: got[1], CodeType: kind, PersonaWeChat: got[2], PersonaName: got[3], Phone: got[4]}, 0
}

// convertTrial serves verifybetaweapp. It belongs to permission set 81, which only trial apps have.
func convertTrial(c *call) reply {
	f, ok := c.F.Object("verify_info")
	if !ok || f == nil {
		return result(47001)
	}
	co, code := parseCompany(f, "enterprise_name")
	card, ok := f.Text("legal_persona_idcard")
	switch {
	case !c.App.IsTrial():
		return result(48001)
	case code != 0:
		return result(code)
	case !ok || card == "":
		return result(89253)
	}
	return result(c.App.Convert(co, c.Now))
}

// createEnterprise serves fastregisterweapp.
func createEnterprise(c *call) reply {
	switch c.R.URL.Query().Get("action") {
	case "create":
		co, code := parseCompany(c.F, "name")
		if code != 0 {
			return result(code)
		}
		return result(c.World.CreateEnterprise(co, c.Now))
	case "search":
		got, ok := c.F.Texts("name", "legal_persona_wechat", "legal_persona_name")
		if !ok {
			return result(47001)
		}
		return result(c.World.SearchEnterprise(got[0], got[1], got[2]))
	}
	return result(40097)
}

// createPersonal serves fastregisterpersonalweapp.
func createPersonal(c *call) reply {
	var g model.Creation
	var code int
	switch c.R.URL.Query().Get("action") {
	case "create":
		got, ok := c.F.Texts("idname", "wxuser", "component_phone")
		switch {
		case !ok:
			return result(47001)
		case got[0] == "":
			return result(89253)
		case !appconfig.WeChatForm.MatchString(got[1]):
			return result(86004)
		}
		g, code = c.World.CreatePersonal(got[0], got[1], got[2], func(id string) string {
			return "https://mp.weixin.qq.com/wxopen/fastregisterpersonal?taskid=" + url.QueryEscape(id)
		}, c.Now)
	case "query":
		id, ok := c.F.Text("taskid")
		if !ok {
			return result(47001)
		}
		g, code = c.World.PersonalCreation(id)
	default:
		return result(40097)
	}
	if code != 0 {
		return result(code)
	}
	return success(payload{"taskid": g.ID, "authorize_url": g.URL(), "status": g.FaceCheck()})
}
