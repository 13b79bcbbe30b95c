package wxsim_test

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestStory holds the simulator to its promise: the same seed gives the same replies, callbacks and books. A random client
// with a fixed seed calls every endpoint and pulls every lever; the golden file has the levers, the tally at the end, and
// the hashes of all replies and callbacks.
func TestStory(t *testing.T) {
	t.Parallel()
	s := newStory(t, 7)
	for step := range 5_000 {
		s.step(step)
	}
	s.clock.Advance(24 * time.Hour)
	s.waitForCallbacks()
	var out bytes.Buffer
	for _, path := range []string{"/_sim/state", "/_sim/books", "/_sim/apps", "/_sim/registrations", "/_sim/check?closing=1"} {
		s.get(path)
	}
	fmt.Fprintf(&out, "levers    %s", s.get("/_sim/"))
	fmt.Fprintf(&out, "tally     %s", s.get("/_sim/tally"))
	fmt.Fprintf(&out, "replies   %x\n", s.replies.Sum(nil))
	slices.Sort(s.messages)
	fmt.Fprintf(&out, "callbacks %x of %d\n", sha256.Sum256([]byte(strings.Join(s.messages, "\n"))), len(s.messages))
	goldentest.Compare(t, "story.golden", out.String())
}

// story is a random client of a simulator in process.
type story struct {
	t       *testing.T
	rnd     *rand.Rand
	sim     *wxsim.Sim
	clock   *wxsim.ManualClock
	replies interface {
		io.Writer
		Sum([]byte) []byte
	}
	component string
	tokens    map[string]string
	refresh   map[string]string
	routes    []wxsim.Route
	codes     []string // authorization codes, pre-auth codes, media ids, rids, tickets
	auditID   string

	mu       sync.Mutex
	messages []string
	sent     int
	more     *sync.Cond
}

const storyApps = 12

func newStory(t *testing.T, seed uint64) *story {
	t.Logf("seed %d", seed)
	s := &story{
		t: t, rnd: rand.New(rand.NewPCG(seed, 0)), clock: wxsim.NewManualClock(time.Date(2026, 11, 15, 4, 0, 0, 0, time.UTC)),
		replies: sha256.New(), tokens: map[string]string{}, refresh: map[string]string{}, routes: wxsim.Routes(), auditID: "0",
	}
	s.more = sync.NewCond(&s.mu)
	s.sim = wxsim.New(wxsim.Options{
		Clock: s.clock, Seed: seed, Apps: storyApps, RejectRate: 0.3, DelayRate: 0.3, BusyRate: 0.02, LostRate: 0.02,
		Quota:        wxsim.QuotaOptions{Limit: 40, Refill: 6 * time.Hour},
		PrivacyDelay: wxsim.Range{Max: time.Minute}, AuditDelay: wxsim.Range{Min: time.Minute, Max: 2 * time.Hour},
		Limits: map[string]wxsim.Limit{"/wxa/get_page": {Daily: 30, PerMinute: 3}},
		Callbacks: wxsim.CallbackOptions{
			AuthURL: "http://platform.test/auth?x=1", AppURL: "http://platform.test/$APPID$/event", TicketEvery: 10 * time.Minute,
			Lost: 0.1, Late: 0.1, Doubled: 0.1, OutOfOrder: 0.1, Attempts: 1, Client: &http.Client{Transport: s},
		},
	})
	t.Cleanup(s.sim.Close)
	s.component = s.login(wxsim.DefaultTicket)
	return s
}

// RoundTrip takes a callback.
func (s *story) RoundTrip(req *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(req.Body)
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.messages = append(s.messages, req.URL.Path+" "+req.Header.Get("Content-Type")+" "+decrypt(s.t, string(body)))
	s.sent++
	s.more.Broadcast()
	return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader("success")), Request: req}, nil
}

// decrypt replaces the encrypted element of a callback by its plain text, without the random bytes before it.
func decrypt(t *testing.T, body string) string {
	head, rest, _ := strings.Cut(body, "<Encrypt><![CDATA[")
	sealed, tail, _ := strings.Cut(rest, "]]></Encrypt>")
	key, err := base64.StdEncoding.DecodeString(wxsim.DefaultAESKey + "=")
	if err != nil {
		t.Fatal(err)
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		t.Fatal(err)
	}
	text, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(text) < 2*aes.BlockSize {
		t.Fatalf("callback %q: %v", body, err)
	}
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(text, text)
	return head + string(text[20:]) + tail
}

