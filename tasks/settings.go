package tasks

import (
	"context"
	"fmt"
	"strings"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// SettingsReader reads the settings of apps; *wxclient.Client implements it.
type SettingsReader interface {
	EffectiveDomains(ctx context.Context, appid string) (configapi.EffectiveServerDomains, error)
	EffectiveWebviewDomains(ctx context.Context, appid string) (configapi.EffectiveWebviewDomains, error)
	Testers(ctx context.Context, appid string) ([]string, error)
	QRRules(ctx context.Context, appid string) (configapi.QRRules, error)
	LowestLibrary(ctx context.Context, appid string) (configapi.BaseLibrary, error)
	Serving(ctx context.Context, appid string) (bool, error)
	PrivacyGuideline(ctx context.Context, appid string, version configapi.PrivacyVersion) (configapi.PrivacyGuideline, error)
}

// Settings reads and writes them; *wxclient.Client implements it.
type Settings interface {
	SettingsReader
	ModifyDomains(ctx context.Context, appid string, action configapi.DomainAction, d configapi.ServerDomains) (configapi.ChangedDomains, error)
	ModifyDomainsDirectly(ctx context.Context, appid string, action configapi.DomainAction, d configapi.ServerDomains) (configapi.ChangedDomains, error)
	SetWebviewDomains(ctx context.Context, appid string, action configapi.DomainAction, domains []string) (configapi.ChangedWebviewDomains, error)
	SetWebviewDomainsDirectly(ctx context.Context, appid string, action configapi.DomainAction, domains []string) (configapi.ChangedWebviewDomains, error)
	WebviewFile(ctx context.Context, appid string) (configapi.ConfirmFile, error)
	BindTester(ctx context.Context, appid, wechatID string) (user string, err error)
	UnbindTester(ctx context.Context, appid, wechatID, user string) error
	PutQRRule(ctx context.Context, appid string, rule configapi.QRRule, edit bool) error
	DeleteQRRule(ctx context.Context, appid, prefix string) error
	PublishQRRule(ctx context.Context, appid, prefix string) error
	QRFile(ctx context.Context, appid string) (configapi.ConfirmFile, error)
	SetLowestLibrary(ctx context.Context, appid, version string) error
	SetServing(ctx context.Context, appid string, serving bool) error
	SetPrivacyGuideline(ctx context.Context, appid string, r configapi.GuidelineRequest) error
}

var _ Settings = (*wxclient.Client)(nil)

// ReadSettings reads what an app has of one kind of settings.
func ReadSettings(ctx context.Context, wx SettingsReader, appid string, kind appconfig.Kind) (have appconfig.Have, err error) {
	switch kind {
	case appconfig.Domains:
		var d configapi.EffectiveServerDomains
		d, err = wx.EffectiveDomains(ctx, appid)
		have.Domains = appconfig.DomainsHave{
			Console: domainLists(d.Console), Platform: domainLists(d.Third), Direct: domainLists(d.Direct), Effective: domainLists(d.Effective),
		}
	case appconfig.Webview:
		var w configapi.EffectiveWebviewDomains
		w, err = wx.EffectiveWebviewDomains(ctx, appid)
		have.Webview = appconfig.WebviewHave{Console: asWritten(w.Console), Platform: asWritten(w.Third), Direct: asWritten(w.Direct), Effective: asWritten(w.Effective)}
	case appconfig.Testers:
		var users []string
		users, err = wx.Testers(ctx, appid)
		have.NoTesters = err == nil && len(users) == 0
	case appconfig.QRRules, appconfig.QRPublish:
		var q configapi.QRRules
		q, err = wx.QRRules(ctx, appid)
		for _, rule := range q.Rules {
			have.Rules = append(have.Rules, ruleOf(rule))
		}
	case appconfig.Library:
		var l configapi.BaseLibrary
		l, err = wx.LowestLibrary(ctx, appid)
		have.Library = l.Lowest
	case appconfig.Visibility:
		have.Serving, err = wx.Serving(ctx, appid)
	case appconfig.Privacy:
		have.Guideline, err = readGuideline(ctx, wx, appid)
	default:
		err = fmt.Errorf("no setting %q", kind)
	}
	return have, err
}

// readGuideline reads the draft, or without one the guideline that is live: a draft
// replaces all of it.
func readGuideline(ctx context.Context, wx SettingsReader, appid string) (appconfig.Guideline, error) {
	draft, err := wx.PrivacyGuideline(ctx, appid, configapi.PrivacyDraft)
	if err == nil && len(draft.Settings) == 0 && draft.Owner == (configapi.PrivacyOwner{}) {
		draft, err = wx.PrivacyGuideline(ctx, appid, configapi.PrivacyOnline)
	}
	o := draft.Owner
	g := appconfig.Guideline{File: o.ExtFileID, Owner: appconfig.Owner{
		Email: o.Email, Phone: o.Phone, QQ: o.QQ, WeChat: o.WeChat, Notice: o.NoticeMethod, Store: o.StoreExpire, Region: o.StoreRegion,
	}}
	for _, s := range draft.Settings {
		g.Uses = append(g.Uses, appconfig.Use{Key: s.Key, Text: s.Text})
	}
	return g, err
}

func domainLists(d configapi.ServerDomains) appconfig.DomainLists {
	return appconfig.DomainLists{
		appconfig.Request: asWritten(d.Request), appconfig.WSRequest: asWritten(d.WebSocket), appconfig.Upload: asWritten(d.Upload),
		appconfig.Download: asWritten(d.Download), appconfig.UDP: asWritten(d.UDP), appconfig.TCP: asWritten(d.TCP),
	}
}

// asWritten are domains in the form of a plan's, should WeChat show them in another:
// a difference that no write takes away would cost the month's changes.
func asWritten(domains []string) []string {
	out := make([]string, len(domains))
	for i, d := range domains {
		out[i] = strings.TrimSuffix(strings.ToLower(strings.TrimSpace(d)), "/")
	}
	return out
}

func ruleOf(r configapi.QRRule) appconfig.Rule {
	rule := appconfig.Rule{Prefix: r.Prefix, Path: r.Path, Exclusive: r.Exclusive, Debug: r.DebugURLs, Published: r.Published}
	if i := int(r.Version) - 1; i >= 0 && i < len(appconfig.Versions) {
		rule.Version = appconfig.Versions[i]
	}
	return rule
}

// actions are WeChat's words for what a write of domains does.
var actions = map[appconfig.Verb]configapi.DomainAction{
	appconfig.VerbAdd: configapi.DomainAdd, appconfig.VerbRemove: configapi.DomainDelete, appconfig.VerbSet: configapi.DomainSet,
}

// write makes one change at WeChat.
func (r *run) write(ctx context.Context, c appconfig.Change) error {
	wx, app := r.setter, r.assignment.AppID
	switch c.Kind {
	case appconfig.Domains:
		return r.writeDomains(ctx, c)
	case appconfig.Webview:
		var reply configapi.ChangedWebviewDomains
		var err error
		if c.Way == appconfig.Direct {
			reply, err = wx.SetWebviewDomainsDirectly(ctx, app, actions[c.Verb], c.List)
		} else {
			reply, err = wx.SetWebviewDomains(ctx, app, actions[c.Verb], c.List)
		}
		return taken(reply.Refused, err)
	case appconfig.QRRules:
		if c.Verb == appconfig.VerbRemove {
			return wx.DeleteQRRule(ctx, app, c.Name)
		}
		return wx.PutQRRule(ctx, app, configapi.QRRule{
			Prefix: c.Rule.Prefix, Path: c.Rule.Path, Exclusive: c.Rule.Exclusive, DebugURLs: c.Rule.Debug, Version: qrVersion(c.Rule.Version),
		}, c.Verb == appconfig.VerbSet)
	case appconfig.QRPublish:
		return wx.PublishQRRule(ctx, app, c.Name)
	case appconfig.Library:
		return wx.SetLowestLibrary(ctx, app, c.Value)
	case appconfig.Visibility:
		return wx.SetServing(ctx, app, c.Value == appconfig.VisibilityOpen)
	case appconfig.Privacy:
		return wx.SetPrivacyGuideline(ctx, app, guidelineRequest(c.Guideline))
	default:
		return fmt.Errorf("no write of %q", c.Kind)
	}
}

func (r *run) writeDomains(ctx context.Context, c appconfig.Change) error {
	wx, app := r.setter, r.assignment.AppID
	d := configapi.ServerDomains{
		Request: c.Domains[appconfig.Request], WebSocket: c.Domains[appconfig.WSRequest], Upload: c.Domains[appconfig.Upload],
		Download: c.Domains[appconfig.Download], UDP: c.Domains[appconfig.UDP], TCP: c.Domains[appconfig.TCP],
	}
	var reply configapi.ChangedDomains
	var err error
	if c.Way == appconfig.Direct {
		reply, err = wx.ModifyDomainsDirectly(ctx, app, actions[c.Verb], d)
	} else {
		reply, err = wx.ModifyDomains(ctx, app, actions[c.Verb], d)
	}
	return taken(reply.Refused, err)
}

// taken is the error of a write that WeChat took in part only.
func taken(refused []wxclient.RefusedItem, err error) error {
	if err != nil || len(refused) == 0 {
		return err
	}
	return &itemsError{items: refused}
}

func qrVersion(name string) configapi.QRVersion {
	for i, v := range appconfig.Versions {
		if v == name {
			return configapi.QRVersion(i + 1)
		}
	}
	return configapi.QROnline
}

func guidelineRequest(g appconfig.Guideline) configapi.GuidelineRequest {
	o := g.Owner
	req := configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: configapi.PrivacyOwner{
		Email: o.Email, Phone: o.Phone, QQ: o.QQ, WeChat: o.WeChat, ExtFileID: g.File, NoticeMethod: o.Notice, StoreExpire: o.Store, StoreRegion: o.Region,
	}}
	for _, u := range g.Uses {
		req.Settings = append(req.Settings, configapi.PrivacySetting{Key: u.Key, Text: u.Text})
	}
	return req
}
