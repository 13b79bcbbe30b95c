package wxclient

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// maxVersionRunes is the longest user_version WeChat takes.
const maxVersionRunes = 64

// CommitRequest names the template of a commit and the values of this app.
type CommitRequest struct {
	// TemplateID is the id in the template library; 0 is a valid id.
	TemplateID int64
	// ExtJSON is a JSON object that overrides parts of the template's app.json; empty means {}.
	ExtJSON string
	// Version is user_version, 1 to 64 characters.
	Version string
	// Desc is user_desc; it comes back in VersionInfo and Audit, so it can carry a marker.
	Desc string
}

// Commit uploads a template to the app as its trial version. It restarts WeChat's privacy check, so
// never repeat it because of 61039. After an unknown outcome or 9402202 wait a minute and compare
// VersionInfo().Exp.
//
// WeChat page: api_commit. Codes: 85013, 85014, 85043-85048 template or ext_json, 80082 plugin
// not granted, 85310-85312 requiredPrivateInfos, 9402202 an operation still runs.
func (c *Client) Commit(ctx context.Context, appid string, r CommitRequest) error {
	const path = "/wxa/commit"
	ext, err := r.validate()
	if err != nil {
		return &InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, struct {
		TemplateID int64  `json:"template_id"`
		ExtJSON    string `json:"ext_json"`
		Version    string `json:"user_version"`
		Desc       string `json:"user_desc"`
	}{r.TemplateID, ext, r.Version, r.Desc}), nil)
}

// validate refuses what WeChat refuses and returns ext_json without \uXXXX escapes.
func (r CommitRequest) validate() (ext string, err error) {
	if r.TemplateID < 0 {
		return "", fmt.Errorf("template_id is %d", r.TemplateID)
	}
	if n := utf8.RuneCountInString(r.Version); n == 0 || n > maxVersionRunes {
		return "", fmt.Errorf("user_version has %d characters, want 1 to %d", n, maxVersionRunes)
	}
	text := bytes.TrimSpace([]byte(r.ExtJSON))
	if len(text) == 0 {
		return "{}", nil
	}
	if text[0] != '{' || !json.Valid(text) {
		return "", fmt.Errorf("ext_json is not a JSON object")
	}
	text, err = wire.Unescape(text)
	if err != nil {
		return "", fmt.Errorf("ext_json: %w", err)
	}
	return string(text), nil
}

// VersionEntry is one version of an app. WeChat sometimes returns an entry with blank fields: the app
// has a version, but which one is unknown. Only a nil entry means that there is none.
type VersionEntry struct {
	// Time is when it was committed or released, in unix seconds; 0 when not shown.
	Time int64
	// Version is the user_version of the commit; "" means unknown, not "none".
	Version string
	// Desc is the user_desc of the commit; "" when it was blank or not shown, so a blank text does not
	// identify the committer.
	Desc string
}

// Known reports whether WeChat shows which version this is. It is false for nil too: compare with nil
// first, because nil means that there is no version.
func (e *VersionEntry) Known() bool { return e != nil && e.Version != "" }

// VersionInfo holds the versions of an app.
type VersionInfo struct {
	// Exp is the trial version (the last commit); nil if there is none.
	Exp *VersionEntry
	// Release is the live version; nil if the app never went live.
	Release *VersionEntry
}

type versionReply struct {
	Exp *struct {
		Time    wire.Integer `json:"exp_time"`
		Version string       `json:"exp_version"`
		Desc    string       `json:"exp_desc"`
	} `json:"exp_info"`
	Release *struct {
		Time    wire.Integer `json:"release_time"`
		Version string       `json:"release_version"`
		Desc    string       `json:"release_desc"`
	} `json:"release_info"`
}

