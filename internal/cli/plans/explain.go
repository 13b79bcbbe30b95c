package plans

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// explainOptions is the command line of explain.
type explainOptions struct {
	path   string
	format term.Format
}

func newExplain(env *command.Env, run func(context.Context, *command.Env, explainOptions) error) *cobra.Command {
	var o explainOptions
	cmd := &cobra.Command{
		Use:   "explain plan[.KEY...]",
		Short: "Describe the keys of a plan",
		Long: `Describe a key of the plan file, and the keys below it: type, unit, default, an
example, and the error that a wrong value gets. docs/plan.md has the same for all
keys. The brackets of lists may be left out: plan.waves.size.`,
		Example: `  enqueue explain plan
  enqueue explain plan.waves
  enqueue explain plan.release.window`,
		Args: command.Args(command.One("plan[.KEY...]")),
		RunE: func(cmd *cobra.Command, given []string) error {
			path, ok := strings.CutPrefix(given[0], "plan")
			if !ok || path != "" && path[0] != '.' {
				return exit.Usagef("%q: want plan, or a key of it such as plan.waves", given[0])
			}
			o.path = strings.TrimPrefix(path, ".")
			return run(cmd.Context(), env, o)
		},
	}
	command.BindObject(cmd, &o.format)
	return cmd
}

var keyColumns = []term.Column[planfile.Key]{
	{Name: "key", Text: func(k planfile.Key) string { return k.Path }},
	{Name: "type", Text: func(k planfile.Key) string { return k.Type }},
	{Name: "default", Text: func(k planfile.Key) string { return k.Default }},
}

func runExplain(_ context.Context, env *command.Env, o explainOptions) error {
	keys, err := planfile.Explain(o.path)
	if err != nil {
		return exit.UsageOf(err)
	}
	if o.format != term.Table || o.path == "" {
		return term.List(env.Streams, o.format, "keys", keyColumns, keys)
	}
	if err := env.Print("%s", keyText(keys[0])); err != nil {
		return err
	}
	if len(keys) == 1 {
		return nil
	}
	if err := env.Print("\n"); err != nil {
		return err
	}
	return term.List(env.Streams, term.Table, "keys", keyColumns, keys[1:])
}

// keyText describes a key.
func keyText(k planfile.Key) string {
	var b strings.Builder
	for _, line := range []struct{ name, text string }{
		{"key", k.Path}, {"does", k.Doc}, {"type", k.Type}, {"unit", k.Unit}, {"default", k.Default},
		{"example", k.Example}, {"wrong", k.Wrong}, {"error", k.Error()},
	} {
		if line.text != "" {
			fmt.Fprintf(&b, "%-9s %s\n", line.name, strings.ReplaceAll(line.text, "\n", "\n"+strings.Repeat(" ", 10)))
		}
	}
	return b.String()
}
