package wxsim

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/sha1"
	"encoding/base64"
	"encoding/binary"
	"encoding/xml"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// received is one callback that a test received.
type received struct {
	path  string
	query map[string]string
	outer struct {
		AppID      string `xml:"AppId"`
		ToUserName string
		Encrypt    string
	}
	msg string
	got struct {
		InfoType              string
		ComponentVerifyTicket string
		AuthorizerAppid       string
		AuthorizationCode     string
		Event                 string
		ToUserName            string
		Reason                string
		CreateTime            int64
	}
}

// unseal is the receiver's side of the encryption: the message and the appid of an encrypted callback.
func unseal(encrypted string) (msg, appid string, err error) {
	key, err := base64.StdEncoding.DecodeString(DefaultAESKey + "=")
	if err != nil {
		return "", "", err
	}
	data, err := base64.StdEncoding.DecodeString(encrypted)
	if err != nil {
		return "", "", err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return "", "", err
	}
	if len(data) < 32 || len(data)%aes.BlockSize != 0 {
		return "", "", fmt.Errorf("%d bytes", len(data))
	}
	cipher.NewCBCDecrypter(block, key[:aes.BlockSize]).CryptBlocks(data, data)
	end := 20 + int(binary.BigEndian.Uint32(data[16:20]))
	return string(data[20:end]), string(data[end : len(data)-int(data[len(data)-1])]), nil
}

// sign is the msg_signature of a callback.
func sign(token, timestamp, nonce, encrypted string) string {
	parts := []string{token, timestamp, nonce, encrypted}
	slices.Sort(parts)
	return fmt.Sprintf("%x", sha1.Sum([]byte(strings.Join(parts, ""))))
}

// receive starts a receiver that checks each callback and passes it to the channel; answer gives its reply.
func receive(t *testing.T, answer func(n int) string) (url string, got chan received) {
	t.Helper()
	got = make(chan received, 1000)
	var n atomic.Int64
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p := received{path: r.URL.Path, query: map[string]string{}}
		for k := range r.URL.Query() {
			p.query[k] = r.URL.Query().Get(k)
		}
		body, err := io.ReadAll(r.Body)
		if err == nil {
			err = xml.Unmarshal(body, &p.outer)
		}
		if err != nil {
			t.Errorf("callback %q: %v", body, err)
		}
		if want := sign(DefaultToken, p.query["timestamp"], p.query["nonce"], p.outer.Encrypt); p.query["msg_signature"] != want || p.query["encrypt_type"] != "aes" {
			t.Errorf("query %v, want msg_signature %s", p.query, want)
		}
		msg, appid, err := unseal(p.outer.Encrypt)
		if err != nil || appid != DefaultComponentAppID {
			t.Errorf("unseal: appid %q, %v", appid, err)
		}
		p.msg = msg
		if err := xml.Unmarshal([]byte(msg), &p.got); err != nil {
			t.Errorf("message %q: %v", msg, err)
		}
		fmt.Fprint(w, answer(int(n.Add(1)-1)))
		got <- p
	}))
	t.Cleanup(srv.Close)
	return srv.URL, got
}

func always(text string) func(int) string { return func(int) string { return text } }

// TestTicketCallbacks: one at the start and one per interval, each different and each good for a token.
func TestTicketCallbacks(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{Callbacks: CallbackOptions{AuthURL: url + "/auth", TicketEvery: 10 * time.Minute}})
	seen := map[string]bool{}
	for range 3 {
		p := <-got
		ticket := p.got.ComponentVerifyTicket
		if p.path != "/auth" || p.got.InfoType != "component_verify_ticket" || p.outer.AppID != DefaultComponentAppID || seen[ticket] {
			t.Fatalf("callback %+v", p)
		}
		seen[ticket] = true
		b.want(0, b.call("POST", "/cgi-bin/component/api_component_token", obj{
			"component_appid": DefaultComponentAppID, "component_appsecret": DefaultSecret, "component_verify_ticket": ticket,
		}))
		b.clock.Advance(10 * time.Minute)
	}
	<-got
	b.sim.StopTickets()
	b.clock.Advance(10 * time.Minute)
	b.want(0, b.call("POST", "/cgi-bin/component/api_start_push_ticket", obj{"component_appid": DefaultComponentAppID, "component_secret": DefaultSecret}))
	if <-got; b.sim.Books().Callbacks.Made != 5 {
		t.Errorf("%d callbacks, want none while stopped", b.sim.Books().Callbacks.Made)
	}
}

// TestAuditCallbacks: the verdict goes to the app's own URL, without appid, auditid and version.
func TestAuditCallbacks(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{
		Apps: 4, AuditDelay: Range{Min: 2 * time.Hour, Max: 2 * time.Hour}, DelayRate: 1, TokenTTL: 100 * time.Hour,
		Callbacks: CallbackOptions{AppURL: url + "/cb/$APPID$/end"},
	})
	expect := func(id, event string) received {
		t.Helper()
		p := <-got
		v, _ := b.sim.App(id)
		if p.got.Event != event || p.path != "/cb/"+id+"/end" || p.got.ToUserName != v.UserName || p.outer.ToUserName != v.UserName {
			t.Fatalf("callback %+v, want %s to %s", p, event, id)
		}
		if strings.Contains(p.msg, id) || strings.Contains(p.msg, fmt.Sprint(v.AuditID)) {
			t.Errorf("message %q names the appid or the audit", p.msg)
		}
		return p
	}
	passes, fails := AppID(1), AppID(3)
	b.commit(passes, "2", "d")
	b.submit(passes)
	b.clock.Advance(time.Hour)
	if p := expect(passes, "weapp_audit_delay"); p.got.Reason == "" {
		t.Error("a delay without a reason")
	}
	b.clock.Advance(time.Hour)
	expect(passes, "weapp_audit_success")
	b.commit(fails, "2", "d")
	b.submit(fails)
	if b.sim.Reject(fails, "1:no<br>") != 1 {
		t.Error("nothing was rejected")
	}
	if p := expect(fails, "weapp_audit_fail"); p.got.Reason != "1:no<br>" || !strings.Contains(p.msg, "|") {
		t.Errorf("message %q, want the reason and two screenshots", p.msg)
	}
	b.clock.Advance(3 * time.Hour) // its timers come to nothing
	if !b.sim.SendVerdict(passes) || b.sim.SendVerdict("wx0") {
		t.Error("SendVerdict reported the wrong result")
	}
	expect(passes, "weapp_audit_success")
	if n := b.sim.Books().Callbacks.Made; n != 4 {
		t.Errorf("%d callbacks, want 4", n)
	}
}

