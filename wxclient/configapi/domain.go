package configapi

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// maxDomains is how many domains one list of an app may hold.
const maxDomains = 200

// DomainAction is what a domain call does with its lists.
type DomainAction string

// The actions.
const (
	// DomainAdd adds to the lists, DomainDelete removes from them.
	DomainAdd    DomainAction = "add"
	DomainDelete DomainAction = "delete"
	// DomainSet replaces all lists.
	DomainSet DomainAction = "set"
	// DomainGet reads the lists.
	DomainGet DomainAction = "get"
)

// ServerDomains are the servers a mini program may talk to, each with its scheme, without a path.
type ServerDomains struct {
	// Request, Upload and Download are https; WebSocket is wss, UDP udp, TCP tcp.
	Request   []string `json:"requestdomain,omitempty"`
	WebSocket []string `json:"wsrequestdomain,omitempty"`
	Upload    []string `json:"uploaddomain,omitempty"`
	Download  []string `json:"downloaddomain,omitempty"`
	UDP       []string `json:"udpdomain,omitempty"`
	TCP       []string `json:"tcpdomain,omitempty"`
}

// domainList is one list of ServerDomains.
type domainList struct {
	name, scheme string
	domains      []string
}

func (d ServerDomains) lists() []domainList {
	return []domainList{
		{"requestdomain", "https", d.Request}, {"wsrequestdomain", "wss", d.WebSocket}, {"uploaddomain", "https", d.Upload},
		{"downloaddomain", "https", d.Download}, {"udpdomain", "udp", d.UDP}, {"tcpdomain", "tcp", d.TCP},
	}
}

func (d ServerDomains) validate(action DomainAction) error {
	var faults []error
	n := 0
	for _, list := range d.lists() {
		n += len(list.domains)
		if len(list.domains) > maxDomains {
			faults = append(faults, fmt.Errorf("%s has %d domains, want at most %d", list.name, len(list.domains), maxDomains))
		}
		for _, domain := range list.domains {
			if err := checkDomain(domain, list.scheme); err != nil {
				faults = append(faults, fmt.Errorf("%s: %w", list.name, err))
			}
		}
	}
	return wire.OneLine(append(faults, checkAction(action, n)...))
}

// checkAction checks that the number of domains fits the action.
func checkAction(action DomainAction, n int) []error {
	switch action {
	case DomainSet:
		return nil
	case DomainAdd, DomainDelete:
		if n == 0 {
			return []error{fmt.Errorf("no domain to %s", action)}
		}
		return nil
	case DomainGet:
		if n > 0 {
			return []error{errors.New("get takes no domains")}
		}
		return nil
	default:
		return []error{fmt.Errorf("action is %q, want add, delete, set or get", action)}
	}
}

// checkDomain refuses what WeChat always refuses: another scheme, a path, an IP address, its API host.
func checkDomain(domain, scheme string) error {
	u, err := url.Parse(domain)
	if err != nil || u.Scheme != scheme || u.Hostname() == "" || u.User != nil || u.Path != "" || u.RawQuery != "" || u.Fragment != "" {
		return fmt.Errorf("%q is not like %s://example.com, without a path", domain, scheme)
	}
	return checkHost(u.Hostname())
}

func checkHost(host string) error {
	switch {
	case net.ParseIP(host) != nil:
		return fmt.Errorf("%q is an IP address, want a domain", host)
	case !strings.Contains(host, ".") || strings.ContainsAny(host, " /;:"):
		return fmt.Errorf("%q is not a domain", host)
	case host == "api.weixin.qq.com":
		return fmt.Errorf("%s can't be a domain of an app", host)
	}
	return nil
}

// ChangedDomains are an app's lists after a call.
type ChangedDomains struct {
	// Domains are the lists of the call: platform or direct.
	Domains ServerDomains
	// Refused are the domains that WeChat refused, each with the reason; it accepted the others.
	Refused []errcode.RefusedItem
}

type domainsReply struct {
	ServerDomains
	wire.Refusals
}

// readDomainsReply is the reply to DomainGet, which must hold the lists.
type readDomainsReply struct{ domainsReply }

func (r *readDomainsReply) Check() error {
	if r.Request == nil {
		return wire.Missing("requestdomain")
	}
	return nil
}

func (c Calls) modifyDomains(ctx context.Context, path, appid string, action DomainAction, d ServerDomains) (ChangedDomains, error) {
	if err := d.validate(action); err != nil {
		return ChangedDomains{}, &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply readDomainsReply
	var out any = &reply.domainsReply
	if action == DomainGet {
		out = &reply
	}
	err := c.wire.CallApp(ctx, appid, wire.Post(path, struct {
		Action DomainAction `json:"action"`
		ServerDomains
	}{action, d}), out)
	if err != nil {
		return ChangedDomains{}, err
	}
	return ChangedDomains{Domains: reply.ServerDomains, Refused: reply.Refused}, nil
}

// ModifyDomains changes or reads an app's server domains within the component's list. An app has 50
// changes a month. They take effect at the next release, which drops domains that are no longer listed:
// read EffectiveDomains before a release. Don't combine it with ModifyDomainsDirectly.
//
// WeChat page: api_modifyserverdomain. Codes: 85015 not a mini program, 85016 too many, 85017 nothing
// to change (or an empty list: read with DomainGet), 85018 not on the component's list, 85301 WeChat
// refuses all (Error.Refused names each).
func (c Calls) ModifyDomains(ctx context.Context, appid string, action DomainAction, d ServerDomains) (ChangedDomains, error) {
	return c.modifyDomains(ctx, "/wxa/modify_domain", appid, action, d)
}

// ModifyDomainsDirectly changes or reads an app's server domains outside of the component's list; one
// domain may serve the apps of 100 owners this way. They take effect at the next release and stay.
//
// WeChat page: api_modifyserverdomaindirectly. Codes: 85015-85017, 85301 WeChat refuses all
// (Error.Refused names each).
func (c Calls) ModifyDomainsDirectly(ctx context.Context, appid string, action DomainAction, d ServerDomains) (ChangedDomains, error) {
	return c.modifyDomains(ctx, "/wxa/modify_domain_directly", appid, action, d)
}

// EffectiveServerDomains are an app's server domains by the way they were set.
type EffectiveServerDomains struct {
	// Console are those set on mp.weixin.qq.com; a release by the component deletes them.
	Console ServerDomains
	// Third are those of ModifyDomains, Direct those of ModifyDomainsDirectly.
	Third, Direct ServerDomains
	// Effective are the domains after a release now.
	Effective ServerDomains
}

type effectiveDomainsReply struct {
	Console   *ServerDomains `json:"mp_domain" need:"yes"`
	Third     *ServerDomains `json:"third_domain" need:"yes"`
	Direct    *ServerDomains `json:"direct_domain" need:"yes"`
	Effective *ServerDomains `json:"effective_domain" need:"yes"`
}

// EffectiveDomains reads the server domains that a release would leave. Call it before a release.
//
// WeChat page: api_geteffectiveserverdomain. Codes: -1, 44002.
func (c Calls) EffectiveDomains(ctx context.Context, appid string) (EffectiveServerDomains, error) {
	var reply effectiveDomainsReply
	if err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/get_effective_domain", wire.Empty{}), &reply); err != nil {
		return EffectiveServerDomains{}, err
	}
	return EffectiveServerDomains{Console: *reply.Console, Third: *reply.Third, Direct: *reply.Direct, Effective: *reply.Effective}, nil
}
