package wxclient

import (
	"context"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// Template is one entry of the component's template library.
type Template struct {
	// ID is the template id; 0 is a valid id. Templates are never overwritten.
	ID int64
	// Type is 0 for ordinary templates, the only usable kind, and 1 for standard ones.
	Type int64
	// DraftID is the draft it was made from: AddTemplate returns no id, so match this.
	DraftID int64
	// Version and Desc are those of the upload.
	Version, Desc string
	// CreateTime is in unix seconds.
	CreateTime int64
	// SourceAppID and Source name the development mini program.
	SourceAppID, Source string
}

// TemplateDraft is the last upload of a development mini program.
type TemplateDraft struct {
	// ID is the draft id for AddTemplate; 0 is a valid id.
	ID int64
	// Version and Desc are those of the upload.
	Version, Desc string
	// CreateTime is in unix seconds.
	CreateTime int64
	// SourceAppID and Source name the development mini program, Developer who uploaded.
	SourceAppID, Source, Developer string
}

// upload is what templates and drafts share.
type upload struct {
	Version     string       `json:"user_version"`
	Desc        string       `json:"user_desc"`
	CreateTime  wire.Integer `json:"create_time"`
	SourceAppID string       `json:"source_miniprogram_appid"`
	Source      string       `json:"source_miniprogram"`
}

type templatesReply struct {
	List []struct {
		upload
		ID      *wire.Integer `json:"template_id" need:"yes"`
		DraftID wire.Integer  `json:"draft_id"`
		Type    wire.Integer  `json:"template_type"`
	} `json:"template_list" need:"yes"`
}

// Templates lists the template library, at most 200 entries, in WeChat's order.
//
// WeChat page: api_gettemplatelist. Codes: 43001.
func (c *Client) Templates(ctx context.Context) ([]Template, error) {
	var reply templatesReply
	r := wire.Get("/wxa/gettemplatelist")
	r.List = true
	if err := c.wire.Call(ctx, r, &reply); err != nil {
		return nil, err
	}
	list := make([]Template, 0, len(reply.List))
	for _, e := range reply.List {
		list = append(list, Template{
			ID: e.ID.Value(), Type: int64(e.Type), DraftID: int64(e.DraftID), Version: e.Version, Desc: e.Desc,
			CreateTime: int64(e.CreateTime), SourceAppID: e.SourceAppID, Source: e.Source,
		})
	}
	return list, nil
}

type draftsReply struct {
	List []struct {
		upload
		ID        *wire.Integer `json:"draft_id" need:"yes"`
		Developer string        `json:"developer"`
	} `json:"draft_list" need:"yes"`
}

// TemplateDrafts lists the drafts that can become templates.
//
// WeChat page: api_gettemplatedraftlist. Codes: -1.
func (c *Client) TemplateDrafts(ctx context.Context) ([]TemplateDraft, error) {
	var reply draftsReply
	r := wire.Get("/wxa/gettemplatedraftlist")
	r.List = true
	if err := c.wire.Call(ctx, r, &reply); err != nil {
		return nil, err
	}
	list := make([]TemplateDraft, 0, len(reply.List))
	for _, e := range reply.List {
		list = append(list, TemplateDraft{
			ID: e.ID.Value(), Version: e.Version, Desc: e.Desc, CreateTime: int64(e.CreateTime),
			SourceAppID: e.SourceAppID, Source: e.Source, Developer: e.Developer,
		})
	}
	return list, nil
}

// AddTemplate makes an ordinary template of a draft. WeChat does not return the new id: list the
// Templates and match DraftID.
//
// WeChat page: api_addtotemplate. Codes: 85064 no such draft, 85065 library full.
func (c *Client) AddTemplate(ctx context.Context, draftID int64) error {
	return c.wire.Call(ctx, wire.Post("/wxa/addtotemplate", struct {
		DraftID int64 `json:"draft_id"`
		Type    int64 `json:"template_type"`
	}{DraftID: draftID}), nil)
}

// DeleteTemplate removes a template. Commits that still name it fail with 85014.
//
// WeChat page: api_deletetemplate. Codes: 85064 no such template.
func (c *Client) DeleteTemplate(ctx context.Context, templateID int64) error {
	return c.wire.Call(ctx, wire.Post("/wxa/deletetemplate", struct {
		ID int64 `json:"template_id"`
	}{templateID}), nil)
}
