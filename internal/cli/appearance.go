package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
)

// bindAppearance adds the flags about terminals to every command.
func bindAppearance(root *cobra.Command) {
	f := root.PersistentFlags()
	f.String("color", "auto", "colors of states: "+strings.Join(term.ColorModes(), ", ")+"; auto is on a terminal without NO_COLOR")
	f.Bool("no-pager", false, "don't page long output on a terminal (WXROLLOUT_PAGER, PAGER)")
	command.Complete(root, "color", term.ColorModes()...)
}

// appearanceOf applies the flags about terminals to a command that was parsed. The caller must
// call endPager after the command.
func appearanceOf(env *command.Env, cmd *cobra.Command) (endPager func(), err error) {
	endPager = func() {}
	mode := cmd.Flag("color").Value.String()
	if !slices.Contains(term.ColorModes(), mode) {
		return endPager, exit.Usagef("--color %q: want %s", mode, strings.Join(term.ColorModes(), ", "))
	}
	getenv := term.Getenv(env.Environ)
	env.UseColor(mode, getenv)
	if pager := term.PagerOf(getenv); pager != "" && env.OutTTY && !cmd.Flag("no-pager").Changed && command.Paged(cmd) {
		endPager = env.Page(pager, env.Environ)
	}
	return endPager, nil
}
