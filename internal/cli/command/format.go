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

// paged marks commands whose output may be long.
const paged = "paged"

// Page makes a command write through a pager on a terminal.
func Page(cmd *cobra.Command) {
	if cmd.Annotations == nil {
		cmd.Annotations = make(map[string]string)
	}
	cmd.Annotations[paged] = ""
}

// Paged reports whether a command that was parsed writes through a pager: one that follows
// changes does not.
func Paged(cmd *cobra.Command) bool {
	_, ok := cmd.Annotations[paged]
	watch := cmd.Flags().Lookup("watch")
	return ok && (watch == nil || !watch.Changed)
}

// BindList adds -o and the flags of lists to a command.
func BindList(env *Env, cmd *cobra.Command, value *term.Format) {
	BindObject(cmd, value, term.Wide, term.CSV, term.Name)
	Page(cmd)
	f := cmd.Flags()
	f.StringVar(&env.Listing.SortBy, "sort-by", "", "sort by a column, such as state, or by a JSON path, such as .name")
	f.BoolVar(&env.Listing.NoHeaders, "no-headers", false, "omit the header line of table, wide and csv")
}