func TestAuthorizationCallbacks(t *testing.T) {
	t.Parallel()
	url, got := receive(t, always("success"))
	b := setup(t, Options{Apps: 1, Callbacks: CallbackOptions{AuthURL: url}})
	id, no := AppID(0), false
	code := b.sim.Authorize(id)
	if p := <-got; p.got.InfoType != "authorized" || p.got.AuthorizerAppid != id || p.got.AuthorizationCode != code {
		t.Errorf("callback %+v, want authorized with the code", p)
	}
	if err := b.sim.ChangeApp(id, AppChange{Set18: &no}); err != nil {
		t.Fatal(err)
	}
	if p := <-got; p.got.InfoType != "updateauthorized" {
		t.Errorf("callback %+v, want updateauthorized", p)
	}
	if err := b.sim.ChangeApp(id, AppChange{Authorized: &no}); err != nil {
		t.Fatal(err)
	}
	if p := <-got; p.got.InfoType != "unauthorized" || p.got.AuthorizerAppid != id {
		t.Errorf("callback %+v, want unauthorized", p)
	}
}

// TestCallbackRetries: anything but the plain word success is tried again, three times in all.
func TestCallbackRetries(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		answer   func(int) string
		attempts int64
	}{
		"at once":     {always("success"), 1},
		"second time": {func(n int) string { return []string{"<html>", "success"}[min(n, 1)] }, 2},
		"never":       {always("success\n"), 3},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url, got := receive(t, tc.answer)
			b := setup(t, Options{Callbacks: CallbackOptions{AuthURL: url}})
			b.sim.SendTicket()
			tried := func(n int64) func() bool {
				return func() bool { p := b.sim.Books().Callbacks; return p.Accepted+p.Refused == n }
			}
			for n := range tc.attempts {
				<-got
				b.eventually(tried(n + 1))
				b.eventually(func() bool { return b.clock.Timers() == 1 || n+1 == tc.attempts }) // the next attempt is armed
				b.clock.Advance(5 * time.Second)
			}
			b.clock.Advance(time.Minute)
			if p := b.sim.Books().Callbacks; p.Accepted+p.Refused != tc.attempts {
				t.Errorf("%+v, want %d attempts", p, tc.attempts)
			}
		})
	}
}

// TestUnreliableCallbacks: lost ones never arrive, doubled ones arrive twice, late and held ones arrive after the others.
func TestUnreliableCallbacks(t *testing.T) {
	t.Parallel()
	start := func(o CallbackOptions) (*bench, chan received) {
		url, got := receive(t, always("success"))
		o.AuthURL = url
		return setup(t, Options{Callbacks: o}), got
	}
	b, got := start(CallbackOptions{Lost: 1})
	b.sim.SendTicket()
	b.sim.Change(func(s *Settings) { s.CallbackLost, s.CallbackDoubled = 0, 1 })
	ticket := b.sim.SendTicket()
	for range 2 {
		if p := <-got; p.got.ComponentVerifyTicket != ticket {
			t.Errorf("got ticket %q, want the doubled one", p.got.ComponentVerifyTicket)
		}
	}
	b, got = start(CallbackOptions{Late: 1, LateBy: Range{Min: time.Hour, Max: time.Hour}})
	ticket = b.sim.SendTicket()
	b.sim.Change(func(s *Settings) { s.CallbackLate = 0 })
	if second := b.sim.SendTicket(); (<-got).got.ComponentVerifyTicket != second {
		t.Error("the late callback came first")
	}
	b.clock.Advance(time.Hour)
	if p := <-got; p.got.ComponentVerifyTicket != ticket || p.got.CreateTime >= b.clock.Now().Unix() {
		t.Errorf("callback %+v, want the late one with the time it was made", p.got)
	}
	b, got = start(CallbackOptions{OutOfOrder: 1})
	ticket = b.sim.SendTicket()
	b.sim.Change(func(s *Settings) { s.CallbackOutOfOrder = 0 })
	second := b.sim.SendTicket()
	if (<-got).got.ComponentVerifyTicket != second || (<-got).got.ComponentVerifyTicket != ticket {
		t.Error("the callbacks came in order")
	}
}

// TestCloseWaitsForCallbacks: nothing is sent after Close, and a callback that never answers does not delay it.
func TestCloseWaitsForCallbacks(t *testing.T) {
	t.Parallel()
	arrived, end := make(chan bool, 1), make(chan bool)
	srv := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { arrived <- true; <-end }))
	defer srv.Close()
	defer close(end)
	s := New(Options{Callbacks: CallbackOptions{AuthURL: srv.URL}})
	s.SendTicket()
	<-arrived
	s.Close()
	s.SendTicket()
	if p := s.Books().Callbacks; p.Accepted != 0 || p.Refused != 1 {
		t.Errorf("%+v, want the one under way given up and none after", p)
	}
}
