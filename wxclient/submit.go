package wxclient

import (
	"context"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// Documented limits of a submission; those of texts are in characters.
const (
	maxItems    = 5
	maxTitle    = 32
	maxTags     = 10
	maxTag      = 20
	maxFeedback = 200
	maxStuff    = 5
	maxDeclared = 256
)

// AuditItem presents one page to the auditors. Classes and ids come from Categories.
type AuditItem struct {
	FirstClass  string `json:"first_class"`
	SecondClass string `json:"second_class"`
	ThirdClass  string `json:"third_class,omitempty"`
	FirstID     int64  `json:"first_id"`
	SecondID    int64  `json:"second_id"`
	ThirdID     int64  `json:"third_id,omitempty"`
	// Address is a page from Pages.
	Address string `json:"address,omitempty"`
	// Tag holds up to 10 tags of up to 20 characters, separated by spaces.
	Tag string `json:"tag,omitempty"`
	// Title has up to 32 characters.
	Title string `json:"title,omitempty"`
}

// Item returns an item that submits the page under this category.
func (c Category) Item(address, title, tag string) AuditItem {
	return AuditItem{
		FirstClass: c.FirstClass, SecondClass: c.SecondClass, ThirdClass: c.ThirdClass,
		FirstID: c.FirstID, SecondID: c.SecondID, ThirdID: c.ThirdID,
		Address: address, Title: title, Tag: tag,
	}
}

// AuditPreview shows the app to the auditors with uploaded media, which expire after 3 days.
type AuditPreview struct {
	VideoIDs   []string `json:"video_id_list,omitempty"`
	PictureIDs []string `json:"pic_id_list,omitempty"`
}

// UGCDeclare declares how user content is moderated; 85094 requires it.
type UGCDeclare struct {
	// Scenes: 0 none, 1 profile, 2 picture, 3 video, 4 text, 5 audio.
	Scenes []int `json:"scene,omitempty"`
	// OtherScene describes a scene outside the list, up to 256 characters.
	OtherScene string `json:"other_scene_desc,omitempty"`
	// Methods: 1 WeChat's security API, 2 another product, 3 by hand, 4 none.
	Methods []int `json:"method,omitempty"`
	// HasTeam is 1 if people audit the content, else 0.
	HasTeam int `json:"has_audit_team"`
	// AuditDesc describes the audit, up to 256 characters.
	AuditDesc string `json:"audit_desc,omitempty"`
}

func (u UGCDeclare) validate() error {
	for _, scene := range u.Scenes {
		if scene < 0 || scene > 5 {
			return fmt.Errorf("scene is %d, want 0 to 5", scene)
		}
	}
	for _, method := range u.Methods {
		if method < 1 || method > 4 {
			return fmt.Errorf("method is %d, want 1 to 4", method)
		}
	}
	if u.HasTeam != 0 && u.HasTeam != 1 {
		return fmt.Errorf("has_audit_team is %d, want 0 or 1", u.HasTeam)
	}
	if n := max(utf8.RuneCountInString(u.OtherScene), utf8.RuneCountInString(u.AuditDesc)); n > maxDeclared {
		return fmt.Errorf("a description has %d characters, want at most %d", n, maxDeclared)
	}
	return nil
}

// SubmitRequest is one submission. Every field is optional; empty fields are not sent.
type SubmitRequest struct {
	// Items presents 1 to 5 pages.
	Items []AuditItem `json:"item_list,omitempty"`
	// Preview is left out when nil.
	Preview *AuditPreview `json:"preview_info,omitempty"`
	// VersionDesc describes the version to the auditors.
	VersionDesc string `json:"version_desc,omitempty"`
	// FeedbackInfo answers a rejection, up to 200 characters; ignored otherwise.
	FeedbackInfo string `json:"feedback_info,omitempty"`
	// FeedbackStuff holds up to 5 media ids joined by a vertical bar, like FeedbackInfo.
	FeedbackStuff string `json:"feedback_stuff,omitempty"`
	// UGC is left out when nil.
	UGC *UGCDeclare `json:"ugc_declare,omitempty"`
	// PrivacyAPINotUse declares that detected but undeclared privacy APIs are not used (61040).
	PrivacyAPINotUse bool `json:"privacy_api_not_use,omitempty"`
	// OrderPath is the page of the order center.
	OrderPath string `json:"order_path,omitempty"`
}

func (r SubmitRequest) validate() error {
	if n := len(r.Items); n > maxItems {
		return fmt.Errorf("item_list has %d items, want at most %d", n, maxItems)
	}
	if n := utf8.RuneCountInString(r.FeedbackInfo); n > maxFeedback {
		return fmt.Errorf("feedback_info has %d characters, want at most %d", n, maxFeedback)
	}
	if n := strings.Count(r.FeedbackStuff, "|") + 1; n > maxStuff {
		return fmt.Errorf("feedback_stuff has %d media, want at most %d", n, maxStuff)
	}
	if r.UGC != nil {
		if err := r.UGC.validate(); err != nil {
			return fmt.Errorf("ugc_declare: %w", err)
		}
	}
	for i, item := range r.Items {
		if err := item.validate(); err != nil {
			return fmt.Errorf("item %d: %w", i+1, err)
		}
	}
	return nil
}

func (a AuditItem) validate() error {
	if a.FirstClass == "" || a.SecondClass == "" || a.FirstID == 0 || a.SecondID == 0 {
		return fmt.Errorf("first or second category is missing")
	}
	if n := utf8.RuneCountInString(a.Title); n > maxTitle {
		return fmt.Errorf("title has %d characters, want at most %d", n, maxTitle)
	}
	tags := strings.Fields(a.Tag)
	if len(tags) > maxTags {
		return fmt.Errorf("tag holds %d tags, want at most %d", len(tags), maxTags)
	}
	for _, tag := range tags {
		if n := utf8.RuneCountInString(tag); n > maxTag {
			return fmt.Errorf("tag %q has %d characters, want at most %d", tag, n, maxTag)
		}
	}
	return nil
}

type submitReply struct {
	ID wire.Integer `json:"auditid" need:"yes"`
}

// SubmitAudit submits the committed version to WeChat's audit and returns the auditid. Every accepted
// submission spends one unit of the platform's monthly quota: after an unknown outcome call LatestAudit
// before repeating. A success without an auditid is an
// [*OutcomeUnknownError].
//
// WeChat page: api_submitaudit. Codes: 85009 an audit is running, 85085 quota spent, 61039
// privacy check still running, 61040, 85086 and 86001 commit first, 86008 and 86010 penalty.
func (c *Client) SubmitAudit(ctx context.Context, appid string, r SubmitRequest) (auditID int64, err error) {
	const path = "/wxa/submit_audit"
	if err := r.validate(); err != nil {
		return 0, &InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	var reply submitReply
	if err := c.wire.CallApp(ctx, appid, wire.Post(path, r), &reply); err != nil {
		return 0, err
	}
	return int64(reply.ID), nil
}
