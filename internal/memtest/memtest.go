// Package memtest measures how much memory code takes for its input, so that
// tests can hold readers of foreign input to a bound.
package memtest

import (
	"runtime"
	"strings"
	"testing"
)

// Allocated is how many bytes f allocated, freed ones too: more than it can ever
// have held at once. Other goroutines count as well, so no parallel test may run
// beside it.
func Allocated(f func()) uint64 {
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	f()
	runtime.ReadMemStats(&after)
	return after.TotalAlloc - before.TotalAlloc
}

// Bounded fails t if f allocates more than per bytes for each of its size bytes
// of input, and a fixed megabyte.
func Bounded(t testing.TB, size int, per uint64, f func()) {
	t.Helper()
	const fixed = 1 << 20
	if got, most := Allocated(f), fixed+per*uint64(size); got > most {
		t.Errorf("%d bytes of input took %d bytes of memory, want at most %d", size, got, most)
	}
}

// Long is a text of about size bytes: before, then part again and again, then after.
func Long(before, part, after string, size int) string {
	return before + strings.Repeat(part, max(1, (size-len(before)-len(after))/len(part))) + after
}
