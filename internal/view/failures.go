package view

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/rollout"
)

// Failures are the targets of a rollout that need a person: rejected, failed, or parked until the
// merchant or an operator acts.
type Failures struct {
	Total int `json:"total"`
	// Groups have the same cause, the largest first.
	Groups []FailureGroup `json:"groups"`
	// Rows are all of them, in the order of assignments.
	Rows []Row `json:"rows"`
}

// FailureGroup is one cause.
type FailureGroup struct {
	State  rollout.State  `json:"state"`
	Reason rollout.Reason `json:"reason,omitempty"`
	Stage  rollout.Stage  `json:"stage"`
	Class  string         `json:"class"`
	Code   int64          `json:"code,omitempty"`
	// Text is our text for the code, or the last error of one of the targets: those of the others differ
	// in ids, the reviewer's device, names of pages and numbers at most.
	Text  string `json:"text"`
	Count int    `json:"count"`
	// Apps are the first few in the order of assignments.
	Apps []string `json:"apps"`
	// Next is what to do.
	Next string `json:"next"`
}

// groupApps is how many apps a group names.
const groupApps = 5

// NeedsPerson reports whether a target waits for a person.
func NeedsPerson(t rollout.Target) bool {
	return IsBad(t.State) ||
		t.State == rollout.StateParked && (t.Reason == rollout.ReasonMerchant || t.Reason == rollout.ReasonUnlisted)
}

// FailuresOf groups rows, which are in the order of dispatch, by cause.
func FailuresOf(id string, rows []Row) Failures {
	return Failures{Total: len(rows), Groups: groups(id, rows), Rows: rows}
}

// cause is what failures have in common.
type cause struct {
	state  rollout.State
	reason rollout.Reason
	stage  rollout.Stage
	class  string
	code   int64
	print  string // the text's fingerprint
}

func groups(id string, rows []Row) []FailureGroup {
	index := make(map[cause]int)
	var list []FailureGroup
	for _, row := range rows {
		c, text := causeOf(row)
		i, ok := index[c]
		if !ok {
			i = len(list)
			index[c] = i
			list = append(list, FailureGroup{
				State: c.state, Reason: c.reason, Stage: c.stage, Class: c.class, Code: c.code, Text: text,
				Next: Next(id, c.state, c.reason, row.LastError),
			})
		}
		list[i].Count++
		if len(list[i].Apps) < groupApps {
			list[i].Apps = append(list[i].Apps, row.AppID)
		}
	}
	slices.SortStableFunc(list, func(a, b FailureGroup) int { return cmp.Compare(b.Count, a.Count) })
	return list
}

// anyAppID is what names the single app in a text, which would part a group.
var anyAppID = regexp.MustCompile(`\bwx[0-9a-z]{16}\b|\brid[:=]\s*\S+|\baudit \d+|\b\d{7,}\b`)

// causeOf returns what a row shares with others, and its last error without its own ids.
func causeOf(row Row) (c cause, text string) {
	c = cause{state: row.State, reason: row.Reason, stage: row.Stage}
	if row.LastError == nil {
		return c, ""
	}
	c.class, c.code = row.LastError.Class, row.LastError.Code
	text = strings.TrimSpace(anyAppID.ReplaceAllString(row.LastError.Text, "…"))
	if meaning, _ := advice(c.code, row.LastError.Text); meaning != "" {
		text = meaning
	}
	c.print = fingerprint(text)
	return c, text
}
