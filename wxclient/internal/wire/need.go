package wire

import (
	"fmt"
	"reflect"
	"strings"
)

// Checker is a reply with conditions that the tag need can't express: a success without its payload
// must not count as one.
type Checker interface {
	Check() error
}

// Missing is the error of a reply that lacks a field it must have. A list that is absent or null
// decodes to nil, an empty one does not: checks compare with nil.
func Missing(field string) error {
	return fmt.Errorf("the reply lacks %s", field)
}

// lacking returns the first field with a need tag that the reply lacks, "" if there is none: a nil
// pointer or list, an empty text, or a number that is not positive.
func lacking(v reflect.Value) string {
	switch v.Kind() {
	case reflect.Pointer:
		return lacking(v.Elem())
	case reflect.Slice:
		for i := range v.Len() {
			if name := lacking(v.Index(i)); name != "" {
				return name
			}
		}
	case reflect.Struct:
		for field, value := range v.Fields() {
			key, _, _ := strings.Cut(field.Tag.Get("json"), ",")
			if field.Tag.Get("need") != "" && absent(value) {
				return key
			}
			if name := lacking(value); name != "" {
				return within(name, key, value.Kind())
			}
		}
	}
	return ""
}

// within adds the object or list that lacks a field.
func within(name, key string, kind reflect.Kind) string {
	switch {
	case key == "":
		return name
	case kind == reflect.Slice:
		return name + " in " + key
	}
	return key + "." + name
}

func absent(v reflect.Value) bool {
	switch v.Kind() {
	case reflect.Pointer, reflect.Slice:
		return v.IsNil()
	case reflect.Int64:
		return v.Int() <= 0
	}
	return v.IsZero()
}
