package platform

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// sealOptions are the command line of seal rotate.
type sealOptions struct {
	dryRun bool
	format term.Format
}

func newSeal(env *command.Env, run func(context.Context, *command.Env, sealOptions) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Look after the key that seals tokens in Redis",
		Long: `Tickets and tokens are in Redis only under AES-256-GCM, with WXROLLOUT_SEAL_KEY.
enqueue check says whether some still need the previous key.`,
		Example: `  enqueue seal rotate --dry-run`,
		Args:    cobra.ArbitraryArgs,
		RunE:    command.Group,
	}
	cmd.AddCommand(newSealRotate(env, run))
	return cmd
}

func newSealRotate(env *command.Env, run func(context.Context, *command.Env, sealOptions) error) *cobra.Command {
	var o sealOptions
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Seal every stored token with the current key",
		Long: `Seal everything with WXROLLOUT_SEAL_KEY that WXROLLOUT_SEAL_KEY_PREVIOUS sealed. It
may run beside live workers, be stopped, and be run again. To change the key:

  1. make a new one: openssl rand -base64 32
  2. give it to every worker as WXROLLOUT_SEAL_KEY, and the old one as
     WXROLLOUT_SEAL_KEY_PREVIOUS, and restart them
  3. enqueue seal rotate, with the same two
  4. when it says that nothing is left, take the previous key away

The exit code is 4 if some values open with neither key, and 1 if some are left
because a worker still seals with the previous one.`,
		Example: `  enqueue seal rotate --dry-run
  enqueue seal rotate`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	cmd.Flags().BoolVar(&o.dryRun, "dry-run", false, "count only, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func runSealRotate(ctx context.Context, env *command.Env, o sealOptions) error {
	var found operator.Seals
	err := env.With(ctx, func(op *operator.Operator) (err error) {
		bar := env.Bar()
		defer bar.End()
		found, err = op.Seals(ctx, !o.dryRun, func(done, total int) { bar.Show("stored rows", done, total) })
		return err
	})
	if err != nil {
		return err
	}
	if err := printSeals(env, found, o); err != nil {
		return err
	}
	switch {
	case found.Unreadable > 0:
		return exit.With(exit.Credentials)
	case found.Previous > 0 && !o.dryRun:
		return exit.With(exit.Error)
	default:
		return nil
	}
}

// printSeals tells what was found and done.
func printSeals(env *command.Env, s operator.Seals, o sealOptions) error {
	if o.format == term.JSON {
		return term.WriteJSON(env.Out, s)
	}
	if s.Unreadable > 0 {
		env.Talk("%s stored values open with neither key, such as %s:\ngive the key they were sealed with as WXROLLOUT_SEAL_KEY_PREVIOUS; if it is lost, delete these rows, and the tokens are read back\n",
			human.Count(s.Unreadable), strings.Join(s.Examples, ", "))
	}
	switch {
	case o.dryRun:
		env.Talk("this is a dry run: nothing was changed\n")
		return env.Print("%s of %s stored values would be sealed with the current key\n", human.Count(s.Previous), human.Count(s.Values))
	case s.Previous > 0:
		env.Talk("a worker still seals with the previous key: restart it with both, and run this again\n")
		return env.Print("%s of %s stored values were sealed with the current key; %s are left\n", human.Count(s.Resealed), human.Count(s.Values), human.Count(s.Previous))
	default:
		return env.Print("%s of %s stored values were sealed with the current key; none is left that only the previous one opens\n", human.Count(s.Resealed), human.Count(s.Values))
	}
}
