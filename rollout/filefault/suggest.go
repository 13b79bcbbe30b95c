package filefault

import (
	"bytes"
	"strings"

	"github.com/agnivade/levenshtein"
)

// Suggest is "; did you mean x?" for a misspelled word, or "" when no known word is near.
func Suggest(word string, known []string) string {
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

// IsUTF16 detects UTF-16 by its byte order mark, or by the NULs that ASCII gets in it.
func IsUTF16(data []byte) bool {
	return bytes.HasPrefix(data, []byte{0xff, 0xfe}) || bytes.HasPrefix(data, []byte{0xfe, 0xff}) ||
		len(data) >= 2 && (data[0] == 0) != (data[1] == 0)
}
