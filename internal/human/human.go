// Package human formats numbers, counts, durations, times, tables and foreign text for people.
package human

import (
	"cmp"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/dustin/go-humanize/english"
	"github.com/jedib0t/go-pretty/v6/text"
)

// Count writes a number with commas: 12,345.
func Count[N int | int64](n N) string { return humanize.Comma(int64(n)) }

// Plural is "1 target" or "2,000 targets".
func Plural[N int | int64](n N, noun string) string {
	return Count(n) + " " + english.PluralWord(int(n), noun, "")
}

// Number is n without commas, and blank for 0.
func Number(n int64) string {
	if n == 0 {
		return ""
	}
	return strconv.FormatInt(n, 10)
}

// Percent is the rounded-down share of done in total.
func Percent(done, total int) string {
	if total == 0 {
		return "0%"
	}
	return fmt.Sprintf("%d%%", done*100/total)
}

// Rate writes a rate without an exponent: with one decimal below 100, else with commas.
func Rate(v float64) string {
	if v >= 99.95 {
		return Count(int64(math.Round(v)))
	}
	return strconv.FormatFloat(math.Round(v*10)/10, 'f', -1, 64)
}

// Duration writes a duration in its one or two largest units: 45s, 12m, 3h20m, 2d02h.
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

// Local writes a time in the local zone; the zero time is blank.
func Local(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Local().Format("2006-01-02 15:04:05 MST")
}

// Stamp writes a time for programs, by RFC 3339; the zero time is blank.
func Stamp(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return t.Format(time.RFC3339)
}

// reasonMax bounds a reason, in columns: records keep many.
const reasonMax = 1000

// Reason is an operator's reason for the record.
func Reason(why string) string { return cmp.Or(Shorten(why, reasonMax), "no reason given") }

// Shorten cuts text to a width in columns; a Chinese character takes two.
func Shorten(s string, width int) string { return text.Snip(OneLine(s), width, "…") }

// Share writes a share as a percentage with at most two decimals and no exponent.
func Share(share float64) string {
	return strconv.FormatFloat(math.Round(share*1e4)/1e2, 'f', -1, 64) + "%"
}
