package registry_test

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
)

const (
	me     = "wxcomponent"
	secret = "s3cret-of-component"
	key1   = "MTExMTExMTExMTExMTExMTExMTExMTExMTExMTExMTE="
	key2   = "MjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjIyMjI="
)

// wechat is the credential side of WeChat: it issues numbered tokens and counts.
type wechat struct {
	*httptest.Server
	mu       sync.Mutex
	calls    map[string]int    // by last part of the path, and "<part> <appid>"
	fail     map[string][]int  // errcodes to answer next, by last part of the path
	current  map[string]string // valid token by appid, "" = the component
	refresh  map[string]string // valid refresh token by appid
	granted  map[string]int    // tokens given, by appid
	life     int
	pushing  string // errmsg of api_start_push_ticket
	ticket   string // the only one taken; "" = any
	holdOn   string // last part of the path whose calls wait for hold after telling arrivals
	hold     chan struct{}
	arrivals chan struct{}
}

func newWechat(t *testing.T) *wechat {
	t.Helper()
	w := &wechat{calls: map[string]int{}, fail: map[string][]int{}, current: map[string]string{},
		refresh: map[string]string{}, granted: map[string]int{}, life: 7200, pushing: "ok", hold: make(chan struct{}), arrivals: make(chan struct{})}
	w.Server = httptest.NewServer(w)
	t.Cleanup(w.Close)
	return w
}

func (w *wechat) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	text, _ := io.ReadAll(r.Body)
	var body map[string]any
	_ = json.Unmarshal(text, &body)
	str := func(key string) string { s, _ := body[key].(string); return s }
	name := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
	if w.held(name) {
		w.arrivals <- struct{}{}
		<-w.hold
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	appid := str("authorizer_appid")
	w.calls[name]++
	if appid != "" {
		w.calls[name+" "+appid]++
	}
	if codes := w.fail[name]; len(codes) > 0 {
		w.fail[name] = codes[1:]
		if codes[0] != 0 {
			_, _ = fmt.Fprintf(rw, `{"errcode":%d,"errmsg":"no %s"}`, codes[0], r.URL.RawQuery)
			return
		}
	}
	if name == "api_start_push_ticket" {
		_, _ = fmt.Fprintf(rw, `{"errcode":0,"errmsg":%q}`, w.pushing)
		return
	}
	if name != "api_component_token" && r.URL.Query().Get("access_token") != w.current[owner(r.URL.Path, r)] {
		_, _ = io.WriteString(rw, `{"errcode":40001}`)
		return
	}
	w.answer(rw, name, appid, str)
}

func (w *wechat) held(name string) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return name == w.holdOn
}

// owner is whose token a path takes; the tests call /wxa/release for the app in X.
func owner(path string, r *http.Request) string {
	if strings.HasPrefix(path, "/wxa/") {
		token := r.URL.Query().Get("access_token")
		appid, _, _ := strings.Cut(token, "/")
		return appid
	}
	return ""
}

func (w *wechat) answer(rw io.Writer, name, appid string, str func(string) string) {
	switch name {
	case "api_component_token":
		if str("component_appsecret") != secret {
			_, _ = io.WriteString(rw, `{"errcode":40125}`)
			return
		}
		if w.ticket != "" && str("component_verify_ticket") != w.ticket {
			_, _ = io.WriteString(rw, `{"errcode":61006}`)
			return
		}
		w.granted[""]++
		w.current[""] = fmt.Sprintf("cat-%d", w.calls[name])
		_, _ = fmt.Fprintf(rw, `{"component_access_token":%q,"expires_in":%d}`, w.current[""], w.life)
	case "api_authorizer_token":
		if str("authorizer_refresh_token") != w.refresh[appid] {
			_, _ = io.WriteString(rw, `{"errcode":61023}`)
			return
		}
		w.granted[appid]++
		w.current[appid] = fmt.Sprintf("%s/aat-%d", appid, w.calls[name+" "+appid])
		_, _ = fmt.Fprintf(rw, `{"authorizer_access_token":%q,"expires_in":%d,"authorizer_refresh_token":%q}`, w.current[appid], w.life, w.refresh[appid])
	case "api_get_authorizer_info":
		_, _ = fmt.Fprintf(rw, `{"authorizer_info":{"service_type_info":{"id":0}},"authorization_info":{"authorizer_appid":%q,"authorizer_refresh_token":%q}}`, appid, w.refresh[appid])
	case "api_query_auth":
		appid = strings.TrimPrefix(str("authorization_code"), "code-")
		w.current[appid] = appid + "/aat-auth"
		_, _ = fmt.Fprintf(rw, `{"authorization_info":{"authorizer_appid":%q,"authorizer_access_token":%q,"expires_in":7200,"authorizer_refresh_token":%q}}`,
			appid, w.current[appid], w.refresh[appid])
	default:
		_, _ = io.WriteString(rw, `{"errcode":0}`)
	}
}

func (w *wechat) count(name string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.calls[name]
}

// set changes the fake under its lock.
func (w *wechat) set(change func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change()
}

func sealer(t *testing.T, current, previous string) *registry.Sealer {
	t.Helper()
	s, err := registry.NewSealer(current, previous)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// open returns Tokens of another process, and its client.
func open(t *testing.T, w *wechat, rdb redis.UniversalClient, change func(*registry.Options)) (*registry.Tokens, *wxclient.Client) {
	t.Helper()
	client, err := wxclient.New(wxclient.Options{BaseURL: w.URL, ComponentAppID: me})
	if err != nil {
		t.Fatal(err)
	}
	o := registry.Options{Secret: secret, Ticket: "ticket-by-hand", Sealer: sealer(t, key1, ""), Client: client, Redis: rdb}
	if change != nil {
		change(&o)
	}
	tokens, err := registry.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return tokens, client.WithTokens(tokens)
}
