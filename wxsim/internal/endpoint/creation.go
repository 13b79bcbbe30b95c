package endpoint

import (
	"net/url"
	"strings"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

const (
	minName   = 4
	maxName   = 30
	minOpenID = 20
)

func createTrial(c *call, in struct {
	Name   string `in:"name"`
	OpenID string `in:"openid"`
},
) (payload, int) {
	n := utf8.RuneCountInString(in.Name)
	switch {
	case n < minName || n > maxName:
		return nil, 86017
	case len(in.OpenID) < minOpenID || strings.Trim(in.OpenID, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
		return nil, 86012
	}
	g, code := c.World.CreateTrial(in.Name, in.OpenID, func(secret string) string {
		return "https://mp.weixin.qq.com/wxopen/fastregisterbetaweapp?" + url.Values{"create_token": {secret}}.Encode()
	}, c.Now)
	return payload{"unique_id": g.ID, "authorize_url": g.URL()}, code
}

// parseCompany checks what an enterprise must give; name is the key of its name.
func parseCompany(f fields, name string) (co model.Company, code int) {
	in, ok := gateway.Decode[struct {
		Code   string `in:"code"`
		WeChat string `in:"legal_persona_wechat"`
		Person string `in:"legal_persona_name"`
		Phone  string `in:"component_phone"`
	}](f)
	title, ok2 := f.Text(name)
	kind, ok3 := gateway.Decode[struct {
		Type int64 `in:"code_type"`
	}](f)
	lengths := map[int64]int{1: 18, 2: 10, 3: 15}
	switch {
	case !ok || !ok2:
		return co, 47001
	case title == "" || in.Code == "" || in.Person == "" || !f.Has("code_type"):
		return co, 89253
	case !ok3 || lengths[kind.Type] == 0:
		return co, 89248
	case len(in.Code) != lengths[kind.Type]:
		return co, 89255
	case !appconfig.WeChatForm.MatchString(in.WeChat):
		return co, 86004
	}
	return model.Company{Name: title, Code: in.Code, CodeType: kind.Type, PersonaWeChat: in.WeChat, PersonaName: in.Person, Phone: in.Phone}, 0
}

func convertTrial(c *call) (payload, int) {
	f, ok := c.F.Object("verify_info")
	if !ok || f == nil {
		return nil, 47001
	}
	co, code := parseCompany(f, "enterprise_name")
	card, ok := f.Text("legal_persona_idcard")
	switch {
	case !c.App.IsTrial():
		return nil, 48001
	case code != 0:
		return nil, code
	case !ok || card == "":
		return nil, 89253
	}
	return nil, c.App.Convert(co, c.Now)
}

func createEnterprise(c *call) (payload, int) {
	switch c.R.URL.Query().Get("action") {
	case "create":
		co, code := parseCompany(c.F, "name")
		if code != 0 {
			return nil, code
		}
		return nil, c.World.CreateEnterprise(co, c.Now)
	case "search":
		return in(searchEnterprise)(c)
	}
	return nil, 40097
}

func searchEnterprise(c *call, in struct {
	Name   string `in:"name"`
	WeChat string `in:"legal_persona_wechat"`
	Person string `in:"legal_persona_name"`
},
) (payload, int) {
	return nil, c.World.SearchEnterprise(in.Name, in.WeChat, in.Person)
}

func createPersonal(c *call) (payload, int) {
	switch c.R.URL.Query().Get("action") {
	case "create":
		return in(startPersonal)(c)
	case "query":
		return text("taskid", queryPersonal)(c)
	}
	return nil, 40097
}

func startPersonal(c *call, in struct {
	Name   string `in:"idname"`
	WeChat string `in:"wxuser"`
	Phone  string `in:"component_phone"`
},
) (payload, int) {
	switch {
	case in.Name == "":
		return nil, 89253
	case !appconfig.WeChatForm.MatchString(in.WeChat):
		return nil, 86004
	}
	g, code := c.World.CreatePersonal(in.Name, in.WeChat, in.Phone, func(id string) string {
		return "https://mp.weixin.qq.com/wxopen/fastregisterpersonal?taskid=" + url.QueryEscape(id)
	}, c.Now)
	return personal(g), code
}

func queryPersonal(c *call, id string) (payload, int) {
	g, code := c.World.PersonalCreation(id)
	return personal(g), code
}

func personal(g model.Creation) payload {
	return payload{"taskid": g.ID, "authorize_url": g.URL(), "status": g.FaceCheck()}
}
