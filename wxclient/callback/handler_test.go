package callback_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/wxclient/callback"
)

const me = "wxcomponent"

var clock = time.Unix(1700000000, 0)

// sink keeps the events, or fails.
type sink struct {
	mu     sync.Mutex
	events []callback.Event
	err    error
}

func (s *sink) Handle(_ context.Context, e callback.Event) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return s.err
	}
	s.events = append(s.events, e)
	return nil
}

// memory is a Replay that can forget, or fails.
type memory struct {
	seen map[string]time.Duration
	err  error
}

func (m *memory) Seen(_ context.Context, key string, ttl time.Duration) (bool, error) {
	if m.err != nil {
		return false, m.err
	}
	_, ok := m.seen[key]
	m.seen[key] = ttl
	return ok, nil
}

func (m *memory) Forget(_ context.Context, key string) error {
	delete(m.seen, key)
	return nil
}

// post is a handler under test with its surroundings.
type post struct {
	handler http.Handler
	codec   *callback.Codec
	sink    *sink
	memory  *memory
	reasons []string
}

func setup(t *testing.T) *post {
	t.Helper()
	p := &post{sink: &sink{}, memory: &memory{seen: map[string]time.Duration{}}}
	key, previous := strings.Repeat("k", 43), strings.Repeat("p", 43)
	h, err := callback.NewHandler(callback.Options{
		ComponentAppID: me, Token: vectorToken, AESKey: key, PreviousAESKey: previous, Sink: p.sink, Replay: p.memory,
		Now:     func() time.Time { return clock },
		Refused: func(_, reason string) { p.reasons = append(p.reasons, reason) },
	})
	if err != nil {
		t.Fatal(err)
	}
	p.handler, p.codec = h, codec(t, me, previous, "")
	return p
}

// delivery is one callback as WeChat sends it; tests corrupt it before sending.
type delivery struct {
	path, body string
	query      url.Values
}

func (p *post) delivery(path, message string) delivery {
	encrypted := p.codec.Encrypt([]byte(message), random16("0123456789abcdef"))
	timestamp := strconv.FormatInt(clock.Unix(), 10)
	return delivery{
		path: path,
		body: "<xml><AppId><![CDATA[" + me + "]]></AppId><Encrypt><![CDATA[" + encrypted + "]]></Encrypt></xml>",
		query: url.Values{
			"signature": {"unused"}, "encrypt_type": {"aes"}, "timestamp": {timestamp}, "nonce": {"n1"},
			"msg_signature": {p.codec.Signature(timestamp, "n1", encrypted)},
		},
	}
}

func (p *post) send(t *testing.T, in delivery) *httptest.ResponseRecorder {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), http.MethodPost, in.path+"?"+in.query.Encode(), strings.NewReader(in.body))
	w := httptest.NewRecorder()
	p.handler.ServeHTTP(w, r)
	return w
}

func auth(inner string) string {
	return "<xml><AppId><![CDATA[" + me + "]]></AppId><CreateTime>1413192605</CreateTime>" + inner + "</xml>"
}

