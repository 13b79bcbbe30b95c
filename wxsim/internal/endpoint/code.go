package endpoint

import (
	"encoding/json"
	"slices"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// maxVersion is the longest user_version, in characters.
const maxVersion = 64

func commit(c *call, in struct {
	Template int64  `in:"template_id,quoted"`
	Ext      string `in:"ext_json"`
	Version  string `in:"user_version"`
	Desc     string `in:"user_desc"`
},
) (payload, int) {
	t, found := c.World.Template(in.Template)
	switch {
	case !c.F.Has("user_desc"):
		return nil, 40097
	case in.Version == "" || utf8.RuneCountInString(in.Version) > maxVersion:
		return nil, 85015
	case !found:
		return nil, 85014
	case in.Ext == "":
		return nil, 85013
	}
	up, code := parseExt(in.Ext, t, c.App.ID)
	if code != 0 {
		return nil, code
	}
	up.Version, up.Desc = in.Version, in.Desc
	check := c.World.Settings().PrivacyDelay.At(c.Draw(c.App.ID, "privacy"))
	return nil, c.App.Commit(up, check, c.Now)
}

// parseExt checks the document of ext_json against a template and an app.
func parseExt(doc string, t model.Template, appid string) (up model.Upload, code int) {
	var f fields
	if !json.Valid([]byte(doc)) {
		return up, 85048
	}
	if json.Unmarshal([]byte(doc), &f) != nil || f == nil {
		return up, 85013
	}
	if t.Type == 1 {
		for key := range f {
			if key != "extAppid" && key != "ext" && key != "window" {
				return up, 9402203
			}
		}
	}
	target, ok := f.Text("extAppid")
	if !ok || target != "" && target != appid {
		return up, 85013
	}
	for _, key := range []string{"ext", "window", "networkTimeout", "plugins", "tabBar", "extPages"} {
		if _, ok := f.Object(key); !ok {
			return up, 85013
		}
	}
	up = model.Upload{Pages: t.Pages, Uses: t.Private}
	if up.Pages, code = extPages(f, t); code != 0 {
		return up, code
	}
	up.Declares, code = requiredPrivateInfos(f)
	return up, code
}

// extPages checks every field that names pages, and returns the pages of the app: the template's, or a subset.
func extPages(f fields, t model.Template) (pages []string, code int) {
	pages, ok := gateway.List[string](f, "pages")
	switch {
	case !ok:
		return nil, 85013
	case pages == nil:
		pages = t.Pages
	case len(pages) == 0:
		return nil, 85047
	}
	unknown := func(p string) bool { return !slices.Contains(t.Pages, p) }
	if slices.ContainsFunc(pages, unknown) {
		return nil, 85045
	}
	byPage, _ := f.Object("extPages")
	for p := range byPage {
		if unknown(p) {
			return nil, 85045
		}
	}
	bar, _ := f.Object("tabBar")
	tabs, ok := gateway.List[map[string]any](bar, "list")
	if !ok {
		return nil, 85013
	}
	for _, tab := range tabs {
		path, ok := tab["pagePath"].(string)
		if !ok || path == "" {
			return nil, 85046
		}
		if !slices.Contains(pages, path) {
			return nil, 85045
		}
	}
	return pages, 0
}

// requiredPrivateInfos checks the declared location apis.
func requiredPrivateInfos(f fields) (names []string, code int) {
	names, ok := gateway.List[string](f, "requiredPrivateInfos")
	if !ok {
		return nil, 85310
	}
	precise := false
	for _, name := range names {
		excludes, known := appconfig.LocationAPIs[name]
		if !known {
			return nil, 85310
		}
		precise = precise || excludes
	}
	if precise && slices.Contains(names, "getFuzzyLocation") {
		return nil, 85311
	}
	return names, 0
}

// codePrivacyInfo answers 61039 until the check of the last commit has ended.
func codePrivacyInfo(c *call) (payload, int) {
	tr := c.App.Trial
	switch {
	case tr == nil:
		return nil, 86001
	case c.App.Checking(c.Now):
		return nil, 61039
	}
	return payload{"without_auth_list": some(tr.WithoutAuth), "without_conf_list": some(tr.WithoutConf)}, 0
}

func getPage(c *call) (payload, int) {
	if c.App.Trial == nil {
		return nil, 86001
	}
	return payload{"page_list": c.App.Trial.Pages}, 0
}

func getCategory(c *call) (payload, int) {
	list := []model.Category{}
	if c.App.HasCategory {
		list = append(list, c.App.Category)
	}
	return payload{"category_list": list}, 0
}

// versionInfo leaves out what does not exist yet.
func versionInfo(c *call) (payload, int) {
	p := payload{}
	if tr := c.App.Trial; tr != nil {
		p["exp_info"] = payload{"exp_time": tr.At.Unix(), "exp_version": tr.Version, "exp_desc": tr.Desc}
	}
	if l := c.App.Live; l != nil {
		p["release_info"] = payload{"release_time": l.At.Unix(), "release_version": l.Version, "release_desc": l.Desc}
	}
	return p, 0
}
