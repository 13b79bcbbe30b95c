package errcode

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
)

// Class says how a caller should treat an error code. It is a closed set.
type Class string

// The classes. The comment names the reaction a class asks for.
const (
	// ClassOK is success.
	ClassOK Class = "ok"
	// ClassAlreadyDone means the wanted state may exist already: read back, then go on.
	ClassAlreadyDone Class = "already-done"
	// ClassRetryToken means the token was refused: get a new one, repeat once.
	ClassRetryToken Class = "retry-token"
	// ClassRetryBusy means WeChat was busy: the same call again, backing off, capped.
	ClassRetryBusy Class = "retry-busy"
	// ClassThrottleApp means calls for this app must wait.
	ClassThrottleApp Class = "throttle-app"
	// ClassThrottlePlatform means this kind of call must wait for every app.
	ClassThrottlePlatform Class = "throttle-platform"
	// ClassWaitExternal means something outside must happen first: look again later.
	ClassWaitExternal Class = "wait-external"
	// ClassFatalApp means this app needs a human.
	ClassFatalApp Class = "fatal-app"
	// ClassFatalRollout means the request would fail for every app: stop the rollout.
	ClassFatalRollout Class = "fatal-rollout"
	// ClassFatalConfig means the platform's own set-up is wrong: stop and alert.
	ClassFatalConfig Class = "fatal-config"
	// ClassUnknown is given to every code the table does not hold.
	ClassUnknown Class = "unknown"
)

// Classes lists every class, for callers that prepare a label per class.
func Classes() []Class {
	return []Class{
		ClassOK, ClassAlreadyDone, ClassRetryToken, ClassRetryBusy, ClassThrottleApp, ClassThrottlePlatform,
		ClassWaitExternal, ClassFatalApp, ClassFatalRollout, ClassFatalConfig, ClassUnknown,
	}
}

// errcodes is the one table of codes: code,class,text, sorted by code.
//
//go:embed errcodes.csv
var errcodes string

type codeRow struct {
	class Class
	text  string
}

// codeTable parses the embedded table once. A malformed table is a defect of this
// package that its tests catch, hence the panic.
var codeTable = sync.OnceValue(func() map[int64]codeRow {
	table, err := parseCodes(errcodes)
	if err != nil {
		panic(err)
	}
	return table
})

func parseCodes(text string) (map[int64]codeRow, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("parse errcodes.csv: %w", err)
	}
	known := map[Class]bool{}
	for _, class := range Classes() {
		known[class] = true
	}
	table := make(map[int64]codeRow, len(rows))
	for i, row := range rows[1:] {
		code, err := strconv.ParseInt(row[0], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("parse errcodes.csv: row %d: %w", i+2, err)
		}
		class := Class(row[1])
		if _, dup := table[code]; dup || !known[class] || row[2] == "" {
			return nil, fmt.Errorf("parse errcodes.csv: row %d: code %d is double, or has no class or text", i+2, code)
		}
		table[code] = codeRow{class: class, text: row[2]}
	}
	return table, nil
}

// ClassOf returns the class of an errcode, [ClassUnknown] if the table lacks it.
func ClassOf(code int64) Class {
	if row, ok := codeTable()[code]; ok {
		return row.class
	}
	return ClassUnknown
}

// Describe returns our short English text for an errcode and whether the code is known.
func Describe(code int64) (text string, known bool) {
	row, ok := codeTable()[code]
	return row.text, ok
}

// Codes returns the errcodes of a class, in ascending order.
func Codes(class Class) []int64 {
	var codes []int64
	for code, row := range codeTable() {
		if row.class == class {
			codes = append(codes, code)
		}
	}
	slices.Sort(codes)
	return codes
}
