package command

import (
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// BindFormat adds -o to a command; the first format is the default.
func BindFormat(cmd *cobra.Command, value *term.Format, known ...term.Format) {
	*value = known[0]
	f := term.FormatFlag{Value: value, Known: known}
	cmd.Flags().VarP(f, "output", "o", "output format: "+f.List())
	Complete(cmd, "output", Texts(known)...)
}

// Complete registers the values of a flag for shell completion.
func Complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was just added
	}
}
