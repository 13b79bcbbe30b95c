package app_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

// tokenService is a platform's own token service, as docs/token-broker.md asks for it: it alone
// renews, here at the simulator.
type tokenService struct {
	url string

	mu      sync.Mutex
	wx      *wxclient.Client
	tokens  map[string]kept // by appid, "" = the component
	gone    map[string]bool // apps that took their authorization back
	down    int             // requests to answer 503
	renewed map[string]int
}

type kept struct {
	token string
	until time.Time
}

const tokenBearer = "b3arer-of-the-platform"

// brokered are the settings of workers that take their tokens from the service.
func brokered(s *tokenService) []string {
	return []string{
		"COMPONENT_SECRET", "COMPONENT_TICKET", "SEAL_KEY", "TOKEN_URL=" + s.url + "/wechat?tenant=7", "TOKEN_BEARER=" + tokenBearer,
	}
}

func newTokenService(t *testing.T) *tokenService {
	t.Helper()
	s := &tokenService{tokens: map[string]kept{}, gone: map[string]bool{}, renewed: map[string]int{}}
	srv := httptest.NewServer(s)
	t.Cleanup(srv.Close)
	s.url = srv.URL
	return s
}

// at points the service to a WeChat.
func (s *tokenService) at(t *testing.T, url string) {
	t.Helper()
	wx, err := wxclient.New(wxclient.Options{BaseURL: url, ComponentAppID: wxsim.DefaultComponentAppID, Tokens: s})
	if err != nil {
		t.Fatal(err)
	}
	s.wx = wx
}

func (s *tokenService) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	q := r.URL.Query()
	appid := q.Get("authorizer_appid")
	switch {
	case r.Header.Get("Authorization") != "Bearer "+tokenBearer:
		w.WriteHeader(http.StatusUnauthorized)
		return
	case q.Get("component_appid") != wxsim.DefaultComponentAppID || q.Get("tenant") != "7" || s.gone[appid]:
		w.WriteHeader(http.StatusNotFound)
		return
	case s.down > 0:
		s.down--
		w.WriteHeader(http.StatusServiceUnavailable)
		return
	}
	now := s.tokens[appid]
	if q.Get("refused") == registry.TokenHint(now.token) || time.Until(now.until) < 5*time.Minute {
		if err := s.renew(r.Context(), appid); err != nil {
			http.Error(w, "busy", http.StatusBadGateway)
			return
		}
		now = s.tokens[appid]
	}
	_, _ = fmt.Fprintf(w, `{"access_token":%q,"expires_in":%d,"other":1}`, now.token, int(time.Until(now.until).Seconds()))
}

// renew gets a new token from WeChat; the lock is held.
func (s *tokenService) renew(ctx context.Context, appid string) error {
	s.renewed[appid]++
	if appid == "" {
		token, life, err := s.wx.FetchComponentToken(ctx, wxsim.DefaultSecret, wxsim.DefaultTicket)
		s.tokens[""] = kept{token, time.Now().Add(life)}
		return err
	}
	if s.tokens[""].token == "" {
		if err := s.renew(ctx, ""); err != nil {
			return err
		}
	}
	info, err := s.wx.AuthorizerInfo(ctx, appid)
	if err != nil {
		return err
	}
	pair, err := s.wx.RefreshAuthorizerToken(ctx, s.tokens[""].token, appid, info.RefreshToken)
	s.tokens[appid] = kept{pair.Access, time.Now().Add(pair.ExpiresIn)}
	return err
}

// ComponentToken implements wxclient.TokenSource for renew, which holds the lock.
func (s *tokenService) ComponentToken(context.Context) (string, error) {
	return s.tokens[""].token, nil
}

// AuthorizerToken implements wxclient.TokenSource.
func (s *tokenService) AuthorizerToken(context.Context, string) (string, error) {
	return "", fmt.Errorf("not asked for")
}

// Refused implements wxclient.TokenSource: WeChat doesn't take the component's token any more.
func (s *tokenService) Refused(ctx context.Context, _, _ string) error { return s.renew(ctx, "") }

