package plans

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
)

// looks is --settings: a number of apps, or all.
type looks int

func (l *looks) String() string {
	if *l < 0 {
		return "all"
	}
	return strconv.Itoa(int(*l))
}

func (*looks) Type() string { return "number" }

func (l *looks) Set(text string) error {
	n, err := strconv.ParseUint(text, 10, 31)
	switch {
	case text == "all":
		*l = -1
	case err != nil || n > math.MaxInt32:
		return fmt.Errorf("want a number of apps, or all")
	default:
		*l = looks(n)
	}
	return nil
}

// settingsShown is how many apps a table names; -o wide names all.
const settingsShown = 10

// settingRow is one write at one app, or why nothing is known of it.
type settingRow struct{ appID, label, setting, change string }

var kindColumns = []term.Column[operator.KindDiff]{
	{Name: "setting", Text: func(k operator.KindDiff) string { return string(k.Kind) }},
	{Name: "apps", Text: func(k operator.KindDiff) string { return human.Count(k.Apps) }},
	{Name: "writes", Text: func(k operator.KindDiff) string { return human.Count(k.Writes) }},
}

var settingColumns = []term.Column[settingRow]{
	{Name: "appid", Text: func(r settingRow) string { return r.appID }},
	{Name: "label", Wide: true, Text: func(r settingRow) string { return r.label }},
	{Name: "setting", Text: func(r settingRow) string { return r.setting }},
	{Name: "would change", Text: func(r settingRow) string { return r.change }},
}

// printSettings tells what a plan's configure would change: a sum, and some apps.
func printSettings(env *command.Env, s *operator.SettingsDiff, f term.Format) error {
	if s == nil {
		return nil
	}
	if err := env.Print("\n%s\n", settingsWords(s)); err != nil {
		return err
	}
	for _, m := range s.Missing {
		if m.Register {
			if err := env.Print("apply registers %s on the platform (%s): %s\n", human.Plural(len(m.Hosts), "domain"), m.Kind, strings.Join(m.Hosts[:min(len(m.Hosts), settingsShown)], ", ")); err != nil {
				return err
			}
		}
	}
	if len(s.Kinds) > 0 {
		if err := env.Print("\n"); err != nil {
			return err
		}
		if err := term.List(env.Out, term.Table, kindColumns, s.Kinds); err != nil {
			return err
		}
	}
	apps := s.Apps
	if f != term.Wide {
		apps = apps[:min(len(apps), settingsShown)]
	}
	if len(apps) == 0 {
		return nil
	}
	if err := env.Print("\n"); err != nil {
		return err
	}
	if err := term.List(env.Out, f, settingColumns, settingRows(apps)); err != nil {
		return err
	}
	if more := len(s.Apps) - len(apps); more > 0 {
		return env.Print("and %s more: -o wide tells all\n", human.Plural(more, "app"))
	}
	return nil
}

func settingsWords(s *operator.SettingsDiff) string {
	switch {
	case s.Note != "":
		return "settings  unknown: " + s.Note
	case s.Looked == 0:
		return "settings  not looked at: enqueue plan --settings says of how many apps"
	}
	text := fmt.Sprintf("settings  %s of %s looked at: %s right, %s to be changed", human.Count(s.Looked), human.Plural(s.Total, "app"),
		human.Count(s.Right), human.Count(s.Looked-s.Right-s.Unknown))
	if s.Unknown > 0 {
		text += fmt.Sprintf(", %s unknown", human.Count(s.Unknown))
	}
	return text
}

func settingRows(apps []operator.AppDiff) []settingRow {
	var rows []settingRow
	for _, a := range apps {
		row := func(setting, change string) {
			rows = append(rows, settingRow{a.AppID, human.OneLine(a.Label), setting, human.OneLine(change)})
		}
		for _, c := range a.Changes {
			change := strings.Join(c.Lines, ", ")
			if c.Perhaps {
				change += " (unless so already: only an attempt tells)"
			}
			row(string(c.Kind), change)
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
