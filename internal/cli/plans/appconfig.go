package plans

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/launch"
)

// appCount is --app-config: a number of apps, or all.
type appCount int

func (c *appCount) String() string {
	if *c < 0 {
		return "all"
	}
	return strconv.Itoa(int(*c))
}

func (*appCount) Type() string { return "number" }

func (c *appCount) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	switch {
	case text == "all":
		*c = -1
	case err != nil || n > math.MaxInt32:
		return fmt.Errorf("want a number of apps, or all")
	default:
		*c = appCount(n)
	}
	return nil
}

// diffsShown is how many apps a table names; -o wide names all.
const diffsShown = 10

// changeRow is one write at one app, or why the app could not be read.
type changeRow struct{ appID, label, kind, change string }

var kindColumns = []term.Column[appconfig.KindDiff]{
	{Name: "app config", Text: func(k appconfig.KindDiff) string { return k.Kind }},
	{Name: "apps", Text: func(k appconfig.KindDiff) string { return human.Count(k.Apps) }},
	{Name: "writes", Text: func(k appconfig.KindDiff) string { return human.Count(k.Writes) }},
}

var changeColumns = []term.Column[changeRow]{
	{Name: "appid", Text: func(r changeRow) string { return r.appID }},
	{Name: "label", Wide: true, Text: func(r changeRow) string { return r.label }},
	{Name: "app config", Text: func(r changeRow) string { return r.kind }},
	{Name: "would change", Text: func(r changeRow) string { return r.change }},
}

// printConfigDiff prints what a plan's configure would change: a sum, and some apps.
func printConfigDiff(env *command.Env, s *launch.ConfigDiff, f term.Format) error {
	if s == nil {
		return nil
	}
	if err := env.Print("\n%s\n", configWords(s)); err != nil {
		return err
	}
	for _, m := range s.Missing {
		if m.Add {
			if err := env.Print("apply adds %s to the platform (%s): %s\n", human.Plural(len(m.Hosts), "domain"), m.Kind, strings.Join(m.Hosts[:min(len(m.Hosts), diffsShown)], ", ")); err != nil {
				return err
			}
		}
	}
	if len(s.Kinds) > 0 {
		if err := env.Print("\n"); err != nil {
			return err
		}
		if err := term.Rows(env.Streams, term.Table, kindColumns, s.Kinds); err != nil {
			return err
		}
	}
	apps := s.Apps
	if f != term.Wide {
		apps = apps[:min(len(apps), diffsShown)]
	}
	if len(apps) == 0 {
		return nil
	}
	if err := env.Print("\n"); err != nil {
		return err
	}
	if err := term.Rows(env.Streams, f, changeColumns, changeRows(apps)); err != nil {
		return err
	}
	if more := len(s.Apps) - len(apps); more > 0 {
		return env.Print("and %s more: -o wide names all\n", human.Plural(more, "app"))
	}
	return nil
}

func configWords(s *launch.ConfigDiff) string {
	switch {
	case s.Note != "":
		return "app config  unknown: " + s.Note
	case s.Compared == 0:
		return "app config  not compared: enqueue plan --app-config sets for how many apps"
	}
	text := fmt.Sprintf("app config  %s of %s compared: %s right, %s to be changed", human.Count(s.Compared), human.Plural(s.Total, "app"),
		human.Count(s.Right), human.Count(s.Compared-s.Right-s.Unknown))
	if s.Unknown > 0 {
		text += fmt.Sprintf(", %s unknown", human.Count(s.Unknown))
	}
	return text
}

func changeRows(apps []appconfig.AppDiff) []changeRow {
	var rows []changeRow
	for _, a := range apps {
		row := func(kind, change string) {
			rows = append(rows, changeRow{a.AppID, human.OneLine(a.Label), kind, human.OneLine(change)})
		}
		for _, c := range a.Changes {
			change := strings.Join(c.Lines, ", ")
			if c.Perhaps {
				change += " (unless it is done: only the write shows)"
			}
			row(c.Kind, change)
		}
		if len(a.Drops) > 0 {
			row("release", "- "+strings.Join(a.Drops, ", - ")+" (set at mp.weixin.qq.com)")
		}
		if a.Error != "" {
			row("unknown", a.Error)
		}
	}
	return rows
}
