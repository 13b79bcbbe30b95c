package endpoint

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
)

// confirmFile answers the file that proves the domains and prefixes of an app, or of the component if appid is empty.
func confirmFile(c *call, appid string) reply {
	h := chance.Hash(c.World.Settings().Seed, appid, "confirm-file", 0)
	return success(payload{
		"file_name": fmt.Sprintf("%010x.txt", h&0xffffffffff), "file_content": fmt.Sprintf("%032x", chance.Mix(h)),
	})
}

// servers are the server domains of a set, every list present.
func servers(d appconfig.DomainSet) payload {
	p := payload{}
	for _, k := range appconfig.DomainKinds {
		p[k.Key] = some(d[k.Key])
	}
	return p
}

// parseDomains reads the body of both calls on server domains. Malformed domains are ignored; invalid are the members of
// the reply that list them.
func parseDomains(f fields) (action string, given appconfig.DomainSet, invalid payload, code int) {
	given, invalid = appconfig.DomainSet{}, payload{}
	action, ok := f.Text("action")
	switch {
	case !ok:
		return "", nil, nil, 47001
	case !appconfig.KnownAction(action):
		return "", nil, nil, 85022
	}
	for _, k := range appconfig.DomainKinds {
		domains, ok := gateway.List[string](f, k.Key)
		if !ok {
			return "", nil, nil, 47001
		}
		var bad []string
		for _, domain := range domains {
			if appconfig.HostOf(domain, k.Scheme) == "" {
				bad = append(bad, domain)
			} else if !slices.Contains(given[k.Key], domain) {
				given[k.Key] = append(given[k.Key], domain)
			}
		}
		if bad != nil {
			invalid["invalid_"+k.Key] = bad
		}
	}
	return action, given, invalid, 0
}

// changeDomains changes one set of an app's server domains by modify; get only reads it.
func changeDomains(c *call, set *appconfig.DomainSet, modify func(action string, given appconfig.DomainSet) (appconfig.DomainSet, int)) reply {
	action, given, invalid, code := parseDomains(c.F)
	switch {
	case code != 0:
		return result(code)
	case action == appconfig.Get:
		return success(servers(*set))
	}
	next, code := modify(action, given)
	if code != 0 {
		return result(code)
	}
	p := servers(next)
	for key, bad := range invalid {
		p[key] = bad
	}
	return success(p)
}

// modifyDomain serves modify_domain.
func modifyDomain(c *call) reply {
	d := &c.App.Config.Domains
	return changeDomains(c, &d.Third, func(action string, given appconfig.DomainSet) (appconfig.DomainSet, int) {
		return c.World.Platform.ModifyDomains(d, action, given, c.Now)
	})
}

// modifyDomainDirectly serves modify_domain_directly.
func modifyDomainDirectly(c *call) reply {
	d := &c.App.Config.Domains
	return changeDomains(c, &d.Direct, func(action string, given appconfig.DomainSet) (appconfig.DomainSet, int) {
		return c.World.Platform.ModifyDomainsDirectly(c.App.ID, d, action, given, c.Now)
	})
}

// effectiveDomain serves get_effective_domain.
func effectiveDomain(c *call) reply {
	d := &c.App.Config.Domains
	return success(payload{
		"mp_domain": servers(d.Console), "third_domain": servers(d.Third), "direct_domain": servers(d.Direct),
		"effective_domain": servers(c.World.Platform.Effective(d)),
	})
}

// webviews are the web-view domains of a set.
func webviews(d appconfig.DomainSet) []string { return some(d[appconfig.WebviewKey]) }

// parseWebviews reads the body of both calls on web-view domains. Malformed domains are refused. No action copies the
// component's list, where that is allowed.
func parseWebviews(c *call, mayCopy bool) (action string, domains []string, code int) {
	action, ok := c.F.Text("action")
	domains, ok2 := gateway.List[string](c.F, appconfig.WebviewKey)
	malformed := func(domain string) bool { return appconfig.HostOf(domain, "https") == "" }
	switch {
	case !ok || !ok2:
		return "", nil, 47001
	case !appconfig.KnownAction(action) && (action != "" || !mayCopy):
		return "", nil, 85022
	case c.App.Personal:
		return "", nil, 89231
	case slices.ContainsFunc(domains, malformed):
		return "", nil, 89021
	}
	return action, domains, 0
}

// setWebview serves setwebviewdomain.
func setWebview(c *call) reply {
	action, domains, code := parseWebviews(c, true)
	if code != 0 {
		return result(code)
	}
	next, code := c.World.Platform.ModifyWebview(&c.App.Config.Domains, action, domains, c.Now)
	if code != 0 {
		return result(code)
	}
	return success(payload{appconfig.WebviewKey: webviews(next)})
}

// setWebviewDirectly serves setwebviewdomain_directly.
func setWebviewDirectly(c *call) reply {
	action, domains, code := parseWebviews(c, false)
	if code != 0 {
		return result(code)
	}
	next, code := c.World.Platform.ModifyWebviewDirectly(c.App.ID, &c.App.Config.Domains, action, domains, c.Now)
	if code != 0 {
		return result(code)
	}
	return success(payload{appconfig.WebviewKey: webviews(next)})
}

// effectiveWebview serves get_effective_webviewdomain.
func effectiveWebview(c *call) reply {
	d := &c.App.Config.Domains
	return success(payload{
		"mp_webviewdomain": webviews(d.Console), "third_webviewdomain": webviews(d.Third), "direct_webviewdomain": webviews(d.Direct),
		"effective_webviewdomain": webviews(c.World.Platform.Effective(d)),
	})
}

// parseHosts reads the body of the component's calls on its domains.
func parseHosts(f fields, key string) (ch appconfig.HostChange, code int) {
	joined, ok := f.Text(key)
	var ok2, ok3 bool
	ch.Action, ok2 = f.Text("action")
	ch.Both, ok3 = f.Flag("is_modify_published_together")
	switch {
	case !ok || !ok2 || !ok3:
		return ch, 47001
	case !appconfig.KnownAction(ch.Action):
		return ch, 40097
	}
	for given := range strings.SplitSeq(joined, ";") {
		switch host := appconfig.BareHost(given); {
		case given == "":
		case host == "":
			ch.Bad = append(ch.Bad, given)
		case !slices.Contains(ch.Good, host):
			ch.Good = append(ch.Good, host)
		}
	}
	if (ch.Action == appconfig.Add || ch.Action == appconfig.Delete) && len(ch.Good)+len(ch.Bad) == 0 {
		return ch, 40097
	}
	return ch, 0
}

// platformHosts serves the component's calls on its domains. change may move hosts to the invalid ones.
func platformHosts(c *call, key string, change func(*appconfig.HostChange, time.Time) (published, testing []string, code int)) reply {
	ch, code := parseHosts(c.F, key)
	if code != 0 {
		return result(code)
	}
	published, testing, code := change(&ch, c.Now)
	if code != 0 {
		return result(code)
	}
	return success(payload{
		"published_" + key: strings.Join(published, ";"), "testing_" + key: strings.Join(testing, ";"),
		"invalid_" + key: strings.Join(ch.Bad, ";"),
	})
}

// platformServers serves modify_wxa_server_domain.
func platformServers(c *call) reply {
	return platformHosts(c, "wxa_server_domain", c.World.Platform.ChangeServers)
}

// platformJumps serves modify_wxa_jump_domain: hosts without the component's confirm file are invalid.
func platformJumps(c *call) reply {
	return platformHosts(c, "wxa_jump_h5_domain", c.World.Platform.ChangeJumps)
}
