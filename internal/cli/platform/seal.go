package platform

import (
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/human"
)

// sealOptions is the command line of seal rotate.
type sealOptions struct {
	dryRun bool
	format term.Format
}

func newSeal(env *command.Env, run func(context.Context, *command.Env, sealOptions) error) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "seal",
		Short: "Manage the key that seals tokens in Redis",
		Long: `Tickets and tokens in Redis are sealed by AES-256-GCM with WXROLLOUT_SEAL_KEY.
enqueue check reports values that still need the previous key.`,
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
		Long: `Seal all values under WXROLLOUT_SEAL_KEY_PREVIOUS again with WXROLLOUT_SEAL_KEY.
The command can run beside live workers, be interrupted, and be repeated. To
change the key:

  1. create a key: openssl rand -base64 32
  2. set it as WXROLLOUT_SEAL_KEY of every worker, and the old key as
     WXROLLOUT_SEAL_KEY_PREVIOUS; restart the workers
  3. run enqueue seal rotate with the same two keys
  4. when no value is left, remove the previous key

Exit code: 4 if a value opens with neither key, 1 if values are left because a
worker still seals with the previous key.`,
		Example: `  enqueue seal rotate --dry-run
  enqueue seal rotate`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), env, o) },
	}
	command.BindDryRun(cmd, &o.dryRun)
	command.BindObject(cmd, &o.format)
	return cmd
}

func runSealRotate(ctx context.Context, env *command.Env, o sealOptions) error {
	var found doctor.Seals
	err := env.With(ctx, func(t command.Tools) (err error) {
		bar := env.Bar()
		defer bar.End()
		found, err = t.Doctor.Seals(ctx, !o.dryRun, func(done, total int) { bar.Show("stored rows", done, total) })
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

// printSeals prints what was sealed.
func printSeals(env *command.Env, s doctor.Seals, o sealOptions) error {
	if o.format.Object() {
		return env.Object(o.format, s)
	}
	if s.Unreadable > 0 {
		env.Talk("%s stored values open with neither key, such as %s:\nset the key that sealed them as WXROLLOUT_SEAL_KEY_PREVIOUS; if it is lost, delete these rows, and the tokens are fetched again\n",
			human.Count(s.Unreadable), strings.Join(s.Examples, ", "))
	}
	switch {
	case o.dryRun:
		env.DryRun()
		return env.Print("%s of %s stored values would be sealed with the current key\n", human.Count(s.Previous), human.Count(s.Values))
	case s.Previous > 0:
		env.Talk("a worker still seals with the previous key: restart it with both keys, then run this again\n")
		return env.Print("%s of %s stored values were sealed with the current key; %s are left\n", human.Count(s.Resealed), human.Count(s.Values), human.Count(s.Previous))
	default:
		return env.Print("%s of %s stored values were sealed with the current key; none needs the previous one\n", human.Count(s.Resealed), human.Count(s.Values))
	}
}
