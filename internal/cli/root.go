package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/cli/apps"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/plans"
	"github.com/wxrollout/wxrollout/internal/cli/platform"
	"github.com/wxrollout/wxrollout/internal/cli/rollouts"
	"github.com/wxrollout/wxrollout/internal/config"
)

// execute runs a command line and returns its exit code.
func execute(ctx context.Context, env *command.Env, settings *pflag.FlagSet, version string, args []string) exit.Code {
	root := newRoot(env, settings, version)
	root.SetArgs(args)
	endPager := func() {}
	root.PersistentPreRunE = func(cmd *cobra.Command, _ []string) (err error) {
		endPager, err = appearanceOf(env, cmd)
		return err
	}
	cmd, err := root.ExecuteContextC(ctx)
	endPager()
	err = withOutError(env, err)
	if err != nil {
		report(env, cmd, err)
	}
	return codeOf(err)
}

const rootLong = `enqueue rolls out new versions to the mini programs of a WeChat third-party
platform. It plans and applies rollouts, shows the state of every app and the
reason for it, and pauses, retries, schedules and checks rollouts. The workers do
the work: you can stop enqueue at any time.

ROLLOUT is an id (spring-1a2b3c4d), a prefix of one, or the name of a plan, which
means the newest rollout of that name. Without ROLLOUT, commands that only read
use the only unfinished rollout.

Exit codes: 0 done or healthy, 1 error, 2 usage, 3 held by a gate or paused,
4 credentials, 5 aborted, 6 done with failures.`

// settingsHelp is the last part of the root's help.
func settingsHelp() string {
	return `
Settings: flags of every command, environment variables (--redis-url is
WXROLLOUT_REDIS_URL) and lines of a settings file, in this order
(docs/configuration.md):
%s
Secrets come from the environment, or from the file that a variable ending in
_FILE names. Without COMPONENT_SECRET and SEAL_KEY, or --token-url and
TOKEN_BEARER, enqueue works offline: commands that need WeChat fail and say so.
` + config.SecretUsage()
}

// newRoot returns the command tree.
func newRoot(env *command.Env, settings *pflag.FlagSet, version string) *cobra.Command {
	root := &cobra.Command{
		Use:   "enqueue",
		Short: "Roll out new versions of WeChat mini programs",
		Long:  rootLong,
		Example: `  enqueue plan --sample > spring.yaml
  enqueue plan -f spring.yaml
  enqueue apply -f spring.yaml
  enqueue watch spring`,
		SilenceErrors: true, SilenceUsage: true,
		Args: cobra.ArbitraryArgs,
		RunE: command.Group,
	}
	root.Version = version // adds --version
	root.SetVersionTemplate(versionLine(version))
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	root.SetFlagErrorFunc(func(_ *cobra.Command, err error) error {
		if number := negative.FindStringSubmatch(err.Error()); number != nil {
			return exit.Usagef("%s: want no negative number", number[1])
		}
		return exit.UsageOf(err)
	})
	root.PersistentFlags().AddFlagSet(settings)
	command.CompleteBy(root, "context", command.CompleteContexts(env))
	bindAppearance(root)
	root.AddGroup(
		&cobra.Group{ID: "plan", Title: "Plan and apply:"},
		&cobra.Group{ID: "look", Title: "Inspect:"},
		&cobra.Group{ID: "act", Title: "Control:"},
		&cobra.Group{ID: "platform", Title: "Platform:"},
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
	root.AddCommand(newVersion(env, version), newMan(env, version))
	completeParents(root)
	refuseEmpty(root)
	shapeHelp(root, settings)
	return root
}

// completeParents makes cobra's own command completion refuse to run without a shell, as
// every other command with subcommands does.
func completeParents(root *cobra.Command) {
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		if c.Name() == "completion" {
			c.Args, c.RunE = command.Args(cobra.ArbitraryArgs), command.Group
		}
	}
}

// negative matches the error of a negative number in place of an argument.
var negative = regexp.MustCompile(`^unknown shorthand flag: '\d' in (-\d+)$`)

// mayBeEmpty names the flags for which the empty string is a valid value.
var mayBeEmpty = map[string]bool{"reason": true}

// refuseEmpty makes an empty argument or flag a usage error of every command of a tree:
// an unset variable in a script must not select the only rollout, or all targets.
func refuseEmpty(cmd *cobra.Command) {
	check := cmd.Args
	cmd.Args = func(cmd *cobra.Command, given []string) error {
		for i, a := range given {
			if strings.TrimSpace(a) == "" {
				return exit.Usagef("argument %d is empty: give a value or omit it", i+1)
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

// emptyFlag returns an error if a local flag of the command has an empty value.
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
			err = exit.Usagef("--%s is empty: give a value or omit it", f.Name)
		}
	})
	return err
}

// shapeHelp shows the settings in the help of the root only.
func shapeHelp(root *cobra.Command, settings *pflag.FlagSet) {
	usage := strings.NewReplacer(
		"Global Flags:\n{{.InheritedFlags.FlagUsages | trimTrailingWhitespaces}}", "Every command also accepts the settings of Redis and WeChat: see enqueue --help.",
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
