package wxsim

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode/utf8"
)

// Versions of a privacy guideline.
const (
	privacyOnline = 1
	privacyDraft  = 2
)

const (
	maxPrivacyText      = 100 << 10
	maxInterfaceContent = 300
	maxSettings         = 100
	applicationsPerMin  = 280
)

// guideline is a privacy guideline: how to reach the owner, and what is collected.
type guideline struct {
	owner    owner
	settings []setting
	at       time.Time
}

// owner is owner_setting.
type owner struct {
	Email        string `json:"contact_email"`
	Phone        string `json:"contact_phone"`
	QQ           string `json:"contact_qq"`
	WeChat       string `json:"contact_weixin"`
	ExtFile      string `json:"ext_file_media_id"`
	NoticeMethod string `json:"notice_method"`
	StoreExpire  string `json:"store_expire_timestamp"`
	StoreRegion  string `json:"store_region,omitempty"`
}

// setting is one entry of setting_list.
type setting struct {
	Key   string `json:"privacy_key"`
	Text  string `json:"privacy_text"`
	Label string `json:"privacy_label"`
}

// privacyKeys are the keys WeChat knows, with their labels; others are free.
var privacyKeys = []setting{
	{Key: "UserInfo", Label: "用户信息（微信昵称、头像）"}, {Key: "Location", Label: "位置信息"}, {Key: "Address", Label: "地址"},
	{Key: "Invoice", Label: "发票信息"}, {Key: "RunData", Label: "微信运动步数"}, {Key: "Record", Label: "麦克风"},
	{Key: "Album", Label: "选中的照片或视频信息"}, {Key: "Camera", Label: "摄像头"}, {Key: "PhoneNumber", Label: "手机号"},
	{Key: "Contact", Label: "通讯录（仅写入）权限"}, {Key: "DeviceInfo", Label: "设备信息"}, {Key: "EXIDNumber", Label: "身份证号码"},
	{Key: "EXOrderInfo", Label: "订单信息"}, {Key: "EXUserPublishContent", Label: "发布内容"},
	{Key: "EXUserFollowAcct", Label: "所关注账号"}, {Key: "EXUserOpLog", Label: "操作日志"},
	{Key: "AlbumWriteOnly", Label: "相册（仅写入）权限"}, {Key: "LicensePlate", Label: "车牌号"}, {Key: "BlueTooth", Label: "蓝牙"},
	{Key: "CalendarWriteOnly", Label: "日历（仅写入）权限"}, {Key: "Email", Label: "邮箱"}, {Key: "MessageFile", Label: "选中的文件"},
}

// label is WeChat's name of a key, the key itself for a free one.
func label(key string) string {
	if i := slices.IndexFunc(privacyKeys, func(s setting) bool { return s.Key == key }); i >= 0 {
		return privacyKeys[i].Label
	}
	return key
}

// checking reports that the privacy check of the app's last commit still runs.
func (c *call) checking() bool {
	tr := c.app.trial
	return tr != nil && c.now.Before(tr.checked)
}

// privacyVersion reads privacy_ver; absent means the draft.
func (c *call) privacyVersion() (version int64, code int) {
	if !c.f.has("privacy_ver") {
		return privacyDraft, 0
	}
	version, ok := c.f.number("privacy_ver", false)
	if !ok || version != privacyOnline && version != privacyDraft {
		return 0, 86071
	}
	return version, 0
}

// getPrivacy plays getprivacysetting.
func (c *call) getPrivacy() reply {
	version, code := c.privacyVersion()
	switch {
	case code != 0:
		return failure(code)
	case c.checking():
		return failure(61039)
	}
	g := c.app.privacy.draft
	if version == privacyOnline {
		g = c.app.privacy.online
	}
	if g == nil {
		g = &guideline{}
	}
	exists, detected := 0, []string{}
	if tr := c.app.trial; tr != nil && !tr.foreign {
		exists = 1
		for _, name := range tr.private {
			if !slices.Contains(detected, detects(name)) {
				detected = append(detected, detects(name))
			}
		}
	}
	settings, descs := slices.Clone(g.settings), []payload{}
	if settings == nil {
		settings = []setting{}
	}
	for _, k := range privacyKeys {
		descs = append(descs, payload{"privacy_key": k.Key, "privacy_desc": k.Label})
	}
	p := payload{
		"code_exist": exists, "privacy_list": detected, "setting_list": settings, "owner_setting": g.owner,
		"privacy_desc": payload{"privacy_desc_list": descs},
	}
	if !g.at.IsZero() {
		p["update_time"] = g.at.Unix()
	}
	return success(p)
}

