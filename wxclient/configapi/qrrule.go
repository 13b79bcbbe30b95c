package configapi

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// maxDebugURLs is the largest number of test links of a QR code rule.
const maxDebugURLs = 5

// QRVersion is the version of an app that the test links of a rule open.
type QRVersion int64

// The versions.
const (
	QRDevelopment QRVersion = 1
	QRTrial       QRVersion = 2
	QROnline      QRVersion = 3
)

// QRRule makes ordinary QR codes, whose links begin with Prefix, open a page of an app.
type QRRule struct {
	// Prefix is an http or https URL.
	Prefix string
	// Exclusive reserves the prefixes below Prefix.
	Exclusive bool
	// Path is the page that opens.
	Path string
	// Version is the version that the test links open before the rule is published.
	Version QRVersion
	// DebugURLs are up to 5 test links, each beginning with Prefix.
	DebugURLs []string
	// Published is set in answers once the rule holds for every user.
	Published bool
}

func (r QRRule) validate() error {
	var faults []error
	if u, err := url.Parse(r.Prefix); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		faults = append(faults, fmt.Errorf("prefix is %q, want an http or https URL", r.Prefix))
	}
	if r.Path == "" {
		faults = append(faults, errors.New("path is empty"))
	}
	if r.Version < QRDevelopment || r.Version > QROnline {
		faults = append(faults, fmt.Errorf("open_version is %d, want 1 to 3", r.Version))
	}
	if len(r.DebugURLs) > maxDebugURLs {
		faults = append(faults, fmt.Errorf("debug_url has %d links, want at most %d", len(r.DebugURLs), maxDebugURLs))
	}
	for _, link := range r.DebugURLs {
		if !strings.HasPrefix(link, r.Prefix) {
			faults = append(faults, fmt.Errorf("debug_url %q doesn't begin with the prefix", link))
		}
	}
	return wire.OneLine(faults)
}

// PutQRRule adds a rule, or with edit replaces the one with its prefix. QRFile must be at the prefix's
// host first. Until PublishQRRule the rule holds for test links only.
//
// WeChat page: api_addjumpqrcode. Codes: 85066 malformed, 85068 a test link is not under the prefix,
// 85069 the file isn't there, 85070 blacklisted, 85071 added already, 85072 used by another app,
// 85073 too many, 85075 personal apps can't, 85076 no ICP filing.
func (c Calls) PutQRRule(ctx context.Context, appid string, rule QRRule, edit bool) error {
	const path = "/cgi-bin/wxopen/qrcodejumpadd"
	if err := rule.validate(); err != nil {
		return &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	body := struct {
		Prefix    string   `json:"prefix"`
		SubRule   string   `json:"permit_sub_rule"`
		Path      string   `json:"path"`
		Version   string   `json:"open_version"`
		DebugURLs []string `json:"debug_url,omitempty"`
		Edit      int      `json:"is_edit"`
	}{Prefix: rule.Prefix, SubRule: "1", Path: rule.Path, Version: strconv.FormatInt(int64(rule.Version), 10), DebugURLs: rule.DebugURLs}
	if rule.Exclusive {
		body.SubRule = "2"
	}
	if edit {
		body.Edit = 1
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, body), nil)
}

// QRRules are the QR code rules of an app.
type QRRules struct {
	// Open reports whether ordinary QR codes can open the app.
	Open bool
	// PublishQuota is the number of publications left this month.
	PublishQuota int64
	// Rules are the rules.
	Rules []QRRule
}

type qrReply struct {
	Open  wire.Integer  `json:"qrcodejump_open"`
	Quota *wire.Integer `json:"qrcodejump_pub_quota" need:"yes"`
	Size  *wire.Integer `json:"list_size"`
	Rules []struct {
		Prefix    string        `json:"prefix" need:"yes"`
		SubRule   wire.Integer  `json:"permit_sub_rule"`
		Path      string        `json:"path"`
		Version   wire.Integer  `json:"open_version"`
		DebugURLs []string      `json:"debug_url"`
		State     *wire.Integer `json:"state" need:"yes"`
	} `json:"rule_list"`
}

func (r *qrReply) Check() error {
	if r.Rules == nil && (r.Size == nil || *r.Size != 0) {
		return wire.Missing("rule_list")
	}
	return nil
}

// QRRules reads the rules of an app.
//
// WeChat page: api_getjumpqrcode. Codes: -1, 44002.
func (c Calls) QRRules(ctx context.Context, appid string) (QRRules, error) {
	var reply qrReply
	r := wire.Post("/cgi-bin/wxopen/qrcodejumpget", wire.Empty{})
	r.List = true
	if err := c.wire.CallApp(ctx, appid, r, &reply); err != nil {
		return QRRules{}, err
	}
	rules := QRRules{Open: reply.Open != 0, PublishQuota: reply.Quota.Value()}
	for _, e := range reply.Rules {
		rules.Rules = append(rules.Rules, QRRule{
			Prefix: e.Prefix, Exclusive: e.SubRule == 2, Path: e.Path, Version: QRVersion(e.Version), DebugURLs: e.DebugURLs,
			Published: e.State.Value() == 2,
		})
	}
	return rules, nil
}

// QRFile reads the file that proves the prefixes of an app's rules.
//
// WeChat page: api_downloadqrcodetext. Codes: -1, 44002.
func (c Calls) QRFile(ctx context.Context, appid string) (ConfirmFile, error) {
	var reply confirmFileReply
	err := c.wire.CallApp(ctx, appid, wire.Post("/cgi-bin/wxopen/qrcodejumpdownload", wire.Empty{}), &reply)
	return reply.ConfirmFile, err
}

// DeleteQRRule deletes the rule with a prefix.
//
// WeChat page: api_deletejumpqrcode. Codes: 85066, 85075.
func (c Calls) DeleteQRRule(ctx context.Context, appid, prefix string) error {
	return c.qrPrefix(ctx, "/cgi-bin/wxopen/qrcodejumpdelete", appid, prefix)
}

// PublishQRRule makes a rule hold for every user; the app must be live. See QRRules.PublishQuota.
//
// WeChat page: api_publishjumpqrcode. Codes: 85066, 85074 release the app first, 85075.
func (c Calls) PublishQRRule(ctx context.Context, appid, prefix string) error {
	return c.qrPrefix(ctx, "/cgi-bin/wxopen/qrcodejumppublish", appid, prefix)
}

func (c Calls) qrPrefix(ctx context.Context, path, appid, prefix string) error {
	if prefix == "" {
		return &errcode.InvalidRequestError{Endpoint: path, Problem: "prefix is empty"}
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, struct {
		Prefix string `json:"prefix"`
	}{prefix}), nil)
}
