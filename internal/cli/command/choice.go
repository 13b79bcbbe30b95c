package command

import (
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/view"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// Choice has the values of the flags that select targets.
type Choice struct {
	States, Stages, Reasons []string
	Classes, Apps, Waves    []string
	Codes                   []string
	Text, Selector          string
}

// BindChoice adds the flags of Choice.
func BindChoice(env *Env, cmd *cobra.Command, c *Choice) {
	f := cmd.Flags()
	f.StringSliceVar(&c.States, "state", nil, "only targets in these states: "+Joined(rollout.States()))
	f.StringSliceVar(&c.Stages, "stage", nil, "only targets at these stages: "+Joined(rollout.Stages()))
	f.StringSliceVar(&c.Reasons, "waits-for", nil, "only targets parked for these reasons: "+Joined(rollout.Reasons()))
	f.StringSliceVar(&c.Classes, "class", nil, "only targets whose last error has one of these classes, such as fatal-app, rejected or plan")
	f.StringSliceVar(&c.Codes, "errcode", nil, "only targets whose last error has one of these errcodes")
	f.StringVar(&c.Text, "text", "", "only targets whose last error contains this text")
	f.StringVarP(&c.Selector, "select", "l", "", `only targets whose columns match a selector, such as "tier=gold,region!=test"`)
	f.StringSliceVar(&c.Apps, "app", nil, "only these appids")
	f.StringSliceVar(&c.Waves, "wave", nil, "only targets of these waves")
	CompleteBy(cmd, "app", CompleteApps(env))
	CompleteBy(cmd, "wave", CompleteWaves(env))
	Complete(cmd, "state", Texts(rollout.States())...)
	Complete(cmd, "stage", Texts(rollout.Stages())...)
	Complete(cmd, "waits-for", Texts(rollout.Reasons())...)
}

// Filter returns the filter of a choice; a wrong value is a usage error.
func (c Choice) Filter() (view.Filter, error) {
	f := view.Filter{Classes: c.Classes, Text: c.Text, AppIDs: c.Apps, Waves: c.Waves}
	for _, text := range c.Codes {
		code, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return f, exit.Usagef("--errcode %q: want a number such as 85013", text)
		}
		f.Codes = append(f.Codes, code)
	}
	var err error
	if f.States, err = words("--state", c.States, rollout.States()); err != nil {
		return f, err
	}
	if f.Stages, err = words("--stage", c.Stages, rollout.Stages()); err != nil {
		return f, err
	}
	if f.Reasons, err = words("--waits-for", c.Reasons, rollout.Reasons()); err != nil {
		return f, err
	}
	if f.Selector, err = selector.Parse(c.Selector); err != nil {
		return f, exit.UsageOf(err)
	}
	return f, nil
}

// words reads the values of a closed set.
func words[T ~string](flag string, given []string, known []T) ([]T, error) {
	var out []T
	for _, g := range given {
		if !slices.Contains(known, T(g)) {
			return nil, exit.Usagef("%s %q: want one of %s", flag, g, Joined(known))
		}
		out = append(out, T(g))
	}
	return out, nil
}

// Texts returns values as strings.
func Texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

// Joined returns values as a list for people.
func Joined[T ~string](values []T) string { return strings.Join(Texts(values), ", ") }
