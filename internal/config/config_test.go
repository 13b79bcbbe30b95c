package config_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"testing/fstest"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/goldentest"
)

// with changes an environment: "NAME=value" replaces, "NAME" takes away.
func with(env []string, changes ...string) []string {
	out := slices.Clone(env)
	for _, c := range changes {
		name, _, set := strings.Cut(c, "=")
		name = "WXROLLOUT_" + name
		out = slices.DeleteFunc(out, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if set {
			out = append(out, "WXROLLOUT_"+c)
		}
	}
	return out
}

// aesKey is a right one.
const aesKey = "CALLBACK_AES_KEY=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"

// good is a worker's environment that is right.
func good() []string {
	return []string{
		"WXROLLOUT_REDIS_URL=redis://127.0.0.1:6379/0",
		"WXROLLOUT_WECHAT_URL=https://wechat.example",
		"WXROLLOUT_COMPONENT_APPID=wx0123456789abcdef",
		"WXROLLOUT_COMPONENT_SECRET=secret",
		"WXROLLOUT_COMPONENT_TICKET=ticket",
		"WXROLLOUT_SEAL_KEY=MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	}
}

// folder is a machine with these files, by absolute path or relative to the working folder.
func folder(files map[string]string) config.Opener {
	m := make(fstest.MapFS)
	for name, text := range files {
		m[strings.TrimPrefix(name, "/")] = &fstest.MapFile{Data: []byte(text), Mode: 0o600}
	}
	return func(name string) (fs.File, error) { return m.Open(strings.TrimPrefix(name, "/")) }
}

// read loads settings as a program does.
func read(role config.Role, args, env []string, files config.Opener) (*config.Config, error) {
	var cfg config.Config
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(set, &cfg, role)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	return &cfg, config.Load(set, &cfg, role, env, files)
}

func TestFlagOverEnvironmentOverDefault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		args []string
		env  []string
		want time.Duration
	}{
		"default":                 {nil, nil, 15 * time.Second},
		"environment":             {nil, []string{"CALL_TIMEOUT=7s"}, 7 * time.Second},
		"flag":                    {[]string{"--call-timeout=5s"}, nil, 5 * time.Second},
		"flag over environment":   {[]string{"--call-timeout=5s"}, []string{"CALL_TIMEOUT=7s"}, 5 * time.Second},
		"the default by flag":     {[]string{"--call-timeout=15s"}, []string{"CALL_TIMEOUT=7s"}, 15 * time.Second},
		"empty is unset":          {nil, []string{"CALL_TIMEOUT="}, 15 * time.Second},
		"a flag hides bad text":   {[]string{"--call-timeout=5s"}, []string{"CALL_TIMEOUT=soon"}, 5 * time.Second},
		"others' names are free":  {nil, []string{"CALL_TIMEOUT=7s"}, 7 * time.Second},
		"the last of two entries": {nil, []string{"CALL_TIMEOUT=7s"}, 7 * time.Second},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			env := append(with(good(), tt.env...), "PATH=/bin", "WXROLLOUTER=1", "nonsense")
			if strings.HasPrefix(name, "the last") {
				env = append([]string{"WXROLLOUT_CALL_TIMEOUT=3s"}, env...)
			}
			cfg, err := read(config.RoleWorker, tt.args, env, config.NoFiles)
			if err != nil {
				t.Fatal(err)
			}
			if cfg.CallTimeout != tt.want {
				t.Errorf("call timeout %s, want %s", cfg.CallTimeout, tt.want)
			}
		})
	}
}

