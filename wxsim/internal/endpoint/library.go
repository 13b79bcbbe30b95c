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

func draftList(c *call) (payload, int) {
	list := []payload{}
	for _, t := range c.World.Drafts() {
		p := entry(t)
		p["draft_id"] = t.ID
		list = append(list, p)
	}
	return payload{"draft_list": list}, 0
}

// addToTemplate does not answer the new template_id.
func addToTemplate(c *call, in struct {
	Draft int64 `in:"draft_id,quoted"`
	Type  int64 `in:"template_type,optional"`
},
) (payload, int) {
	if in.Type != 0 && in.Type != 1 {
		return nil, 40097
	}
	return nil, c.World.AddToTemplates(in.Draft, in.Type, c.Now)
}

func templateList(c *call) (payload, int) {
	only := c.R.URL.Query().Get("template_type")
	if only != "" && only != "0" && only != "1" {
		return nil, 40097
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
	return payload{"template_list": list}, 0
}

func deleteTemplate(c *call, in struct {
	ID int64 `in:"template_id,quoted"`
},
) (payload, int) {
	return nil, c.World.DeleteTemplate(in.ID)
}
