package rollouts

import (
	"cmp"
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
	"github.com/wxrollout/wxrollout/rollout"
)

// watchOptions is the command line of watch.
type watchOptions struct {
	ref        string
	every      time.Duration
	timeout    time.Duration
	exitStatus bool
	format     term.Format
}

func newWatch(env *command.Env, run func(context.Context, *command.Env, watchOptions) error) *cobra.Command {
	var o watchOptions
	cmd := &cobra.Command{
		Use:   "watch [ROLLOUT]",
		Short: "Follow a rollout until it ends or needs an operator",
		Long: `Follow the stages, waves and gates of a rollout, the reasons why targets are
parked, the quota, the pace and the estimated end. watch returns when the rollout
has ended, or when it can't continue without an operator: a gate holds it, or it
is paused.

On a terminal watch redraws one screen. Elsewhere it writes a line per change, and
with -o json an object per snapshot. Ctrl-C stops watch, not the rollout.

With --exit-status the exit code is the status of the rollout: 0 done, 3 held by a
gate or paused, 5 aborted, 6 done with rejected or failed targets. After --timeout
it is 7, with or without --exit-status; the rollout continues.`,
		Example: `  enqueue watch spring
  enqueue watch spring --exit-status && echo "all live"
  enqueue watch spring --timeout 2h --exit-status
  enqueue watch -o json --every 30s | jq .done`,
		Args:              command.Args(cobra.MaximumNArgs(1)),
		ValidArgsFunction: command.CompleteRollouts(env),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.ref = command.First(given)
			if o.every < 100*time.Millisecond {
				return exit.Usagef("--every %s: want 100ms or more", o.every)
			}
			if o.timeout < 0 {
				return exit.Usagef("--timeout %s: want no negative duration", o.timeout)
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.timeout, "timeout", 0, "stop watching after this time; 0 means never")
	f.DurationVar(&o.every, "every", 2*time.Second, "interval between snapshots")
	f.BoolVar(&o.exitStatus, "exit-status", false, "return the status of the rollout as exit code")
	command.BindFormat(cmd, &o.format, term.Table, term.JSON)
	return cmd
}

func runWatch(ctx context.Context, env *command.Env, o watchOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		r, err := t.Operator.Rollout(ctx, o.ref)
		if err != nil {
			return err
		}
		return Await(ctx, env, t.Operator, r.ID, o.every, o.timeout, o.exitStatus, o.format)
	})
}

// Await follows a rollout until it ends, needs an operator or the timeout is over (0: never), and
// says how to go on.
func Await(ctx context.Context, env *command.Env, op *operator.Operator, id string, every, timeout time.Duration, exitStatus bool, f term.Format) error {
	watching, cancel := ctx, context.CancelFunc(func() {})
	if timeout > 0 {
		watching, cancel = context.WithTimeout(ctx, timeout)
	}
	defer cancel()
	last, err := Follow(watching, env, op, id, every, f)
	switch {
	case err != nil:
		return err
	case ctx.Err() != nil:
		env.Talk("\nstopped watching; the rollout continues: enqueue watch %s\n", id)
		if exitStatus {
			return exit.With(exit.Error)
		}
		return nil
	case watching.Err() != nil:
		env.Talk("\n%s is %s after %s, %s of %s ended; it continues: enqueue watch %s\n",
			id, cmp.Or(last.Status, "not readable"), timeout, human.Count(last.Done), human.Plural(last.Total, "target"), id)
		return exit.With(exit.TimedOut)
	default:
		return Conclude(env, last, exitStatus)
	}
}

// viewer shows snapshots.
type viewer interface {
	show(operator.Snapshot) error
	// lastError shows why a snapshot could not be taken.
	lastError(error)
	// end leaves the last snapshot on the screen.
	end()
}

// Follow shows snapshots until the rollout ends or needs an operator, or ctx ends. It
// shows the error of a failed snapshot and continues: Redis may be restarting.
func Follow(ctx context.Context, env *command.Env, op *operator.Operator, id string, every time.Duration, f term.Format) (last operator.Snapshot, err error) {
	v := newViewer(env, f)
	defer v.end()
	for s, err := range op.Watch(ctx, id, every) {
		if operator.IsNotFound(err) {
			return last, err
		}
		if err != nil {
			v.lastError(err)
			continue
		}
		last = s
		if err := v.show(s); err != nil {
			return last, err
		}
		if s.Status.Ended() || s.Blocked != "" {
			break
		}
	}
	return last, nil
}

