package endpoint

import (
	"bytes"
	"encoding/json"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
)

// Versions of a privacy guideline.
const (
	privacyOnline = 1
	privacyDraft  = 2
)

const (
	maxSettings         = 100
	maxInterfaceContent = 300
)

// privacyVersion reads privacy_ver; absent means the draft.
func privacyVersion(c *call) (version int64, code int) {
	if !c.F.Has("privacy_ver") {
		return privacyDraft, 0
	}
	in, ok := gateway.Decode[struct {
		Version int64 `in:"privacy_ver"`
	}](c.F)
	if !ok || in.Version != privacyOnline && in.Version != privacyDraft {
		return 0, 86071
	}
	return in.Version, 0
}

func getPrivacy(c *call) (payload, int) {
	version, code := privacyVersion(c)
	switch {
	case code != 0:
		return nil, code
	case c.App.Checking(c.Now):
		return nil, 61039
	}
	g := c.App.Config.Privacy.Draft
	if version == privacyOnline {
		g = c.App.Config.Privacy.Online
	}
	if g == nil {
		g = &appconfig.Guideline{}
	}
	exists, detected := 0, []string{}
	if tr := c.App.Trial; tr != nil && !tr.Foreign {
		exists = 1
		for _, name := range tr.Private {
			if key := appconfig.PrivacyKeyOf(name); !slices.Contains(detected, key) {
				detected = append(detected, key)
			}
		}
	}
	descs := []payload{}
	for _, k := range appconfig.PrivacyKeys {
		descs = append(descs, payload{"privacy_key": k.Key, "privacy_desc": k.Label})
	}
	p := payload{
		"code_exist": exists, "privacy_list": detected, "setting_list": some(g.Settings), "owner_setting": g.Owner,
		"privacy_desc": payload{"privacy_desc_list": descs},
	}
	if !g.At.IsZero() {
		p["update_time"] = g.At.Unix()
	}
	return p, 0
}

func setPrivacy(c *call) (payload, int) {
	version, code := privacyVersion(c)
	if code != 0 {
		return nil, code
	}
	next, code := parseGuideline(c, version)
	p := &c.App.Config.Privacy
	switch {
	case code != 0:
		return nil, code
	case version == privacyOnline && p.Online == nil:
		return nil, 86074
	case c.App.Checking(c.Now):
		return nil, 61039
	case version == privacyOnline:
		p.SetOnline(next)
	default:
		p.Draft = next
	}
	return nil, 0
}

// parseGuideline checks the body of setprivacysetting. The service does not refuse unicode escapes here, but keeps their
// text.
func parseGuideline(c *call, version int64) (g *appconfig.Guideline, code int) {
	f := c.F
	if c.Escaped() {
		f = nil
		if json.Unmarshal(bytes.ReplaceAll(c.Body, []byte(`\u`), []byte(`\\u`)), &f) != nil {
			return nil, 47001
		}
	}
	g = &appconfig.Guideline{At: c.Now}
	if raw, ok := f["owner_setting"]; !ok || json.Unmarshal(raw, &g.Owner) != nil {
		return nil, 86069
	}
	settings, ok := gateway.List[appconfig.Setting](f, "setting_list")
	switch {
	case !ok || len(settings) > maxSettings:
		return nil, 47001
	case (version == privacyDraft) != f.Has("setting_list"):
		return nil, 47001
	}
	if code := c.App.Config.Privacy.CheckOwner(g.Owner); code != 0 {
		return nil, code
	}
	for _, s := range settings {
		if s.Key == "" || s.Text == "" {
			return nil, 47001
		}
		g.Settings = append(g.Settings, appconfig.Setting{Key: s.Key, Text: s.Text, Label: appconfig.Label(s.Key)})
	}
	return g, 0
}

func privacyInterfaces(c *call) (payload, int) {
	entries := []payload{}
	for _, name := range slices.Sorted(maps.Keys(appconfig.LocationAPIs)) {
		state, ap := c.App.Config.Privacy.API(name)
		p := payload{
			"api_name": "wx." + name, "api_ch_name": name, "api_desc": "位置接口", "group_name": "地理位置",
			"api_link": "https://developers.weixin.qq.com/miniprogram/dev/api/location/wx." + name + ".html",
			"status":   state,
		}
		if ap != nil {
			p["apply_time"], p["audit_id"] = ap.At.Unix(), ap.ID
			if ap.Reason != "" {
				p["fail_reason"] = ap.Reason
			}
		}
		entries = append(entries, p)
	}
	return payload{"interface_list": entries}, 0
}

func applyInterface(c *call, in struct {
	Name     string   `in:"api_name"`
	Content  string   `in:"content"`
	URLs     []string `in:"url_list"`
	Pictures []string `in:"pic_list"`
	Videos   []string `in:"video_list"`
},
) (payload, int) {
	name, prefixed := strings.CutPrefix(in.Name, "wx.")
	_, known := appconfig.LocationAPIs[name]
	n := utf8.RuneCountInString(in.Content)
	if !prefixed || !known || n == 0 || n > maxInterfaceContent || len(in.URLs)+len(in.Pictures)+len(in.Videos) == 0 {
		return nil, 40097
	}
	id, code := c.App.ApplyForInterface(name, c.Now)
	return payload{"audit_id": id}, code
}
