package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// checkOptions are the command line of check.
type checkOptions struct {
	command.Change
	app    string
	format term.Format
	// deep looks into the ledger, at the rollouts that refs name.
	deep, ended, repair bool
	refs                []string
}

func newCheck(env *command.Env, run func(context.Context, *command.Env, checkOptions) error) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [--deep [ROLLOUT...]]",
		Short: "Check that everything a rollout needs is there, or that nothing is lost",
		Long: `Check Redis and its settings, the platform's credentials, the IP allow-list, the
template library, the submission quota, the daily limits of calls and the workers.
It changes nothing. The exit code is 0 if nothing fails (warnings are fine), 4 if
the credentials are at fault, and 1 for anything else.

--deep proves in one pass over the ledger, beside the workers, that nothing is
lost: every target of every unfinished rollout is in exactly one place that fits
its state, the counts add up, each unfinished target has something that holds it,
what only waits is not parked for ever or failed, and no index, owner, permit or
archived task keeps what is gone. Each finding says what is wrong and what a repair
would do. ROLLOUT looks at that one and leaves out what belongs to none; --all looks
at the targets of ended rollouts too. The exit code is 0 if the ledger is sound and
1 if there are findings.

--repair repairs them: it puts targets into the index that their record asks for,
drops what names nothing, counts anew, wakes what sleeps, frees and assigns owners,
and gives dead permits back. It never changes a target's stage or state, and looks
at each finding again in the same step that repairs it. Doing it twice does nothing.
What it can't know, such as the state in a broken record, it leaves to a person
and says how to go on. The exit code is 0 if nothing is left, and 1 if something is.`,
		Example: `  enqueue check
  enqueue check -o json --app wx1234567890abcdef
  enqueue check --deep
  enqueue check --deep --all -o json
  enqueue check --deep spring --repair --dry-run
  enqueue check --deep --repair --reason "Redis was restored from a backup" --yes`,
		Args: command.Args(func(cmd *cobra.Command, given []string) error {
			if o.deep {
				return nil
			}
			return cobra.NoArgs(cmd, given)
		}),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			if len(given) > 0 {
				o.refs = given
			}
			if err := o.check(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.app, "app", "", "the app to ask WeChat through")
	f.BoolVar(&o.deep, "deep", false, "prove that nothing in the ledger is lost")
	f.BoolVar(&o.ended, "all", false, "with --deep: the targets of ended rollouts too")
	f.BoolVar(&o.repair, "repair", false, "with --deep: repair what is found")
	f.StringVar(&o.Why, "reason", "", "with --repair: why, for the rollouts' record")
	f.BoolVarP(&o.Yes, "yes", "y", false, fmt.Sprintf("with --repair: don't ask when it repairs more than %d findings", term.ConfirmAbove))
	f.BoolVar(&o.DryRun, "dry-run", false, "with --repair: tell what would be done, and change nothing")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON, term.CSV)
	return cmd
}

// check refuses flags that don't go together.
func (o checkOptions) check() error {
	switch {
	case !o.deep && (o.ended || o.repair):
		return exit.Usagef("--all and --repair need --deep")
	case !o.repair && (o.DryRun || o.Yes || o.Why != ""):
		return exit.Usagef("--reason, --yes and --dry-run need --repair")
	case o.deep && o.app != "":
		return exit.Usagef("--app is for a check without --deep: name rollouts instead")
	case o.repair && !o.DryRun && o.Why == "":
		return exit.Usagef("--repair needs a --reason for the rollouts' record, or --dry-run to look first")
	}
	return nil
}

func runCheck(ctx context.Context, env *command.Env, o checkOptions) error {
	if o.deep {
		return runDeep(ctx, env, o)
	}
	var results []operator.Result
	err := env.With(ctx, func(op *operator.Operator) error {
		results = op.Check(ctx, o.app)
		return ctx.Err()
	})
	if errors.As(err, new(*config.Error)) || ctx.Err() != nil {
		return err
	}
	if err != nil && len(results) == 0 { // nothing could be opened
		results = []operator.Result{{Name: "redis", Level: operator.LevelFail, Detail: err.Error(), Credentials: operator.IsCredential(err)}}
	}
	if err := term.List(env.Out, o.format, resultColumns, results); err != nil {
		return err
	}
	failed := func(r operator.Result) bool { return r.Level == operator.LevelFail }
	switch {
	case slices.ContainsFunc(results, func(r operator.Result) bool { return failed(r) && r.Credentials }):
		return exit.With(exit.Credentials)
	case slices.ContainsFunc(results, failed):
		return exit.With(exit.Error)
	default:
		return nil
	}
}

var resultColumns = []term.Column[operator.Result]{
	{Name: "check", Text: func(r operator.Result) string { return r.Name }},
	{Name: "level", Text: func(r operator.Result) string { return strings.ToUpper(string(r.Level)) }},
	{Name: "found", Text: func(r operator.Result) string {
		if r.Hint == "" {
			return r.Detail
		}
		return r.Detail + "; " + r.Hint
	}},
}
