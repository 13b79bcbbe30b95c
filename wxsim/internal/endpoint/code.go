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

// commit serves wxa/commit.
func commit(c *call) reply {
	id, ok := c.F.Number("template_id", true)
	ext, ok2 := c.F.Text("ext_json")
	version, ok3 := c.F.Text("user_version")
	desc, ok4 := c.F.Text("user_desc")
	switch {
	case !ok || !ok2 || !ok3 || !ok4:
		return result(47001)
	case !c.F.Has("user_desc"):
		return result(40097)
	case version == "" || utf8.RuneCountInString(version) > maxVersion:
		return result(85015)
	}
	t, found := c.World.Template(id)
	switch {
	case !found:
		return result(85014)
	case ext == "":
		return result(85013)
	}
	up, code := parseExt(ext, t, c.App.ID)
	if code != 0 {
		return result(code)
	}
	up.Version, up.Desc = version, desc
	check := c.World.Settings().PrivacyDelay.At(c.Draw(c.App.ID, "privacy"))
	return result(c.App.Commit(up, check, c.Now))
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

// codePrivacyInfo serves get_code_privacy_info: 61039 until the check of the last commit has ended.
func codePrivacyInfo(c *call) reply {
	tr := c.App.Trial
	switch {
	case tr == nil:
		return result(86001)
	case c.App.Checking(c.Now):
		return result(61039)
	}
	return success(payload{"without_auth_list": some(tr.WithoutAuth), "without_conf_list": some(tr.WithoutConf)})
}

// getPage serves get_page: the pages of the trial version.
func getPage(c *call) reply {
	if c.App.Trial == nil {
		return result(86001)
	}
	return success(payload{"page_list": c.App.Trial.Pages})
}

// getCategory serves get_category.
func getCategory(c *call) reply {
	list := []model.Category{}
	if c.App.HasCategory {
		list = append(list, c.App.Category)
	}
	return success(payload{"category_list": list})
}

// versionInfo serves getversioninfo: absent objects mean that there is none yet.
func versionInfo(c *call) reply {
	p := payload{}
	if tr := c.App.Trial; tr != nil {
		p["exp_info"] = payload{"exp_time": tr.At.Unix(), "exp_version": tr.Version, "exp_desc": tr.Desc}
	}
	if l := c.App.Live; l != nil {
		p["release_info"] = payload{"release_time": l.At.Unix(), "release_version": l.Version, "release_desc": l.Desc}
	}
	return success(p)
}
