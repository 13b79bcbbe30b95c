package configapi

import (
	"cmp"
	"context"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// Limits of the component's own lists.
const (
	maxPlatformServers = 1000
	maxPlatformJumps   = 200
)

// PlatformDomains are the component's lists of domains, without schemes.
type PlatformDomains struct {
	// Published holds for every app; Testing for the component's test accounts only.
	Published, Testing []string
	// Refused are the domains that WeChat refused, each with the reason.
	Refused []errcode.RefusedItem
}

// checkHosts checks a list for the component, whose domains go without schemes.
func checkHosts(action DomainAction, hosts []string, limit int) error {
	var faults []error
	if len(hosts) > limit {
		faults = append(faults, fmt.Errorf("%d domains, want at most %d", len(hosts), limit))
	}
	for _, host := range hosts {
		if err := checkHost(host); err != nil {
			faults = append(faults, fmt.Errorf("%w (the component's domains have no scheme)", err))
		}
	}
	return wire.OneLine(append(faults, checkAction(action, len(hosts))...))
}

// platformDomainsReply is the reply of both calls; each fills its pair of lists.
type platformDomainsReply struct {
	Servers        *wire.LooseText `json:"published_wxa_server_domain"`
	TestingServers *wire.LooseText `json:"testing_wxa_server_domain"`
	Jumps          *wire.LooseText `json:"published_wxa_jump_h5_domain"`
	TestingJumps   *wire.LooseText `json:"testing_wxa_jump_h5_domain"`
	wire.Refusals
}

func (r *platformDomainsReply) Check() error {
	if cmp.Or(r.Servers, r.TestingServers, r.Jumps, r.TestingJumps) == nil {
		return wire.Missing("the published and the testing domains")
	}
	return nil
}

// platformDomains makes both calls; body is one of their bodies.
func (c Calls) platformDomains(ctx context.Context, path string, limit int, action DomainAction, domains []string, body any) (PlatformDomains, error) {
	if err := checkHosts(action, domains, limit); err != nil {
		return PlatformDomains{}, &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply platformDomainsReply
	err := c.wire.Call(ctx, wire.Post(path, body), &reply)
	return PlatformDomains{
		Published: wire.SplitList(cmp.Or(reply.Servers, reply.Jumps).Value()),
		Testing:   wire.SplitList(cmp.Or(reply.TestingServers, reply.TestingJumps).Value()), Refused: reply.Refused,
	}, err
}

// PlatformServerDomains changes or reads the component's list of server domains, up to 1000 like
// "api.example.com", 50 times a month. With published false it changes the list of the component's test
// accounts only. The next release of each app drops domains that are no longer listed.
//
// WeChat page: api_modifythirdpartyserverdomain. Codes: 40013, 48001.
func (c Calls) PlatformServerDomains(ctx context.Context, action DomainAction, domains []string, published bool) (PlatformDomains, error) {
	return c.platformDomains(ctx, "/cgi-bin/component/modify_wxa_server_domain", maxPlatformServers, action, domains, struct {
		Action    DomainAction `json:"action"`
		Domains   string       `json:"wxa_server_domain,omitempty"`
		Published bool         `json:"is_modify_published_together"`
	}{action, strings.Join(domains, ";"), published})
}

// PlatformWebviewDomains is PlatformServerDomains for web-view domains, up to 200. PlatformFile must be
// at the root of each.
//
// WeChat page: api_modifythirdpartyjumpdomain. Codes: 40013, 48001.
func (c Calls) PlatformWebviewDomains(ctx context.Context, action DomainAction, domains []string, published bool) (PlatformDomains, error) {
	return c.platformDomains(ctx, "/cgi-bin/component/modify_wxa_jump_domain", maxPlatformJumps, action, domains, struct {
		Action    DomainAction `json:"action"`
		Domains   string       `json:"wxa_jump_h5_domain,omitempty"`
		Published bool         `json:"is_modify_published_together"`
	}{action, strings.Join(domains, ";"), published})
}

// PlatformFile reads the file that proves web-view domains of the component.
//
// WeChat page: api_getthirdpartyjumpdomainconfirmfile. Codes: -1, 44002.
func (c Calls) PlatformFile(ctx context.Context) (ConfirmFile, error) {
	var reply confirmFileReply
	err := c.wire.Call(ctx, wire.Post("/cgi-bin/component/get_domain_confirmfile", wire.Empty{}), &reply)
	return reply.ConfirmFile, err
}
