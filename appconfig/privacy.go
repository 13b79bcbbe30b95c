package appconfig

import (
	"context"
	"errors"
	"maps"
	"regexp"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// privacy is the privacy guideline.
var privacy = Define(Kind{
	Name: "privacy", Title: "privacy guideline", Key: "privacy", Schema: privacySchema(), At: []Moment{AfterCheck},
}, func(wx privacyPort, appID string, want privacyWant) Editor {
	return &privacyEditor{wx: wx, appID: appID, want: want}
})

type privacyPort interface {
	PrivacyGuideline(ctx context.Context, appid string, version configapi.PrivacyVersion) (configapi.PrivacyGuideline, error)
	SetPrivacyGuideline(ctx context.Context, appid string, r configapi.GuidelineRequest) error
}

var _ privacyPort = configapi.Calls{}

type privacyWant struct {
	// Owner has the fields of the owner that the plan gives; the others stay.
	Owner  map[string]string `json:"owner"`
	Add    []use             `json:"add"`
	Remove []string          `json:"remove"`
	Set    []use             `json:"set"`
}

// use says what one kind of user information is used for.
type use struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// ownerFields are the plan's words for who collects information, and how to reach them.
var ownerFields = []struct {
	key   string
	check Check
	of    func(*configapi.PrivacyOwner) *string
}{
	{"email", nil, func(o *configapi.PrivacyOwner) *string { return &o.Email }},
	{"phone", nil, func(o *configapi.PrivacyOwner) *string { return &o.Phone }},
	{"qq", nil, func(o *configapi.PrivacyOwner) *string { return &o.QQ }},
	{"wechat", nil, func(o *configapi.PrivacyOwner) *string { return &o.WeChat }},
	{"notice", nil, func(o *configapi.PrivacyOwner) *string { return &o.NoticeMethod }},
	{"store", checkStore, func(o *configapi.PrivacyOwner) *string { return &o.StoreExpire }},
	{"region", nil, func(o *configapi.PrivacyOwner) *string { return &o.StoreRegion }},
}

func privacySchema() Object {
	var owner Object
	for _, f := range ownerFields {
		owner.Fields = append(owner.Fields, Field{Key: f.key, Node: Text{Check: f.check}})
	}
	uses := Table{Want: "want the use in words", Check: func(v string) string {
		if strings.TrimSpace(v) == "" {
			return "want the use in words"
		}
		return ""
	}}
	return editOf(uses, Texts{Want: "want a list of keys, such as [PhoneNumber]"}, Field{Key: "owner", Node: owner})
}

var storeForm = regexp.MustCompile(`^[1-9][0-9]*天$`)

func checkStore(v string) string {
	if !storeForm.MatchString(v) {
		return "want a number of days, such as 30天"
	}
	return ""
}

type privacyEditor struct {
	wx    privacyPort
	appID string
	want  privacyWant
	have  configapi.PrivacyGuideline
}

// Read reads the draft, or without one the live guideline: a draft replaces all of it.
func (e *privacyEditor) Read(ctx context.Context) (err error) {
	e.have, err = e.wx.PrivacyGuideline(ctx, e.appID, configapi.PrivacyDraft)
	if err == nil && len(e.have.Settings) == 0 && e.have.Owner == (configapi.PrivacyOwner{}) {
		e.have, err = e.wx.PrivacyGuideline(ctx, e.appID, configapi.PrivacyOnline)
	}
	return err
}

func (e *privacyEditor) Changes() ([]Change, error) {
	next := configapi.GuidelineRequest{Version: configapi.PrivacyDraft, Owner: e.have.Owner, Settings: e.want.uses(e.have.Settings)}
	for _, f := range ownerFields {
		if v := e.want.Owner[f.key]; v != "" {
			*f.of(&next.Owner) = v
		}
	}
	var lines []string
	if next.Owner != e.have.Owner {
		lines = append(lines, "~ owner")
	}
	was, will := texts(e.have.Settings), texts(next.Settings)
	for _, key := range slices.Sorted(maps.Keys(will)) {
		if old, there := was[key]; !there {
			lines = append(lines, "+ "+key)
		} else if old != will[key] {
			lines = append(lines, "~ "+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, stays := will[key]; !stays {
			lines = append(lines, "- "+key)
		}
	}
	switch o := next.Owner; {
	case len(lines) == 0:
		return nil, nil
	case o.NoticeMethod == "":
		return nil, errors.New("configure.privacy.owner.notice is missing: neither plan nor app says how users are notified of changes")
	case o.Email == "" && o.Phone == "" && o.QQ == "" && o.WeChat == "":
		return nil, errors.New("configure.privacy.owner is missing: neither plan nor app has a contact: want email, phone, qq or wechat")
	}
	return []Change{{Verb: Set, Lines: lines, Body: next}}, nil
}

func (e *privacyEditor) Write(ctx context.Context, c Change) error {
	return e.wx.SetPrivacyGuideline(ctx, e.appID, c.Body.(configapi.GuidelineRequest))
}

// uses are the declared uses after the edit: what stays in its order, then what is new.
func (w privacyWant) uses(have []configapi.PrivacySetting) []configapi.PrivacySetting {
	given := w.Add
	if w.Set != nil {
		given = w.Set
	}
	var out []configapi.PrivacySetting
	for _, s := range have {
		i := slices.IndexFunc(given, func(u use) bool { return u.Key == s.Key })
		switch {
		case i >= 0:
			out = append(out, configapi.PrivacySetting{Key: s.Key, Text: given[i].Text})
		case w.Set == nil && !slices.Contains(w.Remove, s.Key):
			out = append(out, s)
		}
	}
	was := texts(have)
	for _, u := range given {
		if _, there := was[u.Key]; !there {
			out = append(out, configapi.PrivacySetting{Key: u.Key, Text: u.Text})
		}
	}
	return out
}

func texts(uses []configapi.PrivacySetting) map[string]string {
	m := make(map[string]string, len(uses))
	for _, u := range uses {
		m[u.Key] = u.Text
	}
	return m
}
