// Package applist reads, selects and orders lists of apps: CSV whose columns hold an appid, a label and
// values for selectors and templates. Read reports every fault of a list.
//
//	list, err := applist.Read("apps.csv", file)
//	gold, err := list.Select(selector)
//
// The package is pure, but for reading from an io.Reader.
package applist

import (
	"cmp"
	"errors"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/wxrollout/wxrollout/rollout/filefault"
	"github.com/wxrollout/wxrollout/rollout/selector"
)

// App is one row of an app list.
type App struct {
	AppID string
	// Label is the column label: what people call the app.
	Label string
	// Columns are the other columns by name. Every column of the list is present, "" where the row's
	// is blank.
	Columns map[string]string
	// Line is where the row begins in the list; 0 if it is from no file.
	Line int
}

// Apps is an app list in order. It is immutable: Select and Order return new lists that share the rows.
type Apps struct {
	name       string
	headerLine int
	labeled    bool     // there is a column label
	columns    []string // without appid and label, in the list's order
	rows       []row
	damage     filefault.Faults
}

// row is an App without the column names, which all rows share.
type row struct {
	appid, label string
	line         int
	values       []string // as columns
}

// New returns a list of apps that are from no file, such as those of the registry. name identifies it in
// faults.
func New(name string, apps []App) *Apps {
	columns := make(map[string]bool)
	for _, app := range apps {
		for c := range app.Columns {
			columns[c] = true
		}
	}
	list := &Apps{name: name, columns: slices.Sorted(maps.Keys(columns)), rows: make([]row, len(apps))}
	for i, app := range apps {
		r := row{appid: app.AppID, label: app.Label, line: app.Line, values: make([]string, len(list.columns))}
		for j, c := range list.columns {
			r.values[j] = app.Columns[c]
		}
		list.rows[i] = r
	}
	return list
}

// HeaderLine is the line that names the columns; 0 if there is none.
func (a *Apps) HeaderLine() int { return a.headerLine }

// Name is what the list was read from.
func (a *Apps) Name() string { return a.name }

// Len is how many apps there are.
func (a *Apps) Len() int { return len(a.rows) }

// HasLabel reports whether the list has a column label.
func (a *Apps) HasLabel() bool { return a.labeled }

// Damage are the values that a spreadsheet program seems to have changed, at most DamageMax of them. They
// are text like any other: a caller decides whether to take them.
func (a *Apps) Damage() filefault.Faults { return a.damage }

// Without returns a fault, with a message, for the row of an appid that the list must not hold.
func (a *Apps) Without(appID, msg string) filefault.Faults {
	for _, r := range a.rows {
		if r.appid == appID {
			return filefault.Faults{{File: a.name, Line: r.line, Key: keyAppID, Value: appID, Msg: msg}}
		}
	}
	return nil
}

// Columns are the names of the columns apart from appid and label, in the list's order.
func (a *Apps) Columns() []string { return slices.Clone(a.columns) }

// At is the i-th app, from 0. Each call returns a new map of Columns.
func (a *Apps) At(i int) App {
	r := a.rows[i]
	app := App{AppID: r.appid, Label: r.label, Line: r.line, Columns: make(map[string]string, len(a.columns))}
	for j, c := range a.columns {
		app.Columns[c] = r.values[j]
	}
	return app
}

// All iterates over the apps with their places, from 0.
func (a *Apps) All() iter.Seq2[int, App] {
	return func(yield func(int, App) bool) {
		for i := range a.rows {
			if !yield(i, a.At(i)) {
				return
			}
		}
	}
}

// keyAppID and keyLabel are the columns that mean something to us.
const (
	keyAppID = "appid"
	keyLabel = "label"
)

// Known are all names a selector, an order or an ext template may use.
func (a *Apps) Known() []string {
	return append([]string{keyAppID, keyLabel}, a.columns...)
}

