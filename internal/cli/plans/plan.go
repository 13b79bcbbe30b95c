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
	"github.com/wxrollout/wxrollout/internal/launch"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// planOptions is the command line of plan.
type planOptions struct {
	file    string
	sample  bool
	offline bool
	apps    bool
	ext     string
	diff    bool
	compare appCount
	format  term.Format
}

func newPlan(env *command.Env, run func(context.Context, *command.Env, planOptions) error) *cobra.Command {
	o := planOptions{compare: launch.ComparedApps}
	cmd := &cobra.Command{
		Use:   "plan -f FILE",
		Short: "Show what a plan would do",
		Long: `Show what applying a plan would do, without changing anything: the template, the
targets and their waves, how many fit into the submission quota, and which apps
belong to other rollouts. All faults of the plan, the app list and the ext
template are reported together, with file, line and value.

If the plan has configure, the command compares it with the configuration of apps.
This takes up to seven calls per app, at most 20 a second; --app-config sets the
number of apps, 20 by default. -o wide and json show every compared app.

The id of a rollout derives from its name and content: the same plan, list and
template have the same id. apply --expect ID applies exactly what plan has shown.`,
		Example: `  enqueue plan --sample > spring.yaml     # a commented plan to start with
  enqueue plan -f spring.yaml
  enqueue plan -f spring.yaml --apps -o csv > order.csv
  enqueue plan -f spring.yaml --ext wx1234567890abcdef
  enqueue plan -f spring.yaml --app-config all -o wide    # what would change, app by app`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if o.file == "" && !o.sample {
				return exit.Usagef("-f FILE is missing")
			}
			if o.diff && o.ext == "" {
				return exit.Usagef("--diff is for --ext APPID")
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.file, "file", "f", "", "the plan file")
	f.BoolVar(&o.sample, "sample", false, "print a commented sample plan and exit")
	f.BoolVar(&o.offline, "offline", false, "work without WeChat: template and quota are not checked")
	f.BoolVar(&o.apps, "apps", false, "list every app with its wave, in dispatch order")
	f.StringVar(&o.ext, "ext", "", "print the ext.json of this appid")
	f.BoolVar(&o.diff, "diff", false, "with --ext: compare it with the ext.json of the app's last commit by a rollout")
	f.Var(&o.compare, "app-config", "number of apps whose configuration is compared, or all; 0 compares none")
	command.CompleteBy(cmd, "ext", command.CompleteApps(env))
	command.BindList(env, cmd, &o.format)
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
	return env.With(ctx, func(t command.Tools) error {
		p, err := previewPlan(ctx, env, t.Launcher, file, o.asks())
		switch {
		case err != nil:
			return err
		case o.diff:
			text, err := t.Launcher.ExtDiff(ctx, p, o.ext)
			if err == nil && text == "" {
				env.Talk("the ext.json of %s is that of its last commit\n", o.ext)
			}
			if err != nil {
				return err
			}
			return env.Print("%s", text)
		case o.ext != "":
			return printExt(env, p, o.ext)
		case o.apps || o.format == term.CSV || o.format == term.Name:
			return term.List(env.Streams, o.format, "apps", plannedColumns, planned(p))
		case o.format.Object():
			return env.Object(o.format, p)
		}
		if err := printPreview(env, p, o.format); err != nil {
			return err
		}
		verb := "apply"
		if p.Schedule != "" {
			verb = "schedule"
		}
		return env.Print("\nto start it: enqueue %s -f %s --expect %s\n", verb, o.file, p.ID)
	})
}

// previewPlan previews a plan behind a progress bar.
func previewPlan(ctx context.Context, env *command.Env, l *launch.Launcher, file *planfile.File, opt launch.PlanOptions) (*launch.Preview, error) {
	bar := env.Bar()
	defer bar.End()
	opt.Progress = bar.Show
	return l.Preview(ctx, file, opt)
}

// asks returns the options of a preview, without configuration that is not shown.
func (o planOptions) asks() launch.PlanOptions {
	opt := launch.PlanOptions{Offline: o.offline, Compare: int(o.compare), CompareRate: launch.CompareRate}
	if o.apps || o.ext != "" || o.format == term.CSV || o.format == term.Name {
		opt.Compare = 0
	}
	return opt
}

func printExt(env *command.Env, p *launch.Preview, appID string) error {
	ext, err := p.Ext(appID)
	if err != nil {
		return err
	}
	return env.Print("%s\n", ext)
}

var plannedColumns = []term.Column[launch.PlannedApp]{
	{Name: "place", Text: func(a launch.PlannedApp) string { return fmt.Sprint(a.Place) }},
	{Name: "appid", Key: true, Text: func(a launch.PlannedApp) string { return a.AppID }},
	{Name: "wave", Text: func(a launch.PlannedApp) string { return a.Wave }},
	{Name: "label", Text: func(a launch.PlannedApp) string { return a.Label }},
}

func planned(p *launch.Preview) []launch.PlannedApp {
	apps := make([]launch.PlannedApp, 0, p.Total)
	p.Each(func(a launch.PlannedApp) bool { apps = append(apps, a); return true })
	return apps
}

var waveColumns = []term.Column[launch.WavePlan]{
	{Name: "wave", Text: func(w launch.WavePlan) string { return w.Name }},
	{Name: "targets", Text: func(w launch.WavePlan) string { return human.Count(w.Size) }},
	{Name: "first", Text: func(w launch.WavePlan) string { return w.First }},
	{Name: "waits for", Text: func(w launch.WavePlan) string { return w.Waits }},
}

// printPreview writes a preview.
func printPreview(env *command.Env, p *launch.Preview, f term.Format) error {
	template := fmt.Sprint(p.Plan.Template.ID)
	if p.Plan.Template.ID == planfile.LatestTemplate {
		template = "the newest template at each run"
	}
	if v := p.Plan.Template.Version; v != "" {
		template += ", version " + v
	}
	if p.Latest && p.Schedule == "" {
		template += "; the newest one, pinned by apply"
	}
	lines := []string{
		"rollout   " + p.ID,
		"template  " + template,
		fmt.Sprintf("targets   %s of %s", human.Count(p.Total), p.Source),
		"starts    " + beginning(p),
		"release   " + releaseWords(p),
	}
	lines = append(lines, quotaLines(p.Quota)...)
	if err := env.Print("%s\n\n", strings.Join(lines, "\n")); err != nil {
		return err
	}
	if err := term.Rows(env.Streams, term.Table, waveColumns, p.Waves); err != nil {
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

// beginning is when a plan starts.
func beginning(p *launch.Preview) string {
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

func releaseWords(p *launch.Preview) string {
	r := p.Plan.Release
	text := map[bool]string{true: "each app when its audit passes", false: "after enqueue approve"}[r.When == "approved"]
	if r.Window != nil {
		text += ", " + r.Window.String()
	}
	if len(r.Gray) > 0 {
		text += fmt.Sprintf(", in steps of %v %% of its users, every %s", r.Gray, r.Every)
	}
	return text
}

// quotaLines compare the targets with the quota.
func quotaLines(q launch.QuotaFit) []string {
	if q.Source == "" {
		return []string{"quota     unknown: " + human.Shorten(q.Note, 200)}
	}
	when := "last read by the workers"
	if q.Source == "wechat" {
		when = "read now"
	}
	text := fmt.Sprintf("quota     %s of %s submissions left (%s)", human.Count(q.Rest), human.Count(q.Limit), when)
	if q.Reserved > 0 {
		text += fmt.Sprintf(", %s reserved for other pools", human.Count(q.Reserved))
	}
	lines := []string{text, fmt.Sprintf("          %s fit, %s wait for more quota", human.Plural(q.Fits, "target"), human.Count(q.Over))}
	if q.Ahead > 0 {
		lines = append(lines, fmt.Sprintf("          other rollouts still need %s of them", human.Count(q.Ahead)))
	}
	if !q.Pool.Open() {
		lines = append(lines, "          the submit pool is "+q.Pool.State+": "+q.Pool.Words)
	}
	return lines
}

// previewNotes are the notes and warnings to read before applying.
func previewNotes(p *launch.Preview) []string {
	var notes []string
	if p.Earlier != nil {
		notes = append(notes, fmt.Sprintf("note: rollout %s with the same content is %s", p.Earlier.ID, p.Earlier.Status))
	}
	if o := p.Owned; o.Total > 0 {
		notes = append(notes, fmt.Sprintf("note: %d of the first %s apps belong to other rollouts and wait for them: %s", o.Total, human.Count(o.Checked), strings.Join(o.Apps, ", ")))
	}
	for _, w := range p.Warnings {
		notes = append(notes, "warning: "+w)
	}
	return notes
}
