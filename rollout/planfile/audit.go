package planfile

import (
	"math"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// readAudit reads the section audit, which may be absent.
func readAudit(top *object) rollout.AuditPolicy {
	a := rollout.AuditPolicy{InAudit: rollout.InAuditWait}
	o := top.object("audit")
	if o == nil {
		return a
	}
	a.Items = readItems(o)
	a.InAudit = rollout.InAudit(o.choice("in_audit", string(rollout.InAuditWait), string(rollout.InAuditWithdraw), string(rollout.InAuditSkip)))
	a.VersionDesc = o.text("version_desc")
	a.Feedback = o.text("feedback")
	if n := utf8.RuneCountInString(a.Feedback); n > feedbackMax {
		o.fault("feedback", a.Feedback, "has %d characters, want at most %d", n, feedbackMax)
	}
	a.PrivacyAPINotUse = o.boolean("privacy_api_not_use")
	const wantAPIs = "want a list of api names, such as [wx.getLocation]"
	apis, _ := o.list("allow_privacy", wantAPIs)
	for _, node := range apis {
		api := plain(node)
		if api == "" || strings.ContainsFunc(api, unicode.IsSpace) {
			at := node.GetToken().Position
			o.r.add(filefault.Fault{Line: at.Line, Column: at.Column, Key: o.key("allow_privacy"), Value: api, Msg: wantAPIs})
		}
		a.AllowPrivacy = append(a.AllowPrivacy, api)
	}
	a.OrderPath = o.shortText("order_path", 1024)
	o.done()
	return a
}

// readItems reads audit.items: auto, or one to five entries of item_list.
func readItems(audit *object) []rollout.AuditItem {
	if !audit.has("items") || plain(audit.get("items")) == "auto" {
		return nil
	}
	nodes, ok := audit.list("items", "want auto or a list of items")
	if !ok {
		return nil
	}
	if len(nodes) == 0 || len(nodes) > 5 {
		audit.fault("items", "", "has %d items, want 1 to 5, or auto", len(nodes))
	}
	items := make([]rollout.AuditItem, len(nodes))
	for i, node := range nodes {
		items[i] = readItem(audit.item("items", i, node))
	}
	return items
}

// readItem reads one entry of audit.items within WeChat's limits.
func readItem(o *object) rollout.AuditItem {
	item := rollout.AuditItem{
		Address:     o.shortText("address", 1024),
		Tag:         o.shortText("tag", 1024),
		Title:       o.shortText("title", 32),
		FirstClass:  o.shortText("first_class", 100),
		SecondClass: o.shortText("second_class", 100),
		ThirdClass:  o.shortText("third_class", 100),
	}
	item.FirstID, _ = o.integer("first_id", 0, math.MaxInt64)
	item.SecondID, _ = o.integer("second_id", 0, math.MaxInt64)
	item.ThirdID, _ = o.integer("third_id", 0, math.MaxInt64)
	for _, key := range []string{"first_class", "second_class", "first_id", "second_id"} {
		if !o.has(key) {
			o.missing(key, "WeChat wants the first and second category with their ids")
		}
	}
	if o.has("third_class") != o.has("third_id") {
		o.fault("third_class", item.ThirdClass, "third_class and third_id go together")
	}
	tags := strings.Fields(item.Tag)
	if len(tags) > 10 {
		o.fault("tag", item.Tag, "has %d tags, want at most 10", len(tags))
	}
	for _, tag := range tags {
		if utf8.RuneCountInString(tag) > 20 {
			o.fault("tag", tag, "want at most 20 characters a tag")
		}
	}
	o.done()
	return item
}