func TestEvents(t *testing.T) {
	t.Parallel()
	message := func(inner string) string {
		return "<xml>\n<ToUserName><![CDATA[gh_1]]></ToUserName>\n<FromUserName>of</FromUserName>\n<CreateTime>1413192605</CreateTime>\n<MsgType><![CDATA[event]]></MsgType>\n" + inner + "\n</xml>"
	}
	for _, tc := range []struct {
		name, path, message string
		want                []callback.Event
	}{
		{
			"ticket", "/auth", auth("<InfoType>component_verify_ticket</InfoType><ComponentVerifyTicket>ticket@@@1</ComponentVerifyTicket>"),
			[]callback.Event{{Type: callback.TypeTicket, CreateTime: 1413192605, Ticket: "ticket@@@1"}},
		},
		{
			"authorized", "/auth", auth("<InfoType>authorized</InfoType><AuthorizerAppid>wxa</AuthorizerAppid><AuthorizationCode>code</AuthorizationCode><PreAuthCode>pre</PreAuthCode>"),
			[]callback.Event{{Type: callback.TypeAuthorized, AppID: "wxa", CreateTime: 1413192605, AuthCode: "code"}},
		},
		{
			"unauthorized", "/auth", auth("<InfoType>unauthorized</InfoType><AuthorizerAppid>wxa</AuthorizerAppid>"),
			[]callback.Event{{Type: callback.TypeUnauthorized, AppID: "wxa", CreateTime: 1413192605}},
		},
		{
			"app creation, nested and lower case", "/auth",
			auth("<InfoType>notify_third_fasteregister</InfoType><appid>wxb</appid><status>0</status><auth_code>c</auth_code><msg>m</msg><info><name>x</name><appid>not this</appid></info>"),
			[]callback.Event{{Type: "notify_third_fasteregister", AppID: "wxb", CreateTime: 1413192605, AuthCode: "c", Reason: "m", Name: "x"}},
		},
		{
			"app creation refused, with nothing but a status", "/auth",
			auth("<InfoType>notify_third_fasteregister</InfoType><status>-1</status><msg><![CDATA[open verity failed]]></msg>"),
			[]callback.Event{{Type: callback.TypeEnterprise, CreateTime: 1413192605, Reason: "open verity failed", Status: -1}},
		},
		{
			"creation of an enterprise", "/auth",
			auth("<InfoType>notify_third_fasteregister</InfoType><status>101</status><info><name>co</name><code>91</code><code>2</code></info><info.code>3</info.code>"),
			[]callback.Event{{Type: callback.TypeEnterprise, CreateTime: 1413192605, Status: 101, Name: "co", Code: "91"}},
		},
		{
			"trial app", "/auth",
			auth("<InfoType>notify_third_fastregisterbetaapp</InfoType><appid>wxb</appid><status>0</status><msg>OK</msg><info><unique_id>u1</unique_id><name>shop</name></info>"),
			[]callback.Event{{Type: callback.TypeTrial, AppID: "wxb", CreateTime: 1413192605, Reason: "OK", UniqueID: "u1", Name: "shop"}},
		},
		{
			"audit passed", "/app/wxa", message("<Event>weapp_audit_success</Event><SuccTime>1488856741</SuccTime>"),
			[]callback.Event{{Type: callback.TypeAuditSuccess, AppID: "wxa", CreateTime: 1413192605, UserName: "gh_1", VerdictTime: 1488856741}},
		},
		{
			"audit failed", "/app/wxa", message("<Event>weapp_audit_fail</Event><Reason><![CDATA[1: bad<br><!DOCTYPE x>&amp;]]></Reason><FailTime>1488856591</FailTime><ScreenShot>m1|m2</ScreenShot>"),
			[]callback.Event{{Type: callback.TypeAuditFail, AppID: "wxa", CreateTime: 1413192605, UserName: "gh_1",
				Reason: "1: bad<br><!DOCTYPE x>&amp;", ScreenShot: "m1|m2", VerdictTime: 1488856591}},
		},
		{"user message", "/app/wxa", strings.Replace(message("<Content>hi</Content>"), "[event]", "[text]", 1), nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			w := p.send(t, p.delivery(tc.path, tc.message))
			if w.Code != http.StatusOK || w.Body.String() != "success" {
				t.Errorf("answer %d %q", w.Code, w.Body)
			}
			if diff := cmp.Diff(tc.want, p.sink.events); diff != "" {
				t.Errorf("events (-want +got):\n%s", diff)
			}
			if len(p.reasons) != 0 {
				t.Errorf("refused: %v", p.reasons)
			}
		})
	}
}

