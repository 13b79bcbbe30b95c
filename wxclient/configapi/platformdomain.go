package configapi

import (
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

// PlatformDomains are domains registered on the component, without schemes.
type PlatformDomains struct {
	// Published is what holds for every app; Testing for the component's test accounts only.
	Published, Testing []string
	// Refused are the domains that WeChat left out, each with the reason.
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

type platformServersReply struct {
	Published *wire.LooseText `json:"published_wxa_server_domain"`
	Testing   *wire.LooseText `json:"testing_wxa_server_domain"`
	wire.Refusals
}

func (r *platformServersReply) Check() error {
	if r.Published == nil && r.Testing == nil {
		return wire.Missing("published_wxa_server_domain and testing_wxa_server_domain")
	}
	return nil
}

// PlatformServerDomains changes or reads the server domains registered on the component, up to 1000
// like "api.example.com", 50 times a month. With published false only the component's test accounts
// notice. Taking one away takes it from the next release of every app that has it.
//
// WeChat page: api_modifythirdpartyserverdomain. Codes: 40013, 48001.
func (c Calls) PlatformServerDomains(ctx context.Context, action DomainAction, domains []string, published bool) (PlatformDomains, error) {
	const path = "/cgi-bin/component/modify_wxa_server_domain"
	if err := checkHosts(action, domains, maxPlatformServers); err != nil {
		return PlatformDomains{}, &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply platformServersReply
	err := c.wire.Call(ctx, wire.Post(path, struct {
		Action    DomainAction `json:"action"`
		Domains   string       `json:"wxa_server_domain,omitempty"`
		Published bool         `json:"is_modify_published_together"`
	}{action, strings.Join(domains, ";"), published}), &reply)
	return PlatformDomains{wire.SplitList(reply.Published.Value()), wire.SplitList(reply.Testing.Value()), reply.Refused}, err
}

type platformJumpsReply struct {
	Published *wire.LooseText `json:"published_wxa_jump_h5_domain"`
	Testing   *wire.LooseText `json:"testing_wxa_jump_h5_domain"`
	wire.Refusals
}

func (r *platformJumpsReply) Check() error {
	if r.Published == nil && r.Testing == nil {
		return wire.Missing("published_wxa_jump_h5_domain and testing_wxa_jump_h5_domain")
	}
	return nil
}

// PlatformWebviewDomains is PlatformServerDomains for web-view domains, up to 200. PlatformFile must
// lie at the root of each.
//
// WeChat page: api_modifythirdpartyjumpdomain. Codes: 40013, 48001.
func (c Calls) PlatformWebviewDomains(ctx context.Context, action DomainAction, domains []string, published bool) (PlatformDomains, error) {
	const path = "/cgi-bin/component/modify_wxa_jump_domain"
	if err := checkHosts(action, domains, maxPlatformJumps); err != nil {
		return PlatformDomains{}, &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply platformJumpsReply
	err := c.wire.Call(ctx, wire.Post(path, struct {
		Action    DomainAction `json:"action"`
		Domains   string       `json:"wxa_jump_h5_domain,omitempty"`
		Published bool         `json:"is_modify_published_together"`
	}{action, strings.Join(domains, ";"), published}), &reply)
	return PlatformDomains{wire.SplitList(reply.Published.Value()), wire.SplitList(reply.Testing.Value()), reply.Refused}, err
}

// PlatformFile reads the file that proves web-view domains of the component.
//
// WeChat page: api_getthirdpartyjumpdomainconfirmfile. Codes: -1, 44002.
func (c Calls) PlatformFile(ctx context.Context) (ConfirmFile, error) {
	var reply confirmFileReply
	err := c.wire.Call(ctx, wire.Post("/cgi-bin/component/get_domain_confirmfile", wire.Empty{}), &reply)
	return reply.ConfirmFile, err
}
