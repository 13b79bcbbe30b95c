package command

import (
	"fmt"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// Group refuses to run a command that has only subcommands.
func Group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		var names []string
		for _, c := range cmd.Commands() {
			if c.IsAvailableCommand() {
				names = append(names, c.Name())
			}
		}
		return exit.Usagef("a command is missing after %q: want %s", cmd.CommandPath(), english.OxfordWordSeries(names, "or"))
	}
	const typos = 2 // the edit distance of a suggestion
	cmd.SuggestionsMinimumDistance = typos
	text := fmt.Sprintf("unknown command %q", cmd.CommandPath()+" "+args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": did you mean " + strings.Join(near, " or ") + "?"
	}
	return exit.Usagef("%s", text)
}

// Args makes the errors of a check of arguments usage errors.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return exit.UsageOf(err)
		}
		return nil
	}
}

// One requires exactly one argument, called what in errors.
func One(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		switch len(given) {
		case 1:
			return nil
		case 0:
			return exit.Usagef("%s is missing", what)
		default:
			return exit.Usagef("more than one %s: %q is extra", what, given[1])
		}
	}
}

// First returns the first argument, or "".
func First(given []string) string {
	if len(given) == 0 {
		return ""
	}
	return given[0]
}

// Some requires at least one argument, called what in errors.
func Some(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		if len(given) == 0 {
			return exit.Usagef("%s is missing", what)
		}
		return nil
	}
}