// VersionInfo reads the trial and the live version: the read-back of a commit or release of unknown
// outcome. An absent or empty object becomes nil (undocumented), one with a time and blank fields an
// entry that is not Known.
//
// WeChat page: api_getversioninfo. Codes: -1, 44002.
func (c *Client) VersionInfo(ctx context.Context, appid string) (VersionInfo, error) {
	var reply versionReply
	if err := c.wire.CallApp(ctx, appid, wire.Post("/wxa/getversioninfo", wire.Empty{}), &reply); err != nil {
		return VersionInfo{}, err
	}
	var info VersionInfo
	if e := reply.Exp; e != nil {
		info.Exp = versionEntry(int64(e.Time), e.Version, e.Desc)
	}
	if r := reply.Release; r != nil {
		info.Release = versionEntry(int64(r.Time), r.Version, r.Desc)
	}
	return info, nil
}

// versionEntry is nil for an object that is wholly empty, as a new app has it.
func versionEntry(at int64, version, desc string) *VersionEntry {
	if at == 0 && version == "" && desc == "" {
		return nil
	}
	return &VersionEntry{Time: at, Version: version, Desc: desc}
}

// Category is one category an app may be submitted under.
type Category struct {
	// FirstClass, SecondClass and ThirdClass are the names; ThirdClass may be empty.
	FirstClass, SecondClass, ThirdClass string
	// FirstID, SecondID and ThirdID are the ids; ThirdID is 0 when there is no third level.
	FirstID, SecondID, ThirdID int64
}

type categoryReply struct {
	List []struct {
		FirstClass  string       `json:"first_class" need:"yes"`
		SecondClass string       `json:"second_class" need:"yes"`
		ThirdClass  string       `json:"third_class"`
		FirstID     wire.Integer `json:"first_id" need:"yes"`
		SecondID    wire.Integer `json:"second_id" need:"yes"`
		ThirdID     wire.Integer `json:"third_id"`
	} `json:"category_list" need:"yes"`
}

// Categories lists the categories usable in SubmitAudit. An empty list means that a
// submission will fail with 85008; a reply without the list is an error.
//
// WeChat page: api_getallcategoryname. Codes: -1.
func (c *Client) Categories(ctx context.Context, appid string) ([]Category, error) {
	var reply categoryReply
	if err := c.wire.CallApp(ctx, appid, wire.Get("/wxa/get_category"), &reply); err != nil {
		return nil, err
	}
	list := make([]Category, 0, len(reply.List))
	for _, e := range reply.List {
		list = append(list, Category{
			FirstClass: e.FirstClass, SecondClass: e.SecondClass, ThirdClass: e.ThirdClass,
			FirstID: int64(e.FirstID), SecondID: int64(e.SecondID), ThirdID: int64(e.ThirdID),
		})
	}
	return list, nil
}

type pagesReply struct {
	List []string `json:"page_list" need:"yes"`
}

// Pages lists the pages of the committed version, usable as AuditItem.Address.
//
// WeChat page: api_getcodepage. Codes: 86000, 86001 nothing committed.
func (c *Client) Pages(ctx context.Context, appid string) ([]string, error) {
	var reply pagesReply
	err := c.wire.CallApp(ctx, appid, wire.Get("/wxa/get_page"), &reply)
	return reply.List, err
}

// PrivacyInfo is the result of the privacy check of the committed version. It passed if both lists
// are empty.
type PrivacyInfo struct {
	// WithoutAuth names APIs that the app has no right to: fix the app.
	WithoutAuth []string
	// WithoutConf names APIs used but not declared: fix the template or ext_json.
	WithoutConf []string
}

type privacyInfoReply struct {
	WithoutAuth []string `json:"without_auth_list" need:"yes"`
	WithoutConf []string `json:"without_conf_list" need:"yes"`
}

// CodePrivacyInfo reads the result of the privacy check. A reply that lacks a list is an error, not an
// empty result.
//
// WeChat page: api_getcodeprivacyinfo. Codes: 61039 still running, repeat in a minute; 61040.
func (c *Client) CodePrivacyInfo(ctx context.Context, appid string) (PrivacyInfo, error) {
	var reply privacyInfoReply
	err := c.wire.CallApp(ctx, appid, wire.Get("/wxa/security/get_code_privacy_info"), &reply)
	return PrivacyInfo(reply), err
}
