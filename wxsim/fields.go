package wxsim

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// fields is a JSON object whose members are decoded one by one, so that absent, null and mistyped stay distinct.
type fields map[string]json.RawMessage

// has reports whether the member is present, even as null.
func (f fields) has(key string) bool {
	_, ok := f[key]
	return ok
}

// text reads a string member: empty and true when absent, false when it is something else.
func (f fields) text(key string) (string, bool) {
	raw, ok := f[key]
	if !ok {
		return "", true
	}
	var s *string
	if json.Unmarshal(raw, &s) != nil || s == nil {
		return "", false
	}
	return *s, true
}

// number reads an integer member. Quoted integers pass only when quoted is allowed. Absent is not ok.
func (f fields) number(key string, quoted bool) (int64, bool) {
	raw := bytes.TrimSpace(f[key])
	if quoted && len(raw) > 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// object reads an object member: nil and true when absent, false when null or something else.
func (f fields) object(key string) (fields, bool) {
	raw, ok := f[key]
	if !ok {
		return nil, true
	}
	var out fields
	if json.Unmarshal(raw, &out) != nil || out == nil {
		return nil, false
	}
	return out, true
}

// list reads an array member: nil and true when absent, false when null or something else.
func list[T any](f fields, key string) ([]T, bool) {
	raw, ok := f[key]
	if !ok {
		return nil, true
	}
	var out []T
	if json.Unmarshal(raw, &out) != nil || out == nil {
		return nil, false
	}
	return out, true
}

// flag reads a boolean member: false when absent.
func (f fields) flag(key string) (value, ok bool) {
	raw, present := f[key]
	if !present {
		return false, true
	}
	var b *bool
	if json.Unmarshal(raw, &b) != nil || b == nil {
		return false, false
	}
	return *b, true
}
