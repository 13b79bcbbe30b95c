package main

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"go.uber.org/goleak"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/wxsim"
)

// asWorker in the environment makes the test binary the program itself.
const asWorker = "TEST_AS_WORKER"

func TestMain(m *testing.M) {
	if os.Getenv(asWorker) != "" {
		main()
	}
	goleak.VerifyTestMain(m)
}

// settings are a worker's against a Redis and a simulator.
func settings(redisAddr, wechat string) []string {
	return []string{
		"WXROLLOUT_REDIS_URL=redis://" + redisAddr + "/0", "WXROLLOUT_WECHAT_URL=" + wechat, "WXROLLOUT_LISTEN=127.0.0.1:0",
		"WXROLLOUT_COMPONENT_APPID=" + wxsim.DefaultComponentAppID, "WXROLLOUT_COMPONENT_SECRET=" + wxsim.DefaultSecret,
		"WXROLLOUT_COMPONENT_TICKET=" + wxsim.DefaultTicket, "WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
		"WXROLLOUT_CALL_TIMEOUT=2s", "WXROLLOUT_LEASE=6s", "WXROLLOUT_DRAIN=8s", "WXROLLOUT_SETTLE=1s",
		"WXROLLOUT_PRIVACY_POLL=500ms", "WXROLLOUT_VERDICT_POLL=500ms", "WXROLLOUT_QUOTA_POLL=1s",
	}
}

// called is a worker that ran to its end.
type called struct {
	code           int
	stdout, stderr string
}

// call runs the program in this process. The Redis driver's logger is the
// process's: it may still write to a worker's log when the worker is over.
func call(env []string, args ...string) called {
	var out, errs screen
	code := run(args, env, &out, &errs)
	return called{code, out.String(), errs.String()}
}

// screen is a buffer that several may write to.
type screen struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (s *screen) Write(p []byte) (int, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.Write(p)
}

func (s *screen) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}

// deaf is an address that counts who connects.
func deaf(t *testing.T) (addr string, connections func() int) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var n int
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			mu.Lock()
			n++
			mu.Unlock()
			_ = c.Close() // it was counted
		}
	})
	t.Cleanup(func() { _ = l.Close(); wg.Wait() })
	return l.Addr().String(), func() int { mu.Lock(); defer mu.Unlock(); return n }
}

// TestWrongSettingsStartNothing: exit code 2 with every fault, before any
// connection or listener. LISTEN is an address in use, which a start would trip over.
func TestWrongSettingsStartNothing(t *testing.T) {
	t.Parallel()
	addr, connections := deaf(t)
	r := call([]string{"WXROLLOUT_REDIS_URL=redis://" + addr, "WXROLLOUT_LISTEN=" + addr, "WXROLLOUT_LOG_LEVEL=loud", "WXROLLOUT_DRAINS=1s"})
	if r.code != exitUsage || r.stdout != "" {
		t.Errorf("exit code %d, want %d; printed %q", r.code, exitUsage, r.stdout)
	}
	for _, want := range []string{"_COMPONENT_APPID: required", "_COMPONENT_SECRET (or _FILE): required", "_SEAL_KEY", "_CALLBACK_TOKEN", "_LOG_LEVEL", "_DRAINS: no such setting"} {
		if !strings.Contains(r.stderr, "WXROLLOUT"+want) {
			t.Errorf("stderr lacks %q:\n%s", want, r.stderr)
		}
	}
	if n := connections(); n != 0 {
		t.Errorf("%d connections before the settings were right, want 0", n)
	}
}

func TestUsage(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		env  []string
		code int
		text string
	}{
		"unknown flag":            {[]string{"--concurrency=3"}, nil, exitUsage, "unknown flag: --concurrency\nsee worker --help"},
		"bad flag":                {[]string{"--drain=soon"}, nil, exitUsage, "--drain"},
		"argument":                {[]string{"serve"}, nil, exitUsage, `unexpected argument "serve"`},
		"a secret is no flag":     {[]string{"--component-secret=x"}, nil, exitUsage, "unknown flag"},
		"version":                 {[]string{"--version"}, nil, exitOK, "dev"},
		"no setting named check":  {nil, []string{"WXROLLOUT_CHECK=true"}, exitUsage, "WXROLLOUT_CHECK: no such setting"},
		"no setting named either": {nil, []string{"WXROLLOUT_VERSION=3"}, exitUsage, "WXROLLOUT_VERSION: no such setting"},
		"a bad seal key":          {nil, []string{"WXROLLOUT_SEAL_KEY=short"}, exitUsage, "WXROLLOUT_SEAL_KEY"},
		"a bad callback key":      {nil, []string{"WXROLLOUT_CALLBACK_TOKEN=t", "WXROLLOUT_CALLBACK_AES_KEY=short"}, exitUsage, "WXROLLOUT_CALLBACK_AES_KEY"},
	}
	srv := redistest.Start(t)
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := call(append(settings(srv.Addr(), "http://127.0.0.1:1"), tt.env...), tt.args...)
			if text := r.stdout + r.stderr; r.code != tt.code || !strings.Contains(text, tt.text) {
				t.Errorf("exit code %d, want %d with %q:\n%s", r.code, tt.code, tt.text, text)
			}
		})
	}
}

