package configapi

import (
	"context"
	"errors"
	"fmt"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// WebviewCopy copies all web-view domains of the component; only for SetWebviewDomains.
const WebviewCopy DomainAction = ""

type webviewBody struct {
	Action  DomainAction `json:"action,omitempty"`
	Domains []string     `json:"webviewdomain,omitempty"`
}

func (b webviewBody) validate(mayCopy bool) error {
	var faults []error
	if len(b.Domains) > maxDomains {
		faults = append(faults, fmt.Errorf("webviewdomain has %d domains, want at most %d", len(b.Domains), maxDomains))
	}
	for _, domain := range b.Domains {
		if err := checkDomain(domain, "https"); err != nil {
			faults = append(faults, err)
		}
	}
	switch {
	case b.Action == WebviewCopy && mayCopy && len(b.Domains) > 0:
		faults = append(faults, errors.New("a copy of the component's domains takes no domains"))
	case b.Action == WebviewCopy && mayCopy:
	default:
		faults = append(faults, checkAction(b.Action, len(b.Domains))...)
	}
	return wire.OneLine(faults)
}

// ChangedWebviewDomains are an app's web-view domains after a call.
type ChangedWebviewDomains struct {
	// Domains is the list; only DomainGet guarantees it.
	Domains []string
	// Refused are the domains that WeChat refused, each with the reason; it accepted the others.
	Refused []errcode.RefusedItem
}

type webviewReply struct {
	Domains []string `json:"webviewdomain"`
	wire.Refusals
}

// readWebviewReply is the reply to DomainGet, which must hold the list.
type readWebviewReply struct{ webviewReply }

func (r *readWebviewReply) Check() error {
	if r.Domains == nil {
		return wire.Missing("webviewdomain")
	}
	return nil
}

func (c Calls) setWebview(ctx context.Context, path, appid string, body webviewBody, mayCopy bool) (ChangedWebviewDomains, error) {
	if err := body.validate(mayCopy); err != nil {
		return ChangedWebviewDomains{}, &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply readWebviewReply
	var out any = &reply.webviewReply
	if body.Action == DomainGet {
		out = &reply
	}
	if err := c.wire.CallApp(ctx, appid, wire.Post(path, body), out); err != nil {
		return ChangedWebviewDomains{}, err
	}
	return ChangedWebviewDomains{Domains: reply.Domains, Refused: reply.Refused}, nil
}

// SetWebviewDomains changes or reads the domains an app may show in a web-view (业务域名): domains of the
// component's list and their subdomains; https only. WebviewCopy copies the whole list. As with
// ModifyDomains, a release drops domains that are no longer listed.
//
// WeChat page: api_modifyjumpdomain. Codes: 89019 unchanged, 89020 the component has none, 89021 not
// one of the component's, 89029 too many, 89231 personal apps can't.
func (c Calls) SetWebviewDomains(ctx context.Context, appid string, action DomainAction, domains []string) (ChangedWebviewDomains, error) {
	return c.setWebview(ctx, "/wxa/setwebviewdomain", appid, webviewBody{action, domains}, true)
}

// SetWebviewDomainsDirectly is SetWebviewDomains for domains outside of the component's list.
// WebviewFile must be at the root of each domain first, byte for byte.
//
// WeChat page: api_modifyjumpdomaindirectly. Codes: 86103 the file isn't there, 89019, 89029, 89231.
func (c Calls) SetWebviewDomainsDirectly(ctx context.Context, appid string, action DomainAction, domains []string) (ChangedWebviewDomains, error) {
	return c.setWebview(ctx, "/wxa/setwebviewdomain_directly", appid, webviewBody{action, domains}, false)
}

// ConfirmFile proves the ownership of a domain: serve it at the root, byte for byte.
type ConfirmFile struct {
	// Name is the name of the file, Content its text.
	Name    string `json:"file_name"`
	Content string `json:"file_content"`
}

type confirmFileReply struct{ ConfirmFile }

func (f *confirmFileReply) Check() error {
	if f.Name == "" || f.Content == "" {
		return wire.Missing("file_name or file_content")
	}
	return nil
}

// WebviewFile reads the app's confirm file for SetWebviewDomainsDirectly.
//
// WeChat page: api_getjumpdomainconfirmfile. Codes: -1, 44002.
func (c Calls) WebviewFile(ctx context.Context, appid string) (ConfirmFile, error) {
	var reply confirmFileReply
	err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/get_webviewdomain_confirmfile", wire.Empty{}), &reply)
	return reply.ConfirmFile, err
}

// EffectiveWebviewDomains are an app's web-view domains by the way they were set.
type EffectiveWebviewDomains struct {
	// Console are those set on mp.weixin.qq.com; a release by the component deletes them.
	Console []string
	// Third are those of SetWebviewDomains, Direct those of SetWebviewDomainsDirectly.
	Third, Direct []string
	// Effective are the domains after a release now.
	Effective []string
}

type effectiveWebviewReply struct {
	Console   []string `json:"mp_webviewdomain" need:"yes"`
	Third     []string `json:"third_webviewdomain" need:"yes"`
	Direct    []string `json:"direct_webviewdomain" need:"yes"`
	Effective []string `json:"effective_webviewdomain" need:"yes"`
}

// EffectiveWebviewDomains reads the web-view domains that a release would leave.
//
// WeChat page: api_geteffectivejumpdomain. Codes: -1, 44002.
func (c Calls) EffectiveWebviewDomains(ctx context.Context, appid string) (EffectiveWebviewDomains, error) {
	var reply effectiveWebviewReply
	if err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/get_effective_webviewdomain", wire.Empty{}), &reply); err != nil {
		return EffectiveWebviewDomains{}, err
	}
	return EffectiveWebviewDomains(reply), nil
}
