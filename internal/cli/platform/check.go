package platform

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/credential"
	"github.com/wxrollout/wxrollout/internal/doctor"
)

// checkOptions is the command line of check.
type checkOptions struct {
	command.Change
	app    string
	format term.Format
	// deep checks the ledger, or only the rollouts that refs names.
	deep, ended, repair bool
	refs                []string
}

func newCheck(env *command.Env, run func(context.Context, *command.Env, checkOptions) error) *cobra.Command {
	var o checkOptions
	cmd := &cobra.Command{
		Use:   "check [--deep [ROLLOUT...]]",
		Short: "Check the requirements of rollouts, or the consistency of the ledger",
		Long: `Check Redis and its settings, the platform's credentials, the IP allow-list, the
template library, the submission quota, the daily limits of calls and the workers.
The check changes nothing. Exit code: 0 if no check fails (warnings are allowed),
4 if the credentials are wrong, 1 for any other failure.

--deep checks the consistency of the ledger in one pass, while workers run: every
target of an unfinished rollout is in exactly one index, the one of its state;
counts add up; every unfinished target has a way to continue; and no index, owner,
permit or archived task refers to something that is gone. Each finding comes with
its repair. ROLLOUT limits the check to one rollout; --all includes the targets of
ended rollouts. Exit code: 0 if the ledger is consistent, 1 if there are findings.

--repair repairs the findings: it moves targets to the index of their state,
removes dangling references, recounts, wakes stuck targets, corrects owners and
returns lost permits. It never changes the stage or state of a target, verifies
each finding in the step that repairs it, and can be repeated safely. Findings
that need a decision, such as a broken record, are left with advice. Exit code: 0
if none is left, else 1.`,
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
	f.StringVar(&o.app, "app", "", "appid whose token reads from WeChat")
	f.BoolVar(&o.deep, "deep", false, "check the consistency of the ledger")
	f.BoolVar(&o.ended, "all", false, "with --deep: include the targets of ended rollouts")
	f.BoolVar(&o.repair, "repair", false, "with --deep: repair the findings")
	f.StringVar(&o.Why, "reason", "", "with --repair: why, for the record")
	f.BoolVarP(&o.Yes, "yes", "y", false, fmt.Sprintf("with --repair: skip the confirmation of more than %d repairs", term.ConfirmAbove))
	f.BoolVar(&o.DryRun, "dry-run", false, "with --repair: show the effect without changing anything")
	command.CompleteBy(cmd, "app", command.CompleteApps(env))
	command.BindList(env, cmd, &o.format)
	return cmd
}

// check refuses flags that contradict each other.
func (o checkOptions) check() error {
	switch {
	case !o.deep && (o.ended || o.repair):
		return exit.Usagef("--all and --repair need --deep")
	case !o.repair && (o.DryRun || o.Yes || o.Why != ""):
		return exit.Usagef("--reason, --yes and --dry-run need --repair")
	case o.deep && o.app != "":
		return exit.Usagef("--app does not apply to --deep: name rollouts instead")
	case o.repair && !o.DryRun && o.Why == "":
		return exit.Usagef("--repair needs --reason, or --dry-run to look first")
	}
	return nil
}

func runCheck(ctx context.Context, env *command.Env, o checkOptions) error {
	if o.deep {
		return runDeep(ctx, env, o)
	}
	var results []doctor.Result
	err := env.With(ctx, func(t command.Tools) error {
		results = t.Doctor.Check(ctx, o.app)
		return ctx.Err()
	})
	if errors.As(err, new(*config.Error)) || ctx.Err() != nil {
		return err
	}
	if err != nil && len(results) == 0 { // Redis could not be opened
		results = []doctor.Result{{Name: "redis", Level: doctor.LevelFail, Detail: err.Error(), Credentials: credential.AtFault(err)}}
	}
	if err := term.List(env.Streams, o.format, "checks", resultColumns, results); err != nil {
		return err
	}
	failed := func(r doctor.Result) bool { return r.Level == doctor.LevelFail }
	switch {
	case slices.ContainsFunc(results, func(r doctor.Result) bool { return failed(r) && r.Credentials }):
		return exit.With(exit.Credentials)
	case slices.ContainsFunc(results, failed):
		return exit.With(exit.Error)
	default:
		return nil
	}
}

var resultColumns = []term.Column[doctor.Result]{
	{Name: "check", Text: func(r doctor.Result) string { return r.Name }},
	{Name: "level", State: true, Text: func(r doctor.Result) string { return strings.ToUpper(string(r.Level)) }},
	{Name: "found", Text: func(r doctor.Result) string {
		if r.Hint == "" {
			return r.Detail
		}
		return r.Detail + "; " + r.Hint
	}},
}
