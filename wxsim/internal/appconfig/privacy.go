package appconfig

import (
	"regexp"
	"slices"
	"time"
)

// maxFiles bounds the uploaded guidelines of an app that are kept.
const maxFiles = 100

// Privacy is the privacy guideline of an app and its rights to location apis.
type Privacy struct {
	Online, Draft *Guideline

	denied   map[string]bool // location apis without a right
	files    map[string]bool // uploaded guidelines by media id
	applied  map[string]*Application
	nApplied int64
}

// Guideline says how to reach the owner, and what is collected.
type Guideline struct {
	Owner    Owner
	Settings []Setting
	At       time.Time
}

// Owner is owner_setting.
type Owner struct {
	Email        string `json:"contact_email"`
	Phone        string `json:"contact_phone"`
	QQ           string `json:"contact_qq"`
	WeChat       string `json:"contact_weixin"`
	ExtFile      string `json:"ext_file_media_id"`
	NoticeMethod string `json:"notice_method"`
	StoreExpire  string `json:"store_expire_timestamp"`
	StoreRegion  string `json:"store_region,omitempty"`
}

// Setting is one entry of setting_list.
type Setting struct {
	Key   string `json:"privacy_key"`
	Text  string `json:"privacy_text"`
	Label string `json:"privacy_label"`
}

// PrivacyKeys are the keys WeChat knows, with their labels; others are free.
var PrivacyKeys = []Setting{
	{Key: "UserInfo", Label: "用户信息（微信昵称、头像）"}, {Key: "Location", Label: "位置信息"}, {Key: "Address", Label: "地址"},
	{Key: "Invoice", Label: "发票信息"}, {Key: "RunData", Label: "微信运动步数"}, {Key: "Record", Label: "麦克风"},
	{Key: "Album", Label: "选中的照片或视频信息"}, {Key: "Camera", Label: "摄像头"}, {Key: "PhoneNumber", Label: "手机号"},
	{Key: "Contact", Label: "通讯录（仅写入）权限"}, {Key: "DeviceInfo", Label: "设备信息"}, {Key: "EXIDNumber", Label: "身份证号码"},
	{Key: "EXOrderInfo", Label: "订单信息"}, {Key: "EXUserPublishContent", Label: "发布内容"},
	{Key: "EXUserFollowAcct", Label: "所关注账号"}, {Key: "EXUserOpLog", Label: "操作日志"},
	{Key: "AlbumWriteOnly", Label: "相册（仅写入）权限"}, {Key: "LicensePlate", Label: "车牌号"}, {Key: "BlueTooth", Label: "蓝牙"},
	{Key: "CalendarWriteOnly", Label: "日历（仅写入）权限"}, {Key: "Email", Label: "邮箱"}, {Key: "MessageFile", Label: "选中的文件"},
}

// Label is WeChat's name of a key, the key itself for a free one.
func Label(key string) string {
	if i := slices.IndexFunc(PrivacyKeys, func(s Setting) bool { return s.Key == key }); i >= 0 {
		return PrivacyKeys[i].Label
	}
	return key
}

var storeExpire = regexp.MustCompile(`^[1-9][0-9]*天$`)

// CheckOwner checks the owner_setting of a guideline.
func (p *Privacy) CheckOwner(o Owner) (code int) {
	switch {
	case o.NoticeMethod == "", o.Email == "" && o.Phone == "" && o.QQ == "" && o.WeChat == "":
		return 86069
	case o.StoreExpire != "" && !storeExpire.MatchString(o.StoreExpire):
		return 87072
	case o.ExtFile != "" && !p.files[o.ExtFile]:
		return 46001
	}
	return 0
}

// SetOnline changes the owner_setting of the online guideline; the rest of it only changes with a release.
func (p *Privacy) SetOnline(g *Guideline) {
	g.Settings, g.Owner.ExtFile = p.Online.Settings, p.Online.Owner.ExtFile
	p.Online = g
}

// GoOnline makes the draft the online guideline, as a release does.
func (p *Privacy) GoOnline() {
	if p.Draft != nil {
		p.Online = p.Draft
	}
}

// AddFile keeps the media id of an uploaded guideline.
func (p *Privacy) AddFile(id string) {
	if p.files == nil || len(p.files) >= maxFiles {
		p.files = map[string]bool{}
	}
	p.files[id] = true
}

// LocationAPIs are the apis that requiredPrivateInfos may name, without "wx."; the value marks those that exclude the
// fuzzy one.
var LocationAPIs = map[string]bool{
	"getFuzzyLocation": false, "getLocation": true, "onLocationChange": true, "startLocationUpdate": true,
	"startLocationUpdateBackground": true, "chooseLocation": true, "choosePoi": true, "chooseAddress": false,
}

// PrivacyKeyOf is the privacy_key of a location api.
func PrivacyKeyOf(api string) string {
	if api == "chooseAddress" {
		return "Address"
	}
	return "Location"
}

// Deny takes the right to some location apis and restores that to all others.
func (p *Privacy) Deny(apis []string) {
	p.denied = map[string]bool{}
	for _, name := range apis {
		p.denied[name] = true
	}
}

// Denied reports a location api that the app has no right to.
func (p *Privacy) Denied(api string) bool { return p.denied[api] }

// Application is an application for a location api.
type Application struct {
	ID int64
	At time.Time
	// Reason says why it was refused.
	Reason string

	ended bool
}

// States of a location api, as get_privacy_interface gives them.
const (
	apiClosed   = 1
	apiApplying = 3
	apiRefused  = 4
	apiOpen     = 5
)

// API is the state of a location api and the last application for it, nil if there was none.
func (p *Privacy) API(name string) (state int, ap *Application) {
	ap = p.applied[name]
	switch {
	case !p.denied[name]:
		return apiOpen, ap
	case ap == nil:
		return apiClosed, nil
	case ap.ended:
		return apiRefused, ap
	}
	return apiApplying, ap
}

// Apply starts an application for a location api. Its id is above base.
func (p *Privacy) Apply(name string, base int64, now time.Time) (id int64, code int) {
	switch state, _ := p.API(name); state {
	case apiOpen:
		return 0, 61035
	case apiApplying:
		return 0, 85050
	}
	if p.applied == nil {
		p.applied = map[string]*Application{}
	}
	p.nApplied++
	ap := &Application{ID: base + p.nApplied, At: now}
	p.applied[name] = ap
	return ap.ID, 0
}

// Decide ends a running application: with an empty reason it is granted. It returns nil if none was running.
func (p *Privacy) Decide(name, reason string) *Application {
	ap := p.applied[name]
	if ap == nil || ap.ended {
		return nil
	}
	ap.ended, ap.Reason = true, reason
	if reason == "" {
		delete(p.denied, name)
	}
	return ap
}
