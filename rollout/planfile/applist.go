package planfile

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
)

// Limits of an app list.
const (
	rowsMax    = 200_000
	columnsMax = 100
	cellMax    = 4096      // bytes of one value
	rowMax     = 1 << 20   // bytes of one row
	listMax    = 256 << 20 // bytes of the list
	faultsMax  = 10_000    // faults noted; what has more is no app list
	valueMax   = 256       // bytes of a wrong value that are kept
)

// errRow says that a row doesn't end.
var errRow = errors.New("the row is too long")

// rowReader gives errRow instead of more bytes once a row has had more than
// rowMax: the CSV reader would keep them all in search of the row's end.
type rowReader struct {
	from *bufio.Reader
	csv  *csv.Reader
	read int64 // bytes given
	row  int64 // where the row under way begins
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

// isAppID tells what looks like a mini program's appid: wx and 16 lowercase
// letters or digits.
func isAppID(s string) bool {
	if len(s) != 18 || s[:2] != "wx" {
		return false
	}
	for i := range len(s) {
		if c := s[i]; (c < '0' || c > '9') && (c < 'a' || c > 'z') {
			return false
		}
	}
	return true
}

// appList is an app list under reading.
type appList struct {
	apps    *Apps
	rows    *rowReader
	faults  Faults
	fields  int // columns of the header
	appid   int // which of them is appid
	label   int // which is label; -1 for none
	firstOn map[string]int
}

// ReadApps reads an app list: CSV in UTF-8 whose first line names the columns,
// among them appid, or a bare list of appids, one per line. name stands for it in
// faults. Blank lines, blanks around values, lines that begin with # and a byte
// order mark are fine. At most 200,000 rows. The error is Faults with all that is
// wrong, or what r gave.
func ReadApps(name string, r io.Reader) (*Apps, error) {
	limited := &io.LimitedReader{R: r, N: listMax + 1}
	text := bufio.NewReaderSize(limited, 64<<10)
	head, _ := text.Peek(3)
	l := &appList{apps: &Apps{name: name}, firstOn: make(map[string]int)}
	if isUTF16(head) {
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
	if err := l.faults.err(); err != nil {
		return nil, err
	}
	return l.apps, nil
}

// fault notes something wrong with a line, or (0) with the list.
func (l *appList) fault(line int, key, value, format string, args ...any) {
	// The value is a piece of a whole row, which it would keep in memory.
	value = strings.Clone(value[:min(len(value), valueMax)])
	l.faults = append(l.faults, Fault{File: l.apps.name, Line: line, Key: strings.Clone(key), Value: value, Msg: fmt.Sprintf(format, args...)})
}

// read reads all records; its error is the reader's, faults are noted.
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
		if l.apps.Len() == rowsMax {
			l.fault(line, "", "", "has more than %d rows: split the list into several rollouts", rowsMax)
			return nil
		}
		l.row(line, record)
	}
}

// bareList tells that a list's first line is no header but an appid, be it misspelt.
func bareList(record []string) bool {
	return len(record) == 1 && len(record[0]) > 12 && strings.EqualFold(record[0][:2], "wx")
}

// quoteAdvice says what to do about a CSV fault.
func quoteAdvice(bad *csv.ParseError) string {
	if errors.Is(bad, csv.ErrBareQuote) {
		return `has a " inside a value: put the value in quotes and double the " in it`
	}
	return `has a quoted value that does not end, or goes on after its closing "`
}

// trimmed takes the blanks off the values and reports whether the record says
// nothing: all blank, or a comment that blanks precede.
func trimmed(record []string) (nothing bool) {
	nothing = true
	for i, v := range record {
		record[i] = strings.TrimSpace(v)
		nothing = nothing && record[i] == ""
	}
	return nothing || strings.HasPrefix(record[0], "#")
}

// header reads the column names; false means that rows make no sense without them.
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
		l.noAppID(line, names)
	}
	return l.appid >= 0
}

// noAppID says what to do about a header without appid.
func (l *appList) noAppID(line int, names []string) {
	only := names[0]
	switch {
	case len(names) == 1 && strings.ContainsAny(only, ";\t") && strings.Contains(strings.ToLower(only), keyAppID):
		l.fault(line, "", only, "the columns are parted by %q: save the list with commas", only[strings.IndexAny(only, ";\t")])
	case slices.ContainsFunc(names, isAppID):
		l.fault(line, "", strings.Join(names, ","), "the first line must name the columns, such as appid,label")
	default:
		l.fault(line, "", strings.Join(names, ","), "the header has no column appid%s", suggestOf(names, keyAppID))
	}
}

// suggestOf names the one of words that looks like want misspelt.
func suggestOf(words []string, want string) string {
	for _, w := range words {
		if suggest(w, []string{want}) != "" {
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
	}
	first, twice := l.firstOn[r.appid]
	switch {
	case !isAppID(r.appid):
		l.fault(line, keyAppID, r.appid, "want wx and 16 lowercase letters or digits")
	case twice:
		l.fault(line, keyAppID, r.appid, "is there twice, first on line %d", first)
	default:
		l.firstOn[r.appid] = line
	}
	l.apps.rows = append(l.apps.rows, r)
}

// checkText refuses what is no text, and what no column of an app list holds.
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

// plainASCII is the quick way out of checkText for nearly every value.
func plainASCII(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}
