package chaos

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"text/tabwriter"
)

// results are all rounds, for the table.
var results table

type table struct {
	mu      sync.Mutex
	rounds  []row
	mutants []mutantRow
}

type row struct {
	fault fault
	result
}

type mutantRow struct {
	name, fault string
	want        kind
	got         string
}

func (t *table) add(faults []fault, res result) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, f := range faults {
		t.rounds = append(t.rounds, row{f, res})
	}
}

func (t *table) addMutant(m mutantRow) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.mutants = append(t.mutants, m)
}

// print writes the table to stdout and, if named, to a file.
func (t *table) print(file string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.rounds)+len(t.mutants) == 0 {
		return nil
	}
	// In the order of the lists, not of the ends.
	var order []string
	for _, f := range faults() {
		order = append(order, f.name)
	}
	for _, m := range mutants() {
		order = append(order, m.name)
	}
	place := func(name string) int { return slices.Index(order, name) }
	slices.SortFunc(t.rounds, func(a, b row) int { return place(a.fault.name) - place(b.fault.name) })
	slices.SortFunc(t.mutants, func(a, b mutantRow) int { return place(a.name) - place(b.name) })
	var b bytes.Buffer
	w := tabwriter.NewWriter(&b, 0, 4, 2, ' ', 0)
	fmt.Fprintf(w, "seed %d\n", *seed)
	if len(t.rounds) > 0 {
		fmt.Fprintln(w, "FAULT\tINJECTED\tTARGETS\tLOST\tDOUBLED\tOVERLAPS\tUNPINNED\tOTHER\tTOOK\tWHAT")
	}
	for _, r := range t.rounds {
		other := 0
		for _, f := range r.findings {
			switch f.kind {
			case kindLost, kindDoubled, kindOverlap, kindUnpinned:
			default:
				other++
			}
		}
		fmt.Fprintf(w, "%s\t%d\t%d\t%d\t%d\t%d\t%d\t%d\t%s\t%s\n", r.fault.name, r.injected[r.fault.name], r.targets, r.lost, r.doubled,
			r.overlaps, r.unpinned, other, r.took, r.fault.about)
	}
	if len(t.mutants) > 0 {
		fmt.Fprintln(w, "DELIBERATE BUG\tWITH\tMUST SHOW AS\tSHOWED AS")
		for _, m := range t.mutants {
			fmt.Fprintf(w, "%s\t%s\t%s\t%s\n", m.name, m.fault, m.want, m.got)
		}
	}
	if err := w.Flush(); err != nil {
		return err
	}
	for line := range strings.Lines(b.String()) {
		fmt.Print("chaos: " + line)
	}
	if file == "" {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
		return err
	}
	return os.WriteFile(file, b.Bytes(), 0o600)
}
