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
		Short: "Show a whole rollout without an account or a Redis",
		Long: `Show a whole rollout in this process: a simulated WeChat that is busy, loses
replies, rejects some apps and runs out of quota, a worker, and an embedded Redis.
In the end the simulator's own books are compared with the ledger: every app was
submitted and released at most once. The same seed ends with the same numbers.`,
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
	f.IntVar(&o.apps, "apps", demo.DefaultApps, "how many mini programs")
	f.Uint64Var(&o.seed, "seed", 1, "decides who is busy, lost and rejected")
	f.StringVar(&o.redis, "redis", "", "use this empty Redis database instead of the embedded one")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

// demoEvery is how often the demo is looked at.
const demoEvery = 500 * time.Millisecond

func runDemo(ctx context.Context, env *command.Env, o demoOptions) (err error) {
	log := zerolog.New(env.Err).Level(zerolog.ErrorLevel)
	story, err := demo.Start(ctx, demo.Options{Apps: o.apps, Seed: o.seed, RedisURL: o.redis, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, story.Close()) }()
	env.Talk("a simulated platform with %s and %s, which is fewer; it is given more when they run out\n",
		human.Plural(o.apps, "app"), human.Plural(story.Quota(), "submission"))
	shown := *env
	if o.format == term.JSON {
		shown.Out = env.Err // the tally alone is data
	}
	last, err := rollouts.Follow(ctx, &shown, story.Operator(), story.Rollout(), demoEvery, term.Table)
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	tally, err := story.Settle(ctx)
	if err != nil {
		return errors.Join(err, rollouts.Conclude(env, last, false))
	}
	if o.format == term.JSON {
		return term.WriteJSON(env.Out, tally)
	}
	return printDemo(ctx, &shown, story, tally)
}

// printDemo writes the report, the books and where to look next.
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
	if err := env.Print("\nwhat a person would look at (enqueue get failures):\n"); err != nil {
		return err
	}
	if err := rollouts.PrintFailures(env, r.ID, failures); err != nil {
		return err
	}
	return env.Print(`
the ledger:   %s, %s released, %s rejected, %s failed, %s other
the books:    %s submissions, %s units of quota spent, %s releases; balanced:
              nothing submitted or released twice, nothing released unpinned, no
              two calls at once on one app
WeChat was:   busy %s times, lost %s replies, refused %s submissions for lack of quota

where to look next:
  enqueue plan --sample > spring.yaml    write a plan of your own
  enqueue check                          what a real platform needs, and what is there
  README.md                              credentials, workers, Prometheus and Grafana
`, human.Plural(tally.Apps, "app"), human.Count(tally.Released), human.Count(tally.Rejected), human.Count(tally.Failed), human.Count(tally.Other),
		human.Count(tally.Submissions), human.Count(tally.Spent), human.Count(tally.Released),
		human.Count(tally.Busy), human.Count(tally.Lost), human.Count(tally.Refused))
}
