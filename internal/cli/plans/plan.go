package plans

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
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// planOptions are the command line of plan.
type planOptions struct {
	file    string
	sample  bool
	offline bool
	apps    bool
	ext     string
	compare appCount
	format  term.Format
}

func newPlan(env *command.Env, run func(context.Context, *command.Env, planOptions) error) *cobra.Command {
	o := planOptions{compare: operator.ComparedApps}
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "Show what a plan would do",
		Long: `Show what applying a plan would do, and change nothing: the template, the
targets and their waves, what fits in the submission quota, and which apps other
rollouts work on. Everything that is wrong with the plan, the app list and the
ext template is told at once, with file, line and value.

The app configuration of a plan that has configure is compared with what apps have:
up to seven calls an app, 20 a second at most, so only for the first 20 apps unless
--app-config sets another number. -o wide and json name every app that was compared.

The rollout's id is made of the plan's name and its content: the same plan, list
and template have the same id. apply --expect ID does just what was shown.`,
		Example: `  enqueue plan --sample > spring.yaml     # a commented plan to begin with
  enqueue plan -f spring.yaml
  enqueue plan -f spring.yaml --apps -o csv > order.csv
  enqueue plan -f spring.yaml --ext wx1234567890abcdef
  enqueue plan -f spring.yaml --app-config all -o wide    # what would change, app by app`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "" && !o.sample {
				return exit.Usagef("-f FILE is missing")
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the plan")
	f.BoolVar(&o.sample, "sample", false, "print a commented plan and exit")
	f.BoolVar(&o.offline, "offline", false, "don't ask WeChat: the template and the quota are not looked up")
	f.BoolVar(&o.apps, "apps", false, "list every app with its wave, in order")
	f.StringVar(&o.ext, "ext", "", "print the ext.json of this appid")
	f.Var(&o.compare, "app-config", "for how many apps to compare the app configuration, from the first one on: a number, or all; 0 makes no call")
	command.BindFormat(cmd, &o.format, term.Table, term.Wide, term.JSON, term.CSV)
	return cmd
}

func runPlan(ctx context.Context, env *command.Env, o planOptions) error {
	if o.sample {
		return env.Print("%s", planfile.Sample())
	}
	file, err := planfile.Read(o.file)
	if err != nil {
		return err
	}
	return env.With(ctx, func(op *operator.Operator) error {
		p, err := previewPlan(ctx, env, op, file, o.asks())
		switch {
		case err != nil:
			return err
		case o.ext != "":
			return printExt(env, p, o.ext)
		case o.apps || o.format == term.CSV:
			return term.List(env.Out, o.format, plannedColumns, planned(p))
		case o.format == term.JSON:
			return term.WriteJSON(env.Out, p)
		}
		if err := printPreview(env, p, o.format); err != nil {
			return err
		}
		verb := "apply"
		if p.Schedule != "" {
			verb = "schedule"
		}
		return env.Print("\nto do it: enqueue %s -f %s --expect %s\n", verb, o.file, p.ID)
	})
}

// previewPlan looks at a plan, with a progress bar where that takes long.
func previewPlan(ctx context.Context, env *command.Env, op *operator.Operator, file *planfile.File, opt operator.PlanOptions) (*operator.Preview, error) {
	bar := env.Bar()
	defer bar.End()
	opt.Progress = bar.Show
	return op.Plan(ctx, file, opt)
}

// asks is what the command line asks WeChat: no app configuration where it isn't shown.
func (o planOptions) asks() operator.PlanOptions {
	opt := operator.PlanOptions{Offline: o.offline, Compare: int(o.compare), CompareRate: operator.CompareRate}
	if o.apps || o.ext != "" || o.format == term.CSV {
		opt.Compare = 0
	}
	return opt
}

func printExt(env *command.Env, p *operator.Preview, appID string) error {
	ext, err := p.Ext(appID)
	if err != nil {
		return err
	}
	return env.Print("%s\n", ext)
}

var plannedColumns = []term.Column[operator.PlannedApp]{
	{Name: "place", Text: func(a operator.PlannedApp) string { return fmt.Sprint(a.Place) }},
	{Name: "appid", Text: func(a operator.PlannedApp) string { return a.AppID }},
	{Name: "wave", Text: func(a operator.PlannedApp) string { return a.Wave }},
	{Name: "label", Text: func(a operator.PlannedApp) string { return a.Label }},
}

func planned(p *operator.Preview) []operator.PlannedApp {
	apps := make([]operator.PlannedApp, 0, p.Total)
	p.Each(func(a operator.PlannedApp) bool { apps = append(apps, a); return true })
	return apps
}

var waveColumns = []term.Column[operator.WavePlan]{
	{Name: "wave", Text: func(w operator.WavePlan) string { return w.Name }},
	{Name: "targets", Text: func(w operator.WavePlan) string { return human.Count(w.Size) }},
	{Name: "first", Text: func(w operator.WavePlan) string { return w.First }},
	{Name: "the next one waits for", Text: func(w operator.WavePlan) string { return w.Gate }},
}

// printPreview writes a preview for a person.
func printPreview(env *command.Env, p *operator.Preview, f term.Format) error {
	template := fmt.Sprint(p.Plan.Template.ID)
	if p.Plan.Template.ID == operator.LatestTemplate {
		template = "the newest template of each run"
	}
	if v := p.Plan.Template.Version; v != "" {
		template += ", version " + v
	}
	if p.Latest && p.Schedule == "" {
		template += "; the newest now, and applying pins it"
	}
	lines := []string{
		"rollout   " + p.ID,
		"template  " + template,
		fmt.Sprintf("targets   %s of %s", human.Count(p.Total), p.Source),
		"begins    " + beginning(p),
		"release   " + releaseWords(p),
	}
	lines = append(lines, quotaLines(p.Quota)...)
	if err := env.Print("%s\n\n", strings.Join(lines, "\n")); err != nil {
		return err
	}
	if err := term.List(env.Out, term.Table, waveColumns, p.Waves); err != nil {
		return err
	}
	if err := printConfigDiff(env, p.AppConfig, f); err != nil {
		return err
	}
	for _, note := range previewNotes(p) {
		if err := env.Print("\n%s\n", note); err != nil {
			return err
		}
	}
	return nil
}

// beginning says when a plan starts.
func beginning(p *operator.Preview) string {
	switch {
	case p.Schedule != "":
		var runs []string
		for _, r := range p.NextRuns {
			runs = append(runs, r.Format("2006-01-02 15:04 MST"))
		}
		return p.Schedule + ", next " + strings.Join(runs, "; ")
	case !p.StartAt.IsZero():
		return p.StartAt.Format(time.RFC3339)
	default:
		return "at once"
	}
}

func releaseWords(p *operator.Preview) string {
	r := p.Plan.Release
	text := map[bool]string{true: "each app once its audit passed", false: "after enqueue approve"}[r.When == "approved"]
	if r.Window != nil {
		text += ", " + r.Window.String()
	}
	if len(r.Gray) > 0 {
		text += fmt.Sprintf(", to %v %% of its users, a step each %s", r.Gray, r.Every)
	}
	return text
}

// quotaLines say what fits.
func quotaLines(q operator.QuotaFit) []string {
	if q.Source == "" {
		return []string{"quota     unknown: " + human.Shorten(q.Note, 200)}
	}
	when := "as the workers read it last"
	if q.Source == "wechat" {
		when = "asked just now"
	}
	text := fmt.Sprintf("quota     %s of %s submissions left (%s)", human.Count(q.Rest), human.Count(q.Limit), when)
	if q.Reserved > 0 {
		text += fmt.Sprintf(", %s kept for other pools", human.Count(q.Reserved))
	}
	lines := []string{text, fmt.Sprintf("          %s fit, %s wait for more quota", human.Plural(q.Fits, "target"), human.Count(q.Over))}
	if q.Ahead > 0 {
		lines = append(lines, fmt.Sprintf("          other rollouts still want %s of them", human.Count(q.Ahead)))
	}
	if !q.Pool.Open() {
		lines = append(lines, "          the submit pool is "+q.Pool.State+": "+q.Pool.Words)
	}
	return lines
}

// previewNotes are what a person should read before applying.
func previewNotes(p *operator.Preview) []string {
	var notes []string
	if p.Earlier != nil {
		notes = append(notes, fmt.Sprintf("note: rollout %s of the same content is %s", p.Earlier.ID, p.Earlier.Status))
	}
	if o := p.Owned; o.Total > 0 {
		notes = append(notes, fmt.Sprintf("note: other rollouts work on %d of the first %s apps, which wait for them: %s", o.Total, human.Count(o.Checked), strings.Join(o.Apps, ", ")))
	}
	for _, w := range p.Warnings {
		notes = append(notes, "warning: "+w)
	}
	return notes
}
