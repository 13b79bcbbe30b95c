package books

import (
	"errors"
	"fmt"
)

// An ImbalanceError is one rule the books break.
type ImbalanceError struct {
	// Rule names what is broken, such as "double submissions".
	Rule string
	// Total is how often; List holds the first cases, if the rule is about cases.
	Total int64
	List  []Offence
	// Detail says what was compared, for rules about sums.
	Detail string
}

// Error implements error with the first case in full.
func (e *ImbalanceError) Error() string {
	msg := fmt.Sprintf("books: %s: %d", e.Rule, e.Total)
	if e.Detail != "" {
		msg += " (" + e.Detail + ")"
	}
	if len(e.List) > 0 {
		o := e.List[0]
		msg += fmt.Sprintf("; first: app %s version %q desc %q audit %d: %s", o.AppID, o.Version, o.Desc, o.AuditID, o.What)
	}
	return msg
}

// Check joins an *ImbalanceError for every rule the books break; nil means they balance. Call it when no call is running.
func (b Books) Check() error {
	var errs []error
	cases := func(rule string, o Offences) {
		if o.Total > 0 {
			errs = append(errs, &ImbalanceError{Rule: rule, Total: o.Total, List: o.List})
		}
	}
	sums := func(rule, detail string, off int64) {
		if off != 0 {
			errs = append(errs, &ImbalanceError{Rule: rule, Total: off, Detail: detail})
		}
	}
	cases("overlapping calls on one app", b.OverlappingCalls)
	cases("double submissions", b.DoubleSubmissions)
	cases("double releases", b.DoubleReleases)
	cases("unpinned releases", b.UnpinnedReleases)
	cases("early releases", b.EarlyReleases)
	cases("unapproved releases", b.UnapprovedReleases)
	sums("quota spent without a submission", fmt.Sprintf("spent %d, accepted %d", b.Quota.Spent, b.Submissions),
		b.Quota.Spent-b.Submissions)
	a := b.Audits
	sum := a.Passed + a.Rejected + a.Running + a.Withdrawn + a.Delayed + a.Forgotten
	sums("audits that are not submissions", fmt.Sprintf("audits %d, accepted %d", sum, b.Submissions), sum-b.Submissions)
	sums("paths that do not exist were called", "see the strangers counter", b.Strangers)
	return errors.Join(errs...)
}

// CheckClosings joins an *ImbalanceError for every closing of the quota in which more submissions than allowed were
// answered 85085.
func (b Books) CheckClosings(allowed int64) error {
	var errs []error
	for _, c := range b.Quota.Closings {
		if c.Refused > allowed {
			errs = append(errs, &ImbalanceError{
				Rule: "submissions while the quota was closed", Total: c.Refused,
				Detail: fmt.Sprintf("closed from %s, %d allowed", c.From.Format("2006-01-02 15:04:05"), allowed),
			})
		}
	}
	return errors.Join(errs...)
}
