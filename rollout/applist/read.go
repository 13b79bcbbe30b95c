package applist

import (
	"bufio"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// Limits of an app list.
const (
	RowsMax    = 200_000
	columnsMax = 100
	cellMax    = 4096      // bytes of one value
	rowMax     = 1 << 20   // bytes of one row
	BytesMax   = 256 << 20 // bytes of the list
	faultsMax  = 10_000    // faults collected; a file with more is no app list
	valueMax   = 256       // bytes of a wrong value that are kept
)

// errRow reports a row that does not end.
var errRow = errors.New("the row is too long")

// rowReader returns errRow once a row has more than rowMax bytes: the CSV reader would buffer all of
// them while it searches the end.
type rowReader struct {
	from *bufio.Reader
	csv  *csv.Reader
	read int64 // bytes returned
	row  int64 // where the present row begins
}

// Read implements io.Reader.
func (r *rowReader) Read(b []byte) (int, error) {
	if r.read-r.row > rowMax {
		return 0, errRow
	}
	n, err := r.from.Read(b)
	r.read += int64(n)
	return n, err
}

// next is the next row.
func (r *rowReader) next() ([]string, error) {
	r.row = r.csv.InputOffset()
	return r.csv.Read()
}

// isAppID reports whether s has the form of a mini program's appid.
func isAppID(s string) bool { return appIDFault(s) == "" }

// appIDFault says what is wrong with an appid, which is wx and 16 lower-case hex digits; "" if
// nothing is.
func appIDFault(s string) string {
	const want = "want wx and 16 of 0-9 and a-f"
	digits, wx := strings.CutPrefix(s, "wx")
	notHex := func(r rune) bool { return (r < '0' || r > '9') && (r < 'a' || r > 'f') }
	switch {
	case s == "":
		return "is empty: " + want
	case strings.HasPrefix(s, "gh_"):
		return "is the original id of an account, not its appid: " + want
	case s != strings.ToLower(s) && appIDFault(strings.ToLower(s)) == "":
		return "has upper-case letters: write appids in lower case"
	case !wx:
		return "does not begin with wx: " + want
	case len(digits) < 16:
		return "is too short: " + want
	case len(digits) > 16:
		return "is too long: " + want
	case strings.ContainsFunc(digits, notHex):
		return "has characters that no appid has: " + want
	default:
		return ""
	}
}

// appList is an app list while it is read.
type appList struct {
	apps    *Apps
	rows    *rowReader
	faults  filefault.Faults
	fields  int // columns of the header
	appid   int // which of them is appid
	label   int // which is label; -1 for none
	firstOn map[string]int
	damage  []damage // of each column
}

// Read reads an app list as ReadPart does, if nothing is wrong with it.
func Read(name string, r io.Reader) (*Apps, error) {
	apps, err := ReadPart(name, r)
	if err != nil {
		return nil, err
	}
	return apps, nil
}

// ReadPart reads an app list: CSV in UTF-8 whose first line names the columns, among them appid, or a bare
// list of appids, one per line. name identifies the list in faults. Blank lines, blanks around values,
// lines that begin with # and a byte order mark are accepted, and at most 200,000 rows. The error is
// filefault.Faults with everything that is wrong, and the apps are those whose rows are sound, so that
// more of their faults can be found; or it is r's.
func ReadPart(name string, r io.Reader) (*Apps, error) {
	limited := &io.LimitedReader{R: r, N: BytesMax + 1}
	text := bufio.NewReaderSize(limited, 64<<10)
	head, _ := text.Peek(8)
	l := &appList{apps: &Apps{name: name}, firstOn: make(map[string]int)}
	if book := filefault.Workbook(head); book != "" {
		l.fault(0, "", "", "%s: save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)", book)
		return nil, l.faults
	}
	if filefault.IsUTF16(head) {
		l.fault(1, "", "", "is UTF-16: save it as CSV UTF-8 (in Excel: Save As, CSV UTF-8)")
		return nil, l.faults
	}
	if strings.HasPrefix(string(head), "\ufeff") {
		if _, err := text.Discard(3); err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
	}
	l.rows = &rowReader{from: text}
	l.rows.csv = csv.NewReader(l.rows)
	l.rows.csv.Comment = '#'
	l.rows.csv.TrimLeadingSpace = true
	l.rows.csv.FieldsPerRecord = -1
	l.rows.csv.ReuseRecord = true
	if err := l.read(); err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	switch {
	case limited.N <= 0:
		l.fault(0, "", "", "is larger than 256 MiB")
	case len(l.faults) == 0 && l.apps.Len() == 0:
		l.fault(0, "", "", "has no apps: want a header with appid and a line per app")
	}
	l.apps.damage = l.damaged()
	return l.apps, l.faults.Err()
}

// fault adds a fault of a line, or of the whole list (0).
func (l *appList) fault(line int, key, value, format string, args ...any) {
	// Without the clone, the value would keep its whole row in memory.
	value = strings.Clone(value[:min(len(value), valueMax)])
	l.faults = append(l.faults, filefault.Fault{File: l.apps.name, Line: line, Key: strings.Clone(key), Value: value, Msg: fmt.Sprintf(format, args...)})
}

// read reads all records. Its error is the reader's; faults are collected.
func (l *appList) read() error {
	for first, line := true, 0; ; {
		if len(l.faults) >= faultsMax {
			l.fault(0, "", "", "has more faults than the %d that are listed: is it an app list?", len(l.faults))
			return nil
		}
		record, err := l.rows.next()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if errors.Is(err, errRow) {
			l.fault(max(1, line), "", "", "a row of more than 1 MiB begins here or after: does a quote not end?")
			return nil
		}
		if bad := (*csv.ParseError)(nil); errors.As(err, &bad) {
			line = bad.Line
			l.fault(bad.StartLine, "", "", "%s", quoteAdvice(bad))
			continue
		}
		if err != nil {
			return err
		}
		line, _ = l.rows.csv.FieldPos(0)
		if trimmed(record) {
			continue
		}
		if first {
			first = false
			if !bareList(record) {
				if !l.header(line, record) {
					return nil
				}
				continue
			}
			l.fields, l.appid, l.label = 1, 0, -1
		}
		if l.damage == nil {
			l.damage = make([]damage, l.fields)
		}
		if l.apps.Len() == RowsMax {
			l.fault(line, "", "", "has more than %d rows: split the list into several rollouts", RowsMax)
			return nil
		}
		l.row(line, record)
	}
}

// bareList reports whether a list's first line is an appid, perhaps a misspelled one, and no header.
func bareList(record []string) bool {
	return len(record) == 1 && len(record[0]) > 12 && strings.EqualFold(record[0][:2], "wx")
}

// quoteAdvice is what to do about a CSV fault.
func quoteAdvice(bad *csv.ParseError) string {
	if errors.Is(bad, csv.ErrBareQuote) {
		return `has a " inside a value: put the value in quotes and double the " in it`
	}
	return `has a quoted value that does not end, or goes on after its closing "`
}

// trimmed trims the values, removes the apostrophe that exports put before formulas, and reports whether the record is empty: all blank, or a comment after
// blanks.
func trimmed(record []string) (nothing bool) {
	nothing = true
	for i, v := range record {
		record[i] = human.Unguard(strings.TrimSpace(v))
		nothing = nothing && record[i] == ""
	}
	return nothing || strings.HasPrefix(record[0], "#")
}

// header reads the column names; false means that no row can be read without them.
func (l *appList) header(line int, names []string) bool {
	l.apps.headerLine, l.fields, l.appid, l.label = line, len(names), -1, -1
	if len(names) > columnsMax {
		l.fault(line, "", "", "has %d columns, want at most %d", len(names), columnsMax)
		return false
	}
	seen := make(map[string]int)
	for i, name := range names {
		if lower := strings.ToLower(name); lower == keyAppID || lower == keyLabel {
			name = lower
		}
		first, twice := seen[name]
		switch {
		case name == "":
			l.fault(line, "", "", "column %d has no name", i+1)
		case twice:
			l.fault(line, name, "", "columns %d and %d have the same name", first+1, i+1)
		default:
			l.checkText(line, "", name)
			seen[name] = i
		}
		switch {
		case name == keyAppID && !twice:
			l.appid = i
		case name == keyLabel && !twice:
			l.label, l.apps.labeled = i, true
		default:
			l.apps.columns = append(l.apps.columns, strings.Clone(name))
		}
	}
	if l.appid < 0 {
		for i := range l.faults { // this may be no list, and its first line a secret
			l.faults[i].Key, l.faults[i].Value = "", ""
		}
		l.noAppID(line, names)
	}
	return l.appid >= 0
}

// noAppID adds the fault of a header without appid.
func (l *appList) noAppID(line int, names []string) {
	only := names[0]
	switch {
	case len(names) == 1 && strings.ContainsAny(only, ";\t") && strings.Contains(strings.ToLower(only), keyAppID):
		l.fault(line, "", "", "the columns are parted by %q: save the list with commas", only[strings.IndexAny(only, ";\t")])
	case slices.ContainsFunc(names, isAppID):
		l.fault(line, "", "", "the first line must name the columns, such as appid,label")
	default:
		l.fault(line, "", "", "the header has no column appid%s", orHeader(suggestOf(names, keyAppID)))
	}
}

// orHeader is a suggestion, or what a header looks like.
func orHeader(suggestion string) string {
	if suggestion == "" {
		return ": want a line that names the columns, such as appid,label"
	}
	return suggestion
}

// suggestOf names the word that looks like a misspelled want.
func suggestOf(words []string, want string) string {
	for _, w := range words {
		if filefault.Suggest(w, []string{want}) != "" {
			return fmt.Sprintf("; is %q meant to be %s?", w, want)
		}
	}
	return ""
}

// row reads one app.
func (l *appList) row(line int, record []string) {
	if len(record) != l.fields {
		l.fault(line, "", strings.Join(record, ","), "has %d columns, want %d; a value with a comma in it goes in quotes", len(record), l.fields)
		return
	}
	r := row{line: line, values: make([]string, 0, len(l.apps.columns))}
	for i, value := range record {
		name := keyAppID
		switch i {
		case l.appid:
			r.appid = value
		case l.label:
			r.label, name = value, keyLabel
		default:
			name = l.apps.columns[len(r.values)]
			r.values = append(r.values, value)
		}
		if !l.checkText(line, name, value) && name == keyAppID {
			return
		}
		if name != keyAppID {
			l.note(i, name, value)
		}
	}
	first, twice := l.firstOn[r.appid]
	switch wrong := appIDFault(r.appid); {
	case wrong != "":
		l.fault(line, keyAppID, r.appid, "%s", wrong)
		return
	case twice:
		l.fault(line, keyAppID, r.appid, "is there twice, first on line %d", first)
		return
	default:
		l.firstOn[r.appid] = line
	}
	l.apps.rows = append(l.apps.rows, r)
}

// checkText refuses what is no text, and values that no column of an app list holds.
func (l *appList) checkText(line int, key, value string) bool {
	switch {
	case plainASCII(value) && len(value) <= cellMax:
		return true
	case !utf8.ValidString(value):
		l.fault(line, key, value, "is not valid UTF-8: save it as CSV UTF-8 (Excel's plain CSV is GBK)")
	case strings.ContainsRune(value, 0):
		l.fault(line, key, value, "has a NUL byte")
	case len(value) > cellMax:
		l.fault(line, key, value, "has %d bytes, want at most %d; a quote that does not end makes one value of many lines", len(value), cellMax)
	case strings.ContainsFunc(value, func(r rune) bool { return unicode.IsControl(r) && r != '\n' && r != '\t' }):
		l.fault(line, key, value, "has a control character")
	default:
		return true
	}
	return false
}

// plainASCII is the fast path of checkText, which nearly every value takes.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