func TestRefused(t *testing.T) {
	t.Parallel()
	ticket := auth("<InfoType>component_verify_ticket</InfoType><ComponentVerifyTicket>x</ComponentVerifyTicket>")
	// signAgain signs the delivery again after a change that a forger could not make.
	signAgain := func(p *post, in *delivery, timestamp string) {
		encrypted := in.body[strings.LastIndex(in.body, "[")+1 : strings.Index(in.body, "]]></Encrypt>")]
		in.query.Set("timestamp", timestamp)
		in.query.Set("msg_signature", p.codec.Signature(timestamp, "n1", encrypted))
	}
	at := func(d time.Duration) string { return strconv.FormatInt(clock.Add(d).Unix(), 10) }
	for _, tc := range []struct {
		name, message string
		bend          func(p *post, in *delivery)
		status        int
		reason        string
	}{
		{"forged signature", ticket, func(_ *post, in *delivery) { in.query.Set("msg_signature", strings.Repeat("0", 40)) }, 403, callback.ReasonSignature},
		{"other nonce", ticket, func(_ *post, in *delivery) { in.query.Set("nonce", "n2") }, 403, callback.ReasonSignature},
		{"no signature", ticket, func(_ *post, in *delivery) { in.query.Del("msg_signature") }, 400, callback.ReasonBadQuery},
		{"no timestamp", ticket, func(_ *post, in *delivery) { in.query.Del("timestamp") }, 400, callback.ReasonBadQuery},
		{"no nonce", ticket, func(_ *post, in *delivery) { in.query.Del("nonce") }, 400, callback.ReasonBadQuery},
		{"a parameter twice", ticket, func(_ *post, in *delivery) { in.query.Add("nonce", "n1") }, 400, callback.ReasonBadQuery},
		{"any parameter twice", ticket, func(_ *post, in *delivery) { in.query.Add("encrypt_type", "raw") }, 400, callback.ReasonBadQuery},
		{"too old", ticket, func(p *post, in *delivery) { signAgain(p, in, at(-10*time.Minute-time.Second)) }, 403, callback.ReasonStale},
		{"too new", ticket, func(p *post, in *delivery) { signAgain(p, in, at(10*time.Minute+time.Second)) }, 403, callback.ReasonStale},
		{"huge timestamp", ticket, func(p *post, in *delivery) { signAgain(p, in, "9223372036854775807") }, 403, callback.ReasonStale},
		{"oversized", ticket, func(_ *post, in *delivery) { in.body += strings.Repeat(" ", callback.MaxBody) }, 413, callback.ReasonTooLarge},
		{"no XML", ticket, func(_ *post, in *delivery) { in.body = "{}" }, 400, callback.ReasonBadEnvelope},
		{"no Encrypt", ticket, func(_ *post, in *delivery) { in.body = "<xml/>" }, 400, callback.ReasonBadEnvelope},
		{"document type", ticket, func(_ *post, in *delivery) { in.body = `<!DOCTYPE xml [<!ENTITY a "b">]>` + in.body }, 400, callback.ReasonBadEnvelope},
		{"other key", ticket, func(p *post, in *delivery) {
			p.codec = codec(t, me, strings.Repeat("z", 43), "")
			*in = p.delivery("/auth", ticket)
		}, 403, callback.ReasonDecrypt},
		{"other component sealed it", ticket, func(p *post, in *delivery) {
			p.codec = codec(t, "wxother", strings.Repeat("p", 43), "")
			*in = p.delivery("/auth", ticket)
		}, 403, callback.ReasonForeign},
		{"other component inside", strings.Replace(ticket, me, "wxother", 1), nil, 403, callback.ReasonForeign},
		{"entity inside", strings.Replace(ticket, ">x<", ">&a;<", 1), nil, 403, callback.ReasonBadMessage},
		{"no type", auth(""), nil, 403, callback.ReasonBadMessage},
		{"ticket without ticket", auth("<InfoType>component_verify_ticket</InfoType>"), nil, 403, callback.ReasonBadMessage},
		{"no time", strings.Replace(ticket, "1413192605", "", 1), nil, 403, callback.ReasonBadMessage},
		{"app creation without status", auth("<InfoType>notify_third_fasteregister</InfoType><appid>wxb</appid>"), nil, 403, callback.ReasonBadMessage},
		{"bad verdict time", "<xml><CreateTime>1</CreateTime><MsgType>event</MsgType><Event>e</Event><FailTime>x</FailTime></xml>",
			func(_ *post, in *delivery) { in.path = "/app/wxa" }, 403, callback.ReasonBadMessage},
		{"another app in the message", "<xml><CreateTime>1</CreateTime><MsgType>event</MsgType><Event>e</Event><appid>wxb</appid></xml>",
			func(_ *post, in *delivery) { in.path = "/app/wxa" }, 403, callback.ReasonForeign},
		{"appid is a path", ticket, func(_ *post, in *delivery) { in.path = "/app/%2e%2e%2fx" }, 400, callback.ReasonBadQuery},
		{"replay store down", ticket, func(p *post, _ *delivery) { p.memory.err = errors.New("down") }, 500, callback.ReasonReplayStore},
		{"sink down", ticket, func(p *post, _ *delivery) { p.sink.err = errors.New("down") }, 500, callback.ReasonSink},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			p := setup(t)
			in := p.delivery("/auth", tc.message)
			if tc.bend != nil {
				tc.bend(p, &in)
			}
			w := p.send(t, in)
			if w.Code != tc.status || strings.Contains(w.Body.String(), "success") {
				t.Errorf("answer %d %q, want %d", w.Code, w.Body, tc.status)
			}
			behindSignature := []string{callback.ReasonStale, callback.ReasonDecrypt, callback.ReasonForeign, callback.ReasonBadMessage}
			if slices.Contains(behindSignature, tc.reason) != (w.Code == http.StatusForbidden && w.Body.String() == "refused\n") {
				t.Errorf("answer %d %q: want one answer for all that fails behind the signature, and no other", w.Code, w.Body)
			}
			if callback.Fix(tc.reason) == "" {
				t.Errorf("%s: no fix", tc.reason)
			}
			if diff := cmp.Diff([]string{tc.reason}, p.reasons); diff != "" {
				t.Errorf("reasons (-want +got):\n%s", diff)
			}
			if !slices.Contains(callback.Reasons(), tc.reason) {
				t.Errorf("%s is not in Reasons", tc.reason)
			}
			if len(p.sink.events) != 0 {
				t.Errorf("events %v", p.sink.events)
			}
		})
	}
}

