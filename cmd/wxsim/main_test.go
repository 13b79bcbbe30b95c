package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/wxsim"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestParse(t *testing.T) {
	t.Parallel()
	env := []string{
		"WXSIM_APPS=7", "WXSIM_SEED=9", "WXSIM_AUDIT_DELAY=2s-4s", "WXSIM_TICKET_EVERY=30s", "WXSIM_PUSH_AUTH_URL=http://x/a",
		"PATH=/bin", "WXSIMULATOR=1", "WXSIM_NOTHING=",
		// Variables that Kubernetes adds for a Service named wxsim.
		"WXSIM_SERVICE_HOST=10.0.0.7", "WXSIM_SERVICE_PORT=80", "WXSIM_SERVICE_PORT_HTTP=80", "WXSIM_PORT=tcp://10.0.0.7:80",
		"WXSIM_PORT_80_TCP=tcp://10.0.0.7:80", "WXSIM_PORT_80_TCP_PROTO=tcp",
	}
	cfg, help, err := parse([]string{"--apps=5", "--reject", "0.25", "--quota", "0", "--refill", "10s"}, env, io.Discard)
	if err != nil || help {
		t.Fatalf("parse: help %v, %v", help, err)
	}
	o := cfg.sim
	if o.Apps != 5 || o.Seed != 9 || o.RejectRate != 0.25 || o.AuditDelay != (wxsim.Range{Min: 2 * time.Second, Max: 4 * time.Second}) ||
		o.Callbacks.TicketEvery != 30*time.Second || o.Callbacks.AuthURL != "http://x/a" || cfg.addr != "127.0.0.1:8070" || o.Quota.Refill != 10*time.Second {
		t.Errorf("parsed %+v", cfg)
	}
	if o.Quota.Rest != -1 || o.Quota.Limit != 0 {
		t.Errorf("quota %+v, want an explicit zero to mean none, and the limit unchanged", o.Quota)
	}
}

func TestUsageErrors(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		args []string
		env  []string
		want string
	}{
		"unknown flag":    {[]string{"--nonsense"}, nil, "--nonsense"},
		"argument":        {[]string{"serve"}, nil, "serve"},
		"share":           {[]string{"--reject", "2"}, nil, "--reject 2: want a share from 0 to 1"},
		"not a number":    {[]string{"--lost", "NaN"}, nil, "--lost NaN"},
		"range":           {[]string{"--latency", "3s-1s"}, nil, "below the first"},
		"bad environment": {nil, []string{"WXSIM_APPS=many"}, "WXSIM_APPS"},
		"misspelled":      {nil, []string{"WXSIM_AUDITDELAY=1s"}, "WXSIM_AUDITDELAY: no such setting"},
		"negative apps":   {[]string{"--apps", "-1"}, nil, "--apps -1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out, errs bytes.Buffer
			code := run(tc.args, tc.env, &out, &errs)
			if code != exitUsage || !strings.Contains(errs.String(), tc.want) || out.Len() != 0 {
				t.Errorf("exit %d, stderr %q, stdout %q; want 2 and %q", code, errs.String(), out.String(), tc.want)
			}
		})
	}
}

func TestHelpNamesTheVariables(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := run([]string{"--help"}, nil, &out, &errs); code != exitOK {
		t.Errorf("exit %d: %s", code, errs.String())
	}
	for _, want := range []string{"--addr", "WXSIM_ADDR", "--push-out-of-order", "WXSIM_PUSH_OUT_OF_ORDER"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("help lacks %s:\n%s", want, out.String())
		}
	}
}

func TestAddressInUse(t *testing.T) {
	t.Parallel()
	var out, errs bytes.Buffer
	if code := run([]string{"--addr", "256.0.0.1:1"}, nil, &out, &errs); code != exitError || !strings.Contains(errs.String(), "listen on 256.0.0.1:1") {
		t.Errorf("exit %d, stderr %q", code, errs.String())
	}
}

