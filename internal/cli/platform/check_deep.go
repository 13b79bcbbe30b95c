package platform

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/internal/cli/command"
	"github.com/wxrollout/wxrollout/internal/cli/exit"
	"github.com/wxrollout/wxrollout/internal/cli/term"
	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/human"
)

// runDeep checks the ledger and, with --repair, repairs the findings.
func runDeep(ctx context.Context, env *command.Env, o checkOptions) error {
	return env.With(ctx, func(t command.Tools) error {
		found, err := deepCheck(ctx, env, t, o, false)
		if err != nil {
			return err
		}
		if o.repair && !o.DryRun && found.Repairable > 0 {
			if err := env.Confirm(o.Yes, found.Repairable, "Repair "+human.Plural(found.Repairable, "finding")); err != nil {
				return err
			}
			if found, err = deepCheck(ctx, env, t, o, true); err != nil {
				return err
			}
		}
		if o.repair && o.DryRun {
			env.DryRun()
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

// deepCheck makes one pass behind a progress bar.
func deepCheck(ctx context.Context, env *command.Env, t command.Tools, o checkOptions, repair bool) (doctor.Deep, error) {
	bar := env.Bar()
	defer bar.End()
	what := "checked"
	if repair {
		what = "repaired"
	}
	var ids []string
	for _, ref := range o.refs {
		r, err := t.Operator.Rollout(ctx, ref)
		if err != nil {
			return doctor.Deep{}, err
		}
		ids = append(ids, r.ID)
	}
	return t.Doctor.DeepCheck(ctx, doctor.DeepOptions{
		Rollouts: slices.Compact(slices.Sorted(slices.Values(ids))), Ended: o.ended, Repair: repair, Why: o.Why,
		Progress: func(done, total int) { bar.Show("targets "+what, done, total) },
	})
}

// printFindings prints the findings and what a repair did.
func printFindings(env *command.Env, o checkOptions, f doctor.Deep) error {
	repaired := o.repair && !o.DryRun
	if o.format.Object() {
		return env.Object(o.format, f)
	}
	if len(f.List) > 0 || !o.format.Text() {
		if err := term.List(env.Streams, o.format, "findings", findingColumns(repaired), f.List); err != nil || !o.format.Text() {
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

// deepLines summarize a deep check.
func deepLines(f doctor.Deep, repaired bool) []string {
	looked := human.Plural(f.Targets, "target") + " of " + human.Plural(f.Rollouts, "rollout") + ", " + human.Plural(f.Permits, "permit") + " and " + human.Plural(f.Tasks, "task") + " checked"
	lines := []string{looked + ": consistent"}
	if !f.Sound() {
		var kinds []string
		for _, fault := range slices.Sorted(maps.Keys(f.Faults)) {
			kinds = append(kinds, string(fault)+" "+human.Count(f.Faults[fault]))
		}
		lines = []string{looked, human.Plural(f.Findings, "finding") + ": " + strings.Join(kinds, ", ")}
		if repaired {
			lines = append(lines, "repaired "+human.Count(f.Repaired)+", left to an operator "+human.Count(f.Left)+", already in order "+human.Count(f.Findings-f.Repaired-f.Left))
		} else {
			lines = append(lines, human.Count(f.Repairable)+" can be repaired: enqueue check --deep --repair")
		}
	}
	if f.Stray > 0 {
		lines = append(lines, human.Plural(f.Stray, "task")+" in Asynq for finished assignments: harmless, workers drop them")
	}
	if len(f.Moving) > 0 {
		lines = append(lines, "only the sums of counts were compared, because targets kept moving: "+strings.Join(f.Moving, ", "))
	}
	return lines
}

// findingColumns are the columns of a finding.
func findingColumns(repaired bool) []term.Column[doctor.Finding] {
	last := term.Column[doctor.Finding]{Name: "repair", Text: func(f doctor.Finding) string {
		if f.Repair == "" {
			return "manual: " + f.Advice
		}
		return f.Repair
	}}
	if repaired {
		last = term.Column[doctor.Finding]{Name: "done", Text: func(f doctor.Finding) string {
			switch {
			case f.Done != "":
				return f.Done
			case f.Advice != "":
				return "left: " + f.Advice
			default:
				return "nothing: already in order"
			}
		}}
	}
	return []term.Column[doctor.Finding]{
		{Name: "fault", Text: func(f doctor.Finding) string { return string(f.Fault) }},
		{Name: "rollout", Text: func(f doctor.Finding) string { return f.Rollout }},
		{Name: "app", Text: func(f doctor.Finding) string { return f.AppID }},
		{Name: "found", Text: func(f doctor.Finding) string { return f.Text }},
		last,
	}
}
