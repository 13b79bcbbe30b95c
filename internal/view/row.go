package view

import (
	"cmp"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// Row is one target as lists and reports show it.
type Row struct {
	AppID string        `json:"appid"`
	Label string        `json:"label,omitempty"`
	Wave  string        `json:"wave"`
	Rank  int64         `json:"-"`
	Stage rollout.Stage `json:"stage"`
	State rollout.State `json:"state"`
	// Reason is why it is parked.
	Reason rollout.Reason `json:"reason,omitempty"`
	// Since is when it came to its stage, Due when it wakes (parked) or its lease
	// ends (running).
	Since time.Time `json:"since,omitzero"`
	Due   time.Time `json:"due,omitzero"`
	// Attempt counts tries, Revision is the plan's that it has or gets.
	Attempt  int   `json:"attempt"`
	Revision int   `json:"revision"`
	AuditID  int64 `json:"audit_id,omitempty"`
	// Submissions is how many units of quota it spent.
	Submissions int `json:"submissions,omitempty"`
	// Last error is the last thing that went wrong.
	LastError *LastError `json:"last_error,omitempty"`
	// Note says why it was skipped, or which rollout it waits for; "" for nothing.
	Note string `json:"note,omitempty"`
	// Submitted and Ended are when that was seen last; zero if it was not.
	Submitted time.Time `json:"submitted,omitzero"`
	Ended     time.Time `json:"ended,omitzero"`
}

// LastError is what went wrong, in WeChat's words and ours.
type LastError struct {
	Class string `json:"class"`
	Code  int64  `json:"code,omitempty"`
	RID   string `json:"rid,omitempty"`
	Text  string `json:"text"`
	// Known is what we know of the errcode; "" if it has none or our table lacks it.
	Known string `json:"known,omitempty"`
	// Screenshots are the audit's media ids, joined by "|".
	Screenshots string    `json:"screenshots,omitempty"`
	At          time.Time `json:"at"`
}

// RowOf shows a target of a rollout.
func RowOf(r rollout.Rollout, t rollout.Target) Row {
	row := Row{
		AppID: t.AppID, Label: t.Label, Wave: WaveName(r, t.Wave()), Rank: t.Rank, Stage: t.Stage, State: t.State,
		Since: t.Since, Due: t.Due, Attempt: t.Attempt, Revision: t.Revision, AuditID: t.AuditID, Submissions: spentOf(t).Submitted,
		LastError: LastErrorOf(t.LastError),
	}
	if t.State == rollout.StateParked {
		row.Reason = t.Reason
	}
	if row.AuditID == 0 {
		row.AuditID = t.PastAuditID
	}
	if n := len(t.Timeline); t.State == rollout.StateSkipped && n > 0 {
		row.Note = t.Timeline[n-1].Note
	}
	for _, e := range t.Timeline {
		switch {
		case e.Stage == rollout.StageSubmit && e.What == "done":
			row.Submitted = e.At
		case t.State.Ended() && e.What == string(t.State):
			row.Ended = e.At
		}
	}
	return row
}

// LastErrorOf shows the last error of a target; nil for none.
func LastErrorOf(t *rollout.LastError) *LastError {
	if t == nil {
		return nil
	}
	known, _ := advice(t.Code, t.Text)
	return &LastError{Class: t.Class, Code: t.Code, RID: t.RID, Text: t.Text, Known: known, Screenshots: t.Screenshots, At: t.At}
}

// StateText is the state with the reason why the target is parked.
func (r Row) StateText() string { return StateText(r.State, r.Reason) }

// StateText is a state with the reason why a target is parked.
func StateText(s rollout.State, r rollout.Reason) string {
	if r == "" {
		return string(s)
	}
	return string(s) + ": " + string(r)
}

// CompareRows orders rows as they are dispatched.
func CompareRows(a, b Row) int {
	return cmp.Or(cmp.Compare(a.Rank, b.Rank), cmp.Compare(a.AppID, b.AppID))
}
