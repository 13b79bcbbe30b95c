package wire

import (
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// TestOnlyTheBaseURLsHost: with any URL, no other host receives
// the token that is in it.
func TestOnlyTheBaseURLsHost(t *testing.T) {
	t.Parallel()
	var here, elsewhere atomic.Int64
	serve := func(n *atomic.Int64) *httptest.Server {
		s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			n.Add(1)
			_, _ = io.WriteString(w, `{"errcode":0}`)
		}))
		t.Cleanup(s.Close)
		return s
	}
	ours, others := serve(&here), serve(&elsewhere)
	c, err := New(Options{BaseURL: ours.URL, HTTPClient: &http.Client{Transport: http.DefaultTransport}})
	if err != nil {
		t.Fatal(err)
	}
	otherHost := strings.TrimPrefix(others.URL, "http://")
	for name, r := range map[string]Request{
		"a path that makes the base a user": {method: http.MethodGet, path: "@" + otherHost + "/x"},
		"a path that goes on with the port": {method: http.MethodGet, path: "0/x"},
		"a POST with a body":                {method: http.MethodPost, path: "@" + otherHost + "/x", Secrets: []string{"s3cret"}},
	} {
		err := c.exchange(t.Context(), r, "tokentoken", nil)
		if errors.As(err, new(*errcode.InvalidRequestError)) {
			continue // no URL at all
		}
		if !errors.As(err, new(*errcode.NotSentError)) || !errors.Is(err, errElsewhere) || strings.Contains(err.Error(), "tokentoken") {
			t.Errorf("%s: %v, want a NotSentError about the host, without the token", name, err)
		}
	}
	for _, url := range []string{others.URL, strings.Replace(ours.URL, "http:", "https:", 1), "http://wechat.invalid"} {
		r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, http.NoBody)
		if err != nil {
			t.Fatal(err)
		}
		resp, err := c.http.Do(r)
		if !errors.Is(err, errElsewhere) {
			t.Errorf("%s: %v, want a refusal", url, err)
		}
		if err == nil {
			_ = resp.Body.Close() // it shouldn't be there
		}
	}
	if err := c.exchange(t.Context(), Get("/x"), "tokentoken", nil); err != nil || here.Load() != 1 {
		t.Errorf("the base URL itself: %v, %d requests", err, here.Load())
	}
	if n := elsewhere.Load(); n != 0 {
		t.Errorf("%d requests reached another host", n)
	}
}

// TestDefaultTransportVerifies: what a client gets that was given none.
func TestDefaultTransportVerifies(t *testing.T) {
	t.Parallel()
	transport, ok := defaultTransport().(*http.Transport)
	if !ok {
		t.Fatal("not net/http's transport")
	}
	if c := transport.TLSClientConfig; c.MinVersion != tls.VersionTLS12 || c.InsecureSkipVerify || c.RootCAs != nil || transport.Proxy == nil {
		t.Errorf("TLS from version %x, unverified %t, own roots %t, proxy %t", c.MinVersion, c.InsecureSkipVerify, c.RootCAs != nil, transport.Proxy != nil)
	}
}
