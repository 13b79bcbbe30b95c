// Package apps has the commands for the registry of authorized apps.
package apps

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/fleet"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// Command returns enqueue apps.
func Command(env *command.Env) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "apps",
		Short: "Manage the registry of authorized apps",
		Long: `The registry holds every app that has authorized the platform: your labels and
values, and what WeChat reports about the app. Plans with all: true, or with
select: and no file, take their targets from it; ext.json uses its values.

Workers keep the registry up to date: they fill an empty one, process callbacks,
and read WeChat's list once a day.`,
		Example: `  enqueue apps sync
  enqueue apps import crm.csv
  enqueue apps get -l "tier=gold,wx.live!=3.9.0"
  enqueue apps needs-merchant -o csv > merchants.csv`,
		Args: command.Args(cobra.ArbitraryArgs),
		RunE: command.Group,
	}
	cmd.AddCommand(
		newAppsGet(env, runAppsGet), newAppsInspect(env, runAppsInspect), newAppsNeeds(env, runAppsNeeds), newAppsExport(env, runAppsExport),
		newAppsSync(env, runAppsSync), newAppsImport(env, runAppsImport), newAppsLabel(env, runAppsLabel), newAppsLink(env, runAppsLink),
		newAppsCreateTrial(env, runAppsCreateTrial), newAppsCreate(env, runAppsCreate), newAppsConvert(env, runAppsConvert), newAppsCreations(env, runAppsCreations),
		newAppsHistory(env, runAppsHistory),
	)
	return cmd
}

// appsOptions is the command line of apps get and apps export.
type appsOptions struct {
	selector string
	left     bool
	needs    bool
	format   term.Format
}

// filter parses the selection.
func (o appsOptions) filter() (fleet.AppFilter, error) {
	s, err := selector.Parse(o.selector)
	if err != nil {
		return fleet.AppFilter{}, exit.UsageOf(err)
	}
	return fleet.AppFilter{Selector: s, Left: o.left, Needs: o.needs}, nil
}

