package term

import (
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Bar reports progress on stderr: one line redrawn in place on a terminal, a new line
// every few seconds elsewhere. It draws only when it is called, by the clock of its streams.
type Bar struct {
	s     Streams
	drawn time.Time
	open  bool
}

// Bar returns a bar that has drawn nothing.
func (s Streams) Bar() *Bar { return &Bar{s: s} }

// Intervals between drawings on a terminal and between lines elsewhere.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// barCells is the length of a bar.
const barCells = 30

// Show draws a bar. Work that ends within the first interval shows none.
func (b *Bar) Show(what string, done, total int) {
	every := lineEvery
	if b.s.ErrTTY {
		every = barEvery
	}
	now := b.s.Now()
	switch {
	case b.drawn.IsZero() && !b.s.ErrTTY:
		b.drawn = now
		return
	case now.Sub(b.drawn) < every && done < total || total == 0 || !b.open && done == total:
		return
	}
	b.drawn, b.open = now, true
	if b.s.ErrTTY {
		_ = Draw(b.s.Err, "\r\x1b[K%s %s %s of %s", human.OneLine(what), Cells(done, total, barCells), human.Count(done), human.Count(total))
		return
	}
	b.s.Talk("%s: %s of %s\n", what, human.Count(done), human.Count(total))
}

// End removes the bar from a terminal.
func (b *Bar) End() {
	if b.open && b.s.ErrTTY {
		_ = Draw(b.s.Err, "\r\x1b[K")
	}
	b.open = false
}

// Cells draws a bar of width cells.
func Cells(done, total, width int) string {
	full := 0
	if total > 0 {
		full = min(width, done*width/total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}
