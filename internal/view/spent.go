package view

import "github.com/wxrollout/wxrollout/rollout"

// Spent is the quota that targets spent, by the results of their submissions.
type Spent struct {
	Submissions int `json:"submissions"`
	Approved    int `json:"approved"`
	Rejected    int `json:"rejected"`
	Withdrawn   int `json:"withdrawn"`
	// InAudit are of unfinished targets, NoResult of targets that failed or were aborted in audit.
	InAudit  int `json:"in_audit"`
	NoResult int `json:"no_result"`
}

// Add counts the submissions of a target.
func (s *Spent) Add(t rollout.Target) {
	n := spentOf(t)
	s.Submissions += n.Submitted
	s.Approved += n.Approved
	s.Rejected += n.Rejected
	s.Withdrawn += n.Withdrawn
	if t.State.Ended() {
		s.NoResult += n.Open()
	} else {
		s.InAudit += n.Open()
	}
}

// spentOf is what a target spent. A record of a version that did not count has its last submission.
func spentOf(t rollout.Target) rollout.Spent {
	n := t.Spent
	if n.Submitted > 0 || t.AuditID == 0 && t.PastAuditID == 0 {
		return n
	}
	n.Submitted = 1
	switch {
	case t.State == rollout.StateRejected:
		n.Rejected = 1
	case t.AuditID == 0:
		n.Withdrawn = 1
	case t.Stage == rollout.StageRelease || t.Stage == rollout.StageUndo:
		n.Approved = 1
	}
	return n
}