func newAppsGet(env *command.Env, run func(context.Context, *command.Env, appsOptions) error) *cobra.Command {
	var o appsOptions
	cmd := &cobra.Command{
		Use:   "get",
		Short: "List the apps of the registry",
		Long: `List the apps of the registry by appid. A selector can use appid, label, your own
values, and what WeChat last reported: wx.name, wx.principal, wx.live (the version
that users have), wx.status (1 normal, 14 canceled, 16 banned, 18 warned, 19
frozen), wx.service, wx.category, wx.privacy, wx.state (authorized, left) and
wx.needs.`,
		Example: `  enqueue apps get
  enqueue apps get -l "tier=gold,wx.live!=3.9.0" -o wide
  enqueue apps get --needs-merchant -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := o.filter(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.selector, "select", "l", "", `only apps that match a selector, such as "tier=gold,region!=test"`)
	f.BoolVar(&o.left, "left", false, "include apps that have revoked their authorization")
	f.BoolVar(&o.needs, "needs-merchant", false, "only apps whose merchant must act")
	command.BindList(env, cmd, &o.format)
	return cmd
}

func runAppsGet(ctx context.Context, env *command.Env, o appsOptions) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		found, err := t.Fleet.List(ctx, filter)
		if err != nil {
			return err
		}
		if err := hintSync(ctx, env, t.Fleet, len(found)); err != nil {
			return err
		}
		return term.List(env.Streams, o.format, "apps", appColumns(), found)
	})
}

// hintSync explains an empty list.
func hintSync(ctx context.Context, env *command.Env, fl *fleet.Fleet, found int) error {
	if found > 0 {
		return nil
	}
	status, err := fl.Status(ctx)
	if err == nil && status.Listed.IsZero() {
		env.Talk("%v\n", fleet.ErrNotSynced)
	}
	return err
}

func appColumns() []term.Column[fleet.AppView] {
	return []term.Column[fleet.AppView]{
		{Name: "appid", Text: func(a fleet.AppView) string { return a.AppID }},
		{Name: "label", Text: func(a fleet.AppView) string { return human.Shorten(a.Label, 24) }},
		{Name: "name", Text: func(a fleet.AppView) string { return human.Shorten(a.Name, 24) }},
		{Name: "state", State: true, Text: func(a fleet.AppView) string { return string(a.State) }},
		{Name: "live", Text: func(a fleet.AppView) string { return a.Live }},
		{Name: "needs", Text: func(a fleet.AppView) string { return command.Joined(a.Needs) }},
		{Name: "values", Text: func(a fleet.AppView) string { return human.Shorten(valueText(a.Values), command.CellWidth) }},
		{Name: "principal", Wide: true, Text: func(a fleet.AppView) string { return human.Shorten(a.Principal, 30) }},
		{Name: "account_status", Wide: true, Text: func(a fleet.AppView) string { return human.Number(a.AccountStatus) }},
		{Name: "categories", Wide: true, Text: func(a fleet.AppView) string { return strings.Join(a.Categories, " ") }},
		{Name: "privacy", Wide: true, Text: func(a fleet.AppView) string { return human.Shorten(a.Privacy, 30) }},
		{Name: "authorized", Wide: true, Text: func(a fleet.AppView) string { return human.Stamp(a.Authorized) }},
		{Name: "read", Wide: true, Text: func(a fleet.AppView) string { return human.Stamp(a.Read) }},
	}
}

// valueText formats values: city=Shanghai tier=gold.
func valueText(values map[string]string) string {
	var parts []string
	for name, v := range values {
		parts = append(parts, name+"="+v)
	}
	slices.Sort(parts)
	return strings.Join(parts, " ")
}

func newAppsExport(env *command.Env, run func(context.Context, *command.Env, appsOptions) error) *cobra.Command {
	var o appsOptions
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write the registry as an app list",
		Long: `Write the apps of the registry with label and values, as a CSV list for apps
import and plans, or with everything that is known as one JSON object per line.
Apps are streamed: 100,000 of them need little memory.`,
		Example: `  enqueue apps export > apps.csv
  enqueue apps export -l tier=gold -o json`,
		Args: command.Args(cobra.NoArgs),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if _, err := o.filter(); err != nil {
				return err
			}
			return run(cmd.Context(), env, o)
		},
	}
	f := cmd.Flags()
	f.StringVarP(&o.selector, "select", "l", "", `only apps that match a selector, such as "tier=gold"`)
	f.BoolVar(&o.left, "left", false, "include apps that have revoked their authorization")
	command.BindFormat(cmd, &o.format, term.CSV, term.JSON)
	return cmd
}

func runAppsExport(ctx context.Context, env *command.Env, o appsOptions) error {
	filter, err := o.filter()
	if err != nil {
		return err
	}
	return env.With(ctx, func(t command.Tools) error {
		if o.format == term.JSON {
			return exportJSON(ctx, env, t.Fleet, filter)
		}
		return exportCSV(ctx, env, t.Fleet, filter)
	})
}

func exportJSON(ctx context.Context, env *command.Env, fl *fleet.Fleet, filter fleet.AppFilter) error {
	for a, err := range fl.Apps(ctx, filter) {
		if err == nil {
			err = term.WriteJSONLine(env.Out, a)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// exportCSV reads twice: the header has a column for every value of any app.
func exportCSV(ctx context.Context, env *command.Env, fl *fleet.Fleet, filter fleet.AppFilter) error {
	columns, err := fl.ValueNames(ctx, filter)
	if err != nil {
		return err
	}
	w := human.NewCSV(env.Out)
	row := append([]string{"appid", "label"}, columns...)
	if err := w.Write(row); err != nil {
		return err
	}
	for a, err := range fl.Apps(ctx, filter) {
		if err != nil {
			return err
		}
		row[0], row[1] = a.AppID, a.Label
		for i, name := range columns {
			row[i+2] = a.Values[name]
		}
		if err := w.Write(row); err != nil {
			return err
		}
	}
	return w.Flush()
}

// inspectOptions is the command line of apps inspect.
type inspectOptions struct {
	app    string
	live   bool
	format term.Format
}

func newAppsInspect(env *command.Env, run func(context.Context, *command.Env, inspectOptions) error) *cobra.Command {
	var o inspectOptions
	cmd := &cobra.Command{
		Use:   "inspect APPID",
		Short: "Show everything that is known about an app",
		Long: `Show everything that is known about an app: label and values, the account at
WeChat, what its merchant must do, and its state in rollouts. --live reads the
account from WeChat, stores it, and adds the versions and the audit.`,
		Example: `  enqueue apps inspect wx1234567890abcdef
  enqueue apps inspect wx1234567890abcdef --live -o json`,
		Args:              command.Args(command.One("APPID")),
		ValidArgsFunction: command.Once(command.CompleteApps(env)),
		RunE: func(cmd *cobra.Command, given []string) error {
			o.app = given[0]
			return run(cmd.Context(), env, o)
		},
	}
	cmd.Flags().BoolVar(&o.live, "live", false, "read the app from WeChat now")
	command.BindObject(cmd, &o.format)
	return cmd
}

func runAppsInspect(ctx context.Context, env *command.Env, o inspectOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		a, err := t.Operator.InspectApp(ctx, o.app, o.live)
		if err != nil {
			return err
		}
		if o.format.Object() {
			return env.Object(o.format, a)
		}
		return printApp(env, a)
	})
}

// printApp writes what is known about an app.
func printApp(env *command.Env, a operator.AppDetails) error {
	var lines []string
	add := func(name, format string, values ...any) {
		if text := strings.TrimSpace(fmt.Sprintf(format, values...)); text != "" {
			lines = append(lines, fmt.Sprintf("%-12s %s", name, human.OneLine(text)))
		}
	}
	add("app", "%s  %s", a.AppID, a.Label)
	if !a.InRegistry {
		add("registry", "no record of this app: run enqueue apps sync")
	}
	add("name", "%s", a.Name)
	add("principal", "%s", a.Principal)
	add("values", "%s", valueText(a.Values))
	add("state", "%s", a.State)
	add("authorized", "%s", human.Local(a.Authorized))
	if !a.Read.IsZero() {
		add("account", "status %d, service type %d, mini program %v, permission sets %v", a.AccountStatus, a.ServiceType, a.MiniProgram, a.Permissions)
		add("categories", "%s", strings.Join(a.Categories, ", "))
		add("read", "%s", human.Local(a.Read))
	}
	add("live", "%s", a.Live)
	add("privacy", "%s", a.Privacy)
	for _, need := range a.Needs {
		add("merchant", "must %s", need.Words())
	}
	for _, p := range a.Rollouts {
		add("rollout", "%s (%s): %s, %s: %s", p.Rollout, p.Status, p.Stage, p.StateText(), p.Waits)
	}
	if a.Now != nil {
		if a.Now.Busy != "" {
			add("wechat", "not read: %s", human.OneLine(a.Now.Busy))
		}
		if v := a.Now.Release; v != nil {
			add("wechat live", "%s, %s", v.Version, v.Desc)
		}
		if v := a.Now.Trial; v != nil {
			add("wechat trial", "%s, %s", v.Version, v.Desc)
		}
		if v := a.Now.Audit; v != nil {
			add("wechat audit", "%d of %s is %s  %s", v.ID, v.Version, v.Status, v.Reason)
		}
	}
	return env.Print("%s\n", strings.Join(lines, "\n"))
}
