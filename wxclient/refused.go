package wxclient

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of a reply's refused lists.
const (
	maxRefused      = 200
	maxRefusedRunes = 200
	// maxRefusedText bounds RefusedText; the first entry is always shown.
	maxRefusedText = 1000
)

// RefusedItem is one entry of a change that WeChat did not take, as the reply named it. Replies with
// errcode 0 name such entries too: the rest of the change was made then.
type RefusedItem struct {
	// List is WeChat's name of the list the entry was in, such as "invalid_requestdomain" or
	// "no_icp_domain".
	List string
	// Item is the entry, such as "https://shop.example.com"; at most 200 runes, without secrets.
	Item string
}

// Why says in plain words why the entry was refused.
func (r RefusedItem) Why() string {
	name := strings.ToLower(r.List)
	if strings.HasPrefix(name, "no_icp") {
		return "has no ICP filing"
	}
	return "WeChat does not accept it as " + strings.TrimPrefix(name, "invalid_")
}

// String renders the entry and the reason, like "https://a.example.com: has no ICP filing".
func (r RefusedItem) String() string { return r.Item + ": " + r.Why() }

// RefusedText lists entries and reasons on one line of about 1,000 runes at most, and counts those that
// do not fit; "" for none.
func RefusedText(items []RefusedItem) string {
	var texts []string
	length := 0
	for i, item := range items {
		text := item.String()
		length += utf8.RuneCountInString(text)
		if i > 0 && length > maxRefusedText {
			texts = append(texts, fmt.Sprintf("and %d more", len(items)-i))
			break
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, "; ")
}

// refusals is embedded in the replies of the calls that change lists.
type refusals struct{ refused []RefusedItem }

func (r *refusals) setRefused(items []RefusedItem) { r.refused = items }

// refusable is a reply that may name refused entries although its errcode is 0.
type refusable interface{ setRefused(items []RefusedItem) }

// refusedIn reads the refused lists of a reply, in the order of their names: every list at the top
// whose name begins with invalid_ or no_icp, as an array of texts or as one text joined by semicolons.
func refusedIn(text []byte, secrets []string) []RefusedItem {
	var fields map[string]json.RawMessage
	if json.Unmarshal(text, &fields) != nil {
		return nil
	}
	var items []RefusedItem
	for name, raw := range fields {
		if lower := strings.ToLower(name); !strings.HasPrefix(lower, "invalid_") && !strings.HasPrefix(lower, "no_icp") {
			continue
		}
		for _, entry := range entriesOf(raw) {
			items = append(items, RefusedItem{List: tidy(name, secrets, maxSnippetRunes), Item: tidy(entry, secrets, maxRefusedRunes)})
		}
	}
	slices.SortStableFunc(items, func(a, b RefusedItem) int { return strings.Compare(a.List, b.List) })
	return items[:min(len(items), maxRefused)]
}

// entriesOf reads an array, or a text of entries joined by semicolons. An entry that is no text is
// kept as its JSON.
func entriesOf(raw json.RawMessage) []string {
	var list []looseText
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
	return hosts(joined)
}
