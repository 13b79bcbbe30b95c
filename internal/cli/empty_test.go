package cli

import (
	"context"
	"strings"
	"testing"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// TestEmptyIsNoName runs every command of the tree with an empty argument, and each of
// its flags of text with an empty value: none may reach Redis, where "" could mean the
// only rollout or all targets.
func TestEmptyIsNoName(t *testing.T) {
	t.Parallel()
	refused := func(line ...string) {
		t.Helper()
		f := newFake("")
		root := newTestRoot()
		root.SetArgs(line)
		root.SetOut(f.Out)
		root.SetErr(f.Err)
		err := root.ExecuteContext(context.Background())
		if codeOf(err) != exit.Usage || !strings.Contains(err.Error(), "empty") {
			t.Errorf("%q: %v, want a usage error that says what is empty", line, err)
		}
	}
	commands, flags := 0, 0
	everyCommand(newTestRoot(), func(c *cobra.Command) {
		path := strings.Fields(c.CommandPath())[1:]
		commands++
		refused(append(path, "")...)
		refused(append(path, "spring", " ")...)
		c.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
			if kind := f.Value.Type(); kind != "string" && kind != "stringSlice" || mayBeEmpty[f.Name] || f.Name == "output" {
				return
			}
			flags++
			refused(append(path, "--"+f.Name+"=")...)
			if f.Value.Type() == "stringSlice" {
				refused(append(path, "--"+f.Name+"=a,")...)
			}
		})
	})
	if commands < 40 || flags < 40 {
		t.Errorf("%d commands and %d flags were tried: where are the others?", commands, flags)
	}
}
