package wire

import (
	"encoding/json"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Bounds of what is kept of a reply's refused lists.
const (
	maxRefused      = 200
	maxRefusedRunes = 200
)

// Refusals is embedded in the replies of the calls that change lists.
type Refusals struct {
	// Refused are the entries that WeChat did not take.
	Refused []errcode.RefusedItem `json:"-"`
}

func (r *Refusals) setRefused(items []errcode.RefusedItem) { r.Refused = items }

// refusable is a reply that may name refused entries although its errcode is 0.
type refusable interface {
	setRefused(items []errcode.RefusedItem)
}

// refusedIn reads the refused lists of a reply, in the order of their names: every list at the top
// whose name begins with invalid_ or no_icp, as an array of texts or as one text joined by semicolons.
func refusedIn(text []byte, secrets []string) []errcode.RefusedItem {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	var items []errcode.RefusedItem
	for name, raw := range fields {
		if lower := strings.ToLower(name); !strings.HasPrefix(lower, "invalid_") && !strings.HasPrefix(lower, "no_icp") {
			continue
		}
		for _, entry := range entriesOf(raw) {
			items = append(items, errcode.RefusedItem{List: tidy(name, secrets, maxSnippetRunes), Item: tidy(entry, secrets, maxRefusedRunes)})
		}
	}
	slices.SortStableFunc(items, func(a, b errcode.RefusedItem) int { return strings.Compare(a.List, b.List) })
	return items[:min(len(items), maxRefused)]
}

// entriesOf reads an array, or a text of entries joined by semicolons. An entry that is no text is
// kept as its JSON.
func entriesOf(raw json.RawMessage) []string {
	var list []LooseText
	if json.Unmarshal(raw, &list) == nil {
		out := make([]string, 0, len(list))
		for _, entry := range list {
			if entry != "" {
				out = append(out, string(entry))
			}
		}
		return out
	}
	var joined string
	if json.Unmarshal(raw, &joined) != nil {
		return nil
	}
	return SplitList(joined)
}

// SplitList splits a list that WeChat joins by semicolons.
func SplitList(joined string) []string {
	var list []string
	for entry := range strings.SplitSeq(joined, ";") {
		if entry = strings.TrimSpace(entry); entry != "" {
			list = append(list, entry)
		}
	}
	return list
}