// wrong is an environment with everything wrong at once.
func wrong() []string {
	return []string{
		"WXROLLOUT_REDIS_URL=http://somewhere", "WXROLLOUT_WECHAT_URL=wechat", "WXROLLOUT_REDIS_PASSWORD=hunter2",
		"WXROLLOUT_REDIS_PASSWORD_FILE=/run/secrets/redis", "WXROLLOUT_COMPONENT_SECRET_FILE=/run/secrets/absent",
		"WXROLLOUT_LOG_LEVEL=loud", "WXROLLOUT_LOG_FORMAT=xml", "WXROLLOUT_CALL_TIMEOUT=soon", "WXROLLOUT_RATE=-1",
		"WXROLLOUT_COMMIT_CONCURRENCY=0", "WXROLLOUT_AUDIT_CONCURRENCY=0", "WXROLLOUT_RELEASE_CONCURRENCY=201",
		"WXROLLOUT_DRAIN=1s", "WXROLLOUT_LEASE=2s", "WXROLLOUT_SETTLE=0s", "WXROLLOUT_BUSY_CAP=-1s",
		"WXROLLOUT_CALLBACK_TOKEN=tokentokentoken", "WXROLLOUT_CONCURENCY=12", "WXROLLOUT_COMPONENT_SECRETS=hunter3",
	}
}

func TestAllFaultsAtOnce(t *testing.T) {
	t.Parallel()
	_, err := read(config.RoleWorker, nil, wrong(), config.NoFiles)
	faults := (*config.Error)(nil)
	if !errors.As(err, &faults) {
		t.Fatalf("load: %v, want a *SettingsError", err)
	}
	goldentest.Compare(t, "faults.txt", err.Error()+"\n")
	for _, secret := range []string{"hunter2", "hunter3", "tokentokentoken"} {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("the faults show the secret %q", secret)
		}
	}
}

