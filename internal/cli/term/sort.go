package term

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"

	"github.com/theory/jsonpath"

	"github.com/wxrollout/wxrollout/internal/cli/exit"
)

// sorted returns items in the order of a column or of a JSON path; by "" is their own order.
func sorted[T any](by string, columns []Column[T], items []T) ([]T, error) {
	if by == "" {
		return items, nil
	}
	if strings.HasPrefix(by, "{") && strings.HasSuffix(by, "}") {
		by = by[1 : len(by)-1]
	}
	if !strings.ContainsAny(by[:min(1, len(by))], ".[$@") {
		return sortedByColumn(by, columns, items)
	}
	path, _, err := parsePath(by)
	if err != nil {
		return nil, exit.Usagef("--sort-by: %w", err)
	}
	return sortedByPath(by, path, items)
}

func sortedByColumn[T any](by string, columns []Column[T], items []T) ([]T, error) {
	plainName := func(s string) string { return strings.ToLower(strings.ReplaceAll(s, " ", "_")) }
	at := slices.IndexFunc(columns, func(c Column[T]) bool { return plainName(c.Name) == plainName(by) })
	if at < 0 {
		names := make([]string, len(columns))
		for i, c := range columns {
			names[i] = plainName(c.Name)
		}
		return nil, exit.Usagef("--sort-by %q: want a column (%s) or a JSON path such as .name", by, strings.Join(names, ", "))
	}
	c, items := columns[at], slices.Clone(items)
	slices.SortStableFunc(items, func(a, b T) int {
		if c.Time != nil {
			return c.Time(a).Compare(c.Time(b))
		}
		return natural(c.Text(a), c.Text(b))
	})
	return items, nil
}

func sortedByPath[T any](by string, path *jsonpath.Path, items []T) ([]T, error) {
	type keyed struct {
		item  T
		found bool
		key   string
	}
	list := make([]keyed, len(items))
	anywhere := len(items) == 0
	for i, item := range items {
		text, err := json.Marshal(item)
		if err != nil {
			return nil, err
		}
		value, err := plain(text)
		if err != nil {
			return nil, err
		}
		list[i].item = item
		if nodes := path.Select(value); len(nodes) > 0 {
			list[i].found, list[i].key, anywhere = true, scalar(nodes[0]), true
		}
	}
	if !anywhere {
		return nil, exit.Usagef("--sort-by %q: no entry of the list has this field: -o json shows them", by)
	}
	slices.SortStableFunc(list, func(a, b keyed) int {
		if a.found != b.found {
			return cmp.Compare(number(a.found), number(b.found))
		}
		return natural(a.key, b.key)
	})
	out := make([]T, len(list))
	for i, k := range list {
		out[i] = k.item
	}
	return out, nil
}

func number(b bool) int {
	if b {
		return 1
	}
	return 0
}

// natural compares texts with the numbers in them as numbers: 9 < 10, 3.9.0 < 3.10.0.
func natural(a, b string) int {
	x, errX := strconv.ParseFloat(strings.ReplaceAll(a, ",", ""), 64)
	y, errY := strconv.ParseFloat(strings.ReplaceAll(b, ",", ""), 64)
	if errX == nil && errY == nil {
		return cmp.Compare(x, y)
	}
	for a != "" && b != "" {
		partA, partB := part(a), part(b)
		a, b = a[len(partA):], b[len(partB):]
		order := cmp.Compare(partA, partB)
		if digit(partA[0]) && digit(partB[0]) {
			partA, partB = strings.TrimLeft(partA, "0"), strings.TrimLeft(partB, "0")
			order = cmp.Or(cmp.Compare(len(partA), len(partB)), cmp.Compare(partA, partB))
		}
		if order != 0 {
			return order
		}
	}
	return cmp.Compare(len(a), len(b))
}

func digit(c byte) bool { return '0' <= c && c <= '9' }

// part is the longest start of s that has only digits, or none.
func part(s string) string {
	i := strings.IndexFunc(s, func(r rune) bool { return digit(s[0]) != (r >= '0' && r <= '9') })
	if i < 0 {
		return s
	}
	return s[:i]
}
