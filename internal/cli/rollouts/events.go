package rollouts

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
)

// eventsOptions is the command line of events.
type eventsOptions struct {
	ref    string
	watch  bool
	every  time.Duration
	format term.Format
}

func newEvents(env *command.Env, run func(context.Context, *command.Env, eventsOptions) error) *cobra.Command {
	var o eventsOptions
	cmd := &cobra.Command{
		Use:   "events [ROLLOUT]",
		Short: "List what operators and the controller did to a rollout",
		Long: fmt.Sprintf(`List the record of a rollout, oldest first: every verb (apply, pause, resume,
promote, approve, retry, undo, abort, repair) and every decision of a gate, pause,
start and finish of the controller, with time, actor, targets and reason. -o json
includes the numbers of each gate's decision. Redis keeps the last %s events of a
rollout; why lists those of a target.

With -w the command prints further events until the rollout ends.`, human.Count(operator.EventsMax)),
		Example: `  enqueue events spring
  enqueue events spring -w -o json`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = command.First(given)
			if o.every < 100*time.Millisecond {
				return exit.Usagef("--every %s: want 100ms or more", o.every)
			}
			if o.watch && !o.format.Text() && o.format != term.JSON {
				return exit.Usagef("-w writes lines or -o json, not -o %s", o.format)
			}
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().BoolVarP(&o.watch, "watch", "w", false, "print further events until the rollout ends")
	cmd.Flags().DurationVar(&o.every, "every", 2*time.Second, "with -w: interval between readings")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runEvents(ctx context.Context, env *command.Env, o eventsOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		if !o.watch {
			events, err := t.Operator.Events(ctx, r.ID)
			if err != nil {
				return err
			}
			return term.List(env.Streams, o.format, "events", eventColumns(), events)
		}
		for events, err := range t.Operator.FollowEvents(ctx, r.ID, o.every) {
			if operator.IsNotFound(err) {
				return err
			}
			if err != nil {
				env.Talk("enqueue: %v\n", err)
				continue
			}
			for _, e := range events {
				if err := printEvent(env, o.format, e); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// printEvent prints a line for an event.
func printEvent(env *command.Env, f term.Format, e view.Event) error {
	if f == term.JSON {
		return term.WriteJSONLine(env.Out, e)
	}
	var cells []string
	for _, c := range eventColumns() {
		if text := c.Text(e); text != "" {
			cells = append(cells, text)
		}
	}
	return env.Print("%s\n", strings.Join(cells, "  "))
}

func eventColumns() []term.Column[view.Event] {
	return []term.Column[view.Event]{
		{Name: "time", Text: func(e view.Event) string { return human.Stamp(e.At) }},
		{Name: "by", Text: func(e view.Event) string { return e.By }},
		{Name: "verb", Text: func(e view.Event) string { return e.Verb }},
		{Name: "change", Text: view.Event.Change},
		{Name: "apps", Wide: true, Text: func(e view.Event) string { return strings.Join(e.Apps, ",") }},
		{Name: "reason", Text: func(e view.Event) string { return human.OneLine(e.Reason) }},
	}
}
