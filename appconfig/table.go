package appconfig

import (
	"slices"
	"strings"
)

// table lists the kinds in the order in which they are read and written.
var table = []*Kind{domains, webview, testers, qrRules, baseLibrary, visibility, privacy, qrPublish}

// Kinds lists all kinds in the order in which they are read and written.
func Kinds() []*Kind { return slices.Clone(table) }

// KindOf returns the kind of that name; nil if there is none.
func KindOf(name string) *Kind {
	i := slices.IndexFunc(table, func(k *Kind) bool { return k.Name == name })
	if i < 0 {
		return nil
	}
	return table[i]
}

// KindOfChange returns the kind of a change by its ID, which an intent keeps; nil if there is none.
func KindOfChange(id string) *Kind {
	name, _, _ := strings.Cut(id, " ")
	return KindOf(name)
}

// MonthSpent reports whether an errcode means that an app's changes of a kind are spent for the month.
func MonthSpent(code int64) bool {
	return slices.ContainsFunc(table, func(k *Kind) bool { return k.MonthSpent != 0 && k.MonthSpent == code })
}

// Explain is a change by its ID in words: testers add alice (testers of the trial version).
func Explain(id string) string {
	if k := KindOfChange(id); k != nil {
		return id + " (" + k.Title + ")"
	}
	return id
}

// Schema describes the plan's configure section.
func Schema() Object {
	var o Object
	for _, k := range table {
		if k.Schema != nil {
			o.Fields = append(o.Fields, Field{Key: k.Key, Node: k.Schema})
		}
	}
	return o
}
