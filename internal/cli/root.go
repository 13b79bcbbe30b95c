package cli

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/cli/apps"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/plans"
	"github.com/wxrollout/wxrollout/internal/cli/platform"
	"github.com/wxrollout/wxrollout/internal/cli/rollouts"
)

// execute runs a command line and gives its exit code.
func execute(ctx context.Context, env *command.Env, settings *pflag.FlagSet, version string, args []string) exit.Code {
	root := newRoot(env, settings, version)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		report(env, cmd, err)
	}
	return codeOf(err)
}

const rootLong = `enqueue plans and applies rollouts of a WeChat third-party platform's mini
programs, shows where every app stands and why, and holds, retries, schedules
and checks them. The workers do the work: enqueue may go away at any time.

A ROLLOUT is an id (spring-1a2b3c4d), the beginning of one, or a plan's name,
which is the newest rollout of that name. Commands that only read take the only
unfinished rollout when none is named.

Exit codes: 0 done or healthy, 1 error, 2 usage, 3 held by a gate or paused,
4 credentials, 5 aborted, 6 completed with failures.`

// settingsHelp is what the root's help adds.
func settingsHelp() string {
	return `
Settings (flags of every command; each is also an environment variable:
--redis-url is WXROLLOUT_REDIS_URL):
%s
Secrets are read from the environment only, or from the file that the same name
with _FILE names. Without COMPONENT_SECRET and SEAL_KEY, or token-url and
TOKEN_BEARER, enqueue works offline: what needs WeChat says so.
` + config.SecretUsage()
}

// newRoot makes the command tree.
func newRoot(env *command.Env, settings *pflag.FlagSet, version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "enqueue",
		Short: "Plan, apply and look after rollouts of WeChat mini programs",
		Long:  rootLong,
		Example: `  enqueue plan --sample > spring.yaml
  enqueue plan -f spring.yaml
  enqueue apply -f spring.yaml
  enqueue watch spring`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: command.Group,
	}
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return exit.UsageOf(err) })
	root.PersistentFlags().AddFlagSet(settings)
	root.AddGroup(
		&cobra.Group{ID: "plan", Title: "Plan and apply:"},
		&cobra.Group{ID: "look", Title: "Look:"},
		&cobra.Group{ID: "act", Title: "Act:"},
		&cobra.Group{ID: "platform", Title: "The platform:"},
	)
	add := func(group string, commands ...*cobra.Command) {
		for _, c := range commands {
			c.GroupID = group
			root.AddCommand(c)
		}
	}
	add("plan", plans.Commands(env)...)
	add("plan", newDemo(env, runDemo))
	add("look", rollouts.Readers(env, plans.Schedules(env))...)
	add("act", rollouts.Verbs(env)...)
	add("platform", platform.Commands(env)...)
	add("platform", apps.Command(env))
	root.AddCommand(newVersion(env, version))
	refuseEmpty(root)
	shapeHelp(root, settings)
	return root
}

// mayBeEmpty are the flags for which nothing is a value like any other.
var mayBeEmpty = map[string]bool{"reason": true}

// refuseEmpty makes an empty argument or flag a usage error for all commands of a
// tree. A script's unset variable must not become "the only one" or "all of them".
func refuseEmpty(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		for i, a := range given {
			if strings.TrimSpace(a) == "" {
				return exit.Usagef("argument %d is empty: give a name, or leave it out", i+1)
			}
		}
		if err := emptyFlag(cmd); err != nil || check == nil {
			return err
		}
		return check(cmd, given)
	}
	for _, c := range cmd.Commands() {
		refuseEmpty(c)
	}
}

// emptyFlag is an error if a flag of the command itself was given an empty value.
func emptyFlag(cmd *cobra.Command) error {
	var err error
	cmd.LocalNonPersistentFlags().VisitAll(func(f *pflag.Flag) {
		if !f.Changed || mayBeEmpty[f.Name] {
			return
		}
		values := []string{f.Value.String()}
		if list, ok := f.Value.(pflag.SliceValue); ok {
			values = list.GetSlice()
		}
		if len(values) == 0 || slices.ContainsFunc(values, func(v string) bool { return strings.TrimSpace(v) == "" }) {
			err = exit.Usagef("--%s is empty: give a value, or leave it out", f.Name)
		}
	})
	return err
}

// shapeHelp keeps the settings out of every command's help but the root's.
func shapeHelp(root *cobra.Command, settings *pflag.FlagSet) {
	usage := strings.NewReplacer(
		"Global Flags:\n{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}", "Redis, WeChat and secrets are set by flags of every command: see enqueue --help.",
	).Replace(root.UsageTemplate())
	root.SetUsageTemplate(usage)
	plain := root.HelpFunc()
	root.SetHelpFunc(func(cmd *cobra.Command, args []string) {
		if cmd != root {
			plain(cmd, args)
			return
		}
		settings.VisitAll(func(f *pflag.Flag) { f.Hidden = true })
		plain(cmd, args)
		settings.VisitAll(func(f *pflag.Flag) { f.Hidden = false })
		_, _ = fmt.Fprintf(cmd.OutOrStdout(), settingsHelp(), settings.FlagUsages())
	})
}
