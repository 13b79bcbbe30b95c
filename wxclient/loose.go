package wxclient

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strconv"
)

// integer is a whole number that WeChat sends bare or quoted. null leaves it as it is, so
// a *integer that is nil means "not sent".
type integer int64

// UnmarshalJSON accepts 12, "12" and null, and nothing else.
func (n *integer) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	digits := string(bytes.Trim(text, `"`))
	v, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return fmt.Errorf("%.40q is not a whole number", text)
	}
	*n = integer(v)
	return nil
}

// value returns the number, or 0 for one that was not sent.
func (n *integer) value() int64 {
	if n == nil {
		return 0
	}
	return int64(*n)
}

// looseText is a text for humans that may also come as some other JSON value.
type looseText string

// UnmarshalJSON takes a string as it is and anything else as its JSON text.
func (t *looseText) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	var s string
	if err := json.Unmarshal(text, &s); err != nil {
		s = string(text)
	}
	*t = looseText(s)
	return nil
}

// value returns the text, or "" for one that was not sent.
func (t *looseText) value() string {
	if t == nil {
		return ""
	}
	return string(*t)
}

// decimal is a number with a fraction that WeChat sends bare or quoted.
type decimal float64

// UnmarshalJSON accepts 12.5, "12.5" and null, and nothing else.
func (d *decimal) UnmarshalJSON(text []byte) error {
	if bytes.Equal(text, []byte("null")) {
		return nil
	}
	v, err := strconv.ParseFloat(string(bytes.Trim(text, `"`)), 64)
	if err != nil || math.IsNaN(v) || math.IsInf(v, 0) {
		return fmt.Errorf("%.40q is not a number", text)
	}
	*d = decimal(v)
	return nil
}
