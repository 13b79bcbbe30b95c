package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// change is the flags that every changing command has.
type change struct {
	why    string
	yes    bool
	dryRun bool
}

// bindChange adds them.
func bindChange(cmd *cobra.Command, c *change) {
	f := cmd.Flags()
	f.StringVar(&c.why, "reason", "", "why, for the rollout's record")
	f.BoolVarP(&c.yes, "yes", "y", false, fmt.Sprintf("don't ask when it reaches more than %d targets", many))
	f.BoolVar(&c.dryRun, "dry-run", false, "tell what would be done, and change nothing")
}

// applyOptions are the command line of apply, and of schedule -f.
type applyOptions struct {
	change
	file     string
	again    bool
	expect   string
	offline  bool
	schedule bool
	format   format
}

func newApply(d *deps, run func(context.Context, *deps, applyOptions) error) *cobra.Command {
	var o applyOptions
	cmd := &cobra.Command{
		Use:   "apply -f FILE",
		Short: "Begin the rollout of a plan",
		Long: `Make the rollout that plan shows, and let the workers begin. Applying the same
plan twice makes one rollout. Ctrl-C is safe at any moment: nothing of a rollout
runs before all its targets are written, and the same apply completes it.

A plan whose content was rolled out to its end before is refused without
--again, and a name that an unfinished rollout of other content has is refused.`,
		Example: `  enqueue apply -f spring.yaml
  enqueue apply -f spring.yaml --expect spring-1a2b3c4d --yes   # in a pipeline
  enqueue apply -f spring.yaml --again --reason "after the outage"`,
		Args: args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "" {
				return usagef("-f FILE is missing")
			}
			return run(cmd.Context(), d, o)
		},
	}
	bindApply(cmd, &o)
	cmd.Flags().BoolVar(&o.again, "again", false, "make a new rollout although one of the same content has ended")
	return cmd
}

func bindApply(cmd *cobra.Command, o *applyOptions) {
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the plan")
	f.StringVar(&o.expect, "expect", "", "refuse unless the rollout has this id, as plan showed it")
	f.BoolVar(&o.offline, "offline", false, "don't ask WeChat: the template and the quota are not looked up")
	bindChange(cmd, &o.change)
	bindFormat(cmd, &o.format, formatTable, formatJSON)
}

func runApply(ctx context.Context, d *deps, o applyOptions) error {
	file, err := planfile.Read(o.file)
	if err != nil {
		return err
	}
	switch {
	case !o.schedule && file.Schedule != "":
		return operator.ErrScheduled
	case o.schedule && file.Schedule == "":
		return operator.ErrNotScheduled
	}
	return d.with(ctx, func(op *operator.Operator) error {
		p, err := d.preview(ctx, op, file, operator.PlanOptions{Offline: o.offline})
		if err != nil {
			return err
		}
		if o.dryRun {
			return d.dryRun(p, o.format)
		}
		if o.expect == "" || o.expect != p.ID { // what was reviewed needs no second look
			for _, note := range previewNotes(p) {
				d.talk("%s\n", note)
			}
		}
		verb := "apply"
		if o.schedule {
			verb = "schedule"
		}
		if o.makes(p) {
			if err := d.confirm(o.yes, p.Total, fmt.Sprintf("%s %s", verb, p.ID)); err != nil {
				return err
			}
		}
		bar := d.bar()
		opt := operator.ApplyOptions{
			Again: o.again, Expect: o.expect, Why: o.why,
			Progress: func(done, total int) { bar.show("targets written", done, total) },
		}
		if o.schedule {
			s, err := op.Schedule(ctx, p, opt)
			bar.end()
			return d.scheduled(s, o.format, err)
		}
		a, err := op.Apply(ctx, p, opt)
		bar.end()
		return d.applied(a, o.format, err)
	})
}

// makes tells whether applying would make something new. It doesn't where the same
// content was applied before: that is left, completed or refused.
func (o applyOptions) makes(p *operator.Preview) bool {
	return p.Earlier == nil || o.again && p.Earlier.Status.Ended()
}

func (d *deps) dryRun(p *operator.Preview, f format) error {
	if f == formatJSON {
		return writeJSON(d.out, p)
	}
	if err := d.printPreview(p, formatTable); err != nil {
		return err
	}
	d.talk("\nthis was a dry run: nothing was changed\n")
	return nil
}

// applied tells what applying did.
func (d *deps) applied(a operator.Applied, f format, err error) error {
	if err != nil {
		return err
	}
	if f == formatJSON {
		return writeJSON(d.out, a)
	}
	text := map[operator.Outcome]string{
		operator.OutcomeCreated: "rollout %s was made for %s and is %s\n",
		operator.OutcomeResumed: "rollout %s is complete now, after an apply that was interrupted, with %s, and is %s\n",
		operator.OutcomeExists:  "rollout %s of the same content for %s exists already and is %s; nothing was changed\n",
	}[a.Outcome]
	if err := d.print(text, a.ID, plural(a.Total, "target"), a.Status); err != nil {
		return err
	}
	if a.Status != rollout.StatusDone && a.Status != rollout.StatusAborted {
		d.talk("look at it: enqueue watch %s\n", a.ID)
	}
	return nil
}

// scheduled tells what scheduling did.
func (d *deps) scheduled(s operator.Schedule, f format, err error) error {
	if err != nil {
		return err
	}
	if f == formatJSON {
		return writeJSON(d.out, s)
	}
	return d.print("schedule %s for %s runs next at %s\n", s.Name, plural(s.Total, "target"), clockTime(s.Next))
}