func (s *story) waitForCallbacks() {
	p := s.sim.Books().Callbacks
	s.mu.Lock()
	defer s.mu.Unlock()
	for s.sent < int(p.Made-p.Lost+p.Doubled) {
		s.more.Wait()
	}
	for b := s.sim.Books().Callbacks; b.Accepted+b.Refused < int64(s.sent); b = s.sim.Books().Callbacks {
		s.mu.Unlock()
		s.mu.Lock()
	}
}

// do sends one request and adds the reply to the hash.
func (s *story) do(method, path, kind string, body []byte) (reply []byte) {
	defer func() {
		if p := recover(); p == http.ErrAbortHandler { //nolint:errorlint // a panic value, compared as net/http does
			reply = nil
		} else if p != nil {
			panic(p)
		}
		fmt.Fprintf(s.replies, "%s %s\n%s\n", method, path, reply)
	}()
	req := httptest.NewRequestWithContext(s.t.Context(), method, path, bytes.NewReader(body))
	if kind != "" {
		req.Header.Set("Content-Type", kind)
	}
	w := httptest.NewRecorder()
	s.sim.ServeHTTP(w, req)
	return w.Body.Bytes()
}

func (s *story) get(path string) []byte { return s.do("GET", path, "", nil) }

func (s *story) post(path string, body map[string]any) map[string]any {
	return decode(s.do("POST", path, "", encodeJSON(s.t, body)))
}

func decode(reply []byte) map[string]any {
	dec := json.NewDecoder(bytes.NewReader(reply))
	dec.UseNumber()
	var out map[string]any
	if dec.Decode(&out) != nil {
		return map[string]any{}
	}
	return out
}

