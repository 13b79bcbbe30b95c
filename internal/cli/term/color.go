package term

import "strings"

// The colors of states.
const (
	red    = "\x1b[31m"
	green  = "\x1b[32m"
	yellow = "\x1b[33m"
	cyan   = "\x1b[36m"
	reset  = "\x1b[0m"
)

// stateColors are by the first word of a state.
var stateColors = map[string]string{
	"released": green, "good": green, "done": green, "superseded": green, "ok": green, "pass": green, "passed": green, "open": green, "created": green,
	"up-to-date": green, "authorized": green, "active": green,
	"running": cyan, "pending": cyan, "loading": cyan, "waiting": cyan,
	"parked": yellow, "paused": yellow, "held": yellow, "warn": yellow, "delayed": yellow, "closed": yellow, "undone": yellow, "skipped": yellow, "incomplete": yellow,
	"failed": red, "fail": red, "rejected": red, "aborted": red, "unreadable": red, "refused": red, "overdue": red, "left": red,
}

// paint colors a state that is known.
func paint(cell string) string {
	word, _, _ := strings.Cut(cell, " ")
	color, ok := stateColors[strings.ToLower(strings.TrimSuffix(word, ":"))]
	if !ok {
		return cell
	}
	return color + cell + reset
}
