package wxsim

import (
	"encoding/json"
	"slices"
	"unicode/utf8"
)

// maxVersion is the longest user_version, in characters.
const maxVersion = 64

// commit plays wxa/commit: it replaces the trial version and starts its privacy check.
func (c *call) commit() reply {
	id, ok := c.f.number("template_id", true)
	ext, ok2 := c.f.text("ext_json")
	version, ok3 := c.f.text("user_version")
	desc, ok4 := c.f.text("user_desc")
	switch {
	case !ok || !ok2 || !ok3 || !ok4:
		return failure(47001)
	case !c.f.has("user_desc"):
		return failure(40097)
	case version == "" || utf8.RuneCountInString(version) > maxVersion:
		return failure(85015)
	}
	t, found := c.sim.library.find(id)
	if !found {
		return failure(85014)
	}
	if ext == "" {
		return failure(85013)
	}
	x, code := parseExt(ext, t, c.app.id)
	if code != 0 {
		return failure(code)
	}
	for _, name := range x.private {
		if c.app.noPrivate[name] {
			return failure(85312)
		}
	}
	tr := &trialCode{template: id, version: version, desc: desc, at: c.now, pages: x.pages, private: t.Private}
	tr.checked = c.now.Add(c.set.PrivacyDelay.at(c.luck(c.app.id, "privacy")))
	for _, name := range t.Private {
		if !slices.Contains(x.private, name) {
			tr.withoutConf = append(tr.withoutConf, "wx."+name)
		}
		if c.app.noPrivate[name] {
			tr.withoutAuth = append(tr.withoutAuth, "wx."+name)
		}
	}
	c.app.trial = tr
	c.app.book.commits++
	return success(nil)
}

// ext is what the simulator needs from ext_json.
type ext struct {
	pages   []string // pages of the app: the template's, or the subset asked for
	private []string // requiredPrivateInfos
}

// privateInfos are the location apis requiredPrivateInfos may name; the value marks those that exclude the fuzzy one.
var privateInfos = map[string]bool{
	"getFuzzyLocation": false, "getLocation": true, "onLocationChange": true, "startLocationUpdate": true,
	"startLocationUpdateBackground": true, "chooseLocation": true, "choosePoi": true, "chooseAddress": false,
}

// parseExt checks the document inside ext_json against a template and an app.
func parseExt(doc string, t Template, appid string) (ext, int) {
	var f fields
	if !json.Valid([]byte(doc)) {
		return ext{}, 85048
	}
	if json.Unmarshal([]byte(doc), &f) != nil || f == nil {
		return ext{}, 85013
	}
	if t.Type == 1 {
		for key := range f {
			if key != "extAppid" && key != "ext" && key != "window" {
				return ext{}, 9402203
			}
		}
	}
	target, ok := f.text("extAppid")
	if !ok || target != "" && target != appid {
		return ext{}, 85013
	}
	for _, key := range []string{"ext", "window", "networkTimeout", "plugins", "tabBar", "extPages"} {
		if _, ok := f.object(key); !ok {
			return ext{}, 85013
		}
	}
	x := ext{pages: t.Pages}
	if code := x.paths(f, t); code != 0 {
		return ext{}, code
	}
	return x, x.privacy(f)
}

// paths checks everything that names pages.
func (x *ext) paths(f fields, t Template) int {
	pages, ok := list[string](f, "pages")
	switch {
	case !ok:
		return 85013
	case pages != nil && len(pages) == 0:
		return 85047
	}
	for _, p := range pages {
		if !slices.Contains(t.Pages, p) {
			return 85045
		}
	}
	if pages != nil {
		x.pages = pages
	}
	byPage, _ := f.object("extPages")
	for p := range byPage {
		if !slices.Contains(t.Pages, p) {
			return 85045
		}
	}
	bar, _ := f.object("tabBar")
	tabs, ok := list[map[string]any](bar, "list")
	if !ok {
		return 85013
	}
	for _, tab := range tabs {
		path, ok := tab["pagePath"].(string)
		if !ok || path == "" {
			return 85046
		}
		if !slices.Contains(x.pages, path) {
			return 85045
		}
	}
	return 0
}

// privacy checks requiredPrivateInfos.
func (x *ext) privacy(f fields) int {
	names, ok := list[string](f, "requiredPrivateInfos")
	if !ok {
		return 85310
	}
	precise := false
	for _, name := range names {
		excludes, known := privateInfos[name]
		if !known {
			return 85310
		}
		precise = precise || excludes
	}
	if precise && slices.Contains(names, "getFuzzyLocation") {
		return 85311
	}
	x.private = names
	return 0
}

// codePrivacyInfo plays get_code_privacy_info: 61039 until the check of the last commit is over.
func (c *call) codePrivacyInfo() reply {
	tr := c.app.trial
	switch {
	case tr == nil:
		return failure(86001)
	case c.now.Before(tr.checked):
		return failure(61039)
	}
	return success(payload{"without_auth_list": some(tr.withoutAuth), "without_conf_list": some(tr.withoutConf)})
}

// some makes an absent list an empty one.
func some(l []string) []string {
	if l == nil {
		return []string{}
	}
	return l
}
