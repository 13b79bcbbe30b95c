package platform

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
)

// runDeep looks into the ledger, and repairs what it finds if that is asked.
func runDeep(ctx context.Context, env *command.Env, o checkOptions) error {
	return env.With(ctx, func(op *operator.Operator) error {
		found, err := deepCheck(ctx, env, op, o, false)
		if err != nil {
			return err
		}
		if o.repair && !o.DryRun && found.Repairable > 0 {
			if err := env.ConfirmRepair(o.Yes, found.Repairable); err != nil {
				return err
			}
			if found, err = deepCheck(ctx, env, op, o, true); err != nil {
				return err
			}
		}
		if o.repair && o.DryRun {
			env.Talk("this is a dry run: nothing was changed\n")
		}
		if err := printFindings(env, o, found); err != nil {
			return err
		}
		switch {
		case found.Sound(), o.repair && !o.DryRun && found.Left == 0:
			return nil
		default:
			return exit.With(exit.Error)
		}
	})
}

// deepCheck makes one pass, with a bar.
func deepCheck(ctx context.Context, env *command.Env, op *operator.Operator, o checkOptions, repair bool) (operator.Deep, error) {
	bar := env.Bar()
	defer bar.End()
	what := "looked at"
	if repair {
		what = "repaired"
	}
	return op.DeepCheck(ctx, operator.DeepOptions{
		Refs: o.refs, Ended: o.ended, Repair: repair, Why: o.Why,
		Progress: func(done, total int) { bar.Show("targets "+what, done, total) },
	})
}

// printFindings tells what a check found, and what a repair did.
func printFindings(env *command.Env, o checkOptions, f operator.Deep) error {
	repaired := o.repair && !o.DryRun
	if o.format == term.JSON {
		return term.WriteJSON(env.Out, f)
	}
	if len(f.List) > 0 || o.format == term.CSV {
		if err := term.List(env.Out, o.format, findingColumns(repaired), f.List); err != nil || o.format == term.CSV {
			return err
		}
		if more := f.Findings - len(f.List); more > 0 {
			if err := env.Print("and %s more\n", human.Count(more)); err != nil {
				return err
			}
		}
		if err := env.Print("\n"); err != nil {
			return err
		}
	}
	for _, line := range deepLines(f, repaired) {
		if err := env.Print("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// deepLines sum a deep check up.
func deepLines(f operator.Deep, repaired bool) []string {
	looked := human.Plural(f.Targets, "target") + " of " + human.Plural(f.Rollouts, "rollout") + ", " + human.Plural(f.Permits, "permit") + " and " + human.Plural(f.Tasks, "task") + " were looked at"
	lines := []string{looked + ": nothing is lost"}
	if !f.Sound() {
		var kinds []string
		for _, fault := range slices.Sorted(maps.Keys(f.Faults)) {
			kinds = append(kinds, string(fault)+" "+human.Count(f.Faults[fault]))
		}
		lines = []string{looked, human.Plural(f.Findings, "finding") + ": " + strings.Join(kinds, ", ")}
		if repaired {
			lines = append(lines, "repaired "+human.Count(f.Repaired)+", left to a person "+human.Count(f.Left)+", in order by then "+human.Count(f.Findings-f.Repaired-f.Left))
		} else {
			lines = append(lines, "a repair repairs "+human.Count(f.Repairable)+" of them: enqueue check --deep --repair")
		}
	}
	if f.Stray > 0 {
		lines = append(lines, human.Plural(f.Stray, "task")+" in Asynq for assignments that are over: harmless, workers drop them")
	}
	if len(f.Moving) > 0 {
		lines = append(lines, "counts were compared as sums only, since targets moved all the time: "+strings.Join(f.Moving, ", "))
	}
	return lines
}

// findingColumns are what a finding is shown as.
func findingColumns(repaired bool) []term.Column[ledger.Finding] {
	last := term.Column[ledger.Finding]{Name: "repair", Text: func(f ledger.Finding) string {
		if f.Repair == "" {
			return "by a person: " + f.Advice
		}
		return f.Repair
	}}
	if repaired {
		last = term.Column[ledger.Finding]{Name: "done", Text: func(f ledger.Finding) string {
			switch {
			case f.Done != "":
				return f.Done
			case f.Advice != "":
				return "left to a person: " + f.Advice
			default:
				return "nothing: it was in order by then"
			}
		}}
	}
	return []term.Column[ledger.Finding]{
		{Name: "fault", Text: func(f ledger.Finding) string { return string(f.Fault) }},
		{Name: "rollout", Text: func(f ledger.Finding) string { return f.Rollout }},
		{Name: "app", Text: func(f ledger.Finding) string { return f.AppID }},
		{Name: "found", Text: func(f ledger.Finding) string { return f.Text }},
		last,
	}
}
