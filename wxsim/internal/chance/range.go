package chance

import (
	"fmt"
	"strings"
	"time"
)

// Range is a span of durations, written "1s-3s" or just "2s".
type Range struct {
	// Min and Max are inclusive; Max below Min counts as Min.
	Min, Max time.Duration
}

// ParseRange reads "1s-3s" or "2s".
func ParseRange(s string) (Range, error) {
	low, high, two := strings.Cut(s, "-")
	if !two {
		high = low
	}
	lo, err := time.ParseDuration(low)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: want a form like 2s or 1s-3s: %w", s, err)
	}
	hi, err := time.ParseDuration(high)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: want a form like 2s or 1s-3s: %w", s, err)
	}
	if hi < lo {
		return Range{}, fmt.Errorf("range %q: the second duration is below the first", s)
	}
	return Range{lo, hi}, nil
}

// String formats the range for ParseRange.
func (r Range) String() string {
	if r.Max <= r.Min {
		return r.Min.String()
	}
	return r.Min.String() + "-" + r.Max.String()
}

// MarshalText implements encoding.TextMarshaler.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Range) UnmarshalText(text []byte) error {
	got, err := ParseRange(string(text))
	if err == nil {
		*r = got
	}
	return err
}

// At is the duration at u (0..1) of the range.
func (r Range) At(u float64) time.Duration {
	if r.Max <= r.Min {
		return r.Min
	}
	return r.Min + time.Duration(u*float64(r.Max-r.Min))
}
