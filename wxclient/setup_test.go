package wxclient_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

const (
	component = "wxcomponent"
	app       = "wx00000000000000aa"
)

// got is one request as it reached the server.
type got struct {
	Method, Path, Query, Body string
}

// server records requests and answers with the given replies in turn, the last one for ever.
type server struct {
	*httptest.Server
	mu   sync.Mutex
	seen []got
}

func serve(t *testing.T, replies ...string) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		if err != nil {
			t.Errorf("read the request: %v", err)
		}
		s.mu.Lock()
		n := len(s.seen)
		s.seen = append(s.seen, got{r.Method, r.URL.Path, r.URL.RawQuery, string(body)})
		s.mu.Unlock()
		_, _ = io.WriteString(w, replies[min(n, len(replies)-1)])
	}))
	t.Cleanup(s.Close)
	return s
}

func (s *server) requests() []got {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]got(nil), s.seen...)
}

// tokens is a source that hands out "<kind>-<n>" and counts up when the current one is refused.
type tokens struct {
	mu      sync.Mutex
	n       int
	refused []string
	err     error
}

func (s *tokens) ComponentToken(context.Context) (string, error) { return s.next("cat") }
func (s *tokens) AuthorizerToken(_ context.Context, appid string) (string, error) {
	return s.next("aat." + appid)
}

func (s *tokens) next(kind string) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err != nil {
		return "", s.err
	}
	return kind + "-" + string(rune('1'+s.n)), nil
}

func (s *tokens) Refused(_ context.Context, appid, token string) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.refused = append(s.refused, appid+"="+token)
	s.n++
	return nil
}

// setup returns a client of a server that answers with the given replies.
func setup(t *testing.T, replies ...string) (*wxclient.Client, *server, *tokens) {
	t.Helper()
	s := serve(t, replies...)
	src := &tokens{}
	return dial(t, s.URL, src), s, src
}

func dial(t *testing.T, base string, src wxclient.TokenSource) *wxclient.Client {
	t.Helper()
	return dialWith(t, wxclient.Options{BaseURL: base, Tokens: src, ComponentAppID: component})
}

func dialWith(t *testing.T, o wxclient.Options) *wxclient.Client {
	t.Helper()
	c, err := wxclient.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

const ok = `{"errcode":0,"errmsg":"ok"}`

func noSecret(t *testing.T, text string, secrets ...string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(text, secret) {
			t.Errorf("secret %q in %q", secret, text)
		}
	}
}
