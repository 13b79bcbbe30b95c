package command

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// Group is a command that only has others below it.
func Group(cmd *cobra.Command, args []string) error {
	if len(args) == 0 {
		return cmd.Help()
	}
	const typos = 2 // letters wrong, for a suggestion
	cmd.SuggestionsMinimumDistance = typos
	text := fmt.Sprintf("unknown command %q", cmd.CommandPath()+" "+args[0])
	if near := cmd.SuggestionsFor(args[0]); len(near) > 0 {
		text += ": is it " + strings.Join(near, " or ") + "?"
	}
	return exit.Usagef("%s", text)
}

// Args wraps a check of arguments so that its error counts as usage.
func Args(check cobra.PositionalArgs) cobra.PositionalArgs {
	return func(cmd *cobra.Command, given []string) error {
		if err := check(cmd, given); err != nil {
			return exit.UsageOf(err)
		}
		return nil
	}
}

// One wants exactly one argument and says which.
func One(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		switch len(given) {
		case 1:
			return nil
		case 0:
			return exit.Usagef("%s is missing", what)
		default:
			return exit.Usagef("one %s only, not also %q", what, given[1])
		}
	}
}

// First is the first argument, or "".
func First(given []string) string {
	if len(given) == 0 {
		return ""
	}
	return given[0]
}

// Some wants at least one argument and says which.
func Some(what string) cobra.PositionalArgs {
	return func(_ *cobra.Command, given []string) error {
		if len(given) == 0 {
			return exit.Usagef("%s is missing", what)
		}
		return nil
	}
}
