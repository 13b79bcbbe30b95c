package command

import (
	"slices"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// BindFormat adds -o to a command; the first format is the default.
func BindFormat(cmd *cobra.Command, value *term.Format, known ...term.Format) {
	*value = known[0]
	f := term.FormatFlag{Value: value, Known: known}
	cmd.Flags().VarP(f, "output", "o", "output format: "+f.List())
	Complete(cmd, "output", completions(known)...)
}

// completions are the formats as far as a shell can complete them.
func completions(known []term.Format) []string {
	out := Texts(known)
	for i, f := range known {
		switch f {
		case term.JSONPath:
			out[i] = "jsonpath="
		case term.GoTemplate:
			out[i] = "go-template="
		}
	}
	return out
}

// BindObject adds -o to a command that writes text or a whole value.
func BindObject(cmd *cobra.Command, value *term.Format, more ...term.Format) {
	BindFormat(cmd, value, slices.Concat([]term.Format{term.Table}, more, term.Objects())...)
}

// BindList adds -o and the flags of lists to a command.
func BindList(env *Env, cmd *cobra.Command, value *term.Format) {
	BindObject(cmd, value, term.Wide, term.CSV, term.Name)
	f := cmd.Flags()
	f.StringVar(&env.Listing.SortBy, "sort-by", "", "sort by a column, such as state, or by a JSON path, such as .name")
	f.BoolVar(&env.Listing.NoHeaders, "no-headers", false, "omit the header line of table, wide and csv")
}

// Complete registers the values of a flag for shell completion.
func Complete(cmd *cobra.Command, flag string, values ...string) {
	if err := cmd.RegisterFlagCompletionFunc(flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp)); err != nil {
		panic(err) // the flag was just added
	}
}
