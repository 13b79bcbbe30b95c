package appconfig

import "slices"

// Edit changes a list. Add and Remove leave all else alone; Set is the whole list.
type Edit struct {
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
	// Set is nil unless the plan gives it; an empty one empties the list.
	Set []string `json:"set,omitzero"`
}

// edited is a list after the edit: what stays in its order, then what is new.
func (e Edit) edited(have []string) []string {
	if e.Set != nil {
		return append(intersect(have, e.Set), without(e.Set, have)...)
	}
	return append(without(have, e.Remove), without(e.Add, have)...)
}

// without are those of a that are not in b.
func without(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return slices.Contains(b, v) })
}

func intersect(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(v string) bool { return !slices.Contains(b, v) })
}

// signs are the lines of a change.
func signs(prefix string, plus, minus []string) []string {
	var lines []string
	for _, v := range plus {
		lines = append(lines, "+ "+prefix+v)
	}
	for _, v := range minus {
		lines = append(lines, "- "+prefix+v)
	}
	return lines
}
