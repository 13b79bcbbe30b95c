package main

import (
	"context"
	"errors"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/demo"
)

// demoOptions are the command line of demo.
type demoOptions struct {
	apps   int
	seed   uint64
	redis  string
	format format
}

func newDemo(d *deps, run func(context.Context, *deps, demoOptions) error) *cobra.Command {
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
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.apps < demo.MinApps || o.apps > demo.MaxApps {
				return usagef("--apps %d: want %d to %d", o.apps, demo.MinApps, demo.MaxApps)
			}
			return run(cmd.Context(), d, o)
		},
	}
	f := cmd.Flags()
	f.IntVar(&o.apps, "apps", demo.DefaultApps, "how many mini programs")
	f.Uint64Var(&o.seed, "seed", 1, "decides who is busy, lost and rejected")
	f.StringVar(&o.redis, "redis", "", "use this empty Redis database instead of the embedded one")
	bindFormat(cmd, &o.format, formatTable, formatJSON)
	return cmd
}

// demoEvery is how often the demo is looked at.
const demoEvery = 500 * time.Millisecond

func runDemo(ctx context.Context, d *deps, o demoOptions) (err error) {
	log := zerolog.New(d.err).Level(zerolog.ErrorLevel)
	story, err := demo.Start(ctx, demo.Options{Apps: o.apps, Seed: o.seed, RedisURL: o.redis, Log: log})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, story.Close()) }()
	d.talk("a simulated platform with %s and %s, which is fewer; it is given more when they run out\n",
		plural(o.apps, "app"), plural(story.Quota(), "submission"))
	shown := *d
	if o.format == formatJSON {
		shown.out = d.err // the tally alone is data
	}
	last, err := shown.follow(ctx, story.Operator(), story.Rollout(), watchOptions{every: demoEvery, format: formatTable})
	if err != nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	tally, err := story.Settle(ctx)
	if err != nil {
		return errors.Join(err, d.parting(last, watchOptions{}))
	}
	if o.format == formatJSON {
		return writeJSON(d.out, tally)
	}
	return shown.tellDemo(ctx, story, tally)
}

// tellDemo writes the report, the books and where to look next.
func (d *deps) tellDemo(ctx context.Context, story *demo.Demo, tally demo.Tally) error {
	op := story.Operator()
	r, err := op.Rollout(ctx, story.Rollout())
	if err != nil {
		return err
	}
	failures, err := op.Failures(ctx, r)
	if err != nil {
		return err
	}
	if err := d.print("\nwhat a person would look at (enqueue get failures):\n"); err != nil {
		return err
	}
	if err := d.printFailures(r.ID, failures); err != nil {
		return err
	}
	return d.print(`
the ledger:   %s, %s released, %s rejected, %s failed, %s other
the books:    %s submissions, %s units of quota spent, %s releases; balanced:
              nothing submitted or released twice, nothing released unpinned, no
              two calls at once on one app
WeChat was:   busy %s times, lost %s replies, refused %s submissions for lack of quota

where to look next:
  enqueue plan --sample > spring.yaml    write a plan of your own
  enqueue check                          what a real platform needs, and what is there
  README.md                              credentials, workers, Prometheus and Grafana
`, plural(tally.Apps, "app"), count(tally.Released), count(tally.Rejected), count(tally.Failed), count(tally.Other),
		count(tally.Submissions), count(tally.Spent), count(tally.Released),
		count(tally.Busy), count(tally.Lost), count(tally.Refused))
}
