package rollout

// Spent counts the submissions of a target, each a unit of quota, by their results. Those without a
// result are in audit, or were when the target ended.
type Spent struct {
	Submitted int `json:"n,omitempty"`
	Approved  int `json:"ok,omitempty"`
	Rejected  int `json:"no,omitempty"`
	Withdrawn int `json:"wd,omitempty"`
}

// Open is the number of submissions without a result.
func (s Spent) Open() int { return max(0, s.Submitted-s.Approved-s.Rejected-s.Withdrawn) }

// submitted counts a submission that was not seen before.
func (t *Target) submitted(audit int64) {
	if audit != t.AuditID && audit != t.PastAuditID {
		t.Spent.Submitted++
	}
	t.AuditID = audit
}

// withdrawn counts a submission that ended without a verdict.
func (t *Target) withdrawn() {
	if t.AuditID != 0 && t.Spent.Open() > 0 {
		t.Spent.Withdrawn++
	}
	t.PastAuditID, t.AuditID = t.AuditID, 0
}