func TestReplay(t *testing.T) {
	t.Parallel()
	p := setup(t)
	in := p.delivery("/auth", auth("<InfoType>unauthorized</InfoType><AuthorizerAppid>wxa</AuthorizerAppid>"))
	p.sink.err = errors.New("down")
	if w := p.send(t, in); w.Code != http.StatusInternalServerError {
		t.Errorf("answer %d", w.Code)
	}
	p.sink.err = nil
	for range 3 { // WeChat repeats the very same delivery until it receives success
		if w := p.send(t, in); w.Code != http.StatusOK || w.Body.String() != "success" {
			t.Errorf("answer %d %q", w.Code, w.Body)
		}
	}
	if len(p.sink.events) != 1 {
		t.Errorf("handed on %d times, want once", len(p.sink.events))
	}
	if diff := cmp.Diff([]string{callback.ReasonSink, callback.ReasonReplay, callback.ReasonReplay}, p.reasons); diff != "" {
		t.Errorf("reasons (-want +got):\n%s", diff)
	}
	for key, ttl := range p.memory.seen {
		if ttl != 2*callback.Window || strings.Contains(key, "wxa") {
			t.Errorf("%q is kept for %v", key, ttl)
		}
	}
}

func TestRouting(t *testing.T) {
	t.Parallel()
	p := setup(t)
	for _, tc := range []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/auth", 405}, {http.MethodPut, "/app/wxa", 405}, {http.MethodPost, "/", 404}, {http.MethodPost, "/app/a/b", 404},
	} {
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), tc.method, tc.path, nil))
		if w.Code != tc.want {
			t.Errorf("%s %s gave %d, want %d", tc.method, tc.path, w.Code, tc.want)
		}
	}
}

func TestNewHandlerChecksOptions(t *testing.T) {
	t.Parallel()
	good := callback.Options{ComponentAppID: me, Token: "t", AESKey: vectorKey, Sink: &sink{}}
	if _, err := callback.NewHandler(good); err != nil {
		t.Error(err)
	}
	noSink, noKey := good, good
	noSink.Sink, noKey.AESKey = nil, ""
	for _, o := range []callback.Options{noSink, noKey} {
		if _, err := callback.NewHandler(o); err == nil {
			t.Errorf("%+v was taken", o.ComponentAppID)
		}
	}
}

func TestEventRendersNoSecret(t *testing.T) {
	t.Parallel()
	e := callback.Event{Type: callback.TypeTicket, Ticket: "s3cret", AuthCode: "s3cret"}
	if text := fmt.Sprintf("%v %+v %#v", e, e, e); strings.Contains(text, "s3cret") {
		t.Error(text)
	}
}

func Example() {
	mux := http.NewServeMux()
	h, err := callback.NewHandler(callback.Options{
		ComponentAppID: "wx134c8103faa5a59e", Token: "AAAAA", AESKey: strings.Repeat("A", 43), Sink: &sink{},
		Refused: func(path, reason string) { fmt.Println("refused:", path, reason) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	mux.Handle("/wechat/", http.StripPrefix("/wechat", h))
	w := httptest.NewRecorder()
	mux.ServeHTTP(w, httptest.NewRequest(http.MethodPost, "/wechat/auth", strings.NewReader("forged")))
	fmt.Println(w.Code)
	// Output:
	// refused: /wechat/auth bad-query
	// 400
}
