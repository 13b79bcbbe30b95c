// Package neterr explains errors of connections: the host, what failed, and the next step.
package neterr

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"strings"
	"syscall"
)

// Error is an error of a connection to a host.
type Error struct {
	// Host is the host, with its port if the URL has one.
	Host string
	// Err is the cause, without URL and secrets.
	Err error
	// Next is what to do.
	Next string
}

// Error renders host, cause and next step.
func (e *Error) Error() string { return "reach " + e.Host + ": " + e.Err.Error() + ": " + e.Next }

// Unwrap returns the cause.
func (e *Error) Unwrap() error { return e.Err }

// Explain makes an *Error of shown if err, the cause of the same failure, is an error of the connection that a
// person can act on. Otherwise it returns shown.
func Explain(err, shown error, host string) error {
	next := nextOf(err)
	if next == "" {
		return shown
	}
	return &Error{Host: host, Err: shown, Next: next}
}

// nextOf is what to do about an error; "" if that is unknown.
func nextOf(err error) string {
	var op *net.OpError
	errors.As(err, &op)
	if op != nil && op.Op == "proxyconnect" {
		return "correct HTTPS_PROXY or start the proxy; NO_PROXY excepts hosts from it"
	}
	if strings.HasSuffix(err.Error(), "Proxy Authentication Required") { // net/http has no type for it
		return "write user and password of the proxy into HTTPS_PROXY"
	}
	var authority x509.UnknownAuthorityError
	var hostname x509.HostnameError
	var invalid x509.CertificateInvalidError
	var record tls.RecordHeaderError
	var alert tls.AlertError
	var dns *net.DNSError
	switch {
	case errors.As(err, &authority):
		return "add the CA of the server, or of a proxy that opens TLS, to this machine's trusted certificates (SSL_CERT_FILE)"
	case errors.As(err, &hostname):
		return "use a name that the server's certificate lists"
	case errors.As(err, &invalid):
		return "renew the server's certificate, or correct this machine's clock"
	case errors.As(err, &record):
		return "the server doesn't speak TLS at this port: correct the scheme or the port of the URL"
	case errors.As(err, &alert):
		return "the server refuses the TLS handshake: it may want a client certificate or another version"
	case errors.As(err, &dns):
		return "correct the host name, or this machine's DNS"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "start the server, or correct the host and port"
	case errors.Is(err, syscall.ENETUNREACH), errors.Is(err, syscall.EHOSTUNREACH):
		return "give this machine a route to the host, or set HTTPS_PROXY"
	case op != nil && op.Op == "dial" && op.Timeout():
		return "let this machine through the firewall to the host, or set HTTPS_PROXY"
	default:
		return ""
	}
}