// newViewer returns the viewer for an output.
func newViewer(env *command.Env, f term.Format) viewer {
	switch {
	case f == term.JSON:
		return jsonViewer{env}
	case env.OutTTY:
		return &treeViewer{env: env}
	default:
		return &lineViewer{env: env}
	}
}

// Conclude prints the last status of a rollout and the next step.
func Conclude(env *command.Env, s operator.Snapshot, exitStatus bool) error {
	code := exit.OK
	switch {
	case s.Status == rollout.StatusAborted:
		code = exit.Aborted
		env.Talk("aborted by %s: %s\n", s.By, s.Why)
	case s.Status == rollout.StatusDone && s.Bad > 0:
		code = exit.Failures
		env.Talk("done, with %s rejected or failed: enqueue get failures %s\n", human.Plural(s.Bad, "target"), s.ID)
	case s.Status == rollout.StatusPaused && s.Halted != "":
		code = exit.Held
		env.Talk("%s\n%s\nto continue: %s\n", s.Blocked, s.Halted, s.Pools[0].Next())
	case s.Status == rollout.StatusPaused:
		code = exit.Held
		env.Talk("%s; to continue: enqueue resume %s\n", s.Blocked, s.ID)
	case s.Blocked != "" && s.Parked[rollout.ReasonApproval] > 0:
		code = exit.Held
		env.Talk("%s; to continue: enqueue approve %s\n", s.Blocked, s.ID)
	case s.Blocked != "" && s.GateAdvice() != nil:
		code = exit.Held
		env.Talk("%s\n  %s\n", s.Blocked, strings.Join(s.GateAdvice(), "\n  "))
	case s.Blocked != "":
		code = exit.Held
		env.Talk("%s; to continue: %s\n", s.Blocked, s.Promote())
	}
	if !exitStatus || code == exit.OK {
		return nil
	}
	return exit.With(code)
}

// jsonViewer writes an object per snapshot.
type jsonViewer struct{ env *command.Env }

func (v jsonViewer) show(s operator.Snapshot) error { return term.WriteJSONLine(v.env.Out, s) }
func (v jsonViewer) lastError(err error)            { v.env.Talk("enqueue: %v\n", err) }
func (jsonViewer) end()                             {}

// lineViewer writes a line per change.
type lineViewer struct {
	env  *command.Env
	last string
}

func (v *lineViewer) show(s operator.Snapshot) error {
	line := lineOf(s)
	if line == v.last {
		return nil
	}
	v.last = line
	return v.env.Print("%s %s\n", s.At.Format("15:04:05"), line)
}

func (v *lineViewer) lastError(err error) { v.env.Talk("enqueue: %v\n", err) }
func (*lineViewer) end()                  {}

// lineOf is a snapshot on one line, without values that change with time alone.
func lineOf(s operator.Snapshot) string {
	line := fmt.Sprintf("%s %s %d/%d ended", s.ID, s.Status, s.Done, s.Total)
	for _, state := range rollout.States() {
		if n := s.States[state]; n > 0 {
			line += fmt.Sprintf(" %s=%d", state, n)
		}
	}
	for _, reason := range rollout.Reasons() {
		if n := s.Parked[reason]; n > 0 {
			line += fmt.Sprintf(" parked:%s=%d", reason, n)
		}
	}
	for _, p := range s.Pools {
		if !p.Open() {
			line += fmt.Sprintf(" %s-pool=%s(%s)", p.Stage, p.State, p.Reason)
		}
	}
	if s.Blocked != "" {
		line += "; " + human.OneLine(s.Blocked)
	}
	if s.Fault != nil {
		line += "; " + human.OneLine(s.Halted)
	}
	if s.Limit != nil {
		still := *s.Limit // without its age
		still.ReadAt = time.Time{}
		line += "; " + still.String()
	}
	return line
}
