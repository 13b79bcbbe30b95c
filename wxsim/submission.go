package wxsim

import (
	"encoding/json"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of submit_audit's fields, in characters or entries. Those of version_desc and of the preview lists are not
// published; these are the simulator's.
const (
	maxItems       = 5
	maxTags        = 10
	maxTag         = 20
	maxTitle       = 32
	maxFeedback    = 200
	maxStuff       = 5
	maxDeclaration = 256
	maxVersionDesc = 500
	maxPreviews    = 10
)

// submission is the body of submit_audit after its shape was checked.
type submission struct {
	items    []item
	preview  *preview
	notUsed  bool // privacy_api_not_use
	declared bool // ugc_declare is there
}

// item is one entry of item_list. Pointers tell absent from empty.
type item struct {
	FirstClass  *string `json:"first_class"`
	SecondClass *string `json:"second_class"`
	FirstID     *int64  `json:"first_id"`
	SecondID    *int64  `json:"second_id"`
	ThirdClass  string  `json:"third_class"`
	ThirdID     int64   `json:"third_id"`
	Address     *string `json:"address"`
	Tag         string  `json:"tag"`
	Title       string  `json:"title"`
}

// preview is preview_info.
type preview struct {
	Videos []string `json:"video_id_list"`
	Pics   []string `json:"pic_id_list"`
}

// declaration is ugc_declare.
type declaration struct {
	Scene    []int  `json:"scene"`
	Method   []int  `json:"method"`
	Other    string `json:"other_scene_desc"`
	HasTeam  int    `json:"has_audit_team"`
	AuditDoc string `json:"audit_desc"`
}

// parseSubmission checks types and sizes: what can be said without looking at the app.
func parseSubmission(f fields) (submission, int) {
	var sub submission
	var ok bool
	if sub.items, ok = list[item](f, "item_list"); !ok {
		return sub, 47001
	}
	if f.has("item_list") && (len(sub.items) == 0 || len(sub.items) > maxItems) {
		return sub, 85023
	}
	if raw, has := f["preview_info"]; has {
		if json.Unmarshal(raw, &sub.preview) != nil || sub.preview == nil {
			return sub, 85092
		}
		if len(sub.preview.Videos) > maxPreviews || len(sub.preview.Pics) > maxPreviews {
			return sub, 85093
		}
	}
	for _, key := range []string{"version_desc", "feedback_info", "feedback_stuff", "order_path"} {
		if _, ok := f.text(key); !ok {
			return sub, 47001
		}
	}
	if s, _ := f.text("version_desc"); utf8.RuneCountInString(s) > maxVersionDesc {
		return sub, 85051
	}
	if s, _ := f.text("feedback_info"); utf8.RuneCountInString(s) > maxFeedback {
		return sub, 45002
	}
	if s, _ := f.text("feedback_stuff"); strings.Count(s, "|") >= maxStuff {
		return sub, 45002
	}
	if sub.notUsed, ok = f.flag("privacy_api_not_use"); !ok {
		return sub, 47001
	}
	if raw, has := f["ugc_declare"]; has {
		sub.declared = true
		return sub, parseDeclaration(raw)
	}
	return sub, 0
}

func parseDeclaration(raw json.RawMessage) int {
	var d *declaration
	if json.Unmarshal(raw, &d) != nil || d == nil {
		return 47001
	}
	outside := func(list []int, low, high int) bool {
		return slices.ContainsFunc(list, func(n int) bool { return n < low || n > high })
	}
	switch {
	case outside(d.Scene, 0, 5) || outside(d.Method, 1, 4) || d.HasTeam < 0 || d.HasTeam > 1:
		return 40097
	case utf8.RuneCountInString(d.Other) > maxDeclaration || utf8.RuneCountInString(d.AuditDoc) > maxDeclaration:
		return 45002
	}
	return 0
}

// check compares a submission with the locked app it is for.
func (sub submission) check(a *app, now time.Time) int {
	tr := a.trial
	for _, it := range sub.items {
		if code := it.check(a.category, tr.pages); code != 0 {
			return code
		}
	}
	if sub.preview != nil {
		for _, id := range slices.Concat(sub.preview.Videos, sub.preview.Pics) {
			if at, known := a.media[id]; !known || now.Sub(at) >= mediaLife {
				return 85092
			}
		}
	}
	switch {
	case a.needsUGC && !sub.declared:
		return 85094
	case len(tr.withoutAuth) > 0, len(tr.withoutConf) > 0 && !sub.notUsed:
		return 61040
	}
	return 0
}

func (it item) check(cat category, pages []string) int {
	if it.FirstClass == nil || it.SecondClass == nil || it.FirstID == nil || it.SecondID == nil ||
		*it.FirstClass == "" || *it.SecondClass == "" {
		return 85010
	}
	if *it.FirstClass != cat.FirstClass || *it.SecondClass != cat.SecondClass || *it.FirstID != cat.FirstID ||
		*it.SecondID != cat.SecondID || it.ThirdClass != "" || it.ThirdID != 0 {
		return 85008
	}
	if it.Address != nil && !slices.Contains(pages, *it.Address) {
		return 85007
	}
	tags := strings.Fields(it.Tag)
	if len(tags) > maxTags || slices.ContainsFunc(tags, func(t string) bool { return utf8.RuneCountInString(t) > maxTag }) {
		return 85006
	}
	if utf8.RuneCountInString(it.Title) > maxTitle {
		return 85011
	}
	return 0
}
