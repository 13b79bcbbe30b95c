package config_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/goldentest"
)

// TestConfigurationPage: docs/configuration.md is the flags of both programs, their defaults and help.
func TestConfigurationPage(t *testing.T) {
	t.Parallel()
	flags := func(role config.Role) *pflag.FlagSet {
		fs := pflag.NewFlagSet("page", pflag.ContinueOnError)
		config.Bind(fs, &config.Config{}, role)
		return fs
	}
	var b strings.Builder
	row := func(f *pflag.Flag) {
		def := f.DefValue
		if def != "" {
			def = "`" + def + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", config.EnvName(f.Name), f.Value.Type(), def, f.Usage)
	}
	b.WriteString(configurationHead)
	b.WriteString("\n## Both programs\n\n| setting | type | default | meaning |\n|---|---|---|---|\n")
	both := flags(config.RoleOperator)
	both.VisitAll(row)
	b.WriteString("\n## Worker only\n\n`enqueue` ignores these settings, so that both programs can share one environment.\n\n| setting | type | default | meaning |\n|---|---|---|---|\n")
	flags(config.RoleWorker).VisitAll(func(f *pflag.Flag) {
		if both.Lookup(f.Name) == nil {
			row(f)
		}
	})
	b.WriteString("\n## Secrets\n\n| setting | meaning |\n|---|---|\n")
	for line := range strings.Lines(config.SecretUsage()) {
		name, usage, _ := strings.Cut(strings.TrimSpace(line), " ")
		fmt.Fprintf(&b, "| `%s` | %s |\n", name, strings.TrimSpace(usage))
	}
	goldentest.Compare(t, "../../../docs/configuration.md", b.String())
}

const configurationHead = "# Settings of the programs\n\n" +
	"A setting is a flag of `worker` or `enqueue`, or a variable of the environment, or a line of the settings file, or its default, in this\n" +
	"order. The flag of `WXROLLOUT_REDIS_URL` is `--redis-url`. Durations take the units `ms`, `s`, `m` and `h`. A program that finds a wrong or\n" +
	"an unknown setting lists all faults and exits with code 2. `enqueue config` shows what is in effect, and where each value comes from.\n\n" +
	"Secrets are never flags: give the variable, or its name with `_FILE` appended and the path of a file. This page is generated from the flags\n" +
	"(`go test ./internal/config -update`).\n\n" +
	"## Settings file\n\n" +
	"Both programs read the file of `--config` or `WXROLLOUT_CONFIG`, else `./wxrollout.yaml`, else `~/.config/wxrollout/config.yaml`\n" +
	"(`$XDG_CONFIG_HOME` counts). It has one context for each installation:\n\n" +
	"    current: production                 # unless --context or WXROLLOUT_CONTEXT names another\n" +
	"    contexts:\n" +
	"      production:\n" +
	"        redis-url: rediss://redis.internal:6379/0\n" +
	"        component-appid: wx0123456789abcdef\n" +
	"        component-secret-file: secrets/component      # relative to this file\n" +
	"        seal-key-file: secrets/seal-key\n" +
	"      test:\n" +
	"        redis-url: redis://127.0.0.1:6390/0\n" +
	"        wechat-url: http://127.0.0.1:8070\n\n" +
	"A key is the name of a flag, or of a secret in lower case with `-file` appended. A secret itself is refused here.\n"
