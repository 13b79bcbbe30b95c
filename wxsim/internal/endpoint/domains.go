package endpoint

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
)

// confirmFile answers the file that proves the domains and prefixes of an app, or of the component if appid is empty.
func confirmFile(c *call, appid string) (payload, int) {
	h := chance.Hash(c.World.Settings().Seed, appid, "confirm-file", 0)
	return payload{
		"file_name": fmt.Sprintf("%010x.txt", h&0xffffffffff), "file_content": fmt.Sprintf("%032x", chance.Mix(h)),
	}, 0
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
func changeDomains(c *call, set appconfig.DomainSet,
	modify func(appid string, d *appconfig.Domains, action string, given appconfig.DomainSet, now time.Time) (appconfig.DomainSet, int),
) (payload, int) {
	action, given, invalid, code := parseDomains(c.F)
	switch {
	case code != 0:
		return nil, code
	case action == appconfig.Get:
		return servers(set), 0
	}
	next, code := modify(c.App.ID, &c.App.Config.Domains, action, given, c.Now)
	p := servers(next)
	maps.Copy(p, invalid)
	return p, code
}

func effectiveDomain(c *call) (payload, int) {
	d := &c.App.Config.Domains
	return payload{
		"mp_domain": servers(d.Console), "third_domain": servers(d.Third), "direct_domain": servers(d.Direct),
		"effective_domain": servers(c.World.Platform.Effective(d)),
	}, 0
}

// webviews are the web-view domains of a set.
func webviews(d appconfig.DomainSet) []string { return some(d[appconfig.WebviewKey]) }

// webviewChange is the body of both calls on web-view domains.
type webviewChange struct {
	Action  string   `in:"action"`
	Domains []string `in:"webviewdomain"`
}

// changeWebviews changes one set of an app's web-view domains by modify. Malformed domains are refused. No action copies
// the component's list, where that is allowed.
func changeWebviews(c *call, in webviewChange, mayCopy bool,
	modify func(appid string, d *appconfig.Domains, action string, domains []string, now time.Time) (appconfig.DomainSet, int),
) (payload, int) {
	malformed := func(domain string) bool { return appconfig.HostOf(domain, "https") == "" }
	switch {
	case !appconfig.KnownAction(in.Action) && (in.Action != "" || !mayCopy):
		return nil, 85022
	case c.App.Personal:
		return nil, 89231
	case slices.ContainsFunc(in.Domains, malformed):
		return nil, 89021
	}
	next, code := modify(c.App.ID, &c.App.Config.Domains, in.Action, in.Domains, c.Now)
	return payload{appconfig.WebviewKey: webviews(next)}, code
}

func effectiveWebview(c *call) (payload, int) {
	d := &c.App.Config.Domains
	return payload{
		"mp_webviewdomain": webviews(d.Console), "third_webviewdomain": webviews(d.Third), "direct_webviewdomain": webviews(d.Direct),
		"effective_webviewdomain": webviews(c.World.Platform.Effective(d)),
	}, 0
}

// parseHosts reads the body of the component's calls on its domains.
func parseHosts(f fields, key string) (ch appconfig.HostChange, code int) {
	joined, ok := f.Text(key)
	in, ok2 := gateway.Decode[struct {
		Action string `in:"action"`
		Both   bool   `in:"is_modify_published_together"`
	}](f)
	switch {
	case !ok || !ok2:
		return ch, 47001
	case !appconfig.KnownAction(in.Action):
		return ch, 40097
	}
	ch.Action, ch.Both = in.Action, in.Both
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
func platformHosts(c *call, key string, change func(*appconfig.HostChange, time.Time) (published, testing []string, code int)) (payload, int) {
	ch, code := parseHosts(c.F, key)
	if code != 0 {
		return nil, code
	}
	published, testing, code := change(&ch, c.Now)
	return payload{
		"published_" + key: strings.Join(published, ";"), "testing_" + key: strings.Join(testing, ";"),
		"invalid_" + key: strings.Join(ch.Bad, ";"),
	}, code
}
