package wxsim

import (
	"fmt"
	"slices"
)

// parseWebviews reads the body of both calls. Malformed domains are refused.
func (c *call) parseWebviews(mayCopy bool) (action string, domains []string, code int) {
	action, ok := c.f.text("action")
	domains, ok2 := list[string](c.f, webviewKind)
	switch {
	case !ok || !ok2:
		return "", nil, 47001
	case action == "" && !mayCopy, action != "" && !slices.Contains([]string{"add", "delete", "set", "get"}, action):
		return "", nil, 85022
	case c.app.personal:
		return "", nil, 89231
	}
	for _, domain := range domains {
		if hostOf(domain, "https") == "" {
			return "", nil, 89021
		}
	}
	return action, domains, 0
}

// setWebview plays setwebviewdomain: domains of the component and their subdomains. No action copies all of them.
func (c *call) setWebview() reply {
	action, domains, code := c.parseWebviews(true)
	if code != 0 {
		return failure(code)
	}
	set := &c.app.domains.third
	if action == "" {
		for _, host := range c.sim.platform.jumps() {
			domains = append(domains, "https://"+host)
		}
		action = "set"
	}
	if action == "add" || action == "set" {
		if len(c.sim.platform.jumps()) == 0 {
			return failure(89020)
		}
		for _, domain := range domains {
			if !c.sim.platform.registered(webviewKind, domain) {
				return failure(89021)
			}
		}
	}
	return c.changeWebviews(set, action, domains)
}

// setWebviewDirectly plays setwebviewdomain_directly: the confirm file must lie on every domain.
func (c *call) setWebviewDirectly() reply {
	action, domains, code := c.parseWebviews(false)
	if code != 0 {
		return failure(code)
	}
	if action == "add" || action == "set" {
		for _, domain := range domains {
			if !c.sim.platform.placed(c.app.id, hostOf(domain, "https")) {
				return failure(86103)
			}
		}
	}
	return c.changeWebviews(&c.app.domains.direct, action, domains)
}

// changeWebviews changes the web-view domains of one of an app's sets.
func (c *call) changeWebviews(set *domainSet, action string, domains []string) reply {
	if action == "get" {
		return success(payload{webviewKind: some((*set)[webviewKind])})
	}
	given := domainSet{webviewKind: domains}
	next := given.with(set.without(domainSet{webviewKind: (*set)[webviewKind]}))
	switch action {
	case "add":
		next = set.with(given)
	case "delete":
		next = set.without(given)
	}
	if code := c.storeDomains(set, next, maxDomains, 89019, 89029); code != 0 {
		return failure(code)
	}
	return success(payload{webviewKind: some(next[webviewKind])})
}

// confirmFile is the file that proves an app's domains and prefixes; an empty appid stands for the component.
func (s *Sim) confirmFile(appid string) payload {
	h := hash(s.set.Load().Seed, appid, "confirm-file", 0)
	return payload{"file_name": fmt.Sprintf("%010x.txt", h&0xffffffffff), "file_content": fmt.Sprintf("%032x", mix(h))}
}

// appFile plays get_webviewdomain_confirmfile, and qrcodejumpdownload for the prefixes of QR code rules.
func (c *call) appFile() reply { return success(c.sim.confirmFile(c.app.id)) }

// effectiveWebview plays get_effective_webviewdomain.
func (c *call) effectiveWebview() reply {
	d := &c.app.domains
	return success(payload{
		"mp_webviewdomain": some(d.console[webviewKind]), "third_webviewdomain": some(d.third[webviewKind]),
		"direct_webviewdomain": some(d.direct[webviewKind]), "effective_webviewdomain": some(c.sim.effective(d)[webviewKind]),
	})
}
