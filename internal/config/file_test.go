package config_test

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
)

const twoContexts = `current: production
contexts:
  production:
    redis-url: rediss://redis.internal:6379/0
    component-appid: wx00000000000000aa
    component-secret-file: secrets/component
    call-timeout: 7s
    rate: 40
  sim:
    redis-url: redis://127.0.0.1:6390/0
    wechat-url: http://127.0.0.1:8070
`

// TestSettingsFile: which file is read, which context of it, and that flags and environment win.
func TestSettingsFile(t *testing.T) {
	t.Parallel()
	const home = "/home/op/.config/wxrollout/config.yaml"
	type values = map[string]string // by setting: value and origin
	for _, tc := range []struct {
		name  string
		files map[string]string
		args  []string
		env   []string
		want  values
		fault string
	}{
		{name: "no file", want: values{"REDIS_URL": "redis://127.0.0.1:6379/0 default"}},
		{
			name: "of the working folder", files: map[string]string{"wxrollout.yaml": twoContexts, "secrets/component": "hush\n", home: "current: other\n"},
			want: values{
				"REDIS_URL": "rediss://redis.internal:6379/0 wxrollout.yaml:4", "CALL_TIMEOUT": "7s wxrollout.yaml:7",
				"COMPONENT_SECRET": "[redacted] wxrollout.yaml:6", "WECHAT_URL": "https://api.weixin.qq.com default",
			},
		},
		{
			name: "of the user", files: map[string]string{home: twoContexts, "/home/op/.config/wxrollout/secrets/component": "hush"},
			want: values{"REDIS_URL": "rediss://redis.internal:6379/0 " + home + ":4", "COMPONENT_SECRET": "[redacted] " + home + ":6"},
		},
		{
			name: "of the user, elsewhere", env: []string{"XDG_CONFIG_HOME=/etc/op"}, args: []string{"--context=sim"},
			files: map[string]string{"/etc/op/wxrollout/config.yaml": twoContexts, home: "bad"},
			want:  values{"REDIS_URL": "redis://127.0.0.1:6390/0 /etc/op/wxrollout/config.yaml:10"},
		},
		{
			name: "named by a flag", args: []string{"--config=/etc/w.yaml", "--context=sim"},
			files: map[string]string{"/etc/w.yaml": twoContexts, "wxrollout.yaml": "bad"},
			want:  values{"WECHAT_URL": "http://127.0.0.1:8070 /etc/w.yaml:11", "CONFIG": "/etc/w.yaml flag"},
		},
		{
			name: "named by the environment", env: []string{"WXROLLOUT_CONFIG=/etc/w.yaml", "WXROLLOUT_CONTEXT=sim"},
			files: map[string]string{"/etc/w.yaml": twoContexts},
			want:  values{"WECHAT_URL": "http://127.0.0.1:8070 /etc/w.yaml:11", "CONTEXT": "sim environment"},
		},
		{
			name: "environment and flags win", files: map[string]string{"wxrollout.yaml": twoContexts},
			args: []string{"--call-timeout=9s"}, env: []string{"WXROLLOUT_REDIS_URL=redis://h:1/0", "WXROLLOUT_CALL_TIMEOUT=8s", "WXROLLOUT_COMPONENT_SECRET=x"},
			want: values{"REDIS_URL": "redis://h:1/0 environment", "CALL_TIMEOUT": "9s flag", "COMPONENT_SECRET": "[redacted] environment"},
		},
		{name: "the only context", files: map[string]string{"wxrollout.yaml": "contexts: {one: {log-level: debug}}"}, want: values{"LOG_LEVEL": "debug wxrollout.yaml:1"}},
		{name: "a password in the URL", files: map[string]string{"wxrollout.yaml": "contexts: {one: {redis-url: 'redis://u:hush@h:1/0'}}"}, want: values{"REDIS_URL": "redis://h:1/0 wxrollout.yaml:1"}},

		{name: "a missing file", args: []string{"--config=nowhere.yaml"}, fault: "config nowhere.yaml: "},
		{name: "no such context", args: []string{"--context=prod"}, files: map[string]string{"wxrollout.yaml": twoContexts}, fault: `no context "prod": it has production, sim`},
		{name: "a context without a file", args: []string{"--context=prod"}, fault: "there is no settings file: looked for wxrollout.yaml"},
		{name: "no current one", files: map[string]string{"wxrollout.yaml": strings.TrimPrefix(twoContexts, "current: production\n")}, fault: "no context is chosen"},
		{name: "an unknown setting", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    redis-ulr: x\n"}, fault: "wxrollout.yaml:3: redis-ulr: no such setting"},
		{name: "a wrong value", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    call-timeout: soon\n"}, fault: `wxrollout.yaml:3: call-timeout="soon"`},
		{name: "a value out of range", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    call-timeout: 1h\n"}, fault: "wxrollout.yaml:3: WXROLLOUT_CALL_TIMEOUT=1h0m0s: want 1s to 10m0s"},
		{name: "a list", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    redis-url: [a, b]\n"}, fault: "wxrollout.yaml:3: redis-url: want one value"},
		{name: "a secret", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    component-secret: hush\n"}, fault: "wxrollout.yaml:3: component-secret: a secret is not read from here: write component-secret-file"},
		{name: "a missing secret file", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    component-secret-file: nowhere\n"}, fault: `wxrollout.yaml:3: component-secret-file="nowhere": `},
		{name: "an unknown section", files: map[string]string{"wxrollout.yaml": "context: {}\n"}, fault: "unknown field \"context\""},
		{name: "no YAML", files: map[string]string{"wxrollout.yaml": "a: [\n"}, fault: "config wxrollout.yaml: "},
		{name: "a key twice", files: map[string]string{"wxrollout.yaml": "contexts:\n  a:\n    rate: 1\n    rate: 2\n"}, fault: "config wxrollout.yaml: [4:5]"},
		{name: "too large", files: map[string]string{"wxrollout.yaml": strings.Repeat("#", 2<<20)}, fault: "more than 1048576 bytes"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			var cfg config.Config
			flags := pflag.NewFlagSet("test", pflag.ContinueOnError)
			config.Bind(flags, &cfg, config.RoleOperator)
			if err := flags.Parse(tc.args); err != nil {
				t.Fatal(err)
			}
			files := map[string]string{"secrets/component": "hush"}
			for name, text := range tc.files {
				files[name] = text
			}
			err := config.Load(flags, &cfg, config.RoleOperator, append([]string{"HOME=/home/op"}, tc.env...), folder(files))
			if tc.fault != "" {
				if err == nil || !strings.Contains(err.Error(), tc.fault) || strings.Contains(err.Error(), "hush") {
					t.Errorf("%v, want %q and no secret", err, tc.fault)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			got := values{}
			for _, s := range cfg.Settings(flags) {
				if name := strings.TrimPrefix(s.Name, "WXROLLOUT_"); tc.want[name] != "" {
					got[name] = s.Value + " " + s.Origin
				}
			}
			if diff := cmp.Diff(tc.want, got); diff != "" {
				t.Errorf("settings (-want +got):\n%s", diff)
			}
		})
	}
}