// detects is the privacy_key of a location api.
func detects(api string) string {
	if api == "chooseAddress" {
		return "Address"
	}
	return "Location"
}

var storeExpire = regexp.MustCompile(`^[1-9][0-9]*天$`)

// setPrivacy plays setprivacysetting. Escapes are not refused but kept as they are, as the service does.
func (c *call) setPrivacy() reply {
	version, code := c.privacyVersion()
	if code != 0 {
		return failure(code)
	}
	next, code := c.parseGuideline(version)
	p := &c.app.privacy
	switch {
	case code != 0:
		return failure(code)
	case version == privacyOnline && p.online == nil:
		return failure(86074)
	case c.checking():
		return failure(61039)
	}
	if version == privacyOnline {
		next.settings, next.owner.ExtFile = p.online.settings, p.online.owner.ExtFile
		p.online = next
	} else {
		p.draft = next
	}
	return success(nil)
}

// parseGuideline checks the body of setprivacysetting.
func (c *call) parseGuideline(version int64) (*guideline, int) {
	f := c.f
	if escaped(c.body) {
		f = nil
		if json.Unmarshal(bytes.ReplaceAll(c.body, []byte(`\u`), []byte(`\\u`)), &f) != nil {
			return nil, 47001
		}
	}
	g := &guideline{at: c.now}
	if raw, ok := f["owner_setting"]; !ok || json.Unmarshal(raw, &g.owner) != nil {
		return nil, 86069
	}
	settings, ok := list[setting](f, "setting_list")
	o := g.owner
	switch {
	case !ok || len(settings) > maxSettings:
		return nil, 47001
	case version == privacyDraft && !f.has("setting_list"), version == privacyOnline && f.has("setting_list"):
		return nil, 47001
	case o.NoticeMethod == "", o.Email == "" && o.Phone == "" && o.QQ == "" && o.WeChat == "":
		return nil, 86069
	case o.StoreExpire != "" && !storeExpire.MatchString(o.StoreExpire):
		return nil, 87072
	case o.ExtFile != "" && !c.app.privacy.files[o.ExtFile]:
		return nil, 46001
	}
	for _, s := range settings {
		if s.Key == "" || s.Text == "" {
			return nil, 47001
		}
		g.settings = append(g.settings, setting{Key: s.Key, Text: s.Text, Label: label(s.Key)})
	}
	return g, 0
}

// privacyState is what an app has of privacy; the app's lock guards it.
type privacyState struct {
	online, draft *guideline
	files         map[string]bool // uploaded guidelines by media id
	applied       map[string]*application
	nApplied      int64
}

// goOnline makes the draft the online guideline, as a release does.
func (p *privacyState) goOnline() {
	if p.draft != nil {
		p.online = p.draft
	}
}

// uploadPrivacy plays uploadprivacyextfile: a multipart form with a text in "file".
func (c *call) uploadPrivacy() reply {
	c.r.Body = io.NopCloser(bytes.NewReader(c.body))
	file, head, err := c.r.FormFile("file")
	if err != nil {
		return failure(41005)
	}
	defer file.Close() //nolint:errcheck // read only, in memory
	data, err := io.ReadAll(file)
	switch {
	case err != nil || len(data) == 0:
		return failure(41005)
	case !strings.HasSuffix(head.Filename, ".txt") || !utf8.Valid(data):
		return failure(40005)
	case len(data) > maxPrivacyText:
		return failure(40126)
	}
	p := &c.app.privacy
	if p.files == nil || len(p.files) >= mediaKept {
		p.files = map[string]bool{}
	}
	c.app.uploads++
	id := fmt.Sprint(2_000_000_000_000_000_000 + int64(hash(c.set.Seed, c.app.id, "privacy-file", c.app.uploads)>>4))
	p.files[id] = true
	return success(payload{"ext_file_media_id": id})
}