// value returns a function that reads one column of a row.
func (a *Apps) value(column string) (func(row) string, error) {
	switch i := slices.Index(a.columns, column); {
	case column == keyAppID:
		return func(r row) string { return r.appid }, nil
	case column == keyLabel:
		return func(r row) string { return r.label }, nil
	case i >= 0:
		return func(r row) string { return r.values[i] }, nil
	default:
		return nil, fmt.Errorf("%s has no column %q, only %s%s", a.name, column, strings.Join(a.Known(), ", "), filefault.Suggest(column, a.Known()))
	}
}

// Missing is one fault of the header for each of the columns that the list lacks. what names what uses
// them.
func (a *Apps) Missing(columns []string, what string) (faults filefault.Faults) {
	for _, name := range columns {
		if !slices.Contains(a.Known(), name) {
			faults = append(faults, filefault.Fault{File: a.name, Line: a.headerLine, Key: name,
				Msg: what + " uses this column and the list lacks it" + filefault.Suggest(name, a.Known())})
		}
	}
	return faults
}

// Records are the rows in order: appid, label, and the values of columns. A record is valid until the
// next one.
func (a *Apps) Records(columns []string) iter.Seq[[]string] {
	place := make([]int, len(columns))
	for i, name := range columns {
		place[i] = slices.Index(a.columns, name)
	}
	return func(yield func([]string) bool) {
		record := make([]string, 2+len(columns))
		for _, r := range a.rows {
			record[0], record[1] = r.appid, r.label
			for i, at := range place {
				record[2+i] = r.values[at]
			}
			if !yield(record) {
				return
			}
		}
	}
}

// with is the list with other rows.
func (a *Apps) with(rows []row) *Apps {
	b := *a
	b.rows = rows
	return &b
}

// Select keeps the apps that match. A column that the list lacks is an error: a misspelled tier!=test
// would match every app.
func (a *Apps) Select(s selector.Selector) (*Apps, error) {
	if s.Empty() {
		return a, nil
	}
	read := make(map[string]func(row) string)
	var errs []error
	for _, key := range s.Keys() {
		get, err := a.value(key)
		read[key] = get
		errs = append(errs, err)
	}
	if err := errors.Join(errs...); err != nil {
		return nil, err
	}
	var kept []row
	for _, r := range a.rows {
		if s.Match(func(key string) (string, bool) { return read[key](r), true }) {
			kept = append(kept, r)
		}
	}
	chosen := a.with(kept)
	chosen.damage = nil
	lines := make(map[int]bool, len(kept))
	for _, r := range kept {
		lines[r.line] = true
	}
	for _, f := range a.damage {
		if lines[f.Line] {
			chosen.damage = append(chosen.damage, f)
		}
	}
	return chosen, nil
}

// Order sorts by a column, "-column" for descending; "" keeps the order. Values compare as numbers if
// all of them are numbers, else as text. Blank ones are last either way, and equal ones keep their
// order.
func (a *Apps) Order(by string) (*Apps, error) {
	if by == "" {
		return a, nil
	}
	column, down := strings.CutPrefix(by, "-")
	get, err := a.value(column)
	if err != nil {
		return nil, err
	}
	keys := make([]orderKey, len(a.rows))
	numeric := true
	for i, r := range a.rows {
		k := orderKey{place: i, text: get(r)}
		if k.text != "" && numeric {
			k.number, err = strconv.ParseFloat(k.text, 64)
			numeric = err == nil && !math.IsNaN(k.number) && !math.IsInf(k.number, 0)
		}
		keys[i] = k
	}
	slices.SortFunc(keys, func(x, y orderKey) int {
		if (x.text == "") != (y.text == "") {
			return cmp.Compare(len(y.text), len(x.text)) // the blank one last
		}
		order := 0
		if numeric {
			order = cmp.Compare(x.number, y.number)
		} else {
			order = strings.Compare(x.text, y.text)
		}
		if down {
			order = -order
		}
		return cmp.Or(order, cmp.Compare(x.place, y.place))
	})
	sorted := make([]row, len(keys))
	for i, k := range keys {
		sorted[i] = a.rows[k.place]
	}
	return a.with(sorted), nil
}

// orderKey is what a row is sorted by.
type orderKey struct {
	place  int
	text   string
	number float64
}
