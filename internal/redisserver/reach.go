package redisserver

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"syscall"

	"github.com/redis/go-redis/v9"
)

// Reach returns an error if the server doesn't answer PING. The error names the URL, which must not hold
// the password, and what to do.
func Reach(ctx context.Context, rdb redis.UniversalClient, url string) error {
	err := rdb.Ping(ctx).Err()
	if err == nil {
		return nil
	}
	return fmt.Errorf("reach %s: %w: %s", url, err, reachHint(err))
}

// refusals is what to do about the server's own words, by their beginning.
var refusals = []struct{ prefix, next string }{
	{"WRONGPASS", "check WXROLLOUT_REDIS_USER and WXROLLOUT_REDIS_PASSWORD"},
	{"ERR invalid password", "check WXROLLOUT_REDIS_PASSWORD"},
	{"ERR AUTH", "the server has no password set: unset WXROLLOUT_REDIS_PASSWORD, or give the server one"},
	{"ERR Client sent AUTH", "the server has no password set: unset WXROLLOUT_REDIS_PASSWORD, or give the server one"},
	{"NOAUTH", "set WXROLLOUT_REDIS_PASSWORD, or the file WXROLLOUT_REDIS_PASSWORD_FILE"},
	{"NOPERM", "let the Redis user run what docs/redis.md lists"},
	{"LOADING", "Redis is reading its data from disk: wait until it has"},
	{"CLUSTERDOWN", "some slots have no node: see CLUSTER INFO"},
	{"MASTERDOWN", "this replica lost its primary: connect to the primary, or through Sentinel"},
	{"ERR DB index", "the server has fewer databases than the number in WXROLLOUT_REDIS_URL"},
	{"ERR max number of clients", "raise maxclients, or stop clients that are not needed"},
	{"DENIED", "the server is in protected mode: give it a password or a bind address"},
}

// reachHint is what to do about an error of the connection.
func reachHint(err error) string {
	for _, r := range refusals {
		if strings.HasPrefix(err.Error(), r.prefix) {
			return r.next
		}
	}
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var dns *net.DNSError
	switch {
	case errors.As(err, &authority):
		return "set WXROLLOUT_REDIS_CA to the file with the CA of the server's certificate"
	case errors.As(err, &hostname):
		return "connect by a name that the server's certificate lists"
	case errors.As(err, &invalid):
		return "renew the server's certificate, or correct this machine's clock"
	case errors.As(err, &record):
		return "the server doesn't speak TLS at this port: use redis:// instead of rediss://, or its TLS port"
	case errors.As(err, &dns):
		return "correct the host name in WXROLLOUT_REDIS_URL"
	case errors.Is(err, io.EOF), errors.Is(err, syscall.ECONNRESET):
		return "the server closed the connection: use rediss:// if it requires TLS; a proxy in front of it must support HELLO and AUTH"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "start the server, or correct WXROLLOUT_REDIS_URL"
	default:
		return "is WXROLLOUT_REDIS_URL right, and the server up?"
	}
}
