package main

import (
	"context"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// choice is the flags that choose targets, as they were given.
type choice struct {
	states, stages, reasons []string
	classes, apps, waves    []string
	codes                   []string
	text, selector          string
}

// bindChoice adds the flags that choose targets.
func bindChoice(cmd *cobra.Command, c *choice) {
	f := cmd.Flags()
	f.StringSliceVar(&c.states, "state", nil, "only targets in these states: "+joined(rollout.States()))
	f.StringSliceVar(&c.stages, "stage", nil, "only at these stages: "+joined(rollout.Stages()))
	f.StringSliceVar(&c.reasons, "waits-for", nil, "only parked for these reasons: "+joined(rollout.Reasons()))
	f.StringSliceVar(&c.classes, "class", nil, "only with a last error of these classes, such as fatal-app, rejected or plan")
	f.StringSliceVar(&c.codes, "errcode", nil, "only with a last error of these errcodes")
	f.StringVar(&c.text, "text", "", "only with this in the last error's text")
	f.StringVarP(&c.selector, "select", "l", "", `only whose columns match, such as "tier=gold,region!=test"`)
	f.StringSliceVar(&c.apps, "app", nil, "only these appids")
	f.StringSliceVar(&c.waves, "wave", nil, "only these waves")
	complete(cmd, "state", texts(rollout.States())...)
	complete(cmd, "stage", texts(rollout.Stages())...)
	complete(cmd, "waits-for", texts(rollout.Reasons())...)
}

// filter reads the choice; what can't be read is a usage error.
func (c choice) filter() (operator.Filter, error) {
	f := operator.Filter{Classes: c.classes, Text: c.text, AppIDs: c.apps, Waves: c.waves}
	for _, text := range c.codes {
		code, err := strconv.ParseInt(text, 10, 64)
		if err != nil {
			return f, usagef("--errcode %q: want a number such as 85013", text)
		}
		f.Codes = append(f.Codes, code)
	}
	var err error
	if f.States, err = words("--state", c.states, rollout.States()); err != nil {
		return f, err
	}
	if f.Stages, err = words("--stage", c.stages, rollout.Stages()); err != nil {
		return f, err
	}
	if f.Reasons, err = words("--waits-for", c.reasons, rollout.Reasons()); err != nil {
		return f, err
	}
	if f.Selector, err = selector.Parse(c.selector); err != nil {
		return f, &usageError{err}
	}
	return f, nil
}

// words reads values of a closed set.
func words[T ~string](flag string, given []string, known []T) ([]T, error) {
	var out []T
	for _, g := range given {
		if !slices.Contains(known, T(g)) {
			return nil, usagef("%s %q: want one of %s", flag, g, joined(known))
		}
		out = append(out, T(g))
	}
	return out, nil
}

func texts[T ~string](values []T) []string {
	out := make([]string, len(values))
	for i, v := range values {
		out[i] = string(v)
	}
	return out
}

func joined[T ~string](values []T) string { return strings.Join(texts(values), ", ") }

// completeRollouts lets the shell complete the ids of the newest rollouts.
func completeRollouts(d *deps) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, _ string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		const limit = 2 * time.Second
		ctx, cancel := context.WithTimeout(cmd.Context(), limit)
		defer cancel()
		var ids []string
		err := d.with(ctx, func(op *operator.Operator) error {
			newest, err := op.Rollouts(ctx, 0, 20)
			for _, r := range newest {
				ids = append(ids, cobra.CompletionWithDesc(r.ID, string(r.Status)))
			}
			_, err = ledger.Broken(err)
			return err
		})
		if err != nil {
			return nil, cobra.ShellCompDirectiveError
		}
		return ids, cobra.ShellCompDirectiveNoFileComp
	}
}
