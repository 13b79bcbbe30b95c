// Package filefault describes what is wrong in the files that operators write: plans and app lists. A
// reader collects every fault of a file instead of stopping at the first.
package filefault

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
)

// Fault is one thing wrong in a plan or an app list.
type Fault struct {
	// File is the name of the file as the caller gave it.
	File string `json:"file"`
	// Line counts from 1; 0 means the file as a whole.
	Line int `json:"line,omitempty"`
	// Column counts bytes from 1; 0 means the line as a whole.
	Column int `json:"column,omitempty"`
	// Key is the plan's key, such as audit.in_audit or waves[0].size, or the list's column; "" for
	// neither.
	Key string `json:"key,omitempty"`
	// Value is the text at that place.
	Value string `json:"value,omitempty"`
	// App is the app of a list's line that a template could not be rendered for.
	App string `json:"app,omitempty"`
	// Msg is what was wanted.
	Msg string `json:"msg"`
}

// String is the fault on one line: plan.yaml:12: audit.in_audit: "wiat": want ...
func (f Fault) String() string {
	var b strings.Builder
	b.WriteString(f.File)
	if f.Line > 0 {
		fmt.Fprintf(&b, ":%d", f.Line)
	}
	if f.Line > 0 && f.Column > 0 && f.Key == "" { // a key or a list's column names the place better
		fmt.Fprintf(&b, ":%d", f.Column)
	}
	if f.App != "" {
		b.WriteString(": " + f.App)
	}
	if f.Key != "" {
		b.WriteString(": " + f.Key)
	}
	if f.Value != "" {
		fmt.Fprintf(&b, ": %q", shorten(f.Value))
	}
	return b.String() + ": " + f.Msg
}

// Faults are all faults of one reading. It is an error: match it with errors.As.
type Faults []Fault

// FaultsShown is how many faults Error prints; the rest are counted.
const FaultsShown = 50

// Grouped merges a fault that more than groupMax lines of a file have in common: at the first of them, with
// their number and the first three.
func (f Faults) Grouped() Faults {
	const groupMax = 3
	type kind struct{ file, key, msg string }
	group := make(map[kind]Faults)
	for _, x := range f {
		k := kind{x.File, x.Key, x.Msg}
		group[k] = append(group[k], x)
	}
	grouped := make(Faults, 0, len(group))
	for _, x := range f {
		k := kind{x.File, x.Key, x.Msg}
		all := group[k]
		switch {
		case len(all) <= groupMax || x.Line == 0:
			grouped = append(grouped, x)
		case len(all) > 0 && x == all[0]:
			x.Msg = fmt.Sprintf("%s (on %d lines: %d, %d, %d, ...)", x.Msg, len(all), all[0].Line, all[1].Line, all[2].Line)
			grouped = append(grouped, x)
		}
	}
	return grouped
}

// Error prints one fault per line, grouped, the first FaultsShown of them.
func (f Faults) Error() string {
	f = f.Grouped()
	lines := make([]string, 0, min(len(f), FaultsShown)+1)
	for _, fault := range f[:min(len(f), FaultsShown)] {
		lines = append(lines, fault.String())
	}
	if more := len(f) - FaultsShown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	return strings.Join(lines, "\n")
}

// Err is f as an error; nil without a fault.
func (f Faults) Err() error {
	if len(f) == 0 {
		return nil
	}
	return f
}

// Sort puts the faults of the named file first, each file's in order of lines.
func (f Faults) Sort(first string) {
	slices.SortStableFunc(f, func(a, b Fault) int {
		if a.File != b.File {
			if a.File == first {
				return -1
			}
			if b.File == first {
				return 1
			}
		}
		return cmp.Or(cmp.Compare(a.File, b.File), cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
}

// shorten cuts a value to what fits a message.
func shorten(s string) string {
	const most = 60
	if r := []rune(s); len(r) > most {
		return string(r[:most]) + "..."
	}
	return s
}
