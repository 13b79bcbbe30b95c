package configapi

import (
	"context"
	"errors"
	"fmt"
	"regexp"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// PrivacyVersion selects a privacy guideline.
type PrivacyVersion int

const (
	// PrivacyOnline is the guideline of the live version.
	PrivacyOnline PrivacyVersion = 1
	// PrivacyDraft is the guideline that goes live with the next audit and release.
	PrivacyDraft PrivacyVersion = 2
)

// PrivacySetting declares the use of one kind of user information.
type PrivacySetting struct {
	// Key is a privacy_key: UserInfo, Location, Address, Invoice, RunData, Record, Album, Camera,
	// PhoneNumber, Contact, DeviceInfo, EXIDNumber, EXOrderInfo, EXUserPublishContent, EXUserFollowAcct,
	// EXUserOpLog, AlbumWriteOnly, LicensePlate, BlueTooth, CalendarWriteOnly, Email, MessageFile, or a
	// custom key.
	Key string `json:"privacy_key"`
	// Text describes the use.
	Text string `json:"privacy_text"`
	// Label is WeChat's Chinese name of the key; only in answers.
	Label string `json:"privacy_label,omitempty"`
}

// PrivacyOwner is the collector of the information, with one of the four contacts at least.
type PrivacyOwner struct {
	Email  string `json:"contact_email,omitempty"`
	Phone  string `json:"contact_phone,omitempty"`
	QQ     string `json:"contact_qq,omitempty"`
	WeChat string `json:"contact_weixin,omitempty"`
	// ExtFileID is the media id of the owner's own guideline, shown beside the generated one.
	ExtFileID string `json:"ext_file_media_id,omitempty"`
	// NoticeMethod is how users are notified of changes, such as 弹窗; required.
	NoticeMethod string `json:"notice_method"`
	// StoreExpire is the retention time, like 30天; empty means as short as necessary.
	StoreExpire string `json:"store_expire_timestamp,omitempty"`
	// StoreRegion is the place of storage; overseas owners are rejected without it.
	StoreRegion string `json:"store_region,omitempty"`
}

// PrivacyGuideline is an app's privacy guideline.
type PrivacyGuideline struct {
	// HasCode is false when nothing was committed lately; Detected is meaningless then.
	HasCode bool
	// Detected are the privacy_keys of what the committed code uses.
	Detected []string
	// Settings are the declared uses.
	Settings []PrivacySetting
	// Owner is the collector.
	Owner PrivacyOwner
	// UpdatedAt is in unix seconds.
	UpdatedAt int64
	// Keys are the known privacy_keys with WeChat's descriptions.
	Keys map[string]string
}

type guidelineReply struct {
	HasCode   *wire.Integer    `json:"code_exist" need:"yes"`
	Detected  []string         `json:"privacy_list"`
	Settings  []PrivacySetting `json:"setting_list" need:"yes"`
	Owner     *PrivacyOwner    `json:"owner_setting" need:"yes"`
	UpdatedAt wire.Integer     `json:"update_time"`
	Desc      struct {
		List []struct {
			Key  string `json:"privacy_key"`
			Desc string `json:"privacy_desc"`
		} `json:"privacy_desc_list"`
	} `json:"privacy_desc"`
}

// PrivacyGuideline reads an app's privacy guideline: the online one or the draft.
//
// WeChat page: api_getprivacysetting. Codes: 61039 the check of the commit still runs, 86071.
func (c Calls) PrivacyGuideline(ctx context.Context, appid string, version PrivacyVersion) (PrivacyGuideline, error) {
	const path = "/cgi-bin/component/getprivacysetting"
	if version != PrivacyOnline && version != PrivacyDraft {
		return PrivacyGuideline{}, &errcode.InvalidRequestError{Endpoint: path, Problem: fmt.Sprintf("privacy_ver is %d, want 1 or 2", version)}
	}
	var reply guidelineReply
	err := c.wire.CallApp(ctx, appid, wire.Post(path, struct {
		Version PrivacyVersion `json:"privacy_ver"`
	}{version}), &reply)
	if err != nil {
		return PrivacyGuideline{}, err
	}
	guideline := PrivacyGuideline{
		HasCode: reply.HasCode.Value() != 0, Detected: reply.Detected, Settings: reply.Settings, Owner: *reply.Owner,
		UpdatedAt: int64(reply.UpdatedAt),
	}
	for _, d := range reply.Desc.List {
		if guideline.Keys == nil {
			guideline.Keys = map[string]string{}
		}
		guideline.Keys[d.Key] = d.Desc
	}
	return guideline, nil
}

// GuidelineRequest is a privacy guideline to be set.
type GuidelineRequest struct {
	// Version is PrivacyDraft, or PrivacyOnline to change the contacts of a live guideline at once.
	Version PrivacyVersion `json:"privacy_ver"`
	// Owner is the collector.
	Owner PrivacyOwner `json:"owner_setting"`
	// Settings declare the uses; empty for PrivacyOnline.
	Settings []PrivacySetting `json:"setting_list,omitzero"`
}

var storeExpire = regexp.MustCompile(`^[1-9]\d*天$`)

func (r GuidelineRequest) validate() error {
	var faults []error
	fault := func(wrong bool, text string) {
		if wrong {
			faults = append(faults, errors.New(text))
		}
	}
	o := r.Owner
	online := r.Version == PrivacyOnline
	fault(!online && r.Version != PrivacyDraft, fmt.Sprintf("privacy_ver is %d, want 1 or 2", r.Version))
	fault(o.NoticeMethod == "", "notice_method is empty")
	fault(o.Email == "" && o.Phone == "" && o.QQ == "" && o.WeChat == "", "none of the four contacts is given")
	fault(o.StoreExpire != "" && !storeExpire.MatchString(o.StoreExpire), fmt.Sprintf("store_expire_timestamp is %q, want a form like 30天", o.StoreExpire))
	fault(online && len(r.Settings) > 0, "setting_list can't be set with privacy_ver 1")
	fault(online && o.ExtFileID != "", "ext_file_media_id can't be set with privacy_ver 1")
	for i, s := range r.Settings {
		fault(s.Key == "" || s.Text == "", fmt.Sprintf("setting %d has no privacy_key or no privacy_text", i+1))
	}
	return wire.OneLine(faults)
}

// SetPrivacyGuideline sets an app's privacy guideline. A draft takes effect with the next audit and
// release. The order is: commit, wait for the check, read what was detected, set, submit, release.
//
// WeChat page: api_setprivacysetting. Codes: 61039 the check of the commit still runs, 86069 a field
// is missing, 86071, 86074 there is no online guideline, 87072 store_expire_timestamp.
func (c Calls) SetPrivacyGuideline(ctx context.Context, appid string, r GuidelineRequest) error {
	const path = "/cgi-bin/component/setprivacysetting"
	if err := r.validate(); err != nil {
		return &errcode.InvalidRequestError{Endpoint: path, Problem: err.Error()}
	}
	settings := make([]PrivacySetting, 0, len(r.Settings))
	for _, s := range r.Settings {
		settings = append(settings, PrivacySetting{Key: s.Key, Text: s.Text})
	}
	r.Settings = settings
	if r.Version == PrivacyOnline {
		r.Settings = nil
	}
	return c.wire.CallApp(ctx, appid, wire.Post(path, r), nil)
}
