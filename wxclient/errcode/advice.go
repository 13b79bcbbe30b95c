package errcode

import (
	_ "embed"
	"encoding/csv"
	"fmt"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
)

// advice.csv is the one table of what a person should know and do about an errcode: codes separated
// by spaces, the endpoint the row is for ("" for any), what the code means there ("" for the text of
// errcodes.csv), and the one next step. {ip} stands for the address that WeChat's errmsg names.
//
//go:embed advice.csv
var adviceText string

type adviceKey struct {
	code     int64
	endpoint string
}

type adviceRow struct{ meaning, next string }

// adviceTable parses the embedded table once. A malformed table is a defect of this package that its
// tests catch, hence the panic.
var adviceTable = sync.OnceValue(func() map[adviceKey]adviceRow {
	table, err := parseAdvice(adviceText)
	if err != nil {
		panic(err)
	}
	return table
})

func parseAdvice(text string) (map[adviceKey]adviceRow, error) {
	rows, err := csv.NewReader(strings.NewReader(text)).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("parse advice.csv: %w", err)
	}
	table := make(map[adviceKey]adviceRow, len(rows))
	for i, row := range rows[1:] {
		for field := range strings.FieldsSeq(row[0]) {
			code, err := strconv.ParseInt(field, 10, 64)
			if err != nil {
				return nil, fmt.Errorf("parse advice.csv: row %d: %w", i+2, err)
			}
			key := adviceKey{code, row[1]}
			if _, twice := table[key]; twice || row[3] == "" {
				return nil, fmt.Errorf("parse advice.csv: row %d: code %d is double, or has no next step", i+2, code)
			}
			table[key] = adviceRow{meaning: row[2], next: row[3]}
		}
	}
	return table, nil
}

// noAdvice is the next step for a code that the table lacks.
const noAdvice = "look the errcode up in WeChat's documents, and ask WeChat's support with the rid"

// Advice says in plain words what an errcode means at an endpoint (a path like "/wxa/release"; "" for
// any), and the one next step. It names no rollout: what to type is the caller's to add. Code 0 has
// neither; a code that the table lacks has no meaning and a general next step.
func Advice(code int64, endpoint string) (meaning, next string) {
	if code == 0 {
		return "", ""
	}
	table := adviceTable()
	row, ok := table[adviceKey{code, endpoint}]
	if !ok {
		row, ok = table[adviceKey{code: code}]
	}
	if !ok {
		return "", noAdvice
	}
	if row.meaning == "" {
		row.meaning, _ = Describe(code)
	}
	return row.meaning, strings.ReplaceAll(row.next, "{ip}", unnamedAddress)
}

// Advice is the package's Advice for this refusal, with the address that its message names.
func (e *Error) Advice() (meaning, next string) { return AdviceFor(e.Code, e.Endpoint, e.Msg) }

// AdviceFor is Advice with the address that a text of WeChat's names put in, where the next step asks
// for it.
func AdviceFor(code int64, endpoint, text string) (meaning, next string) {
	meaning, next = Advice(code, endpoint)
	for _, word := range addressLike.FindAllString(text, -1) {
		if ip, err := netip.ParseAddr(word); err == nil {
			return meaning, strings.ReplaceAll(next, unnamedAddress, ip.String())
		}
	}
	return meaning, next
}

// unnamedAddress stands for an address that is not at hand.
const unnamedAddress = "the address that WeChat's message names"

// addressLike finds what may be an IPv4 or IPv6 address.
var addressLike = regexp.MustCompile(`[0-9a-fA-F]*(?:[.:]+[0-9a-fA-F]+){2,}`)