func TestHelp(t *testing.T) {
	t.Parallel()
	r := call(nil, "--help")
	if r.code != exitOK || r.stderr != "" {
		t.Errorf("exit code %d, stderr %q", r.code, r.stderr)
	}
	goldentest.Compare(t, "help.txt", r.stdout)
}

// TestUnfitRedis: a Redis that is away, locked or would lose targets is refused
// by name.
func TestUnfitRedis(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		addr func(t *testing.T) string
		want []string
	}{
		"away": {func(*testing.T) string { return "127.0.0.1:1" }, []string{"WXROLLOUT_REDIS_URL", "refused"}},
		"evicts": {func(t *testing.T) string {
			return redistest.Start(t, redistest.Config("maxmemory-policy allkeys-lru")).Addr()
		}, []string{"maxmemory-policy", "allkeys-lru", "noeviction"}},
		"locked": {func(t *testing.T) string { return redistest.Start(t, redistest.Password("hunter2")).Addr() }, []string{"NOAUTH", "/0", "set WXROLLOUT_REDIS_PASSWORD"}},
		"replica": {func(t *testing.T) string {
			_, port, _ := strings.Cut(redistest.Start(t).Addr(), ":")
			return redistest.Start(t, redistest.Config("replicaof 127.0.0.1 "+port)).Addr()
		}, []string{"it is a replica", "connect to the primary"}},
		"forbids a command": {func(t *testing.T) string {
			return redistest.Start(t, redistest.Config("user default on nopass ~* &* +@all -zmscore")).Addr()
		}, []string{"scripts cannot run ZMSCORE", "docs/redis.md"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, args := range [][]string{nil, {"--check"}} {
				r := call(settings(tt.addr(t), "http://127.0.0.1:1"), args...)
				if r.code != exitError || r.stdout != "" {
					t.Errorf("worker %v: exit code %d, want %d; printed %q", args, r.code, exitError, r.stdout)
				}
				for _, want := range tt.want {
					if !strings.Contains(r.stderr, want) {
						t.Errorf("worker %v: stderr lacks %q:\n%s", args, want, r.stderr)
					}
				}
			}
		})
	}
}

// TestCheck: --check tries what a worker needs, and each failure has its next step.
func TestCheck(t *testing.T) {
	t.Parallel()
	addr := redistest.Start(t).Addr()
	_, sim := simulator(t, wxsim.Options{Seed: 7, Apps: 1})
	untrusted := httptest.NewTLSServer(http.NotFoundHandler())
	t.Cleanup(untrusted.Close)
	p := startProcess(t, settings(addr, sim)) // seals a token
	p.await(t, "leading")
	rdb := redis.NewClient(&redis.Options{Addr: addr})
	t.Cleanup(func() { _ = rdb.Close() })
	token := "wxr:{registry}:" + wxsim.DefaultComponentAppID + ":token"
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for range 1200 {
		if rdb.Exists(t.Context(), token).Val() == 1 {
			break
		}
		<-tick.C
	}
	p.signal(t, syscall.SIGTERM)
	p.exit(t)
	otherKey := "WXROLLOUT_SEAL_KEY=" + base64.StdEncoding.EncodeToString(bytes.Repeat([]byte{7}, 32))
	broker := []string{
		"WXROLLOUT_TOKEN_BEARER=hush", "WXROLLOUT_TOKEN_URL=" + untrusted.URL + "/token",
	}
	for name, tt := range map[string]struct {
		env  []string
		code int
		want string
	}{
		"right":                        {nil, exitOK, "a worker can start\n"},
		"a wrong seal key":             {[]string{otherKey}, exitError, " stored values open with neither key, such as wxr:{registry}:"},
		"WeChat is away":               {[]string{"WXROLLOUT_WECHAT_URL=http://127.0.0.1:1"}, exitError, "fail  wechat: reach 127.0.0.1:1: "},
		"WeChat's CA is unknown":       {[]string{"WXROLLOUT_WECHAT_URL=" + untrusted.URL}, exitError, "SSL_CERT_FILE"},
		"the token service is unknown": {broker, exitError, "fail  token service: ask the token broker: reach " + untrusted.Listener.Addr().String() + ": tls: "},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append(settings(addr, sim), tt.env...)
			if name == "the token service is unknown" { // the platform renews no token then
				env = slices.DeleteFunc(env, func(kv string) bool {
					return strings.HasPrefix(kv, "WXROLLOUT_COMPONENT_SECRET") || strings.HasPrefix(kv, "WXROLLOUT_COMPONENT_TICKET") || strings.HasPrefix(kv, "WXROLLOUT_SEAL")
				})
			}
			r := call(env, "--check")
			if r.code != tt.code || r.stderr != "" || !strings.Contains(r.stdout, tt.want) || strings.Contains(r.stdout, "hush") {
				t.Errorf("exit code %d, want %d with %q; stderr %q:\n%s", r.code, tt.code, tt.want, r.stderr, r.stdout)
			}
		})
	}
}

