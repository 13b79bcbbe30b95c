package e2e

import (
	"crypto/tls"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestWeChatByTLS has a built program call WeChat through a proxy of the
// environment, with certificates right and wrong. A call that isn't safe doesn't
// leave: no request arrives.
func TestWeChatByTLS(t *testing.T) {
	t.Parallel()
	nocerts := filepath.Join(t.TempDir(), "nocerts.pem")
	if err := os.WriteFile(nocerts, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	old := func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 } //nolint:gosec // what is to be refused
	redis := redistest.Start(t).Addr()
	tests := map[string]struct {
		change func(*tls.Config) // of the server
		env    []string
		want   string // in the error; "" for success
	}{
		"right":                  {want: ""},
		"another authority":      {env: []string{"SSL_CERT_FILE=" + nocerts}, want: "certificate signed by unknown authority"},
		"another name":           {env: []string{"WXROLLOUT_WECHAT_URL=https://wechat.example"}, want: "not wechat.example"},
		"TLS 1.1":                {change: old, want: "protocol version"},
		"plain HTTP":             {env: []string{"WXROLLOUT_WECHAT_URL=http://" + wechatName}, want: "without TLS every token is readable"},
		"a proxy without WeChat": {env: []string{"no proxy"}, want: "Bad Gateway"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			sim := wxsim.New(wxsim.Options{Apps: 1})
			t.Cleanup(sim.Close)
			w := startWeChat(t, sim, tt.change)
			p := startProxy(t, w.server.Listener.Addr().String())
			if len(tt.env) > 0 && tt.env[0] == "no proxy" {
				p.to = ""
			}
			env := append(through(p, w.authority(t)), "WXROLLOUT_REDIS_URL=redis://"+redis+"/0",
				"WXROLLOUT_COMPONENT_APPID="+wxsim.DefaultComponentAppID, "WXROLLOUT_COMPONENT_SECRET="+wxsim.DefaultSecret,
				"WXROLLOUT_COMPONENT_TICKET="+wxsim.DefaultTicket, "WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=")
			r := proctest.Call(t, program("enqueue"), append(env, tt.env...), t.TempDir(), "templates")
			if tt.want == "" {
				if r.Code != 0 || p.asked()[wechatName+":443"] == 0 {
					t.Errorf("exit %d, the proxy was asked for %v", r.Code, p.asked())
				}
				return
			}
			if r.Code == 0 || !strings.Contains(r.Stderr, tt.want) || strings.Contains(r.Stderr, wxsim.DefaultSecret) {
				t.Errorf("exit %d, %q, want an error with %q", r.Code, r.Stderr, tt.want)
			}
			if n := len(w.known()); n != 0 {
				t.Errorf("%d secrets arrived nevertheless", n)
			}
		})
	}
}