func TestOneFault(t *testing.T) {
	t.Parallel()
	tests := map[string]struct {
		role   config.Role
		change []string
		want   string // a fault; "" for none
	}{
		"right":                        {config.RoleWorker, nil, ""},
		"profiles for everybody":       {config.RoleWorker, []string{"PPROF_LISTEN=:6060"}, "without a host anyone could take profiles"},
		"profiles for this machine":    {config.RoleWorker, []string{"PPROF_LISTEN=localhost:6060"}, ""},
		"no appid":                     {config.RoleWorker, []string{"COMPONENT_APPID"}, "WXROLLOUT_COMPONENT_APPID: required"},
		"no secret":                    {config.RoleWorker, []string{"COMPONENT_SECRET"}, "WXROLLOUT_COMPONENT_SECRET (or _FILE): required"},
		"no ticket, no callback":       {config.RoleWorker, []string{"COMPONENT_TICKET"}, "required to receive verify tickets"},
		"no ticket, but callback":      {config.RoleWorker, []string{"COMPONENT_TICKET", "CALLBACK_TOKEN=t", aesKey}, ""},
		"no polls, no callbacks":       {config.RoleWorker, []string{"VERDICT_POLL=0"}, "WXROLLOUT_VERDICT_POLL=0: leaves verdicts to callbacks"},
		"no polls, but pushes":         {config.RoleWorker, []string{"VERDICT_POLL=0", "CALLBACK_TOKEN=t", aesKey}, ""},
		"no wait for an overlap":       {config.RoleWorker, []string{"OVERLAP_WAIT=0s"}, "WXROLLOUT_OVERLAP_WAIT=0s: want more than 0"},
		"a poll before it is time":     {config.RoleWorker, []string{"VERDICT_POLL=-1s"}, "WXROLLOUT_VERDICT_POLL=-1s: want 0 to 720h0m0s"},
		"unknown":                      {config.RoleWorker, []string{"COMIT_CONCURRENCY=4"}, "WXROLLOUT_COMIT_CONCURRENCY: no such setting"},
		"a fraction":                   {config.RoleWorker, []string{"RATE=1.5"}, `WXROLLOUT_RATE="1.5": `},
		"a lease too short for a call": {config.RoleWorker, []string{"LEASE=44s"}, "WXROLLOUT_LEASE=44s: must be at least three times"},
		"an operator needs nothing":    {config.RoleOperator, []string{"COMPONENT_APPID", "COMPONENT_SECRET", "COMPONENT_TICKET", "SEAL_KEY"}, ""},
		"an operator on workers' file": {config.RoleOperator, []string{"COMMIT_CONCURRENCY=3", "DRAIN=30s", "CALLBACK_TOKEN=t", aesKey}, ""},
		"an operator's typing error":   {config.RoleOperator, []string{"REDISURL=redis://h"}, "WXROLLOUT_REDISURL: no such setting"},
		"an operator's bad redis":      {config.RoleOperator, []string{"REDIS_URL=h:6379"}, "WXROLLOUT_REDIS_URL: no scheme"},
		"WeChat without TLS":           {config.RoleWorker, []string{"WECHAT_URL=http://wechat.example"}, "without TLS every token is readable"},
		"an address without TLS":       {config.RoleOperator, []string{"WECHAT_URL=http://10.0.0.7:8070"}, "without TLS every token is readable"},
		"a simulator elsewhere":        {config.RoleWorker, []string{"WECHAT_URL=http://wxsim:8070", "WECHAT_PLAIN_HTTP=true"}, ""},
		"a simulator here":             {config.RoleWorker, []string{"WECHAT_URL=http://127.0.0.1:8070"}, ""},
		"a simulator here by IPv6":     {config.RoleWorker, []string{"WECHAT_URL=http://[::1]:8070"}, ""},
		"a simulator here by name":     {config.RoleWorker, []string{"WECHAT_URL=http://localhost:8070"}, ""},
		"a name that looks like here":  {config.RoleWorker, []string{"WECHAT_URL=http://localhost.evil.example"}, "without TLS"},
		"another scheme":               {config.RoleWorker, []string{"WECHAT_URL=ftp://wechat.example"}, "want https://host"},
		"a port without a host":        {config.RoleWorker, []string{"WECHAT_URL=https://:443"}, "want https://host"},
		"a user in WeChat's URL":       {config.RoleWorker, []string{"WECHAT_URL=https://me:hunter2@wechat.example"}, "WXROLLOUT_WECHAT_URL: want https://host, without a user"},
		"a Service named wxrollout": {config.RoleWorker, []string{
			"SERVICE_HOST=10.0.0.7", "SERVICE_PORT=80", "SERVICE_PORT_HTTP=80", "PORT=tcp://10.0.0.7:80",
			"PORT_80_TCP=tcp://10.0.0.7:80", "PORT_80_TCP_ADDR=10.0.0.7", "METRICS_SERVICE_HOST=10.0.0.8",
		}, ""},
		"an appid with a line break":    {config.RoleOperator, []string{"COMPONENT_APPID=wx0123456789abcdef\n"}, `WXROLLOUT_COMPONENT_APPID="wx0123456789abcdef\n": it holds a line break`},
		"an appid in upper case":        {config.RoleWorker, []string{"COMPONENT_APPID=wx0123456789ABCDEF"}, `WXROLLOUT_COMPONENT_APPID="wx0123456789ABCDEF": want wx and 16 of 0-9 and a-f`},
		"an appid that is too long":     {config.RoleWorker, []string{"COMPONENT_APPID=wx0123456789abcdef0"}, "want wx and 16 of"},
		"an original id for an appid":   {config.RoleWorker, []string{"COMPONENT_APPID=gh_0123456789ab"}, "want wx and 16 of"},
		"a timeout that overflows":      {config.RoleWorker, []string{"CALL_TIMEOUT=2000000h", "DRAIN=30m", "LEASE=1h"}, "WXROLLOUT_CALL_TIMEOUT=2000000h0m0s: want 1s to 10m0s"},
		"a lease of a year":             {config.RoleWorker, []string{"LEASE=8760h"}, "WXROLLOUT_LEASE=8760h0m0s: want at most 12h0m0s"},
		"a drain of a day":              {config.RoleWorker, []string{"DRAIN=24h"}, "WXROLLOUT_DRAIN=24h0m0s: want at most 1h0m0s"},
		"a wait of a century":           {config.RoleWorker, []string{"MERCHANT_POLL=876000h"}, "WXROLLOUT_MERCHANT_POLL=876000h0m0s: want more than 0, at most 720h0m0s"},
		"an operator's quota poll":      {config.RoleOperator, []string{"QUOTA_POLL=-1s"}, "WXROLLOUT_QUOTA_POLL=-1s: want more than 0"},
		"a first wait above the last":   {config.RoleWorker, []string{"BUSY_BASE=2h", "BUSY_CAP=1h"}, "WXROLLOUT_BUSY_BASE=2h0m0s: must not exceed"},
		"a rate out of range":           {config.RoleWorker, []string{"RATE=4000000000"}, "WXROLLOUT_RATE=4000000000: want 0 to 100000"},
		"no address":                    {config.RoleWorker, []string{"LISTEN=9090"}, `WXROLLOUT_LISTEN="9090": want host:port`},
		"profiles for other machines":   {config.RoleWorker, []string{"PPROF_LISTEN=10.0.0.7:6060"}, "set WXROLLOUT_PPROF_OPEN=true"},
		"profiles, opened explicitly":   {config.RoleWorker, []string{"PPROF_LISTEN=10.0.0.7:6060", "PPROF_OPEN=true"}, ""},
		"WeChat's URL with a query":     {config.RoleWorker, []string{"WECHAT_URL=https://wechat.example/?a=b"}, "want https://host"},
		"a user in the token service":   {config.RoleOperator, []string{"COMPONENT_SECRET", "COMPONENT_TICKET", "SEAL_KEY", "TOKEN_BEARER=b", "TOKEN_URL=https://me:hunter2@tokens.example/t"}, "WXROLLOUT_TOKEN_URL: broker options: URL must not hold a user"},
		"a bearer of two lines":         {config.RoleOperator, []string{"COMPONENT_SECRET", "COMPONENT_TICKET", "SEAL_KEY", "TOKEN_BEARER=b\nX-A: 1", "TOKEN_URL=https://tokens.example/t"}, "WXROLLOUT_TOKEN_BEARER: it holds a line break"},
		"a seal key of another size":    {config.RoleOperator, []string{"SEAL_KEY=c2hvcnQ="}, "WXROLLOUT_SEAL_KEY: "},
		"a callback key of another":     {config.RoleWorker, []string{"CALLBACK_TOKEN=t", "CALLBACK_AES_KEY=short"}, "WXROLLOUT_CALLBACK_AES_KEY: "},
		"a port out of range":           {config.RoleWorker, []string{"REDIS_URL=redis://h:99999/0"}, `WXROLLOUT_REDIS_URL: bad host or port "h:99999"`},
		"a port that is no Service's":   {config.RoleWorker, []string{"PORT=9090"}, "WXROLLOUT_PORT: no such setting"},
		"a flag of the program, not of": {config.RoleWorker, []string{"HELP=1"}, "WXROLLOUT_HELP: no such setting"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := read(tt.role, nil, with(good(), tt.change...), config.NoFiles)
			if tt.want == "" {
				if err != nil {
					t.Errorf("load: %v", err)
				}
				return
			}
			faults := (*config.Error)(nil)
			if !errors.As(err, &faults) || len(faults.Faults) != 1 || !strings.Contains(faults.Faults[0], tt.want) {
				t.Errorf("load: %v, want one fault with %q", err, tt.want)
			}
		})
	}
}

