package applist

import (
	"regexp"
	"strings"

	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// DamageMax bounds how many damaged values a list reports.
const DamageMax = 1000

// What spreadsheet programs make of texts that look like numbers or dates to them.
var (
	scientific = regexp.MustCompile(`^[-+]?\d([.,]\d+)?E[-+]?\d{2,3}$`)
	formula    = regexp.MustCompile(`^=".*"$`)
	errorValue = regexp.MustCompile(`^(#(NAME|REF|VALUE|NUM|NULL|N/A|DIV/0|SPILL|CALC)[!?]?|#{4,})$`)
	rounded    = regexp.MustCompile(`^\d{15}0{2,}$`)
	// dayAndMonth are dates without a year: what 1.2, 1-2 and 3/4 become. fullDate may be meant.
	dayAndMonth = regexp.MustCompile(`^(\d{1,2}月\d{1,2}日|\d{1,2}[- ]` + months + `|` + months + `[- ]\d{1,4})$`)
	fullDate    = regexp.MustCompile(`^(\d{4}[-/年]\d{1,2}[-/月]\d{1,2}日?|\d{1,2}/\d{1,2}/\d{2,4}|\d{4}年\d{1,2}月|\d{1,2}-` + months + `-\d{2,4})( \d{1,2}:\d{2}(:\d{2})?)?$`)
)

const months = `(?:(?i:jan|feb|mar|apr|may|jun|jul|aug|sept?|oct|nov|dec)[a-z]*)`

// damageOf says what happened to a value; "" if nothing did.
func damageOf(value string) string {
	if !suspicious(value) {
		return ""
	}
	switch {
	case scientific.MatchString(value):
		return "is a number that a spreadsheet shortened: its digits are lost"
	case rounded.MatchString(value):
		return "is a number of which a spreadsheet set the digits after the 15th to 0"
	case dayAndMonth.MatchString(value), fullDate.MatchString(value):
		return "looks like a date that a spreadsheet made of a number or version"
	case errorValue.MatchString(value):
		return "is an error of a spreadsheet"
	case formula.MatchString(value):
		return "is a formula of a spreadsheet"
	default:
		return ""
	}
}

// suspicious is the fast path of damageOf, which nearly every value takes.
func suspicious(value string) bool {
	const longestDate = len("September 2026 00:00:00")
	return value != "" && (value[0] >= '0' && value[0] <= '9' || strings.IndexByte("+-#=", value[0]) >= 0 ||
		len(value) <= longestDate && value[len(value)-1] >= '0' && value[len(value)-1] <= '9')
}

// damage collects the values of a column that a spreadsheet program changed.
type damage struct {
	found filefault.Faults
	// undated: the column has a value that is no full date.
	undated bool
}

// note looks at the i-th value of the present row, of a column with a name.
func (l *appList) note(i int, name, value string) {
	if value == "" {
		return
	}
	d := &l.damage[i]
	if !suspicious(value) { // so no date either
		d.undated = true
		return
	}
	dated := fullDate.MatchString(value)
	d.undated = d.undated || !dated
	what := damageOf(value)
	if what == "" || name == keyLabel && !scientific.MatchString(value) || len(d.found) == DamageMax {
		return
	}
	line, column := l.rows.csv.FieldPos(i)
	d.found = append(d.found, filefault.Fault{File: l.apps.name, Line: line, Column: column, Key: strings.Clone(name), Value: strings.Clone(value), Msg: what})
}

// damaged are the values of all columns that a spreadsheet program changed. Where each value is a full
// date, dates are meant.
func (l *appList) damaged() (faults filefault.Faults) {
	for _, d := range l.damage {
		for _, f := range d.found {
			if d.undated || !fullDate.MatchString(f.Value) {
				faults = append(faults, f)
			}
		}
	}
	faults.Sort(l.apps.name)
	return faults[:min(len(faults), DamageMax)]
}

// Advice is what to do about damaged values.
const Advice = "format the column as text before you save the list, and enter the values again"
