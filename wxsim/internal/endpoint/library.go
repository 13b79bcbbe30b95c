package endpoint

import "github.com/wxrollout/wxrollout/wxsim/internal/model"

// source is the development mini program of the library.
const source = "wxd0d0d0d0d0d0d0d0"

// entry is what templates and drafts share.
func entry(t model.Template) payload {
	return payload{
		"create_time": t.Created().Unix(), "user_version": t.Version, "user_desc": t.Desc,
		"source_miniprogram_appid": source, "source_miniprogram": "Shop template", "developer": "dev",
	}
}

// draftList serves gettemplatedraftlist.
func draftList(c *call) reply {
	list := []payload{}
	for _, t := range c.World.Drafts() {
		p := entry(t)
		p["draft_id"] = t.ID
		list = append(list, p)
	}
	return success(payload{"draft_list": list})
}

// addToTemplate serves addtotemplate: the new template_id is not in the reply.
func addToTemplate(c *call) reply {
	id, ok := c.F.Number("draft_id", true)
	kind, ok2 := c.F.Number("template_type", false)
	switch {
	case !ok || !ok2 && c.F.Has("template_type"):
		return result(47001)
	case kind != 0 && kind != 1:
		return result(40097)
	}
	return result(c.World.AddToTemplates(id, kind, c.Now))
}

// templateList serves gettemplatelist.
func templateList(c *call) reply {
	only := c.R.URL.Query().Get("template_type")
	if only != "" && only != "0" && only != "1" {
		return result(40097)
	}
	list := []payload{}
	for _, t := range c.World.Templates() {
		if only == "0" && t.Type != 0 || only == "1" && t.Type != 1 {
			continue
		}
		p := entry(t)
		p["template_id"], p["draft_id"], p["template_type"] = t.ID, t.Draft(), t.Type
		p["category_list"], p["audit_scene"], p["audit_status"], p["reason"] = []string{}, 0, 0, ""
		list = append(list, p)
	}
	return success(payload{"template_list": list})
}

// deleteTemplate serves deletetemplate.
func deleteTemplate(c *call) reply {
	id, ok := c.F.Number("template_id", true)
	if !ok {
		return result(47001)
	}
	return result(c.World.DeleteTemplate(id))
}