func TestSecretsFromFiles(t *testing.T) {
	t.Parallel()
	files := func(name string) (fs.File, error) {
		if name == "/root/x" {
			return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrPermission}
		}
		return folder(map[string]string{"/run/secrets/component": "from-a-file\r\n", "/big": strings.Repeat("x", 65<<10), "/empty": " \n", "/folder/file": "x"})(name)
	}
	tests := map[string]struct {
		change []string
		want   string
		fault  string
	}{
		"file":       {[]string{"COMPONENT_SECRET", "COMPONENT_SECRET_FILE=/run/secrets/component"}, "from-a-file", ""},
		"both":       {[]string{"COMPONENT_SECRET_FILE=/run/secrets/component"}, "", "WXROLLOUT_COMPONENT_SECRET and WXROLLOUT_COMPONENT_SECRET_FILE: give one of them"},
		"too large":  {[]string{"COMPONENT_SECRET", "COMPONENT_SECRET_FILE=/big"}, "", "it has more than 65536 bytes"},
		"empty":      {[]string{"COMPONENT_SECRET", "COMPONENT_SECRET_FILE=/empty"}, "", `WXROLLOUT_COMPONENT_SECRET_FILE="/empty": the file is empty`},
		"a folder":   {[]string{"COMPONENT_SECRET", "COMPONENT_SECRET_FILE=/folder"}, "", "want a regular file"},
		"unreadable": {[]string{"COMPONENT_SECRET", "COMPONENT_SECRET_FILE=/root/x"}, "", `WXROLLOUT_COMPONENT_SECRET_FILE="/root/x": permission denied`},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			cfg, err := read(config.RoleWorker, nil, with(good(), tt.change...), files)
			if tt.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tt.fault) {
					t.Errorf("load: %v, want %q", err, tt.fault)
				}
				return
			}
			if err != nil || cfg.ComponentSecret.Reveal() != tt.want {
				t.Errorf("load: %v, secret %q, want %q", err, cfg.ComponentSecret.Reveal(), tt.want)
			}
		})
	}
}

