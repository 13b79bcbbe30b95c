package app

import (
	"bytes"
	"io"
	"net"
	"net/http"
	"path"
	"strings"
)

// strictListener refuses requests that a proxy in front and this server might read differently: folded
// headers, bare line feeds, a length given twice or beside a transfer encoding. Go's server accepts
// them. One connection must carry one request, so keep-alives have to be off.
type strictListener struct{ net.Listener }

// Accept implements net.Listener.
func (l strictListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &strictConn{Conn: c}, nil
}

// cleanPaths refuses a path that a proxy may have read differently, such as /wechat/./auth, in place of
// the redirect that Go's mux would answer.
func cleanPaths(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if p := r.URL.Path; strings.TrimSuffix(p, "/") != strings.TrimSuffix(path.Clean(p), "/") || r.URL.RawPath != "" {
			http.Error(w, "the path is not clean", http.StatusBadRequest)
			return
		}
		next.ServeHTTP(w, r)
	})
}

// maxHead is the largest head that is checked, in bytes. Go's server refuses larger ones, because its
// limit is lower.
const maxHead = 64 << 10

// badHead is the reply to an ambiguous request.
const badHead = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: 18\r\n\r\nambiguous request\n"

// strictConn hands a request on once its head was checked.
type strictConn struct {
	net.Conn
	head    bytes.Buffer // what was read and not handed on
	checked bool
}

// Read implements net.Conn.
func (c *strictConn) Read(p []byte) (int, error) {
	for !c.checked {
		chunk := make([]byte, 4<<10)
		n, err := c.Conn.Read(chunk)
		c.head.Write(chunk[:n])
		head, complete := splitHead(c.head.Bytes())
		switch {
		case ambiguous(head):
			_, _ = io.WriteString(c.Conn, badHead) // the client may be gone
			return 0, io.EOF
		case complete || err != nil || c.head.Len() > maxHead:
			c.checked = true
		}
		if err != nil && c.head.Len() == 0 {
			return 0, err
		}
	}
	if c.head.Len() > 0 {
		return c.head.Read(p)
	}
	return c.Conn.Read(p)
}

// splitHead returns the complete lines of a request's head, and whether the head is complete.
func splitHead(data []byte) (lines []string, complete bool) {
	for len(data) > 0 {
		line, rest, ok := bytes.Cut(data, []byte("\n"))
		if !ok {
			return lines, false
		}
		lines = append(lines, string(line))
		if len(bytes.TrimRight(line, "\r")) == 0 {
			return lines, true
		}
		data = rest
	}
	return lines, false
}

// ambiguous reports whether two servers may read these lines differently.
func ambiguous(lines []string) bool {
	lengths := 0
	for i, line := range lines {
		if !strings.HasSuffix(line, "\r") || strings.Count(line, "\r") > 1 {
			return true
		}
		if i == 0 {
			continue
		}
		if line[0] == ' ' || line[0] == '\t' {
			return true
		}
		switch name, _, _ := strings.Cut(line, ":"); strings.ToLower(strings.TrimSpace(name)) {
		case "content-length", "transfer-encoding":
			lengths++
		}
	}
	return lengths > 1
}
