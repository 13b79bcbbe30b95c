package cli

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/rollouts"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/demo"
	"github.com/wxrollout/wxrollout/internal/human"
)

// demoOptions are the command line of demo.
type demoOptions struct {
	apps   int
	seed   uint64
	redis  string
	format term.Format
}

func newDemo(env *command.Env, run func(context.Context, *command.Env, demoOptions) error) *cobra.Command {
	var o demoOptions
	cmd := &cobra.Command{
		Use:   "demo",
		Short: "Run a whole rollout without a WeChat account or Redis",
		Long: `Run a whole rollout in this process, with a worker, an embedded Redis and a
simulated WeChat that is busy, loses replies, rejects some apps and runs out of
quota. At the end the demo compares the simulator's records with the ledger: every
app was submitted and released at most once. A seed always yields the same
numbers."`,
		Example: `  enqueue demo
  enqueue demo --apps 2000 --seed 7
  enqueue demo --redis redis://127.0.0.1:6379/15`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.apps < demo.MinApps || o.apps > demo.MaxApps {
				return exit.Usagef("--apps %d: want %d to %d", o.apps, demo.MinApps, demo.MaxApps)
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.apps, "apps", demo.DefaultApps, "number of mini programs")
	f.Uint64Var(&o.seed, "seed", 1, "seed of the busy replies, lost replies and rejections")
	f.StringVar(&o.redis, "redis", "", "use this empty Redis database instead of the embedded one")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

// demoEvery is the interval between two snapshots.
const demoEvery = 500 * time.Millisecond

func runDemo(ctx context.Context, env *command.Env, o demoOptions) (err error) {
	log := zerolog.New(env.Err).Level(zerolog.ErrorLevel)
	story, err := demo.Start(ctx, demo.Options{Apps: o.apps, Seed: o.seed, RedisURL: o.redis, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, story.Close()) }()
	env.Talk("a simulated platform with %s and a quota of only %s; it gets more when the quota is used up\n",
		human.Plural(o.apps, "app"), human.Plural(story.Quota(), "submission"))
	shown := *env
	if o.format == term.JSON {
		shown.Out = env.Err // only the tally is data
	}
	last, err := rollouts.Follow(ctx, &shown, story.Operator(), story.Rollout(), demoEvery, term.Table)
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	tally, err := story.Settle(ctx)
	if err != nil {
		return errors.Join(err, rollouts.Conclude(env, last, false))
	}
	if o.format.Object() {
		return env.Object(o.format, tally)
	}
	return printDemo(ctx, &shown, story, tally)
}

// printDemo writes the failures, the tally and what to try next.
func printDemo(ctx context.Context, env *command.Env, story *demo.Demo, tally demo.Tally) error {
	op := story.Operator()
	r, err := op.Rollout(ctx, story.Rollout())
	if err != nil {
		return err
	}
	failures, err := op.Failures(ctx, r)
	if err != nil {
		return err
	}
	if err := env.Print("\nwhat needs attention (enqueue get failures):\n"); err != nil {
		return err
	}
	if err := rollouts.PrintFailures(env, r.ID, failures); err != nil {
		return err
	}
	return env.Print(`
ledger:     %s: %s released, %s rejected, %s failed, %s other
simulator:  %s submissions, %s units of quota spent, %s releases. Both agree:
            no app was submitted or released twice, only audited versions were
            released, and no app received two calls at once
faults:     %s busy replies, %s lost replies, %s submissions refused for lack of quota

next steps:
  enqueue plan --sample > spring.yaml    write your own plan
  enqueue check                          check a real platform
  README.md                              credentials, workers, Prometheus and Grafana
`, human.Plural(tally.Apps, "app"), human.Count(tally.Released), human.Count(tally.Rejected), human.Count(tally.Failed), human.Count(tally.Other),
		human.Count(tally.Submissions), human.Count(tally.Spent), human.Count(tally.Released),
		human.Count(tally.Busy), human.Count(tally.Lost), human.Count(tally.Refused))
}