// started runs the command on a free port and returns what it printed and its exit code to come.
func started(t *testing.T, ctx context.Context, args ...string) (hint string, exit chan int) {
	t.Helper()
	r, w := io.Pipe()
	exit = make(chan int, 1)
	go func() {
		exit <- runContext(ctx, append(args, "--addr", "127.0.0.1:0"), nil, w, io.Discard)
		_ = w.Close()
	}()
	line := make([]byte, 4096)
	n, err := r.Read(line)
	if err != nil {
		t.Fatalf("nothing was printed: %v", err)
	}
	return string(line[:n]), exit
}

// TestHintWorks: the settings of the printed line suffice to get a component token.
func TestHintWorks(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hint, exit := started(t, ctx, "--apps", "3")
	if strings.Count(hint, "\n") != 1 {
		t.Errorf("printed %q, want one line", hint)
	}
	env := map[string]string{}
	for _, m := range regexp.MustCompile(`(WXROLLOUT_\w+)=(\S+)`).FindAllStringSubmatch(hint, -1) {
		env[m[1]] = m[2]
	}
	if len(env) != 6 || len(env["WXROLLOUT_CALLBACK_AES_KEY"]) != 43 || env["WXROLLOUT_CALLBACK_TOKEN"] == "" {
		t.Errorf("settings %v, want six", env)
	}
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	body := `{"component_appid":"` + env["WXROLLOUT_COMPONENT_APPID"] + `","component_appsecret":"` + env["WXROLLOUT_COMPONENT_SECRET"] +
		`","component_verify_ticket":"` + env["WXROLLOUT_COMPONENT_TICKET"] + `"}`
	res, err := client.Post(env["WXROLLOUT_WECHAT_URL"]+"/cgi-bin/component/api_component_token", "application/json", strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	var out struct {
		Token string `json:"component_access_token"`
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil || out.Token == "" {
		t.Errorf("no token: %v", err)
	}
	_ = res.Body.Close()
	stop()
	if code := <-exit; code != exitOK {
		t.Errorf("exit %d after the stop", code)
	}
}

// TestStopEndsHangs: a call that hangs does not hold the shutdown up.
func TestStopEndsHangs(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	hint, exit := started(t, ctx)
	base := regexp.MustCompile(`http://[0-9.:]+`).FindString(hint)
	client := &http.Client{Transport: &http.Transport{}}
	defer client.CloseIdleConnections()
	fault := `{"endpoint":"/cgi-bin/component/api_component_token","kind":"hang"}`
	res, err := client.Post(base+"/_sim/faults", "application/json", strings.NewReader(fault))
	if err != nil {
		t.Fatal(err)
	}
	_ = res.Body.Close()
	hung := make(chan error, 1)
	go func() {
		res, err := client.Post(base+"/cgi-bin/component/api_component_token", "application/json", strings.NewReader("{}"))
		if err == nil {
			_ = res.Body.Close()
		}
		hung <- err
	}()
	for faults := "?"; faults != "[]\n"; {
		res, err := client.Get(base + "/_sim/faults")
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(res.Body)
		_ = res.Body.Close()
		faults = string(body)
	}
	stop()
	if err := <-hung; err == nil {
		t.Error("the hanging call was answered")
	}
	if code := <-exit; code != exitOK {
		t.Errorf("exit %d, want a clean stop", code)
	}
}

// TestSignal: SIGTERM is a clean stop. It is not parallel, because the signal goes to the whole process.
func TestSignal(t *testing.T) {
	r, w := io.Pipe()
	exit := make(chan int, 1)
	go func() {
		exit <- run([]string{"--addr", "127.0.0.1:0"}, nil, w, io.Discard)
		_ = w.Close()
	}()
	if _, err := r.Read(make([]byte, 4096)); err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(os.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if code := <-exit; code != exitOK {
		t.Errorf("exit %d after SIGTERM, want 0", code)
	}
}

// fullDisk accepts nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestOutputThatIsLost: an answer that could not be written is an error.
func TestOutputThatIsLost(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--help", "--version"} {
		var stderr bytes.Buffer
		if code := run([]string{flag}, nil, fullDisk{}, &stderr); code != exitError || stderr.String() != "wxsim: write the output: no space left on device\n" {
			t.Errorf("%s: exit %d, stderr %q", flag, code, stderr.String())
		}
	}
}
