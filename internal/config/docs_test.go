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
	"A setting is a flag of `worker` or `enqueue`, or a variable of the environment, or its default, in this order. The flag of\n" +
	"`WXROLLOUT_REDIS_URL` is `--redis-url`. Durations take the units `ms`, `s`, `m` and `h`. A program that finds a wrong or an unknown\n" +
	"setting lists all faults and exits with code 2. Secrets are never flags: give the variable, or its name with `_FILE` appended and the path\n" +
	"of a file. This page is generated from the flags (`go test ./internal/config -update`).\n"
