package main

import (
	"fmt"
	"strings"
	"time"
)

// bar is a line of progress on stderr: redrawn in place on a terminal, a new line
// now and then elsewhere.
type bar struct {
	d     *deps
	drawn time.Time
	open  bool
}

func (d *deps) bar() *bar { return &bar{d: d} }

// How often a bar is redrawn on a terminal, and how often a line is written.
const (
	barEvery  = 100 * time.Millisecond
	lineEvery = 5 * time.Second
)

// barCells is how long a bar is.
const barCells = 30

// show tells how far something is. What needs no second look is not told.
func (b *bar) show(what string, done, total int) {
	every := lineEvery
	if b.d.errTTY {
		every = barEvery
	}
	now := b.d.now()
	switch {
	case b.drawn.IsZero() && !b.d.errTTY:
		b.drawn = now // a quick one says nothing at all
		return
	case now.Sub(b.drawn) < every && done < total || total == 0 || !b.open && done == total:
		return
	}
	b.drawn, b.open = now, true
	if b.d.errTTY {
		b.d.talk("\r\x1b[K%s %s %s of %s", what, cells(done, total, barCells), count(done), count(total))
		return
	}
	b.d.talk("%s: %s of %s\n", what, count(done), count(total))
}

// end leaves the line.
func (b *bar) end() {
	if b.open && b.d.errTTY {
		b.d.talk("\r\x1b[K")
	}
	b.open = false
}

// cells draws a bar of a width.
func cells(done, total, width int) string {
	full := 0
	if total > 0 {
		full = min(width, done*width/total)
	}
	return "[" + strings.Repeat("#", full) + strings.Repeat("-", width-full) + "]"
}

// percent is done of total.
func percent(done, total int) string {
	if total == 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", done*100/total)
}
