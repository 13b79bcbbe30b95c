package registry_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
)

const bearer = "b3arer-of-ours"

// tokenService is another system of the platform that renews tokens: what docs/token-broker.md asks for.
type tokenService struct {
	*httptest.Server
	mu      sync.Mutex
	tokens  map[string]string // by appid, "" = the component
	asked   []string          // "appid refused"
	renewed int
	answer  func(w http.ResponseWriter, r *http.Request) bool // true if it answered
}

func newTokenService(t *testing.T) *tokenService {
	t.Helper()
	s := &tokenService{tokens: map[string]string{"": "cat-1", "wxa": "wxa/aat-1"}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	return s
}

func (s *tokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	appid, refused := r.URL.Query().Get("authorizer_appid"), r.URL.Query().Get("refused")
	s.asked = append(s.asked, appid+" "+refused)
	if s.answer != nil && s.answer(w, r) {
		return
	}
	token, known := s.tokens[appid]
	switch {
	case r.Header.Get("Authorization") != "Bearer "+bearer:
		w.WriteHeader(http.StatusUnauthorized)
	case r.URL.Query().Get("component_appid") != me || !known:
		w.WriteHeader(http.StatusNotFound)
	default:
		if refused == registry.TokenHint(token) {
			s.renewed++
			token = fmt.Sprintf("%s+%d", token, s.renewed)
			s.tokens[appid] = token
		}
		_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":7000}`, token)
	}
}

func (s *tokenService) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

func (s *tokenService) questions() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.asked...)
}

func newBroker(t *testing.T, s *tokenService, change func(*registry.BrokerOptions)) *registry.Broker {
	t.Helper()
	o := registry.BrokerOptions{URL: s.URL + "/tokens?tenant=7", Bearer: bearer, ComponentAppID: me}
	if change != nil {
		change(&o)
	}
	b, err := registry.NewBroker(o)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// TestBrokerGivesTokens: each is asked for once by all who wait, and again when its time is over.
func TestBrokerGivesTokens(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), newTokenService(t)
	now := time.Unix(0, 0)
	var mu sync.Mutex
	b := newBroker(t, s, func(o *registry.BrokerOptions) {
		o.Now = func() time.Time { mu.Lock(); defer mu.Unlock(); return now }
	})
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			if got, err := b.AuthorizerToken(ctx, "wxa"); err != nil || got != "wxa/aat-1" {
				t.Errorf("%q, %v", got, err)
			}
		})
	}
	wg.Wait()
	if got := must(t)(b.ComponentToken(ctx)); got != "cat-1" {
		t.Errorf("component token %q", got)
	}
	if diff := cmp.Diff([]string{"wxa ", " "}, s.questions()); diff != "" {
		t.Errorf("questions (-want +got):\n%s", diff)
	}
	mu.Lock()
	now = now.Add(registry.DefaultCacheTTL)
	mu.Unlock()
	must(t)(b.AuthorizerToken(ctx, "wxa"))
	b.Forget("wxa")
	must(t)(b.AuthorizerToken(ctx, "wxa"))
	if n := len(s.questions()); n != 4 {
		t.Errorf("%d questions, want 4", n)
	}
	if _, err := b.AuthorizerToken(ctx, ""); err == nil {
		t.Error("an app without an appid got a token")
	}
}

// TestBrokerKeepsNoDyingToken: one within the margin serves, and is asked for again.
func TestBrokerKeepsNoDyingToken(t *testing.T) {
	t.Parallel()
	ctx, s := t.Context(), newTokenService(t)
	s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
		_, _ = io.WriteString(w, `{"access_token":"cat-9","expires_in":60}`)
		return true
	}
	b := newBroker(t, s, nil)
	for range 2 {
		if got := must(t)(b.ComponentToken(ctx)); got != "cat-9" {
			t.Errorf("got %q", got)
		}
	}
	if n := len(s.questions()); n != 2 {
		t.Errorf("%d questions, want 2", n)
	}
}