func encodeJSON(t *testing.T, v any) []byte {
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

func (s *story) login(ticket string) string {
	token, _ := s.post("/cgi-bin/component/api_component_token", map[string]any{
		"component_appid": wxsim.DefaultComponentAppID, "component_appsecret": wxsim.DefaultSecret, "component_verify_ticket": ticket,
	})["component_access_token"].(string)
	return token
}

// pick is one of some values.
func pick[T any](s *story, values ...T) T { return values[s.rnd.IntN(len(values))] }

func (s *story) appid() string { return wxsim.AppID(s.rnd.IntN(storyApps)) }

// step makes one random call or pulls one random lever.
func (s *story) step(n int) {
	switch {
	case n%7 == 0:
		s.clock.Advance(time.Duration(s.rnd.Int64N(int64(5 * time.Minute))))
	case n%11 == 0:
		s.lever()
		return
	case n%199 == 0 || s.component == "":
		s.component = s.login(s.sim.SendTicket())
	}
	route := pick(s, s.routes...)
	if s.rnd.IntN(2) == 0 {
		route = pick(s, s.codeRoutes()...)
	}
	id := s.appid()
	token := s.component
	if route.Token == "app" || route.Token == "either" && s.rnd.IntN(2) == 0 {
		token = s.token(id)
	}
	path := route.Path + "?access_token=" + token
	if strings.Contains(route.Path, "component/fastregister") {
		path = route.Path + "?component_access_token=" + token + "&access_token=" + token + "&action=" + pick(s, "create", "search", "query", "x")
	}
	switch route.Path {
	case "/wxa/revertcoderelease":
		path += pick(s, "", "&action=get_history_version", "&app_version=2", "&app_version=x")
	case "/wxa/gettemplatelist":
		path += pick(s, "", "&template_type=0", "&template_type=1", "&template_type=2")
	}
	if strings.HasSuffix(route.Path, "uploadmedia") || strings.HasSuffix(route.Path, "uploadprivacyextfile") {
		s.upload(path, route.Path)
		return
	}
	var body []byte
	if route.Method == "POST" {
		body = encodeJSON(s.t, s.body(route.Path, id))
	}
	if s.rnd.IntN(60) == 0 {
		body = pick(s, []byte("[]"), []byte("{"), []byte(`{"a":"\u0041"}`), nil)
	}
	s.learn(id, route.Path, s.do(route.Method, path, "", body))
}

// codeRoutes are the calls of an ordinary upgrade.
func (s *story) codeRoutes() []wxsim.Route {
	var list []wxsim.Route
	for _, path := range []string{
		"/wxa/commit", "/wxa/submit_audit", "/wxa/release", "/wxa/get_latest_auditstatus", "/wxa/submit_audit", "/wxa/getversioninfo",
		"/wxa/grayrelease", "/wxa/modify_domain", "/wxa/modify_domain_directly",
	} {
		i := slices.IndexFunc(s.routes, func(r wxsim.Route) bool { return r.Path == path })
		list = append(list, s.routes[i])
	}
	return list
}

// learn keeps what later calls need.
func (s *story) learn(id, path string, reply []byte) {
	out := decode(reply)
	if code := fmt.Sprint(out["errcode"]); code == "42001" || code == "40001" || code == "40014" {
		delete(s.tokens, id)
		if !strings.HasPrefix(path, "/wxa/") || code == "42001" {
			s.component = ""
		}
	}
	for _, key := range []string{"unique_id", "taskid", "userstr", "mediaid", "ext_file_media_id", "pre_auth_code"} {
		if v, ok := out[key].(string); ok {
			s.codes = append(s.codes, v)
		}
	}
	if msg, _ := out["errmsg"].(string); strings.Contains(msg, " rid: ") {
		_, rid, _ := strings.Cut(msg, " rid: ")
		s.codes = append(s.codes, rid)
	}
	if v, ok := out["auditid"]; ok {
		s.auditID = strings.Trim(string(encodeJSON(s.t, v)), "\"\n")
	}
	s.codes = s.codes[max(0, len(s.codes)-20):]
}

func (s *story) code() string {
	if len(s.codes) == 0 {
		return "none"
	}
	return pick(s, s.codes...)
}

func (s *story) token(id string) string {
	if s.tokens[id] == "" {
		base := map[string]any{"component_appid": wxsim.DefaultComponentAppID, "authorizer_appid": id}
		info := s.post("/cgi-bin/component/api_get_authorizer_info?access_token="+s.component, base)
		grant, _ := info["authorization_info"].(map[string]any)
		base["authorizer_refresh_token"] = grant["authorizer_refresh_token"]
		out := s.post("/cgi-bin/component/api_authorizer_token?access_token="+s.component, base)
		s.tokens[id], _ = out["authorizer_access_token"].(string)
	}
	return s.tokens[id]
}

func (s *story) upload(path, route string) {
	field, name, data := "media", "a.png", pick(s, "\x89PNG\r\n\x1a\n0000", "GIF89a00", "no picture", "")
	if strings.Contains(route, "privacy") {
		field, name, data = "file", pick(s, "a.txt", "a.doc"), pick(s, "text", "\xff", "")
	}
	body := fmt.Sprintf("--b\r\nContent-Disposition: form-data; name=%q; filename=%q\r\n\r\n%s\r\n--b--\r\n", pick(s, field, field, "x"), name, data)
	s.learn("", route, s.do("POST", path, "multipart/form-data; boundary=b", []byte(body)))
}

// body is a body that fits a path, with random values, some of them wrong.
func (s *story) body(path, id string) map[string]any {
	base := map[string]any{}
	if strings.HasPrefix(path, "/cgi-bin/component/") {
		base = map[string]any{
			"component_appid":  pick(s, wxsim.DefaultComponentAppID, wxsim.DefaultComponentAppID, wxsim.DefaultComponentAppID, "wx1"),
			"authorizer_appid": pick(s, id, id, id, "wx2"), "component_appsecret": wxsim.DefaultSecret, "component_secret": wxsim.DefaultSecret,
			"appsecret": wxsim.DefaultSecret, "component_verify_ticket": pick(s, wxsim.DefaultTicket, "x"), "appid": id,
			"offset": pick[any](s, 0, 5, -1, "0"), "count": pick(s, 1, 10, 501), "authorization_code": s.code(),
			"authorizer_refresh_token": "x", "option_name": pick(s, "voice_recognize", "x"), "option_value": pick(s, "0", "1", "7"),
		}
	}
	add := func(kv ...any) map[string]any {
		for i := 0; i < len(kv); i += 2 {
			if s.rnd.IntN(25) != 0 { // one in a while is missing
				base[kv[i].(string)] = kv[i+1]
			}
		}
		return base
	}
	host := pick(s, "a.example.com", "b.example.com", "c.example.org", "1.2.3.4", "localhost")
	action := pick(s, "add", "delete", "set", "get", "nonsense")
	version := pick(s, "1.0.1", "2.0.0", "2.1.0", "3.0.0", strings.Repeat("9", 65))
	switch name := path[strings.LastIndex(path, "/")+1:]; name {
	case "commit":
		ext := pick(s, `{}`, `{}`, `{"extAppid":"`+id+`"}`, `{"pages":["pages/index/index"]}`, `{"pages":["x"]}`, `[]`, `{`,
			`{"requiredPrivateInfos":["getLocation"]}`, `{"requiredPrivateInfos":["getLocation","getFuzzyLocation"]}`, `{"tabBar":{"list":[{}]}}`)
		return add("template_id", pick[any](s, 0, 1, "2", 3, 99), "ext_json", ext, "user_version", version, "user_desc", pick(s, "a", "b"))
	case "submit_audit":
		if s.rnd.IntN(2) == 0 {
			return base
		}
		return add("item_list", []any{map[string]any{
			"first_class": "工具", "second_class": "办公", "first_id": 287, "second_id": 301, "address": pick(s, "pages/index/index", "x"),
			"tag": "a b", "title": "t",
		}}, "preview_info", map[string]any{"pic_id_list": []string{s.code()}}, "version_desc", "v", "privacy_api_not_use", pick(s, true, false),
			"ugc_declare", map[string]any{"scene": []int{pick(s, 1, 9)}})
	case "get_auditstatus", "speedupaudit":
		return add("auditid", pick[any](s, json.Number(s.auditID), s.auditID, 1, "x"))
	case "grayrelease":
		return add("gray_percentage", pick(s, 0, 10, 30, 100, 101), "support_debuger_first", pick(s, true, false))
	case "addtotemplate", "deletetemplate":
		return add("draft_id", pick(s, 1, 2, 3, 9), "template_type", pick(s, 0, 1, 2), "template_id", pick(s, 0, 4, 5, 6, 9))
	case "modify_wxa_server_domain", "modify_wxa_jump_domain":
		return add("action", action, "wxa_server_domain", host+";b.example.com", "wxa_jump_h5_domain", host, "is_modify_published_together", pick(s, true, false))
	case "modify_domain", "modify_domain_directly":
		return add("action", action, "requestdomain", []string{"https://" + host}, "wsrequestdomain", []string{"wss://b.example.com"})
	case "setwebviewdomain", "setwebviewdomain_directly":
		return add("action", action, "webviewdomain", []string{"https://" + host})
	case "bind_tester", "unbind_tester", "memberauth":
		return add("wechatid", pick(s, "tester1", "tester2", "", "1"), "userstr", s.code(), "action", pick(s, "get_experiencer", "x"))
	case "change_visitstatus":
		return add("action", pick(s, "open", "close", "x"))
	case "setweappsupportversion":
		return add("version", pick(s, "2.30.0", "9.0.0", "x"))
	case "qrcodejumpadd", "qrcodejumpdelete", "qrcodejumppublish":
		return add("prefix", pick(s, "https://a.example.com/p/", "https://b.example.com/q/", "x"), "path", "pages/index/index", "permit_sub_rule", pick(s, 1, 2, 3),
			"open_version", 1, "is_edit", pick(s, 0, 1), "debug_url", []string{"https://a.example.com/p/1"})
	case "setprivacysetting", "getprivacysetting":
		return add("privacy_ver", pick(s, 1, 2, 3), "owner_setting", map[string]any{"contact_email": "a@b", "notice_method": "n", "store_expire_timestamp": pick(s, "", "3天", "x")},
			"setting_list", []any{map[string]any{"privacy_key": "Location", "privacy_text": "t"}})
	case "apply_privacy_interface":
		return add("api_name", pick(s, "wx.getLocation", "wx.chooseAddress", "x"), "content", "c", "pic_list", []string{"p"})
	case "get", "clear_quota":
		return add("cgi_path", pick(s, "/wxa/commit", "/wxa/get_page", "x", "/x", "/wxa/gettemplatelist"), "rid", s.code(), "appid", pick(s, id, wxsim.DefaultComponentAppID, ""))
	case "fastregisterbetaweapp":
		return add("name", pick(s, "鲜花小店", "x"), "openid", pick(s, "o1234567890123456789", "o2234567890123456789", "x"))
	case "fastregisterweapp":
		return add("name", "company", "code", pick(s, "123456789012345678", "1"), "code_type", pick(s, 1, 2, 9), "legal_persona_wechat", "wechat1",
			"legal_persona_name", "n", "component_phone", "1")
	case "fastregisterpersonalweapp":
		return add("idname", "n", "wxuser", pick(s, "wechat1", "wechat2", "x"), "component_phone", "1", "taskid", s.code())
	case "verifybetaweapp":
		return add("verify_info", map[string]any{"enterprise_name": "e", "code": "123456789012345678", "code_type": 1, "legal_persona_wechat": "wechat1",
			"legal_persona_name": "n", "legal_persona_idcard": "1", "component_phone": "1"})
	}
	return base
}

// lever pulls one random lever.
func (s *story) lever() {
	id := s.appid()
	one := map[string]any{"appid": id}
	all := pick(s, one, one, one, map[string]any{"all": true}, map[string]any{})
	rate := map[string]any{"rate": pick(s, 0.1, 0.5, 2)}
	page := "https://mp.weixin.qq.com/cgi-bin/componentloginpage?" + url.Values{
		"component_appid": {wxsim.DefaultComponentAppID}, "pre_auth_code": {s.code()}, "redirect_uri": {"https://x.test/back"}, "auth_type": {"2"},
	}.Encode()
	type pull struct {
		path string
		body map[string]any
	}
	p := pick(s,
		pull{"app", map[string]any{"appid": id, pick(s, "set18", "category", "profile", "mini_game", "needs_ugc", "personal", "authorized", "mini_program"): s.rnd.IntN(4) > 0}},
		pull{"app", map[string]any{"appid": id, "account_status": pick(s, 1, 1, 1, 14, 16), "no_private": pick(s, []string{"getLocation"}, []string{}), "authorized": true}},
		pull{"app", map[string]any{"appid": id, "authorized": true, "set18": true, "mini_program": true, "mini_game": false, "account_status": 1, "console_domains": []string{"https://old.example.com"}}},
		pull{"template", map[string]any{"id": pick(s, -1, 3), "version": "3.9.0", "desc": "spring", "type": pick(s, 0, 1), "private": pick(s, nil, []string{"getLocation"})}},
		pull{"draft", map[string]any{"version": "4", "desc": "d"}},
		pull{"seed", map[string]any{"seed": s.rnd.IntN(3)}},
		pull{"privacy-delay", map[string]any{"range": "0s-1m"}}, pull{"audit-delay", map[string]any{"range": pick(s, "1m-2h", "x")}},
		pull{"reject-rate", rate}, pull{"delay-rate", rate}, pull{"busy-rate", map[string]any{"rate": 0.02}}, pull{"lost-rate", map[string]any{"rate": 0.02}},
		pull{"quirks", map[string]any{"auditid_string": pick(s, true, false), "release_twice": pick(s, 0, 85019, -2), "gray_needs_release": pick(s, true, false), "option_by_component": pick(s, true, false), "library_by_app": pick(s, true, false)}},
		pull{"quota", map[string]any{"rest": pick(s, 0, 10, 40)}}, pull{"quota", map[string]any{"limit": pick(s, 10, 60), "refill": "5h"}},
		pull{"limit", map[string]any{"endpoint": pick(s, "/wxa/get_category", "x"), "daily": 50, "per_minute": 4}},
		pull{"faults", map[string]any{"endpoint": pick(s, "/wxa/commit", "*", "/x"), "appid": pick(s, id, ""), "kind": pick(s, "busy", "code", "drop-before", "drop-after", "502", "garbage", "x"), "code": 45009, "effect": pick(s, true, false)}},
		pull{"approve", all}, pull{"reject", all}, pull{"decide-next", map[string]any{"appid": id, "reject": pick(s, true, false), "reason": pick(s, "", "no")}},
		pull{"pass-everything", nil}, pull{"expire-component-token", nil}, pull{"expire-tokens", all}, pull{"rotate-refresh-tokens", all},
		pull{"authorize", one}, pull{"unauthorize", one}, pull{"authorize", one}, pull{"update-authorization", map[string]any{"appid": id, "set18": true}},
		pull{"visit", map[string]any{"appid": id, "url": page}}, pull{"register", map[string]any{"id": pick(s, s.code(), "123456789012345678", id), "status": pick(s, 0, 0, 89251)}},
		pull{"place-file", map[string]any{"appid": pick(s, id, ""), "host": pick(s, "a.example.com", "b.example.com", "x")}},
		pull{"privacy-interface", map[string]any{"appid": id, "api": "wx.getLocation", "reason": pick(s, "", "no")}},
		pull{"forget-renewals", nil}, pull{"ticket-every", map[string]any{"every": pick(s, "10m", "20m")}}, pull{"push-ticket", nil}, pull{"stop-tickets", nil},
		pull{"push-verdict", one}, pull{"push-shares", map[string]any{"lost": 0.1, "late": 0.2, "doubled": 0.1, "out_of_order": 0.1}},
		pull{"advance", map[string]any{"by": pick(s, "1h", "0s", "20h")}}, pull{"apps", map[string]any{"add": pick(s, 1, 0)}},
	)
	var body []byte
	if p.body != nil {
		body = encodeJSON(s.t, p.body)
	}
	out := decode(s.do("POST", "/_sim/"+p.path, "", body))
	for _, key := range []string{"authorization_code", "ticket"} {
		if v, ok := out[key].(string); ok {
			s.codes = append(s.codes, v)
		}
	}
}
