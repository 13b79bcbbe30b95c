package term

import (
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
)

// Bar is a line of progress on stderr: redrawn in place on a terminal, a new line
// now and then elsewhere.
type Bar struct {
	s     Streams
	drawn time.Time
	open  bool
}

// Bar returns a progress line that nothing has drawn yet.
func (s Streams) Bar() *Bar { return &Bar{s: s} }

// How often a bar is redrawn on a terminal, and how often a line is written.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// barCells is how long a bar is.
const barCells = 30

// Show tells how far something is. What needs no second look is not told.
func (b *Bar) Show(what string, done, total int) {
	every := lineEvery
	if b.s.ErrTTY {
		every = barEvery
	}
	now := b.s.Now()
	switch {
	case b.drawn.IsZero() && !b.s.ErrTTY:
		b.drawn = now // a quick one says nothing at all
		return
	case now.Sub(b.drawn) < every && done < total || total == 0 || !b.open && done == total:
		return
	}
	b.drawn, b.open = now, true
	if b.s.ErrTTY {
		b.s.Talk("\r\x1b[K%s %s %s of %s", what, Cells(done, total, barCells), human.Count(done), human.Count(total))
		return
	}
	b.s.Talk("%s: %s of %s\n", what, human.Count(done), human.Count(total))
}

// End leaves the line.
func (b *Bar) End() {
	if b.open && b.s.ErrTTY {
		b.s.Talk("\r\x1b[K")
	}
	b.open = false
}

// Cells draws a bar of a width.
func Cells(done, total, width int) string {
	full := 0
	if total > 0 {
		full = min(width, done*width/total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}
