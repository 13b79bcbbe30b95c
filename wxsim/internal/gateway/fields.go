package gateway

import (
	"bytes"
	"encoding/json"
	"strconv"
)

// Fields is a JSON object whose members are decoded one by one, so that absent, null and mistyped stay distinct.
type Fields map[string]json.RawMessage

// Has reports whether the member is present, even as null.
func (f Fields) Has(key string) bool {
	_, ok := f[key]
	return ok
}

// read decodes a member: zero and true when absent, false when null or of another type.
func read[T any](f Fields, key string) (value T, ok bool) {
	raw, present := f[key]
	if !present {
		return value, true
	}
	var p *T
	if json.Unmarshal(raw, &p) != nil || p == nil {
		return value, false
	}
	return *p, true
}

// Text reads a string member: empty and true when absent, false when it is something else.
func (f Fields) Text(key string) (string, bool) { return read[string](f, key) }

// Texts reads string members.
func (f Fields) Texts(keys ...string) (values []string, ok bool) {
	for _, key := range keys {
		v, good := f.Text(key)
		if !good {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// Number reads an integer member. Quoted integers pass only when quoted is allowed. Absent is not ok.
func (f Fields) Number(key string, quoted bool) (int64, bool) {
	raw := bytes.TrimSpace(f[key])
	if quoted && len(raw) > 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
}

// Object reads an object member: nil and true when absent, false when null or something else.
func (f Fields) Object(key string) (Fields, bool) { return read[Fields](f, key) }

// List reads an array member: nil and true when absent, false when null or something else.
func List[T any](f Fields, key string) ([]T, bool) { return read[[]T](f, key) }

// Flag reads a boolean member: false when absent.
func (f Fields) Flag(key string) (value, ok bool) { return read[bool](f, key) }