// TestBrokerRenewsRefusedToken: WeChat refuses a token, the broker receives its hash, and the call goes on
// with another one. Of many refusals of one token, one renews.
func TestBrokerRenewsRefusedToken(t *testing.T) {
	t.Parallel()
	ctx, w, s := t.Context(), newWechat(t), newTokenService(t)
	w.current["wxa"] = "wxa/aat-1+1"
	client, err := wxclient.New(wxclient.Options{BaseURL: w.URL, ComponentAppID: me})
	if err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	for range 8 { // processes
		calls := client.WithTokens(newBroker(t, s, nil))
		for range 4 {
			wg.Go(func() {
				if err := calls.Release(ctx, "wxa"); err != nil {
					t.Error(err)
				}
			})
		}
	}
	wg.Wait()
	if s.renewed != 1 {
		t.Errorf("%d renewals, want 1", s.renewed)
	}
	// A broker that stays with a refused token is no reason to call in circles.
	w.set(func() { w.current["wxa"] = "wxa/gone" })
	s.set(func() {
		s.answer = func(w http.ResponseWriter, _ *http.Request) bool {
			_, _ = io.WriteString(w, `{"access_token":"wxa/aat-1+1","expires_in":7200}`)
			return true
		}
	})
	before := w.count("release")
	err = client.WithTokens(newBroker(t, s, nil)).Release(ctx, "wxa")
	if err == nil || !strings.Contains(err.Error(), "still gives the token that WeChat refused") || errors.As(err, new(*registry.CredentialError)) {
		t.Errorf("got %v", err)
	}
	if n := w.count("release") - before; n != 1 {
		t.Errorf("%d calls with a refused token, want 1", n)
	}
}

func TestBrokerFaults(t *testing.T) {
	t.Parallel()
	status := func(n int) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { w.WriteHeader(n); return true }
	}
	body := func(text string) func(w http.ResponseWriter, r *http.Request) bool {
		return func(w http.ResponseWriter, _ *http.Request) bool { _, _ = io.WriteString(w, text); return true }
	}
	var elsewhere int
	other := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { elsewhere++ }))
	defer other.Close()
	const leak = "t0ken-in-the-answer"
	t.Run("all", func(t *testing.T) { // so that other lives as long
		for _, tc := range []struct {
			name, appid string
			answer      func(w http.ResponseWriter, r *http.Request) bool
			result      string
			text        string
		}{
			{"unknown app", "wxb", nil, registry.RenewalMerchant, "authorize the platform again"},
			{"unknown component", "", status(404), registry.RenewalPlatform, "does not know the component"},
			{"no bearer", "wxa", status(401), registry.RenewalPlatform, "WXROLLOUT_TOKEN_BEARER"},
			{"forbidden", "", status(403), registry.RenewalPlatform, "403 Forbidden"},
			{"busy", "wxa", status(503), registry.RenewalBusy, "503 Service Unavailable"},
			{"crashed", "", status(500), registry.RenewalBusy, "500"},
			{"too many", "wxa", status(429), registry.RenewalBusy, "429"},
			{"bad question", "wxa", status(400), registry.RenewalPlatform, "docs/token-broker.md"},
			{"another success", "wxa", status(204), registry.RenewalPlatform, "204"},
			{"redirect", "wxa", func(w http.ResponseWriter, r *http.Request) bool {
				http.Redirect(w, r, other.URL, http.StatusTemporaryRedirect)
				return true
			}, registry.RenewalPlatform, "no redirect is followed"},
			{"cut", "wxa", func(w http.ResponseWriter, _ *http.Request) bool {
				w.Header().Set("Content-Length", "100")
				_, _ = io.WriteString(w, leak)
				return true
			}, registry.RenewalBusy, "unexpected EOF"},
			{"HTML", "wxa", body("<html>" + leak), registry.RenewalPlatform, "not JSON"},
			{"no token", "wxa", body(`{"expires_in":7200,"x":"` + leak + `"}`), registry.RenewalPlatform, "no access_token"},
			{"no life", "wxa", body(`{"access_token":"` + leak + `"}`), registry.RenewalPlatform, "expires_in"},
			{"negative life", "wxa", body(`{"access_token":"` + leak + `","expires_in":-5}`), registry.RenewalPlatform, "expires_in"},
			{"milliseconds", "wxa", body(`{"access_token":"` + leak + `","expires_in":7200000}`), registry.RenewalPlatform, "expires_in"},
			{"endless", "wxa", body(`{"access_token":"` + strings.Repeat("x", 64<<10) + `","expires_in":7200}`), registry.RenewalPlatform, "longer than 65536 bytes"},
		} {
			t.Run(tc.name, func(t *testing.T) {
				s := newTokenService(t)
				s.answer = tc.answer
				var results []string
				b := newBroker(t, s, func(o *registry.BrokerOptions) {
					o.Renewed = func(r registry.Renewal) {
						if r.App != (tc.appid != "") {
							t.Errorf("reported %+v", r)
						}
						results = append(results, r.Result)
					}
				})
				get := func() error {
					if tc.appid == "" {
						_, err := b.ComponentToken(t.Context())
						return err
					}
					_, err := b.AuthorizerToken(t.Context(), tc.appid)
					return err
				}
				err := get()
				if err == nil || !strings.Contains(err.Error(), tc.text) {
					t.Fatalf("got %v, want %q", err, tc.text)
				}
				for _, word := range []string{leak, bearer, s.URL} {
					if strings.Contains(err.Error(), word) {
						t.Errorf("%q is in %v", word, err)
					}
				}
				var credential *registry.CredentialError
				if is := errors.As(err, &credential); is != (tc.result != registry.RenewalBusy) || is && (credential.CredentialOf() != "") != (tc.result == registry.RenewalMerchant) {
					t.Errorf("a %T of %+v", err, credential)
				}
				// What only people can fix is remembered for a moment; the rest is asked for again.
				_ = get()
				want := []string{tc.result}
				if tc.result == registry.RenewalBusy {
					want = append(want, tc.result)
				}
				if diff := cmp.Diff(want, results); diff != "" {
					t.Errorf("(-want +got):\n%s", diff)
				}
			})
		}
	})
	if elsewhere != 0 {
		t.Error("a redirect was followed")
	}
}

