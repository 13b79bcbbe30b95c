package e2e

import (
	"bytes"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

// wechat is the simulator behind TLS, as example.com. It notes every secret that
// goes in or out, and now and then an answer repeats all that it received.
type wechat struct {
	next   http.Handler
	server *httptest.Server

	mu      sync.Mutex
	secrets map[string]string // by what they are
	calls   map[string]int    // by path
	echoed  int
}

// wechatName is the name that httptest's certificate is for.
const wechatName = "example.com"

func startWeChat(t *testing.T, next http.Handler, change func(*tls.Config)) *wechat {
	t.Helper()
	w := &wechat{next: next, secrets: make(map[string]string), calls: make(map[string]int)}
	w.server = httptest.NewUnstartedServer(w)
	w.server.Config.ErrorLog = nil
	w.server.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
	if change != nil {
		change(w.server.TLS)
	}
	w.server.StartTLS()
	t.Cleanup(w.server.Close)
	return w
}

// authority is a file with the certificate's authority, which is itself.
func (w *wechat) authority(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "ca.pem")
	block := &pem.Block{Type: "CERTIFICATE", Bytes: w.server.Certificate().Raw}
	if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// note remembers a secret.
func (w *wechat) note(what, secret string) {
	const tooShort = 12 // of a test's own making
	if len(secret) < tooShort {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.secrets[what+" "+secret] = secret
}

// known are the secrets noted so far.
func (w *wechat) known() map[string]string {
	w.mu.Lock()
	defer w.mu.Unlock()
	out := make(map[string]string)
	for name, secret := range w.secrets {
		out[name] = secret
	}
	return out
}

// secretKeys are the keys of WeChat's JSON whose values are secrets.
var secretKeys = []string{
	"component_appsecret", "component_secret", "component_verify_ticket", "component_access_token", "authorizer_access_token",
	"authorizer_refresh_token", "refresh_token", "pre_auth_code", "authorization_code", "access_token",
}

// noteJSON notes the secrets of a body.
func (w *wechat) noteJSON(body []byte) {
	var v any
	if json.Unmarshal(body, &v) == nil {
		w.walk(v)
	}
}

func (w *wechat) walk(v any) {
	switch v := v.(type) {
	case []any:
		for _, x := range v {
			w.walk(x)
		}
	case map[string]any:
		for _, key := range secretKeys {
			if s, ok := v[key].(string); ok {
				w.note(key, s)
			}
		}
		for _, x := range v {
			w.walk(x)
		}
	}
}

// ServeHTTP implements http.Handler.
func (w *wechat) ServeHTTP(rw http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return // the caller went away
	}
	w.note("access_token", r.URL.Query().Get("access_token"))
	w.noteJSON(body)
	if w.echo(rw, r, string(body)) {
		return
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	tee := &teeWriter{ResponseWriter: rw}
	defer func() { w.noteJSON(tee.body.Bytes()) }()
	w.next.ServeHTTP(tee, r)
}

// echo answers some calls of each endpoint with all that the call held.
func (w *wechat) echo(rw http.ResponseWriter, r *http.Request, body string) bool {
	w.mu.Lock()
	w.calls[r.URL.Path]++
	n := w.calls[r.URL.Path]
	w.mu.Unlock()
	all := fmt.Sprintf("%s %s %s", r.URL.RawQuery, r.URL.Query().Get("access_token"), body)
	refuse := func(code int) {
		reply, _ := json.Marshal(map[string]any{"errcode": code, "errmsg": all, "rid": all, "hint": all}) // strings always encode
		_, _ = rw.Write(reply)
	}
	switch n % 12 {
	case 3:
		refuse(-1)
	case 5:
		if strings.Contains(r.URL.Path, "/component/") {
			refuse(-1)
		} else {
			refuse(40001)
		}
	case 7:
		rw.WriteHeader(http.StatusBadGateway)
		_, _ = io.WriteString(rw, "<html>"+all)
	case 9:
		_, _ = io.WriteString(rw, all)
	case 11:
		_, _ = io.WriteString(rw, `{"errcode":0,"errmsg":"`+all)
	default:
		return false
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.echoed++
	return true
}

// teeWriter keeps what is written.
type teeWriter struct {
	http.ResponseWriter
	body bytes.Buffer
}

func (t *teeWriter) Write(b []byte) (int, error) {
	t.body.Write(b)
	return t.ResponseWriter.Write(b)
}

// proxy is an HTTP proxy that knows one host, and records all it receives.
type proxy struct {
	url string
	to  string // address behind the one host

	mu       sync.Mutex
	received strings.Builder
	hosts    map[string]int
}

func startProxy(t *testing.T, to string) *proxy {
	t.Helper()
	p := &proxy{to: to, hosts: make(map[string]int)}
	s := httptest.NewServer(p)
	t.Cleanup(s.Close)
	p.url = s.URL
	return p
}

// ServeHTTP implements http.Handler.
func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	dump, _ := httputil.DumpRequest(r, true) // what can't be read wasn't received
	p.mu.Lock()
	p.received.Write(dump)
	p.hosts[r.Host]++
	p.mu.Unlock()
	if r.Method != http.MethodConnect {
		http.Error(w, "want CONNECT", http.StatusMethodNotAllowed)
		return
	}
	if p.to == "" {
		http.Error(w, "no server", http.StatusBadGateway)
		return
	}
	there, err := net.Dial("tcp", p.to)
	if err != nil {
		http.Error(w, "no server", http.StatusBadGateway)
		return
	}
	here, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		_ = there.Close()
		return
	}
	_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
	pipe := func(to, from net.Conn) { // either end closes both
		_, _ = io.Copy(to, from)
		_, _ = to.Close(), from.Close()
	}
	go pipe(there, here)
	go pipe(here, there)
}

// asked are the hosts that were asked for.
func (p *proxy) asked() map[string]int {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := make(map[string]int)
	for host, n := range p.hosts {
		out[host] = n
	}
	return out
}

// all is everything that was received.
func (p *proxy) all() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.received.String()
}

// through are the settings that send calls by the proxy to example.com, whose
// certificate the authority vouches for.
func through(p *proxy, authority string) []string {
	return []string{
		"HTTPS_PROXY=" + p.url, "https_proxy=" + p.url, "NO_PROXY=", "no_proxy=", "SSL_CERT_FILE=" + authority, "SSL_CERT_DIR=/nowhere",
		"WXROLLOUT_WECHAT_URL=https://" + wechatName,
	}
}
