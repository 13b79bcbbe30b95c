package planfile

import (
	"strings"

	"github.com/agnivade/levenshtein"
)

// suggest is "; did you mean x?" for a misspelled word, or "" when no known word is near.
func suggest(word string, known []string) string {
	const long, slips = 64, 2
	if len(word) > long {
		return ""
	}
	best, least := "", slips+1
	for _, k := range known {
		d := levenshtein.ComputeDistance(strings.ToLower(word), strings.ToLower(k))
		if d < least && d < len(k) {
			best, least = k, d
		}
	}
	if best == "" {
		return ""
	}
	return "; did you mean " + best + "?"
}
