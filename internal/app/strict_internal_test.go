package app

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

func TestStrictListener(t *testing.T) {
	t.Parallel()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server := &http.Server{Handler: cleanPaths(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		_, _ = w.Write(body)
	}))}
	server.SetKeepAlivesEnabled(false)
	go func() { _ = server.Serve(strictListener{l}) }()
	t.Cleanup(func() { _ = server.Close() })
	const start = "POST /wechat/auth HTTP/1.1\r\nHost: h\r\n"
	for _, tc := range []struct {
		name, request string
		status        int
	}{
		{"a length", start + "Content-Length: 2\r\n\r\nhi", 200},
		{"chunks", start + "Transfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n", 200},
		{"no body", "GET /healthz HTTP/1.1\r\nHost: h\r\n\r\n", 200},
		{"a large body", start + "Content-Length: 100000\r\n\r\n" + strings.Repeat("x", 100000), 200},
		{"a length and chunks", start + "Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 400},
		{"chunks and a length", start + "transfer-encoding: chunked\r\nCONTENT-LENGTH: 2\r\n\r\n0\r\n\r\n", 400},
		{"two equal lengths", start + "Content-Length: 2\r\nContent-Length: 2\r\n\r\nhi", 400},
		{"a folded header", start + "X-A: b\r\n c: d\r\nContent-Length: 2\r\n\r\nhi", 400},
		{"a header folded by a tab", start + "X-A: b\r\n\tc\r\nContent-Length: 2\r\n\r\nhi", 400},
		{"bare line feeds", "POST / HTTP/1.1\nHost: h\nContent-Length: 2\n\nhi", 400},
		{"a bare carriage return", start + "X-A: b\rContent-Length: 5\r\nContent-Length: 2\r\n\r\nhi", 400},
		{"the root", "GET / HTTP/1.1\r\nHost: h\r\n\r\n", 200},
		{"a dot in the path", "GET /wechat/./auth HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"a path upwards", "GET /wechat/app/../auth HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"two slashes", "GET //wechat/auth HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"an escaped slash", "GET /wechat%2fauth HTTP/1.1\r\nHost: h\r\n\r\n", 400},
		{"a slash at the end", "GET /wechat/auth/ HTTP/1.1\r\nHost: h\r\n\r\n", 200},
		{"no HTTP", "hello\r\n\r\n", 400},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = c.Close() }()
			go func() { _, _ = io.WriteString(c, tc.request) }()
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = resp.Body.Close() }()
			if resp.StatusCode != tc.status || !resp.Close {
				t.Errorf("status %d, closes %t, want %d and true", resp.StatusCode, resp.Close, tc.status)
			}
		})
	}
}
