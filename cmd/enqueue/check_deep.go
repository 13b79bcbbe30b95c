package main

import (
	"context"
	"maps"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/ledger"
)

// runDeep looks into the ledger, and repairs what it finds if that is asked.
func runDeep(ctx context.Context, d *deps, o checkOptions) error {
	return d.with(ctx, func(op *operator.Operator) error {
		found, err := d.deep(ctx, op, o, false)
		if err != nil {
			return err
		}
		if o.repair && !o.dryRun && found.Repairable > 0 {
			if err := d.confirmRepair(o.yes, found.Repairable); err != nil {
				return err
			}
			if found, err = d.deep(ctx, op, o, true); err != nil {
				return err
			}
		}
		if o.repair && o.dryRun {
			d.talk("this is a dry run: nothing was changed\n")
		}
		if err := d.found(o, found); err != nil {
			return err
		}
		switch {
		case found.Sound(), o.repair && !o.dryRun && found.Left == 0:
			return nil
		default:
			return &statusError{exitError}
		}
	})
}

// deep makes one pass, with a bar.
func (d *deps) deep(ctx context.Context, op *operator.Operator, o checkOptions, repair bool) (operator.Deep, error) {
	bar := d.bar()
	defer bar.end()
	what := "looked at"
	if repair {
		what = "repaired"
	}
	return op.DeepCheck(ctx, operator.DeepOptions{
		Refs: o.refs, Ended: o.ended, Repair: repair, Why: o.why,
		Progress: func(done, total int) { bar.show("targets "+what, done, total) },
	})
}

// found tells what a check found, and what a repair did.
func (d *deps) found(o checkOptions, f operator.Deep) error {
	repaired := o.repair && !o.dryRun
	if o.format == formatJSON {
		return writeJSON(d.out, f)
	}
	if len(f.List) > 0 || o.format == formatCSV {
		if err := list(d, o.format, findingColumns(repaired), f.List); err != nil || o.format == formatCSV {
			return err
		}
		if more := f.Findings - len(f.List); more > 0 {
			if err := d.print("and %s more\n", count(more)); err != nil {
				return err
			}
		}
		if err := d.print("\n"); err != nil {
			return err
		}
	}
	for _, line := range deepLines(f, repaired) {
		if err := d.print("%s\n", line); err != nil {
			return err
		}
	}
	return nil
}

// deepLines sum a deep check up.
func deepLines(f operator.Deep, repaired bool) []string {
	looked := plural(f.Targets, "target") + " of " + plural(f.Rollouts, "rollout") + ", " + plural(f.Permits, "permit") + " and " + plural(f.Tasks, "task") + " were looked at"
	lines := []string{looked + ": nothing is lost"}
	if !f.Sound() {
		var kinds []string
		for _, fault := range slices.Sorted(maps.Keys(f.Faults)) {
			kinds = append(kinds, string(fault)+" "+count(f.Faults[fault]))
		}
		lines = []string{looked, plural(f.Findings, "finding") + ": " + strings.Join(kinds, ", ")}
		if repaired {
			lines = append(lines, "repaired "+count(f.Repaired)+", left to a person "+count(f.Left)+", in order by then "+count(f.Findings-f.Repaired-f.Left))
		} else {
			lines = append(lines, "a repair repairs "+count(f.Repairable)+" of them: enqueue check --deep --repair")
		}
	}
	if f.Stray > 0 {
		lines = append(lines, plural(f.Stray, "task")+" in Asynq for assignments that are over: harmless, workers drop them")
	}
	if len(f.Moving) > 0 {
		lines = append(lines, "counts were compared as sums only, since targets moved all the time: "+strings.Join(f.Moving, ", "))
	}
	return lines
}

// findingColumns are what a finding is shown as.
func findingColumns(repaired bool) []column[ledger.Finding] {
	last := column[ledger.Finding]{name: "repair", text: func(f ledger.Finding) string {
		if f.Repair == "" {
			return "by a person: " + f.Advice
		}
		return f.Repair
	}}
	if repaired {
		last = column[ledger.Finding]{name: "done", text: func(f ledger.Finding) string {
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
	return []column[ledger.Finding]{
		{name: "fault", text: func(f ledger.Finding) string { return string(f.Fault) }},
		{name: "rollout", text: func(f ledger.Finding) string { return f.Rollout }},
		{name: "app", text: func(f ledger.Finding) string { return f.AppID }},
		{name: "found", text: func(f ledger.Finding) string { return f.Text }},
		last,
	}
}
