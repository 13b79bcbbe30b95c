package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/goldentest"
)

// everyCommand calls f with each command but those that cobra adds.
func everyCommand(cmd *cobra.Command, f func(*cobra.Command)) {
	f(cmd)
	for _, c := range cmd.Commands() {
		if c.Name() != "help" && c.Name() != "completion" {
			everyCommand(c, f)
		}
	}
}

// newTestRoot is the command tree in a fake environment.
func newTestRoot() *cobra.Command {
	var cfg config.Config
	settings := pflag.NewFlagSet("settings", pflag.ContinueOnError)
	settings.SortFlags = false
	config.Bind(settings, &cfg, config.RoleOperator)
	return newRoot(newFake("").Env, settings, "dev")
}

// TestHelp compares the help of every command, all in one file each.
func TestHelp(t *testing.T) {
	t.Parallel()
	seen := make(map[string]bool)
	everyCommand(newTestRoot(), func(c *cobra.Command) {
		name := strings.ReplaceAll(c.CommandPath(), " ", "-")
		seen[name+".golden"] = true
		var out strings.Builder
		root := newTestRoot()
		root.SetOut(&out)
		root.SetArgs(append(strings.Fields(c.CommandPath())[1:], "--help"))
		if err := root.ExecuteContext(context.Background()); err != nil {
			t.Errorf("%s --help: %v", c.CommandPath(), err)
		}
		goldentest.Compare(t, filepath.Join("help", name+".golden"), out.String())
	})
	files, err := os.ReadDir(filepath.Join("testdata", "help"))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		if !seen[f.Name()] {
			t.Errorf("testdata/help/%s is of no command", f.Name())
		}
	}
}

// TestHelpIsComplete: every command says what it does and how it is used, every
// flag what it is for, and the examples are command lines that parse.
func TestHelpIsComplete(t *testing.T) {
	t.Parallel()
	everyCommand(newTestRoot(), func(c *cobra.Command) {
		if c.Short == "" || c.Long == "" || c.Example == "" {
			t.Errorf("%s: Short, Long or Example is missing", c.CommandPath())
		}
		if strings.HasSuffix(c.Short, ".") {
			t.Errorf("%s: Short ends in a full stop", c.CommandPath())
		}
		for line := range strings.Lines(c.Long) {
			if len(strings.TrimRight(line, "\n")) > 84 {
				t.Errorf("%s: a line of Long has more than 84 columns: %q", c.CommandPath(), line)
			}
		}
		c.LocalFlags().VisitAll(func(f *pflag.Flag) {
			if f.Usage == "" {
				t.Errorf("%s --%s: no usage", c.CommandPath(), f.Name)
			}
		})
		checkExamples(t, c)
	})
}

// checkExamples looks up each example's command and flags.
func checkExamples(t *testing.T, c *cobra.Command) {
	t.Helper()
	for line := range strings.Lines(c.Example) {
		line, _, _ = strings.Cut(strings.TrimSpace(line), "#")
		line, _, _ = strings.Cut(line, ">")
		line, _, _ = strings.Cut(line, "|")
		line, _, _ = strings.Cut(line, "&&")
		words := quoted(line)
		if len(words) == 0 {
			continue
		}
		if words[0] != "enqueue" {
			t.Errorf("%s: the example %q runs something else", c.CommandPath(), line)
			continue
		}
		cmd, rest, err := newTestRoot().Find(words[1:])
		if err == nil {
			err = cmd.ParseFlags(rest)
		}
		if err == nil {
			err = cmd.ValidateArgs(cmd.Flags().Args())
		}
		if err != nil {
			t.Errorf("%s: the example %q: %v", c.CommandPath(), line, err)
		}
	}
}

// quoted splits a command line at blanks outside double quotes.
func quoted(line string) []string {
	inside := false
	return strings.FieldsFunc(line, func(r rune) bool {
		if r == '"' {
			inside = !inside
		}
		return r == ' ' && !inside
	})
}
