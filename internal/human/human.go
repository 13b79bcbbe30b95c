// Package human formats numbers, counts, durations, times and foreign text for people.
package human

import (
	"fmt"
	"strings"
	"time"

	"github.com/mattn/go-runewidth"
)

// Count writes a number with commas: 12,345.
func Count[N int | int64](n N) string {
	s := fmt.Sprint(n)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// Plural is "1 target" or "2 targets".
func Plural[N int | int64](n N, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return Count(n) + " " + noun + "s"
}

// OneLine makes text fit a table's cell: line ends and what a terminal would
// take for commands become blanks.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r == 0x7f || r >= 0x80 && r < 0xa0 {
			return ' '
		}
		return r
	}, s)
}

// Shorten cuts text to a width.
func Shorten(s string, width int) string { return runewidth.Truncate(OneLine(s), width, "…") }

// Duration writes a duration for people.
func Duration(d time.Duration) string {
	switch d = max(0, d); {
	case d < time.Minute:
		return fmt.Sprintf("%ds", int(d.Seconds()))
	case d < time.Hour:
		return fmt.Sprintf("%dm", int(d.Minutes()))
	case d < 24*time.Hour:
		return fmt.Sprintf("%dh%02dm", int(d.Hours()), int(d.Minutes())%60)
	default:
		return fmt.Sprintf("%dd%02dh", int(d.Hours())/24, int(d.Hours())%24)
	}
}

// Local is a time for people, in their zone; "" for none.
func Local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// Stamp is a time for programs; "" for none.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// OrBlank is n, and blank for 0.
func OrBlank(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint(n)
}

// Percent is done of total.
func Percent(done, total int) string {
	if total == 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", done*100/total)
}
