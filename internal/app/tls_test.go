package app_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/redistest"
)

// authority makes certificates in a folder.
type authority struct {
	dir  string
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T, name string) *authority {
	t.Helper()
	a := &authority{dir: t.TempDir()}
	a.cert, a.key = a.issue(t, name, true)
	return a
}

// file is a PEM file of a certificate.
func (a *authority) file(name string) string { return filepath.Join(a.dir, name) }

// issue writes name.pem and name.key; the authority's certificate is self-signed.
func (a *authority) issue(t *testing.T, name string, ca bool) (*x509.Certificate, *ecdsa.PrivateKey) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	form := &x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature | x509.KeyUsageCertSign, BasicConstraintsValid: true, IsCA: ca,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth, x509.ExtKeyUsageClientAuth},
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	parent, signer := a.cert, a.key
	if parent == nil {
		parent, signer = form, key
	}
	der, err := x509.CreateCertificate(rand.Reader, form, parent, &key.PublicKey, signer)
	if err != nil {
		t.Fatal(err)
	}
	private, err := x509.MarshalECPrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	for file, block := range map[string]*pem.Block{
		name + ".pem": {Type: "CERTIFICATE", Bytes: der}, name + ".key": {Type: "EC PRIVATE KEY", Bytes: private},
	} {
		if err := os.WriteFile(a.file(file), pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return cert, key
}

// secureRedis wants TLS, a client certificate and an ACL user.
func secureRedis(t *testing.T, ca *authority) (addr string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr = l.Addr().String()
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(addr, ":")
	ca.issue(t, "server", false)
	ca.issue(t, "client", false)
	redistest.Start(t, redistest.Config("tls-port "+port, "tls-cert-file "+ca.file("server.pem"),
		"tls-key-file "+ca.file("server.key"), "tls-ca-cert-file "+ca.file("ca.pem"), "tls-auth-clients yes",
		"user wxrollout on >p@ss/word ~* &* +@all", "user default off"))
	return addr
}

func TestRedisByTLSAndUser(t *testing.T) {
	t.Parallel()
	ca, stranger := newAuthority(t, "ca"), newAuthority(t, "stranger")
	addr := secureRedis(t, ca)
	full := []string{
		"REDIS_URL=rediss://" + addr + "/0", "REDIS_USER=wxrollout", "REDIS_PASSWORD=p@ss/word",
		"REDIS_CA=" + ca.file("ca.pem"), "REDIS_CERT=" + ca.file("client.pem"), "REDIS_KEY=" + ca.file("client.key"),
	}
	tests := map[string]struct {
		change []string
		want   string // an error; "" for none
	}{
		"right":              {nil, ""},
		"user in the URL":    {[]string{"REDIS_URL=rediss://wxrollout:p%40ss%2Fword@" + addr, "REDIS_USER", "REDIS_PASSWORD"}, ""},
		"wrong password":     {[]string{"REDIS_PASSWORD=p@ss/wrong"}, "WRONGPASS"},
		"no user":            {[]string{"REDIS_USER"}, "WRONGPASS"},
		"another authority":  {[]string{"REDIS_CA=" + stranger.file("stranger.pem")}, "certificate"},
		"another name":       {[]string{"REDIS_URL=rediss://" + strings.Replace(addr, "127.0.0.1", "localhost", 1)}, "match localhost"},
		"no client's":        {[]string{"REDIS_CERT", "REDIS_KEY"}, "reach redis"},
		"a CA that is a key": {[]string{"REDIS_CA=" + ca.file("client.key")}, "no PEM certificate in it"},
		"a CA that is not":   {[]string{"REDIS_CA=/nowhere.pem"}, `WXROLLOUT_REDIS_CA="/nowhere.pem": no such file`},
		"no key":             {[]string{"REDIS_KEY"}, "WXROLLOUT_REDIS_CERT and WXROLLOUT_REDIS_KEY"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := read(config.RoleWorker, nil, with(with(good(), full...), tt.change...), config.NoFiles)
			if err == nil {
				err = opened(t, cfg)
			}
			if tt.want == "" {
				if err != nil {
					t.Errorf("connect: %v", err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Fatalf("connect: %v, want %q", err, tt.want)
			}
			if text := fmt.Sprintf("%+v", err); strings.Contains(text, "p@ss") || strings.Contains(text, "p%40ss") {
				t.Errorf("the error shows the password: %s", text)
			}
		})
	}
}

// opened builds a worker and lets it go.
func opened(t *testing.T, cfg *config.Config) error {
	t.Helper()
	a, err := app.New(t.Context(), cfg, app.Options{})
	if err != nil {
		return err
	}
	return a.Stop(t.Context())
}
