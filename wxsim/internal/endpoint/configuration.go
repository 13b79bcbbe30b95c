package endpoint

import (
	"cmp"
	"slices"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
)

func bindTester(c *call, id string) (payload, int) {
	t := appconfig.Tester{WeChat: id, User: chance.Opaque(c.World.Settings().Seed, "tester", c.App.ID+id, 0, 40)}
	return payload{"userstr": t.User}, c.World.Platform.Bind(&c.App.Config, t)
}

// unbindTester names the tester by WeChat id or by userstr.
func unbindTester(c *call, in struct {
	WeChat string `in:"wechatid"`
	User   string `in:"userstr"`
},
) (payload, int) {
	return nil, c.World.Platform.Unbind(&c.App.Config, appconfig.Tester(in))
}

func memberAuth(c *call, action string) (payload, int) {
	if action != "get_experiencer" {
		return nil, 40097
	}
	members := []payload{}
	for _, t := range c.App.Config.Testers {
		members = append(members, payload{"userstr": t.User})
	}
	return payload{"members": members}, 0
}

func changeVisit(c *call, action string) (payload, int) {
	if action != "open" && action != "close" {
		return nil, 85022
	}
	return nil, c.App.Config.SetHidden(action == "close")
}

// visitStatus is 1 for open, 0 for closed.
func visitStatus(c *call) (payload, int) {
	status := 1
	if c.App.Config.Hidden {
		status = 0
	}
	return payload{"status": status}, 0
}

// libraryShares are the base libraries of the users, in percent.
var libraryShares = []payload{
	{"version": appconfig.NewestLibrary, "percentage": 61.3}, {"version": "3.3.5", "percentage": 27.45},
	{"version": "2.32.3", "percentage": 9.75}, {"version": "2.19.4", "percentage": 1.5},
}

func supportVersion(c *call) (payload, int) {
	now := cmp.Or(c.App.Config.Library, appconfig.FirstLibrary)
	return payload{"now_version": now, "uv_info": payload{"items": libraryShares}}, 0
}

func setSupportVersion(c *call, version string) (payload, int) {
	return nil, c.App.Config.SetLibrary(version)
}

// noPerson refuses changes of QR code rules of a person's app.
func noPerson(c *call) (code int) {
	if c.App.Personal {
		return 85075
	}
	return 0
}

func addRule(c *call, in struct {
	Prefix  string   `in:"prefix"`
	Path    string   `in:"path"`
	SubRule int64    `in:"permit_sub_rule,quoted"`
	Version int64    `in:"open_version,quoted"`
	IsEdit  int64    `in:"is_edit,quoted"`
	Links   []string `in:"debug_url"`
},
) (payload, int) {
	r := appconfig.Rule{Prefix: in.Prefix, Path: in.Path, SubRule: in.SubRule, Version: in.Version, DebugURLs: some(in.Links)}
	return nil, c.World.Platform.AddRule(c.App.ID, &c.App.Config, r, in.IsEdit)
}

func listRules(c *call) (payload, int) {
	cfg := &c.App.Config
	return payload{
		"rule_list": some(slices.Clone(cfg.Rules)), "qrcodejump_open": min(len(cfg.Rules), 1), "list_size": len(cfg.Rules),
		"total_count": len(cfg.Rules), "qrcodejump_pub_quota": cfg.PublicationsLeft(c.Now),
	}, 0
}

func deleteRule(c *call, prefix string) (payload, int) {
	return nil, c.World.Platform.DeleteRule(&c.App.Config, prefix)
}

func publishRule(c *call, prefix string) (payload, int) {
	return nil, c.App.Config.PublishRule(prefix, c.App.Live != nil, c.Now)
}
