package command

import (
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// BindFormat adds -o to a command.
func BindFormat(cmd *cobra.Command, value *term.Format, known ...term.Format) {
	*value = known[0]
	f := term.FormatFlag{Value: value, Known: known}
	cmd.Flags().VarP(f, "output", "o", "how to write: "+f.List())
	var names []string
	for _, k := range known {
		names = append(names, string(k))
	}
	Complete(cmd, "output", names...)
}

// Complete lets the shell complete a flag's values.
func Complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was just added
	}
}
