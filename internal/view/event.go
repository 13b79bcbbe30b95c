package view

import (
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/internal/human"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/rollout"
)

// Event is an entry in the record of a rollout.
type Event struct {
	At time.Time `json:"at"`
	// By is the operator, or the controller.
	By   string `json:"by"`
	Verb string `json:"verb"`
	// From and To are statuses, or decisions of the gate after Wave; equal if none changed.
	From string `json:"from,omitempty"`
	To   string `json:"to,omitempty"`
	Wave string `json:"wave,omitempty"`
	// Targets is how many the verb reached, Apps the first of those that it named.
	Targets int      `json:"targets,omitempty"`
	Apps    []string `json:"apps,omitempty"`
	Reason  string   `json:"reason"`
	// Gate is the gate with the numbers of its decision.
	Gate *rollout.GateState `json:"gate,omitempty"`
}

// EventOf shows an entry.
func EventOf(a ledger.Action) Event {
	e := Event{At: a.Time(), By: a.By, Verb: verbOf(a), Targets: a.Targets, Apps: a.Apps, Reason: a.Why, Gate: a.Gate}
	if a.From != a.To {
		e.From, e.To = a.From, a.To
	}
	if a.Gate != nil {
		e.Wave = a.Gate.Wave
	}
	return e
}

// Events shows a record.
func Events(actions []ledger.Action) []Event {
	out := make([]Event, len(actions))
	for i, a := range actions {
		out[i] = EventOf(a)
	}
	return out
}

// verbOf is the verb of an entry; older versions did not write it.
func verbOf(a ledger.Action) string {
	switch {
	case a.Verb != "":
		return a.Verb
	case a.From == a.To:
		return "note"
	case a.From == string(rollout.StatusLoading) && a.To != string(rollout.StatusAborted):
		return "apply"
	case a.From == string(rollout.StatusPaused) && a.To != string(rollout.StatusAborted):
		return "resume"
	}
	verbs := map[string]string{"paused": "pause", "aborted": "abort", "done": "finish", "running": "start"}
	return verbs[a.To]
}

// Change is what changed: a status, a gate's decision, or targets.
func (e Event) Change() string {
	switch {
	case e.Wave != "":
		return fmt.Sprintf("gate after %s: %s to %s", e.Wave, e.From, e.To)
	case e.To != "":
		return e.From + " to " + e.To
	case len(e.Apps) == 1:
		return e.Apps[0]
	case e.Targets > 0:
		return human.Plural(e.Targets, "target")
	default:
		return ""
	}
}

// GateNumbersText is what a gate's decision is based on.
func GateNumbersText(n rollout.GateBasis) string {
	text := fmt.Sprintf("%d of %d judged, %d bad", n.Judged, n.Size, n.Bad)
	if n.RejectAbove > 0 {
		text += fmt.Sprintf(" (limit %s)", human.Share(n.RejectAbove))
	}
	if n.Delayed > 0 {
		text += fmt.Sprintf(", %d delayed", n.Delayed)
	}
	return text
}
