package neterr_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/neterr"
)

// closedPort is an address where nothing listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	return l.Addr().String()
}

// TestExplain: each failure of a connection names the host and one next step.
func TestExplain(t *testing.T) {
	t.Parallel()
	serve := func(s *httptest.Server) *httptest.Server { t.Cleanup(s.Close); return s }
	secure := serve(httptest.NewTLSServer(http.NotFoundHandler()))
	plain := serve(httptest.NewServer(http.NotFoundHandler()))
	locked := serve(httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusProxyAuthRequired) })))
	pool := x509.NewCertPool()
	pool.AddCert(secure.Certificate())
	proxy := func(addr string) func(*http.Request) (*url.URL, error) {
		return http.ProxyURL(&url.URL{Scheme: "http", Host: addr, User: url.UserPassword("me", "hunter2")})
	}
	host := func(s *httptest.Server) string { return s.Listener.Addr().String() }
	for _, tt := range []struct {
		name, host string
		transport  *http.Transport
		want       string
	}{
		{"unknown CA", host(secure), &http.Transport{}, "SSL_CERT_FILE"},
		{"wrong name", host(secure), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, ServerName: "other.invalid"}}, "use a name that the server's certificate lists"},
		{"expired", host(secure), &http.Transport{TLSClientConfig: &tls.Config{RootCAs: pool, Time: func() time.Time { return time.Now().AddDate(200, 0, 0) }}}, "renew the server's certificate"},
		{"no TLS", host(plain), &http.Transport{}, "doesn't speak TLS"},
		{"a closed port", closedPort(t), &http.Transport{}, "start the server"},
		{"no such name", "nowhere.invalid", &http.Transport{}, "correct the host name"},
		{"no proxy", host(secure), &http.Transport{Proxy: proxy(closedPort(t))}, "correct HTTPS_PROXY"},
		{"the proxy wants a password", host(secure), &http.Transport{Proxy: proxy(host(locked))}, "user and password of the proxy"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "https://"+tt.host+"/?access_token=hush", http.NoBody)
			if err != nil {
				t.Fatal(err)
			}
			resp, err := tt.transport.RoundTrip(r)
			if err == nil {
				_ = resp.Body.Close()
				t.Fatal("no error")
			}
			text := neterr.Explain(err, err, tt.host).Error()
			if !strings.HasPrefix(text, "reach "+tt.host+": ") || !strings.Contains(text, tt.want) || strings.Contains(text, "hunter2") || strings.Contains(text, "hush") {
				t.Errorf("%s, want the host, %q and no secret", text, tt.want)
			}
		})
	}
	for _, err := range []error{context.Canceled, errors.New("EOF"), fmt.Errorf("read: %w", context.DeadlineExceeded)} {
		if got := neterr.Explain(err, err, "h"); got != err { //nolint:errorlint // it must stay itself
			t.Errorf("%v became %v", err, got)
		}
	}
}