// TestBrokerOutOfReach is busy, without the address in the error.
func TestBrokerOutOfReach(t *testing.T) {
	t.Parallel()
	s := newTokenService(t)
	b := newBroker(t, s, nil)
	s.Close()
	_, err := b.ComponentToken(t.Context())
	if err == nil || errors.As(err, new(*registry.CredentialError)) || strings.Contains(err.Error(), "tenant") {
		t.Errorf("got %v", err)
	}
}

func TestNewBrokerChecksOptions(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ url, want string }{
		{"https://tokens.internal/wechat?tenant=7", ""},
		{"http://127.0.0.1:8080/x", ""}, {"http://[::1]:8080/x", ""}, {"http://localhost/x", ""},
		{"http://tokens.internal/x", "must be https"},
		{"http://127.0.0.1.evil.com/x", "must be https"},
		{"ftp://x/y", "must be https"}, {"", "must be https"}, {"https://", "must be https"}, {"://s3cret", "must be https"},
		{"https://u:s3cret@x/y", "a user or a fragment"}, {"https://x/y#f", "a user or a fragment"},
		{"https://x/?refused=1", "parameter refused"},
	} {
		_, err := registry.NewBroker(registry.BrokerOptions{URL: tc.url, Bearer: bearer, ComponentAppID: me})
		if tc.want == "" && err != nil || tc.want != "" && (err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "s3cret")) {
			t.Errorf("%q: %v, want %q", tc.url, err, tc.want)
		}
	}
	_, err := registry.NewBroker(registry.BrokerOptions{Bearer: "two words"})
	if err == nil {
		t.Fatal("want an error")
	}
	for _, want := range []string{"URL", "Bearer", "ComponentAppID"} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("%s is not named: %v", want, err)
		}
	}
	o := registry.BrokerOptions{URL: "https://x/?key=s3cret", Bearer: bearer, ComponentAppID: me}
	if text := fmt.Sprintf("%v %+v %#v", o, o, o); strings.Contains(text, bearer) || strings.Contains(text, "s3cret") {
		t.Error(text)
	}
}
