package endpoint

import (
	"slices"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
)

// bindTester serves bind_tester.
func bindTester(c *call) reply {
	id, ok := c.F.Text("wechatid")
	if !ok {
		return result(47001)
	}
	t := appconfig.Tester{WeChat: id, User: chance.Opaque(c.World.Settings().Seed, "tester", c.App.ID+id, 0, 40)}
	if code := c.World.Platform.Bind(&c.App.Config, t); code != 0 {
		return result(code)
	}
	return success(payload{"userstr": t.User})
}

// unbindTester serves unbind_tester: by WeChat id or by userstr.
func unbindTester(c *call) reply {
	got, ok := c.F.Texts("wechatid", "userstr")
	if !ok {
		return result(47001)
	}
	return result(c.World.Platform.Unbind(&c.App.Config, appconfig.Tester{WeChat: got[0], User: got[1]}))
}

// memberAuth serves memberauth.
func memberAuth(c *call) reply {
	action, ok := c.F.Text("action")
	switch {
	case !ok:
		return result(47001)
	case action != "get_experiencer":
		return result(40097)
	}
	members := []payload{}
	for _, t := range c.App.Config.Testers {
		members = append(members, payload{"userstr": t.User})
	}
	return success(payload{"members": members})
}

// changeVisit serves change_visitstatus.
func changeVisit(c *call) reply {
	action, ok := c.F.Text("action")
	switch {
	case !ok:
		return result(47001)
	case action != "open" && action != "close":
		return result(85022)
	}
	return result(c.App.Config.SetHidden(action == "close"))
}

// visitStatus serves getvisitstatus: 1 open, 0 closed.
func visitStatus(c *call) reply {
	status := 1
	if c.App.Config.Hidden {
		status = 0
	}
	return success(payload{"status": status})
}

// libraryShares are the base libraries of the users, in percent.
var libraryShares = []payload{
	{"version": appconfig.NewestLibrary, "percentage": 61.3}, {"version": "3.3.5", "percentage": 27.45},
	{"version": "2.32.3", "percentage": 9.75}, {"version": "2.19.4", "percentage": 1.5},
}

// supportVersion serves getweappsupportversion.
func supportVersion(c *call) reply {
	now := c.App.Config.Library
	if now == "" {
		now = appconfig.FirstLibrary
	}
	return success(payload{"now_version": now, "uv_info": payload{"items": libraryShares}})
}

// setSupportVersion serves setweappsupportversion.
func setSupportVersion(c *call) reply {
	version, ok := c.F.Text("version")
	if !ok {
		return result(47001)
	}
	return result(c.App.Config.SetLibrary(version))
}

// noRules refuses changes of QR code rules of a person's app.
func noRules(c *call) (code int) {
	if c.App.Personal {
		return 85075
	}
	return 0
}

// addRule serves qrcodejumpadd.
func addRule(c *call) reply {
	if code := noRules(c); code != 0 {
		return result(code)
	}
	got, ok := c.F.Texts("prefix", "path")
	sub, ok2 := c.F.Number("permit_sub_rule", true)
	version, ok3 := c.F.Number("open_version", true)
	isEdit, ok4 := c.F.Number("is_edit", true)
	links, ok5 := gateway.List[string](c.F, "debug_url")
	if !ok || !ok2 || !ok3 || !ok4 || !ok5 {
		return result(47001)
	}
	r := appconfig.Rule{Prefix: got[0], Path: got[1], SubRule: sub, Version: version, DebugURLs: some(links)}
	return result(c.World.Platform.AddRule(c.App.ID, &c.App.Config, r, isEdit))
}

// listRules serves qrcodejumpget.
func listRules(c *call) reply {
	cfg, opened := &c.App.Config, 0
	if len(cfg.Rules) > 0 {
		opened = 1
	}
	return success(payload{
		"rule_list": some(slices.Clone(cfg.Rules)), "qrcodejump_open": opened, "list_size": len(cfg.Rules),
		"total_count": len(cfg.Rules), "qrcodejump_pub_quota": cfg.PublicationsLeft(c.Now),
	})
}

// rulePrefix is the prefix of the rule that a call is about.
func rulePrefix(c *call) (prefix string, code int) {
	if code := noRules(c); code != 0 {
		return "", code
	}
	prefix, ok := c.F.Text("prefix")
	if !ok {
		return "", 47001
	}
	return prefix, 0
}

// deleteRule serves qrcodejumpdelete.
func deleteRule(c *call) reply {
	prefix, code := rulePrefix(c)
	if code != 0 {
		return result(code)
	}
	return result(c.World.Platform.DeleteRule(&c.App.Config, prefix))
}

// publishRule serves qrcodejumppublish.
func publishRule(c *call) reply {
	prefix, code := rulePrefix(c)
	if code != 0 {
		return result(code)
	}
	return result(c.App.Config.PublishRule(prefix, c.App.Live != nil, c.Now))
}
