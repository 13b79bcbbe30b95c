package wxclient_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/wxclient"
)

const refused = `{"errcode":42001,"errmsg":"access_token expired rid: 1-2-3"}`

func TestTokenRefusal(t *testing.T) {
	t.Parallel()
	t.Run("once", func(t *testing.T) {
		t.Parallel()
		c, s, src := setup(t, refused, ok)
		if err := c.Release(t.Context(), app); err != nil {
			t.Fatal(err)
		}
		want := []got{
			{"POST", "/wxa/release", "access_token=aat." + app + "-1", `{}`},
			{"POST", "/wxa/release", "access_token=aat." + app + "-2", `{}`},
		}
		if diff := cmp.Diff(want, s.requests()); diff != "" {
			t.Errorf("requests (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{app + "=aat." + app + "-1"}, src.refused); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
	})
	t.Run("twice is returned", func(t *testing.T) {
		t.Parallel()
		c, s, src := setup(t, refused)
		_, err := c.Templates(t.Context())
		var answer *wxclient.Error
		if !errors.As(err, &answer) || answer.Code != 42001 {
			t.Errorf("got %v", err)
		}
		if n := len(s.requests()); n != 2 {
			t.Errorf("%d requests, want 2", n)
		}
		if diff := cmp.Diff([]string{"=cat-1"}, src.refused); diff != "" {
			t.Errorf("refused (-want +got):\n%s", diff)
		}
	})
	t.Run("other codes do not", func(t *testing.T) {
		t.Parallel()
		c, s, src := setup(t, `{"errcode":-1}`)
		if err := c.Release(t.Context(), app); err == nil {
			t.Error("want an error")
		}
		if len(s.requests()) != 1 || len(src.refused) != 0 {
			t.Errorf("%d requests, refused %v", len(s.requests()), src.refused)
		}
	})
	t.Run("not for a token given by the caller", func(t *testing.T) {
		t.Parallel()
		c, s, src := setup(t, refused)
		if _, err := c.RefreshAuthorizerToken(t.Context(), "cat", app, "refresh"); err == nil {
			t.Error("want an error")
		}
		if len(s.requests()) != 1 || len(src.refused) != 0 {
			t.Errorf("%d requests, refused %v", len(s.requests()), src.refused)
		}
	})
	t.Run("new token cannot be had", func(t *testing.T) {
		t.Parallel()
		s := serve(t, refused)
		c := dial(t, s.URL, &brokenAfterRefusal{})
		err := c.Release(t.Context(), app)
		var notSent *wxclient.NotSentError
		if !errors.As(err, &notSent) || !errors.Is(err, errBroken) {
			t.Errorf("got %v", err)
		}
	})
}

var errBroken = errors.New("token store is down")

// brokenAfterRefusal has a token until it is refused.
type brokenAfterRefusal struct {
	tokens
	broken atomic.Bool
}

func (s *brokenAfterRefusal) AuthorizerToken(ctx context.Context, appid string) (string, error) {
	if s.broken.Load() {
		return "", errBroken
	}
	return s.tokens.AuthorizerToken(ctx, appid)
}

func (s *brokenAfterRefusal) Refused(context.Context, string, string) error {
	s.broken.Store(true)
	return nil
}

func TestNotSent(t *testing.T) {
	t.Parallel()
	live := serve(t, ok)
	ended, cancel := context.WithCancel(context.Background())
	cancel()
	plainHTTP := strings.Replace(live.URL, "http://", "https://", 1)
	for _, tc := range []struct {
		name string
		ctx  context.Context
		base string
		src  wxclient.TokenSource
	}{
		{"no token", context.Background(), live.URL, &tokens{err: errBroken}},
		{"no token source", context.Background(), live.URL, nil},
		{"no listener", context.Background(), "http://" + closedPort(t), &tokens{}},
		{"no such host", context.Background(), "http://wechat.invalid", &tokens{}},
		{"TLS handshake fails", context.Background(), plainHTTP, &tokens{}},
		{"context over", ended, live.URL, &tokens{}},
		{"token refused for a lost reply", context.Background(), live.URL, &tokens{err: &wxclient.OutcomeUnknownError{Err: io.EOF}}},
		{"token refused for a busy app", context.Background(), live.URL, &tokens{err: &wxclient.Error{Code: 9402202}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			err := dial(t, tc.base, tc.src).Release(tc.ctx, app)
			var notSent *wxclient.NotSentError
			if !errors.As(err, &notSent) {
				t.Fatalf("got %T %v", err, err)
			}
			if wxclient.IsOutcomeUnknown(err) {
				t.Error("counts as an unknown outcome")
			}
			noSecret(t, fmt.Sprintf("%v %+v", err, err), "aat."+app+"-1", "access_token")
		})
	}
	t.Cleanup(func() {
		if n := len(live.requests()); n != 0 {
			t.Errorf("%d requests arrived", n)
		}
	})
}

// closedPort returns an address without a listener.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = l.Close() }()
	return l.Addr().String()
}

// TestLostReply drops the connection, or the caller, after the request has arrived.
func TestLostReply(t *testing.T) {
	t.Parallel()
	for name, act := range map[string]func(w http.ResponseWriter, cancel context.CancelFunc){
		"connection closed": func(w http.ResponseWriter, _ context.CancelFunc) { hangUp(w, "") },
		"half a header":     func(w http.ResponseWriter, _ context.CancelFunc) { hangUp(w, "HTTP/1.1 200 OK\r\nConte") },
		"half a body": func(w http.ResponseWriter, _ context.CancelFunc) {
			hangUp(w, "HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{")
		},
		"not HTTP":        func(w http.ResponseWriter, _ context.CancelFunc) { hangUp(w, "what?\r\n\r\n") },
		"caller gives up": func(_ http.ResponseWriter, cancel context.CancelFunc) { cancel() },
		"caller in the body": func(w http.ResponseWriter, cancel context.CancelFunc) {
			_, _ = io.WriteString(w, "{")
			flush(w)
			cancel()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				_, _ = io.Copy(io.Discard, r.Body)
				act(w, cancel)
				if strings.HasPrefix(name, "caller") {
					<-r.Context().Done() // answer only once the caller has left
				}
			}))
			t.Cleanup(s.Close)
			t.Cleanup(cancel)
			err := dial(t, s.URL, &tokens{}).Release(ctx, app)
			var unknown *wxclient.OutcomeUnknownError
			if !errors.As(err, &unknown) || unknown.Endpoint != "/wxa/release" {
				t.Fatalf("got %T %v", err, err)
			}
			if strings.HasPrefix(name, "caller") && !errors.Is(err, context.Canceled) {
				t.Errorf("cause is lost: %v", err)
			}
			noSecret(t, fmt.Sprintf("%v %+v", err, err), "aat."+app+"-1", "access_token")
		})
	}
}

