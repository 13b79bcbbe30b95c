package gateway

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
)

// Fields is a JSON object whose members are decoded one by one, so that absent, null and mistyped stay distinct.
type Fields map[string]json.RawMessage

// Has reports whether the member is present, even as null.
func (f Fields) Has(key string) bool {
	_, ok := f[key]
	return ok
}

// Decode reads the members that the fields of a struct name in their "in" tags. Absent members leave zeros, but a number
// must be present unless its tag says optional; tagged quoted, it may have quotes. Null and other types are not ok.
func Decode[T any](f Fields) (in T, ok bool) {
	v := reflect.ValueOf(&in).Elem()
	for i := range v.NumField() {
		key, option, _ := strings.Cut(v.Type().Field(i).Tag.Get("in"), ",")
		if n, is := v.Field(i).Addr().Interface().(*int64); is {
			if *n, ok = f.number(key, option == "quoted"); !ok && (f.Has(key) || option != "optional") {
				return in, false
			}
		} else if raw, present := f[key]; present {
			p := reflect.New(reflect.PointerTo(v.Field(i).Type()))
			if json.Unmarshal(raw, p.Interface()) != nil || p.Elem().IsNil() {
				return in, false
			}
			v.Field(i).Set(p.Elem().Elem())
		}
	}
	return in, true
}

func (f Fields) number(key string, quoted bool) (int64, bool) {
	raw := bytes.TrimSpace(f[key])
	if quoted && len(raw) > 2 && raw[0] == '"' {
		raw = raw[1 : len(raw)-1]
	}
	n, err := strconv.ParseInt(string(raw), 10, 64)
	return n, err == nil
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

// Text reads a string member: empty and true when absent, false when null or something else.
func (f Fields) Text(key string) (string, bool) { return read[string](f, key) }

// Object reads an object member, as Text does.
func (f Fields) Object(key string) (Fields, bool) { return read[Fields](f, key) }

// List reads an array member, as Text does.
func List[T any](f Fields, key string) ([]T, bool) { return read[[]T](f, key) }
