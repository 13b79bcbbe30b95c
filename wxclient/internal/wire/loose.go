package wire

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// Integer is a whole number that WeChat sends bare or quoted. null leaves it unchanged, so
// a *Integer that is nil means "not sent".
type Integer int64

// UnmarshalJSON accepts 12, "12" and null, and nothing else.
func (n *Integer) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	digits := string(bytes.Trim(text, `"`))
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q is not a whole number", text)
	}
	*n = Integer(v)
	return nil
}

// Value returns the number, or 0 for one that was not sent.
func (n *Integer) Value() int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

// LooseText is a text for humans that may also come as some other JSON value.
type LooseText string

// UnmarshalJSON takes a string as it is and anything else as its JSON text.
func (t *LooseText) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		s = string(text)
	}
	*t = LooseText(s)
	return nil
}

// Value returns the text, or "" for one that was not sent.
func (t *LooseText) Value() string {
	if t == nil {
		return ""
	}
	return string(*t)
}

// Decimal is a number with a fraction that WeChat sends bare or quoted.
type Decimal float64

// UnmarshalJSON accepts 12.5, "12.5" and null, and nothing else.
func (d *Decimal) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	v, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%.40q is not a number", text)
	}
	*d = Decimal(v)
	return nil
}
