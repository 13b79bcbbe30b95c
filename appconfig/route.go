package appconfig

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// domainsMax is how many domains one list of an app may hold.
const domainsMax = 200

// Route is how the domains of a section come to an app. WeChat advises not to mix the two ways.
type Route struct {
	// Way is platform for domains on the platform's list, of which a release keeps only those that
	// are still on it; or direct, for which a domain may serve the apps of 100 owners.
	Way string `json:"way"`
	// AddToPlatform adds missing domains to the platform's list when the plan is applied.
	AddToPlatform bool `json:"add_to_platform,omitempty"`
	// Adopt keeps the domains that were set at mp.weixin.qq.com, which a release deletes.
	Adopt bool `json:"adopt,omitempty"`
}

const (
	// keyAddToPlatform is the key of Route.AddToPlatform.
	keyAddToPlatform = "add_to_platform"

	wayPlatform = "platform"
	wayDirect   = "direct"
)

// routeFields are the keys of a Route in a plan.
func routeFields() []Field {
	return []Field{
		{Key: "way", Node: Choice{wayPlatform, wayDirect}}, {Key: keyAddToPlatform, Node: Flag{}}, {Key: "adopt", Node: Flag{}},
	}
}

// notDirect refuses to add domains that need no list of the platform.
var notDirect = Conflict{
	Key: keyAddToPlatform, With: "way", Is: wayDirect,
	Why: "is for way: platform; domains of way: direct are on no list of the platform",
}

// byRoute is what came to the app by the route.
func byRoute[T any](r Route, third, direct T) T {
	if r.Way == wayDirect {
		return direct
	}
	return third
}

// edit is e with the domains of mp.weixin.qq.com that the plan adopts.
func (r Route) edit(e Edit, console []string) Edit {
	if r.Adopt {
		e.Add = append(slices.Clone(e.Add), without(without(console, e.Remove), e.Add)...)
	}
	return e
}

// trapped are the domains of an edit that the app has and a release would drop: they are on the
// platform's list no more.
func (r Route) trapped(e Edit, have, effective []string) []string {
	if r.Way == wayDirect {
		return nil
	}
	return without(intersect(append(slices.Clone(e.Add), e.Set...), have), effective)
}

// dropped are the domains of mp.weixin.qq.com that a release deletes.
func (r Route) dropped(e Edit, console, have, effective []string) []string {
	if r.Adopt {
		return nil
	}
	return without(without(console, r.edit(e, console).edited(have)), effective)
}

// hosts are the hosts that have to be on the platform's list.
func (r Route) hosts(edits ...Edit) []string {
	var hosts []string
	if r.Way == wayDirect {
		return nil
	}
	for _, e := range edits {
		for _, domain := range slices.Concat(e.Add, e.Set) {
			u, err := url.Parse(domain)
			if err == nil && u.Hostname() != "" && !slices.Contains(hosts, u.Hostname()) {
				hosts = append(hosts, u.Hostname())
			}
		}
	}
	return hosts
}

// written are domains in a plan's form, should WeChat show them in another: a difference that no
// write removes would spend the month's changes.
func written(domains []string) []string {
	out := make([]string, len(domains))
	for i, d := range domains {
		out[i] = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(d)), "/")
	}
	return out
}

// overLimit refuses a list that would grow beyond what WeChat takes.
func overLimit(key string, after, plus []string) error {
	if len(after) <= domainsMax || len(plus) == 0 {
		return nil
	}
	return fmt.Errorf("configure.%s: the app would have %d, and WeChat takes at most %d", key, len(after), domainsMax)
}

// verbOf is the verb of the one write for a difference: an app has few writes a month.
func verbOf(plus, minus []string) (Verb, configapi.DomainAction) {
	switch {
	case len(minus) == 0:
		return Add, configapi.DomainAdd
	case len(plus) == 0:
		return Remove, configapi.DomainDelete
	default:
		return Set, configapi.DomainSet
	}
}

// filing is the duty of an owner whose domain has no ICP filing.
type filing struct{}

func (filing) Duty(_ context.Context, code int64) (string, error) {
	if code == 85076 {
		return "its owner must file it first", nil
	}
	return "", nil
}

// domainCheck checks a domain of an app; port reports whether it may have a port.
func domainCheck(scheme string, port bool) Check {
	return func(v string) string { return checkDomain(v, scheme, port) }
}

// defaultPort is the port that a scheme implies.
var defaultPort = map[string]string{"https": "443", "wss": "443"}

func checkDomain(v, scheme string, port bool) string {
	u, err := url.Parse(v)
	if err != nil || u.Scheme != scheme || u.Hostname() == "" || u.User != nil || strings.ContainsAny(v, "?#") {
		return fmt.Sprintf("want %s:// and a domain, such as %s://api.example.com", scheme, scheme)
	}
	if u.Path != "" {
		return "want no path and no / at the end"
	}
	if msg := checkHost(u.Hostname()); msg != "" {
		return msg
	}
	switch n, err := strconv.Atoi(u.Port()); {
	case u.Port() == "" && !strings.HasSuffix(u.Host, ":"):
		return ""
	case !port:
		return "a web-view domain has no port"
	case err != nil || n < 1 || n > 65535:
		return "want a port from 1 to 65535"
	case u.Port() == defaultPort[scheme]:
		return "leave the port " + u.Port() + " out: WeChat compares text, and links without the port would not match"
	}
	return ""
}

var hostForm = regexp.MustCompile(`^([a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?\.)+[a-z0-9-]{2,63}$`)

func checkHost(host string) string {
	switch {
	case net.ParseIP(host) != nil:
		return "is an IP address: WeChat wants a domain"
	case host != strings.ToLower(host):
		return "want it in lower case"
	case host == "api.weixin.qq.com":
		return "WeChat's own API can't be a domain of an app: call it from your server"
	case !hostForm.MatchString(host):
		return "is no domain (write other letters than a to z as punycode, xn--...)"
	}
	return ""
}