// TestBrokeredRollout takes every token from the platform's own service, over an outage of it, refused
// tokens, and an app that leaves. No token of ours is anywhere in Redis.
func TestBrokeredRollout(t *testing.T) {
	t.Parallel()
	const apps = 20
	service := newTokenService(t)
	f := newFleet(t, wxsim.Options{Seed: 12, Apps: apps, AuditDelay: wxsim.Range{Min: time.Second, Max: 2 * time.Second}},
		append(brokered(service), "MERCHANT_POLL=1s")...)
	service.at(t, f.cfg.WeChatURL)
	one := f.worker(t)
	f.worker(t)
	answers(t, one, "/readyz", http.StatusOK, "ok")
	leaver := wxsim.AppID(7)
	service.mu.Lock()
	service.gone[leaver] = true
	service.mu.Unlock()
	id := f.apply(t, apps, "")
	service.mu.Lock()
	service.down = 5
	service.mu.Unlock()
	f.until(t, id, "the one that left waits for its merchant", func(r rollout.Rollout) bool {
		return r.Counts.Sum(func(c rollout.Cell) bool { return c.Reason == rollout.ReasonMerchant }) == 1
	})
	f.until(t, id, "half is released", func(r rollout.Rollout) bool { return r.Counts.State(rollout.StateReleased) >= apps/2 })
	for i := range apps {
		f.sim.ExpireToken(wxsim.AppID(i))
	}
	f.sim.ExpireComponentToken()
	service.mu.Lock()
	delete(service.gone, leaver)
	service.mu.Unlock()
	f.released(t, id, apps)

	service.mu.Lock()
	for appid, n := range service.renewed {
		if n > 2 { // the first one, and one after all had ended
			t.Errorf("the token of %q was renewed %d times, want 2 at most", appid, n)
		}
	}
	service.mu.Unlock()
	for _, e := range f.sim.Books().Endpoints {
		if e.Path == "/cgi-bin/component/api_start_push_ticket" {
			t.Error("tickets are the service's affair, and were asked for")
		}
	}
	n, err := metric(t.Context(), one, `wxrollout_token_renewals_total{result="ok",token="app"}`)
	if err != nil || n == 0 {
		t.Errorf("%v answers of the service counted, %v", n, err)
	}
	rdb := redis.NewClient(&redis.Options{Addr: f.redis.Addr()})
	defer func() { _ = rdb.Close() }()
	stored, err := rdb.Keys(t.Context(), "wxr:{registry}:*").Result()
	if err != nil || len(stored) != 0 {
		t.Errorf("stored %q, %v: want nothing", stored, err)
	}
}

// TestBrokerRefusesUs: a wrong bearer is a fault of the platform's credentials, and no target suffers.
func TestBrokerRefusesUs(t *testing.T) {
	t.Parallel()
	service := newTokenService(t)
	f := newFleet(t, wxsim.Options{Seed: 1, Apps: 2}, append(brokered(service), "TOKEN_BEARER=wr0ng")...)
	service.at(t, f.cfg.WeChatURL)
	answers(t, f.worker(t), "/readyz", http.StatusServiceUnavailable, "compare WXROLLOUT_TOKEN_BEARER")
	_, err := f.tools.Library.Templates(t.Context())
	if err == nil || !credential.AtFault(err) || strings.Contains(err.Error(), "wr0ng") {
		t.Errorf("got %v, want a fault of credentials (exit code 4)", err)
	}
}

func TestBrokerSettings(t *testing.T) {
	t.Parallel()
	service := []string{"COMPONENT_SECRET", "COMPONENT_TICKET", "SEAL_KEY", "TOKEN_URL=https://tokens.example/wechat", "TOKEN_BEARER=b"}
	const sealKey = "SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="
	both := func(name string) string { return "WXROLLOUT_" + name + " and WXROLLOUT_TOKEN_URL: give one of them" }
	for name, tt := range map[string]struct {
		change []string
		want   []string
	}{
		"right":                {nil, nil},
		"both secrets":         {[]string{"COMPONENT_SECRET=s", sealKey}, []string{both("COMPONENT_SECRET"), both("SEAL_KEY")}},
		"a ticket":             {[]string{"COMPONENT_TICKET=s"}, []string{both("COMPONENT_TICKET")}},
		"a previous key":       {[]string{"SEAL_KEY_PREVIOUS=s"}, []string{both("SEAL_KEY_PREVIOUS")}},
		"no bearer":            {[]string{"TOKEN_BEARER"}, []string{"WXROLLOUT_TOKEN_BEARER (or _FILE): required"}},
		"no component":         {[]string{"COMPONENT_APPID"}, []string{"WXROLLOUT_COMPONENT_APPID: required with WXROLLOUT_TOKEN_URL"}},
		"no TLS":               {[]string{"TOKEN_URL=http://tokens.example/"}, []string{"WXROLLOUT_TOKEN_URL: "}},
		"a bearer alone":       {[]string{"TOKEN_URL", "COMPONENT_SECRET=s", "COMPONENT_TICKET=t", sealKey}, []string{"WXROLLOUT_TOKEN_BEARER: given without"}},
		"neither the one":      {[]string{"TOKEN_URL", "TOKEN_BEARER"}, []string{"WXROLLOUT_COMPONENT_SECRET", "WXROLLOUT_SEAL_KEY", "WXROLLOUT_CALLBACK_TOKEN"}},
		"verdicts by callback": {[]string{"CALLBACK_TOKEN=t", "CALLBACK_AES_KEY=" + strings.Repeat("k", 43)}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(config.RoleWorker, nil, with(with(good(), service...), tt.change...), config.NoFiles)
			if (err == nil) != (len(tt.want) == 0) {
				t.Fatalf("got %v, want %q", err, tt.want)
			}
			if err == nil {
				return
			}
			if n := len(strings.Split(err.Error(), "\n")) - 1; n != len(tt.want) {
				t.Errorf("%d faults, want %d: %v", n, len(tt.want), err)
			}
			for _, want := range tt.want {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("%q is not in %v", want, err)
				}
			}
		})
	}
}
