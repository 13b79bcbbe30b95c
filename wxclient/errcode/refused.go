package errcode

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// maxRefusedText bounds RefusedText in runes; the first entry is always shown.
const maxRefusedText = 1000

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
