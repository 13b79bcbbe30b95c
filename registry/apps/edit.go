package apps

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Limits of an app's values.
const (
	// ValuesMax is how many values an app may have.
	ValuesMax = 100
	// ValueMax is the length of one, in bytes.
	ValueMax = 4096
	nameMax  = 100 // characters of a value's name
)

// Edit changes an app's label and values. The key label is the label.
type Edit struct {
	// Set gives values; an empty one is kept as empty.
	Set map[string]string
	// Remove takes values away.
	Remove []string
	// Replace takes every value away that Set does not name, and the label too.
	Replace bool
}

const labelKey = "label"

// Apply makes the edit and reports whether anything changed.
func (e Edit) Apply(a *App) bool {
	was := a.clone()
	if e.Replace {
		a.Label, a.Values = "", nil
	}
	for _, key := range e.Remove {
		if key == labelKey {
			a.Label = ""
		}
		delete(a.Values, key)
	}
	for key, value := range e.Set {
		if key == labelKey {
			a.Label = value
			continue
		}
		if a.Values == nil {
			a.Values = make(map[string]string)
		}
		a.Values[key] = value
	}
	return a.Label != was.Label || !maps.Equal(a.Values, was.Values)
}

// ParseEdit reads words such as tier=gold (set) and note- (take away). The error
// joins all that is wrong.
func ParseEdit(words []string) (Edit, error) {
	e := Edit{Set: make(map[string]string)}
	var faults []error
	named := make(map[string]bool)
	for _, word := range words {
		key, value, set := strings.Cut(word, "=")
		if !set {
			var remove bool
			if key, remove = strings.CutSuffix(word, "-"); !remove {
				faults = append(faults, fmt.Errorf("%q: want NAME=VALUE to set a value, or NAME- to take it away", word))
				continue
			}
			e.Remove = append(e.Remove, key)
		} else {
			e.Set[key] = value
		}
		if named[key] {
			faults = append(faults, fmt.Errorf("%q: %s is there twice", word, key))
		}
		named[key] = true
		faults = append(faults, CheckName(key), checkValue(key, value))
	}
	return e, errors.Join(faults...)
}

// CheckName refuses what no value may be called.
func CheckName(key string) error {
	switch {
	case key == "":
		return errors.New("a value has no name")
	case key == "appid":
		return errors.New("appid is the app's own and can't be set")
	case strings.HasPrefix(key, OwnPrefix):
		return fmt.Errorf("%s: names that begin with %s are the registry's own", key, OwnPrefix)
	case utf8.RuneCountInString(key) > nameMax || strings.ContainsFunc(key, unicode.IsControl):
		return fmt.Errorf("%.40q: want a name of at most %d characters on one line", key, nameMax)
	default:
		return nil
	}
}

func checkValue(key, value string) error {
	switch {
	case !utf8.ValidString(value):
		return fmt.Errorf("%s: the value is not UTF-8", key)
	case len(value) > ValueMax:
		return fmt.Errorf("%s: the value has %d bytes, want at most %d", key, len(value), ValueMax)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		return fmt.Errorf("%s: the value has a control character", key)
	default:
		return nil
	}
}

// Names are the names that values of the given apps have, sorted.
func Names(seen map[string]bool, a App) {
	for key := range a.Values {
		seen[key] = true
	}
}

// SortedNames are the names noted by Names.
func SortedNames(seen map[string]bool) []string { return slices.Sorted(maps.Keys(seen)) }
