package wxsim

import (
	"bytes"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// start is when manual clocks of tests begin: mid-month, noon in UTC+8.
var start = time.Date(2026, 11, 15, 4, 0, 0, 0, time.UTC)

// bench is a simulator over HTTP with a manual clock, and the tokens to call it.
type bench struct {
	t     testing.TB
	sim   *Sim
	clock *ManualClock
	srv   *httptest.Server
	http  *http.Client
	cat   string
	aat   map[string]string
	slow  chan time.Time // pauses of real time end when a test closes this

	active *atomic.Int64 // calls in flight
}

// setup starts a simulator with the options and fetches a component token.
func setup(t testing.TB, o Options) *bench {
	t.Helper()
	b := &bench{t: t, aat: map[string]string{}, slow: make(chan time.Time), active: &atomic.Int64{}}
	b.clock = NewManualClock(start)
	if o.Clock == nil {
		o.Clock = b.clock
	}
	o.timer = func(time.Duration) (<-chan time.Time, func() bool) { return b.slow, func() bool { return true } }
	b.sim = New(o)
	b.srv = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b.active.Add(1)
		defer b.active.Add(-1)
		b.sim.ServeHTTP(w, r)
	}))
	b.http = &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 64}}
	t.Cleanup(func() {
		b.sim.Close()
		b.http.CloseIdleConnections()
		b.srv.Close()
	})
	b.login()
	return b
}

// login fetches a component token: the first with the initial ticket, later ones with a fresh one.
func (b *bench) login() {
	b.t.Helper()
	ticket := DefaultTicket
	if b.cat != "" {
		ticket = b.sim.SendTicket()
	}
	out := b.call("POST", "/cgi-bin/component/api_component_token", obj{
		"component_appid": DefaultComponentAppID, "component_appsecret": DefaultSecret, "component_verify_ticket": ticket,
	})
	b.cat, _ = out["component_access_token"].(string)
	if b.cat == "" {
		b.t.Fatalf("no component token: %v", out)
	}
}

type obj = map[string]any

// raw sends a request and returns status, type and body; err is set when the reply was lost.
func (b *bench) raw(method, path string, body []byte) (status int, kind string, out []byte, err error) {
	b.t.Helper()
	req, err := http.NewRequestWithContext(b.t.Context(), method, b.srv.URL+path, bytes.NewReader(body))
	if err != nil {
		b.t.Fatal(err)
	}
	res, err := b.http.Do(req)
	if err != nil {
		return 0, "", nil, err
	}
	defer func() { _ = res.Body.Close() }()
	out, err = io.ReadAll(res.Body)
	return res.StatusCode, res.Header.Get("Content-Type"), out, err
}

// call sends a body (nil: none, string: unchanged, else JSON) and decodes the reply.
func (b *bench) call(method, path string, body any) obj {
	b.t.Helper()
	out, err := b.try(method, path, body)
	if err != nil {
		b.t.Fatalf("%s %s: %v", method, path, err)
	}
	return out
}

func (b *bench) try(method, path string, body any) (obj, error) {
	b.t.Helper()
	var sent []byte
	switch v := body.(type) {
	case nil:
	case string:
		sent = []byte(v)
	default:
		sent = encode(b.t, v)
	}
	_, _, got, err := b.raw(method, path, sent)
	if err != nil {
		return nil, err
	}
	dec := json.NewDecoder(bytes.NewReader(got))
	dec.UseNumber()
	var out obj
	if err := dec.Decode(&out); err != nil {
		b.t.Fatalf("%s %s: reply %q: %v", method, path, got, err)
	}
	return out, nil
}

func encode(t testing.TB, v any) []byte {
	t.Helper()
	var buf bytes.Buffer
	enc := json.NewEncoder(&buf)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return buf.Bytes()
}

// errcode reads a reply's errcode, 0 when absent.
func errcode(out obj) int {
	n, ok := out["errcode"].(json.Number)
	if !ok {
		return 0
	}
	code, _ := n.Int64()
	return int(code)
}

// platform calls with the component token.
func (b *bench) platform(method, path string, body any) obj {
	b.t.Helper()
	return b.call(method, withToken(path, b.cat), body)
}

func withToken(path, token string) string {
	sep := "?"
	if strings.Contains(path, "?") {
		sep = "&"
	}
	return path + sep + "access_token=" + token
}

// token is an access token of an app, fetched once.
func (b *bench) token(appid string) string {
	b.t.Helper()
	if b.aat[appid] == "" {
		b.aat[appid] = b.refresh(appid)
	}
	return b.aat[appid]
}

// refresh fetches a new access token of an app.
func (b *bench) refresh(appid string) string {
	b.t.Helper()
	info := b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{
		"component_appid": DefaultComponentAppID, "authorizer_appid": appid,
	})
	grant, _ := info["authorization_info"].(obj)
	out := b.platform("POST", "/cgi-bin/component/api_authorizer_token", obj{
		"component_appid": DefaultComponentAppID, "authorizer_appid": appid,
		"authorizer_refresh_token": grant["authorizer_refresh_token"],
	})
	text, _ := out["authorizer_access_token"].(string)
	if text == "" {
		b.t.Fatalf("no token of %s: %v", appid, out)
	}
	return text
}

// app calls with an app's token.
func (b *bench) app(appid, method, path string, body any) obj {
	b.t.Helper()
	return b.call(method, withToken(path, b.token(appid)), body)
}

// want checks the errcode of a reply.
func (b *bench) want(code int, out obj) obj {
	b.t.Helper()
	if got := errcode(out); got != code {
		b.t.Fatalf("errcode %d, want %d: %v", got, code, out)
	}
	return out
}

// commitBody is a good commit.
func commitBody(appid, version, desc string) obj {
	return obj{"template_id": 1, "ext_json": `{"extAppid":"` + appid + `"}`, "user_version": version, "user_desc": desc}
}

// commit uploads a version and expects success.
func (b *bench) commit(appid, version, desc string) {
	b.t.Helper()
	b.want(0, b.app(appid, "POST", "/wxa/commit", commitBody(appid, version, desc)))
}

// submit submits the trial version with the app's category and expects success; it returns the auditid.
func (b *bench) submit(appid string) int64 {
	b.t.Helper()
	out := b.want(0, b.app(appid, "POST", "/wxa/submit_audit", obj{"item_list": []any{b.item(appid)}}))
	id, err := out["auditid"].(json.Number).Int64()
	if err != nil {
		b.t.Fatalf("auditid: %v", err)
	}
	return id
}

// item is a good entry of item_list.
func (b *bench) item(appid string) obj {
	b.t.Helper()
	list := b.want(0, b.app(appid, "GET", "/wxa/get_category", nil))["category_list"].([]any)
	it := list[0].(obj)
	it["address"], it["tag"], it["title"] = "pages/index/index", "shop", "home"
	return it
}

// release publishes and expects success.
func (b *bench) release(appid string) {
	b.t.Helper()
	b.want(0, b.app(appid, "POST", "/wxa/release", "{}"))
}

// balanced fails unless the books balance.
func (b *bench) balanced() {
	b.t.Helper()
	if err := b.sim.Books().Check(); err != nil {
		b.t.Errorf("books: %v", err)
	}
}