// application is an application for a location api.
type application struct {
	id     int64
	at     time.Time
	failed string // why; empty while it runs
	done   bool
}

// States of a location api, as get_privacy_interface gives them.
const (
	interfaceClosed   = 1
	interfaceApplying = 3
	interfaceFailed   = 4
	interfaceOpen     = 5
)

// interfaceState is how far a locked app is with a location api.
func (a *app) interfaceState(name string) int {
	ap := a.privacy.applied[name]
	switch {
	case !a.noPrivate[name]:
		return interfaceOpen
	case ap == nil:
		return interfaceClosed
	case ap.done:
		return interfaceFailed
	}
	return interfaceApplying
}

// privacyInterfaces plays get_privacy_interface.
func (c *call) privacyInterfaces() reply {
	names := make([]string, 0, len(privateInfos))
	for name := range privateInfos {
		names = append(names, name)
	}
	slices.Sort(names)
	entries := []payload{}
	for _, name := range names {
		p := payload{
			"api_name": "wx." + name, "api_ch_name": name, "api_desc": "位置接口", "group_name": "地理位置",
			"api_link": "https://developers.weixin.qq.com/miniprogram/dev/api/location/wx." + name + ".html",
			"status":   c.app.interfaceState(name),
		}
		if ap := c.app.privacy.applied[name]; ap != nil {
			p["apply_time"], p["audit_id"] = ap.at.Unix(), ap.id
			if ap.failed != "" {
				p["fail_reason"] = ap.failed
			}
		}
		entries = append(entries, p)
	}
	return success(payload{"interface_list": entries})
}

// applyInterface plays apply_privacy_interface; DecideInterface ends the audit.
func (c *call) applyInterface() reply {
	full, ok := c.f.text("api_name")
	content, ok2 := c.f.text("content")
	evidence := 0
	for _, key := range []string{"url_list", "pic_list", "video_list"} {
		got, ok := list[string](c.f, key)
		if !ok {
			return failure(47001)
		}
		evidence += len(got)
	}
	name, prefixed := strings.CutPrefix(full, "wx.")
	_, known := privateInfos[name]
	n := utf8.RuneCountInString(content)
	switch {
	case !ok || !ok2:
		return failure(47001)
	case !prefixed || !known || n == 0 || n > maxInterfaceContent || evidence == 0:
		return failure(40097)
	}
	a := c.app
	switch a.interfaceState(name) {
	case interfaceOpen:
		return failure(61035)
	case interfaceApplying:
		return failure(85050)
	}
	p := &a.privacy
	if p.applied == nil {
		p.applied = map[string]*application{}
	}
	p.nApplied++
	ap := &application{id: auditID(a.index, 900_000+int(p.nApplied)), at: c.now}
	p.applied[name] = ap
	return success(payload{"audit_id": ap.id})
}

// DecideInterface ends the audit of an app's application for a location api, such as wx.getLocation: with an empty reason
// it passes, and commits from then on may use the api. The end is pushed as wxa_privacy_apply. It reports whether
// there was an audit to end.
func (s *Sim) DecideInterface(appid, api, reason string) bool {
	decided := false
	s.each(appid, func(a *app) {
		name := strings.TrimPrefix(api, "wx.")
		ap := a.privacy.applied[name]
		if appid == "" || ap == nil || ap.done {
			return
		}
		ap.done, ap.failed, decided = true, reason, true
		if reason == "" {
			delete(a.noPrivate, name)
		}
		s.push.appEvent(a, s.clock.Now(), "wxa_privacy_apply", element("result_info",
			cdata("api_name", "wx."+name)+number("audit_id", ap.id)+cdata("reason", reason)))
	})
	return decided
}