// TestOpenSecretIsAWarning: a secret's file that every user of the machine can read is named in the log.
func TestOpenSecretIsAWarning(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "password")
	_, sim := simulator(t, wxsim.Options{})
	for mode, want := range map[os.FileMode]bool{0o644: true, 0o640: false} {
		if err := errors.Join(os.WriteFile(file, []byte("hush"), mode), os.Chmod(file, mode)); err != nil {
			t.Fatal(err)
		}
		env := append(settings(redistest.Start(t, redistest.Password("hush")).Addr(), sim), "WXROLLOUT_REDIS_PASSWORD_FILE="+file)
		r := call(env, "--check")
		if warned := strings.Contains(r.stderr, "chmod 600"); r.code != exitOK || warned != want || strings.Contains(r.stderr, "hush") {
			t.Errorf("mode %o: exit code %d, want a warning: %t:\n%s", mode, r.code, want, r.stderr)
		}
	}
}

func TestListenInUse(t *testing.T) {
	t.Parallel()
	addr, _ := deaf(t)
	r := call(append(settings(redistest.Start(t).Addr(), "http://127.0.0.1:1"), "WXROLLOUT_LISTEN="+addr))
	if r.code != exitError || !strings.Contains(r.stderr, "WXROLLOUT_LISTEN") || !strings.Contains(r.stderr, "in use") {
		t.Errorf("exit code %d, stderr:\n%s", r.code, r.stderr)
	}
}

func TestSignalWhenIdle(t *testing.T) {
	t.Parallel()
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP} {
		t.Run(s.String(), func(t *testing.T) {
			t.Parallel()
			p := startProcess(t, settings(redistest.Start(t).Addr(), "http://127.0.0.1:1"))
			p.await(t, "worker started")
			p.signal(t, s)
			if code := p.exit(t); code != exitOK {
				t.Errorf("exit code %d, want %d", code, exitOK)
			}
			if text := p.text(); !strings.Contains(text, fmt.Sprintf("%v: draining for at most 8s", s)) || !strings.Contains(text, "worker stopped") {
				t.Error("it doesn't say that it drained and stopped")
			}
		})
	}
}

// simulator is a WeChat that the test's workers talk to.
func simulator(t *testing.T, o wxsim.Options) (*wxsim.Sim, string) {
	t.Helper()
	sim := wxsim.New(o)
	srv := httptest.NewServer(sim)
	t.Cleanup(func() { sim.Close(); srv.Close() })
	return sim, srv.URL
}

// fullDisk accepts nothing.
type fullDisk struct{}

func (fullDisk) Write([]byte) (int, error) { return 0, syscall.ENOSPC }

// TestOutputThatIsLost: an answer that could not be written is an error.
func TestOutputThatIsLost(t *testing.T) {
	t.Parallel()
	for _, flag := range []string{"--help", "--version"} {
		var stderr bytes.Buffer
		if code := run([]string{flag}, nil, fullDisk{}, &stderr); code != exitError || stderr.String() != "worker: write the output: no space left on device\n" {
			t.Errorf("%s: exit %d, stderr %q", flag, code, stderr.String())
		}
	}
}
