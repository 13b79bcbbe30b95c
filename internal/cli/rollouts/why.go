package rollouts

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
)

// whyOptions is the command line of why.
type whyOptions struct {
	app    string
	ref    string
	live   bool
	format term.Format
}

func newWhy(env *command.Env, run func(context.Context, *command.Env, whyOptions) error) *cobra.Command {
	var o whyOptions
	cmd := &cobra.Command{
		Use:   "why APPID",
		Short: "Explain the state of an app",
		Long: `Explain the state of an app in each of its rollouts: what it waits for and until
when, the last error with errcode and rid, the next step, and its history. --live
also reads the trial version, the live version and the last audit from WeChat.
Unreadable rollouts are listed last; the exit code is then 1.`,
		Example: `  enqueue why wx1234567890abcdef
  enqueue why wx1234567890abcdef --rollout spring --live`,
		Args:              command.Args(command.One("APPID")),
		ValidArgsFunction: command.Once(command.CompleteApps(env)),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.app = given[0]
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVar(&o.ref, "rollout", "", "only in this rollout")
	f.BoolVar(&o.live, "live", false, "also read the app's versions and audit from WeChat")
	command.CompleteBy(cmd, "rollout", command.CompleteRollout(env))
	command.Page(cmd)
	command.BindObject(cmd, &o.format)
	return cmd
}

func runWhy(ctx context.Context, env *command.Env, o whyOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		e, err := t.Operator.Why(ctx, o.app, o.ref)
		// No rollout has the app: what WeChat says of it is still an answer.
		if err != nil && (!o.live || !operator.IsNotFound(err)) {
			return err
		}
		if o.live {
			live, err := t.Operator.Live(ctx, o.app)
			if err != nil {
				return err
			}
			e.Live = &live
		}
		if o.format.Object() {
			err = env.Object(o.format, e)
		} else {
			err = env.Print("%s", explain(env, e))
		}
		for _, text := range e.Unreadable {
			err = errors.Join(err, errors.New(text))
		}
		return err
	})
}

// explain formats an explanation.
func explain(env *command.Env, e operator.Explanation) string {
	var b strings.Builder
	b.WriteString(e.AppID)
	if e.Label != "" {
		b.WriteString(" " + human.OneLine(e.Label))
	}
	if e.Owner != "" {
		b.WriteString("; owned by rollout " + e.Owner)
	}
	b.WriteString("\n")
	for _, p := range e.Places {
		fmt.Fprintf(&b, "\nrollout %s (%s), wave %s\n", p.Rollout, p.Status, p.Wave)
		for _, line := range placeLines(env, p) {
			b.WriteString("  " + line + "\n")
		}
	}
	if e.Live != nil {
		b.WriteString("\nWeChat\n")
		for _, line := range liveLines(*e.Live) {
			b.WriteString("  " + line + "\n")
		}
	}
	return b.String()
}

// placeLines describe a target in a rollout.
func placeLines(env *command.Env, p operator.Place) []string {
	where := fmt.Sprintf("%s, %s", p.Stage, p.StateText())
	switch {
	case !p.Ended.IsZero():
		where += fmt.Sprintf(", %s ago", env.Ago(p.Ended))
	case !p.Since.IsZero():
		where += fmt.Sprintf(", at this stage for %s", env.Ago(p.Since))
	}
	if p.Attempt > 1 {
		where += fmt.Sprintf(", attempt %d", p.Attempt)
	}
	lines := []string{"state    " + where, "why      " + human.OneLine(p.Waits)}
	if wakes := wakes(env, p.Row); wakes != "" {
		lines = append(lines, fmt.Sprintf("wakes    %s, in %s", human.Local(p.Due), wakes))
	}
	if t := p.LastError; t != nil {
		lines = append(lines, lastErrorLines(*t)...)
	}
	if p.AuditID != 0 {
		lines = append(lines, fmt.Sprintf("audit    %d", p.AuditID))
	}
	switch in := p.Intent; {
	case in == nil:
	case p.State == rollout.StateRunning && p.Reason == rollout.ReasonActing:
		lines = append(lines, fmt.Sprintf("doing    %s, since %s", human.OneLine(p.Doing), human.Local(in.At)))
	default:
		lines = append(lines, fmt.Sprintf("unknown  the result of %s at %s; it is read back before the next call", human.OneLine(p.Doing), human.Local(in.At)))
	}
	if p.Next != "" {
		lines = append(lines, "next     "+p.Next)
	}
	if len(p.Timeline) > 0 {
		lines = append(lines, "history")
	}
	for _, t := range p.Timeline {
		line := fmt.Sprintf("  %s  %-9s %s", human.Local(t.At), t.Stage, t.What)
		if t.Code != 0 {
			line += fmt.Sprintf(" (errcode %d)", t.Code)
		}
		if t.Note != "" {
			line += ": " + human.OneLine(t.Note)
		}
		lines = append(lines, line)
	}
	return lines
}

func lastErrorLines(t view.LastError) []string {
	text := "last error  "
	if t.Code != 0 {
		text += fmt.Sprintf("errcode %d, %s", t.Code, t.Class)
		if t.Known != "" {
			text += ": " + t.Known
		}
	} else {
		text += t.Class
	}
	lines := []string{text, "         " + human.OneLine(t.Text)}
	if t.RID != "" {
		lines = append(lines, "         rid "+human.OneLine(t.RID))
	}
	if t.Screenshots != "" {
		lines = append(lines, "         screenshots (media ids) "+strings.ReplaceAll(human.OneLine(t.Screenshots), "|", ", "))
	}
	return lines
}

func liveLines(l operator.Live) []string {
	version := func(name string, v *operator.Version) string {
		if v == nil {
			return name + "none"
		}
		if v.Version == "" {
			return name + "unknown: WeChat reports one without its version"
		}
		return fmt.Sprintf("%s%s of %s: %s", name, human.OneLine(v.Version), human.Local(v.At), human.OneLine(v.Desc))
	}
	if l.Busy != "" {
		return []string{"not read: " + human.OneLine(l.Busy)}
	}
	lines := []string{version("trial    ", l.Trial), version("live     ", l.Release)}
	if a := l.Audit; a != nil {
		text := fmt.Sprintf("audit    %d of version %s: %s", a.ID, human.OneLine(a.Version), a.Status)
		if a.Reason != "" {
			text += ": " + human.OneLine(a.Reason)
		}
		return append(lines, text)
	}
	return append(lines, "audit    none")
}
