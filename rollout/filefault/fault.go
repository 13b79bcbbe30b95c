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

// Error prints one fault per line, the first FaultsShown of them.
func (f Faults) Error() string {
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