// TestDevicesAreRefused: a device or a named pipe is not read, and nothing waits for the pipe's writer.
func TestDevicesAreRefused(t *testing.T) {
	t.Parallel()
	pipe := filepath.Join(t.TempDir(), "pipe")
	if err := syscall.Mkfifo(pipe, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{pipe, "/dev/zero"} {
		for name, env := range map[string][]string{
			"a secret":      with(good(), "COMPONENT_SECRET", "COMPONENT_SECRET_FILE="+path),
			"a settings":    with(good(), "CONFIG="+path),
			"a certificate": with(good(), "REDIS_URL=rediss://h", "REDIS_CA="+path),
			"a key":         with(good(), "REDIS_URL=rediss://h", "REDIS_CERT="+path, "REDIS_KEY="+path),
		} {
			if _, err := read(config.RoleWorker, nil, env, config.OpenFile); err == nil || !strings.Contains(err.Error(), "want a regular file") || !strings.Contains(err.Error(), path) {
				t.Errorf("%s file %s: %v", name, path, err)
			}
		}
	}
}

// TestSettingsShowNoSecret: no way of printing the settings shows a secret.
func TestSettingsShowNoSecret(t *testing.T) {
	t.Parallel()
	env := with(good(), "REDIS_URL=redis://worker:red%40pass@127.0.0.1:6379/0", "CALLBACK_TOKEN=pushtoken",
		"CALLBACK_AES_KEY=abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ", "SEAL_KEY_PREVIOUS=Zm9ybWVya2V5Zm9ybWVya2V5Zm9ybWVya2V5Zm9ybWU=")
	cfg, err := read(config.RoleWorker, nil, env, config.NoFiles)
	if err != nil {
		t.Fatal(err)
	}
	encoded, err := json.Marshal(cfg)
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	logger := zerolog.New(&log)
	logger.Log().Interface("config", cfg).Any("secret", cfg.ComponentSecret).Object("object", cfg.SealKey).
		Stringer("ticket", cfg.ComponentTicket).Send()
	shown := map[string]string{"JSON": string(encoded), "zerolog": log.String()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%d", "%08.3f"} {
		shown[verb] = fmt.Sprintf(verb, cfg) + fmt.Sprintf(verb, *cfg) + fmt.Sprintf(verb, cfg.ComponentSecret) + fmt.Sprintf(verb, &cfg.SealKey)
	}
	secrets := []string{"red%40pass", "red@pass", "pushtoken", "abcdefghijklm", "Zm9ybWVya2V5", "0a1b2c3d", "ticket@@@", "MDEyMzQ1"}
	for how, text := range shown {
		for _, s := range secrets {
			if strings.Contains(text, s) || strings.Contains(text, fmt.Sprintf("%x", s)) {
				t.Errorf("%s shows the secret %q", how, s)
			}
		}
	}
	if !strings.Contains(shown["JSON"], "[redacted]") {
		t.Errorf("JSON doesn't show that there are secrets: %s", encoded)
	}
}