func hangUp(w http.ResponseWriter, text string) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(err)
	}
	_, _ = io.WriteString(conn, text)
	_ = conn.Close()
}

func flush(w http.ResponseWriter) {
	if err := http.NewResponseController(w).Flush(); err != nil {
		panic(err)
	}
}

// TestWritingGETIsNotReplayed lets a reused connection die under a GET. net/http would send
// such a request again, which would spend a second withdrawal.
func TestWritingGETIsNotReplayed(t *testing.T) {
	t.Parallel()
	var arrived atomic.Int64
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/wxa/undocodeaudit" {
			_, _ = io.WriteString(w, `{"errcode":0,"page_list":[]}`)
			return
		}
		if arrived.Add(1); r.ContentLength != 0 || len(r.TransferEncoding) != 0 {
			t.Errorf("the GET has a body: length %d, %v", r.ContentLength, r.TransferEncoding)
		}
		hangUp(w, "")
	}))
	t.Cleanup(s.Close)
	c := dial(t, s.URL, &tokens{})
	if _, err := c.Pages(t.Context(), app); err != nil { // leaves a connection to reuse
		t.Fatal(err)
	}
	err := c.UndoAudit(t.Context(), app)
	if !wxclient.IsOutcomeUnknown(err) {
		t.Errorf("got %v", err)
	}
	if n := arrived.Load(); n != 1 {
		t.Errorf("the request arrived %d times, want 1", n)
	}
}

// opaque is a RoundTripper that reports no progress and fails.
type opaque struct{ err error }

func (o opaque) RoundTrip(r *http.Request) (*http.Response, error) {
	return nil, fmt.Errorf("%s: %w", r.URL, o.err)
}

func TestForeignTransport(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name    string
		err     error
		notSent bool
	}{
		{"dial", &net.OpError{Op: "dial", Err: errBroken}, true},
		{"dns", &net.DNSError{Err: "no such host"}, true},
		{"read", &net.OpError{Op: "read", Err: errBroken}, false},
		{"anything", errBroken, false},
		{"timeout", context.DeadlineExceeded, false},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c := dialWith(t, wxclient.Options{BaseURL: "http://x", Tokens: &tokens{}, HTTPClient: &http.Client{Transport: opaque{tc.err}}})
			err := c.Release(t.Context(), app)
			var notSent *wxclient.NotSentError
			if errors.As(err, &notSent) != tc.notSent || wxclient.IsOutcomeUnknown(err) == tc.notSent {
				t.Errorf("got %T %v", err, err)
			}
			if errors.Is(tc.err, context.DeadlineExceeded) && !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("cause is lost: %v", err)
			}
			noSecret(t, fmt.Sprintf("%v %+v %#v", err, err, errors.Unwrap(err)), "aat."+app+"-1")
		})
	}
}

func TestObserver(t *testing.T) {
	t.Parallel()
	s := serve(t, refused, ok, `<html>`)
	var mu sync.Mutex
	var seen []wxclient.Call
	clock := time.Unix(0, 0)
	c := dialWith(t, wxclient.Options{
		BaseURL: s.URL, Tokens: &tokens{},
		Observe: func(_ context.Context, call wxclient.Call) {
			mu.Lock()
			defer mu.Unlock()
			seen = append(seen, call)
		},
		Now: func() time.Time { clock = clock.Add(time.Second); return clock },
	})
	if err := c.Release(t.Context(), app); err != nil {
		t.Fatal(err)
	}
	if err := c.Release(t.Context(), app); err == nil {
		t.Fatal("want an error")
	}
	want := []wxclient.Call{
		{Endpoint: "/wxa/release", AppID: app, Code: 42001, Class: wxclient.ClassRetryToken, Duration: time.Second},
		{Endpoint: "/wxa/release", AppID: app, Class: wxclient.ClassOK, Duration: time.Second},
		{Endpoint: "/wxa/release", AppID: app, Duration: time.Second},
	}
	for i := range seen {
		if (seen[i].Err == nil) != (i == 1) {
			t.Errorf("call %d: error %v", i, seen[i].Err)
		}
		seen[i].Err = nil
	}
	if diff := cmp.Diff(want, seen); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
