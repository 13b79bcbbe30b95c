package wxsim

import (
	"slices"
	"time"
)

// Books is a snapshot of everything the simulator accepted and of every offence it saw. Lists are capped; totals are not.
type Books struct {
	// Seed and the span of simulated time the books cover.
	Seed uint64    `json:"seed"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Apps is how many apps exist.
	Apps int `json:"apps"`
	// Endpoints are the counts of every endpoint that was called.
	Endpoints []EndpointBook `json:"endpoints"`
	// Strangers counts requests for paths that are not played.
	Strangers int64 `json:"strangers"`

	// Commits, Submissions and Releases count what took effect; Reverts counts revertcoderelease.
	Commits     int64 `json:"commits"`
	Submissions int64 `json:"submissions"`
	Releases    int64 `json:"releases"`
	Reverts     int64 `json:"reverts"`
	// SettingWrites counts the changes of apps' settings that took effect: domains, testers, QR code rules, privacy,
	// base library, visibility. A call that asks, or that changes nothing, is none.
	SettingWrites int64 `json:"setting_writes"`
	// Audits splits the submissions by their state at To.
	Audits AuditCounts `json:"audits"`
	// Quota is the platform's submission quota.
	Quota QuotaBook `json:"quota"`

	// OverlappingCalls were on one app at once, at least one of them a write.
	OverlappingCalls Offences `json:"overlapping_calls"`
	// OverlappingReads were on one app at once, all of them reads. They are no imbalance.
	OverlappingReads Offences `json:"overlapping_reads"`
	// DoubleSubmissions were accepted for a version and description of an app whose earlier audit passed or ran, or that
	// had been released. Trying a rejected or withdrawn one again is legitimate.
	DoubleSubmissions Offences `json:"double_submissions"`
	// DoubleReleases published the live version and description once more, or asked for it. Asking after a gray release
	// of 100 % is no offence, because the documents do not say whether it is needed.
	DoubleReleases Offences `json:"double_releases"`
	// UnpinnedReleases published a version whose audit was not the app's latest, or that was not the trial version.
	UnpinnedReleases Offences `json:"unpinned_releases"`
	// EarlyReleases asked for a release when nothing was approved.
	EarlyReleases Offences `json:"early_releases"`
	// UnapprovedReleases published something no audit approved: a fault of the simulator.
	UnapprovedReleases Offences `json:"unapproved_releases"`
	// Renewals counts tokens that were fetched; none of it is an imbalance.
	Renewals RenewalBook `json:"renewals"`
	// Pushes counts pushes; none of it is an imbalance.
	Pushes PushBook `json:"pushes"`
}

// EndpointBook counts the calls of one endpoint.
type EndpointBook struct {
	Path string `json:"path"`
	// Calls is the sum of Codes.
	Calls int64 `json:"calls"`
	// Codes counts answers by errcode, lost ones included.
	Codes map[int]int64 `json:"codes"`
	// Lost counts replies that were dropped, or given up by the client, after the call was played.
	Lost int64 `json:"lost"`
	// Faults counts calls that suffered a Fault.
	Faults int64 `json:"faults"`
}

// AuditCounts counts accepted submissions by state.
type AuditCounts struct {
	Passed    int64 `json:"passed"`
	Rejected  int64 `json:"rejected"`
	Running   int64 `json:"running"`
	Withdrawn int64 `json:"withdrawn"`
	Delayed   int64 `json:"delayed"`
	// Forgotten were pushed out by the cap on remembered audits per app.
	Forgotten int64 `json:"forgotten"`
}

// QuotaBook is the state and the past of the quota.
type QuotaBook struct {
	Rest  int `json:"rest"`
	Limit int `json:"limit"`
	// Spent is the units taken, Refused the submissions answered 85085.
	Spent   int64 `json:"spent"`
	Refused int64 `json:"refused"`
	// Closings are the spans without quota, the latest 1000; NClosings counts all.
	Closings  []Closing `json:"closings"`
	NClosings int64     `json:"n_closings"`
	// SpeedupsSpent is the speed-ups taken.
	SpeedupsSpent int64 `json:"speedups_spent"`
}

// RenewalBook counts the tokens that were fetched since the start, or since ForgetRenewals.
type RenewalBook struct {
	// Component is the component_access_tokens, Apps the access tokens of apps.
	Component int64 `json:"component"`
	Apps      int64 `json:"apps"`
	// Renewed is how many apps had theirs fetched, Most the most often one of them had.
	Renewed int   `json:"renewed"`
	Most    int64 `json:"most"`
}

// Offences are a total and its first 100 cases.
type Offences struct {
	Total int64     `json:"total"`
	List  []Offence `json:"list,omitempty"`
}

// Offence is one thing a careful client would not have done.
type Offence struct {
	AppID   string    `json:"appid"`
	At      time.Time `json:"at"`
	Version string    `json:"version,omitempty"`
	Desc    string    `json:"desc,omitempty"`
	AuditID int64     `json:"auditid,omitempty"`
	What    string    `json:"what"`
}

// Submission is one accepted submission.
type Submission struct {
	AuditID int64     `json:"auditid"`
	Version string    `json:"version"`
	Desc    string    `json:"desc"`
	At      time.Time `json:"at"`
}

// Release is one publication. Pinned says that its audit was the app's latest and its version the trial version.
type Release struct {
	AuditID int64     `json:"auditid"`
	Version string    `json:"version"`
	Desc    string    `json:"desc"`
	At      time.Time `json:"at"`
	Pinned  bool      `json:"pinned"`
}

// Books takes a snapshot. While calls are running its numbers may be a call apart; check it when they have ended.
func (s *Sim) Books() Books {
	now, b := s.clock.Now(), &s.books
	out := Books{
		Seed: s.set.Load().Seed, From: s.born, To: now,
		Strangers: b.alien.Load(), Submissions: b.accepted.Load(), Releases: b.released.Load(), Reverts: b.back.Load(),
		SettingWrites: b.settings.Load(),
		Quota:         s.quota.book(now),
	}
	for i, ep := range s.endpoints {
		p := &b.pages[i]
		e := EndpointBook{Path: ep.path, Codes: p.codes(), Lost: p.lost.Load(), Faults: p.faults.Load()}
		for _, n := range e.Codes {
			e.Calls += n
		}
		if e.Calls > 0 || e.Faults > 0 {
			out.Endpoints = append(out.Endpoints, e)
		}
	}
	for _, a := range s.apps.all() {
		out.Apps++
		a.mu.Lock()
		out.Commits += int64(a.book.commits)
		out.Audits.add(a, now)
		if a.renewals > 0 {
			out.Renewals.Renewed++
		}
		out.Renewals.Apps += a.renewals
		out.Renewals.Most = max(out.Renewals.Most, a.renewals)
		a.mu.Unlock()
	}
	s.component.mu.Lock()
	out.Renewals.Component = s.component.renewals
	s.component.mu.Unlock()
	b.mu.Lock()
	defer b.mu.Unlock()
	for kind, to := range map[offence]*Offences{
		overlapWrite: &out.OverlappingCalls, overlapRead: &out.OverlappingReads, doubleSubmission: &out.DoubleSubmissions,
		doubleRelease: &out.DoubleReleases, unpinnedRelease: &out.UnpinnedReleases, earlyRelease: &out.EarlyReleases,
		unapprovedRelease: &out.UnapprovedReleases,
	} {
		*to = Offences{b.offences[kind].Total, slices.Clone(b.offences[kind].List)}
	}
	out.Pushes = b.pushes
	return out
}

// ForgetRenewals begins to count renewals anew: for looking at what one expiry costs.
func (s *Sim) ForgetRenewals() {
	s.component.mu.Lock()
	s.component.renewals = 0
	s.component.mu.Unlock()
	s.each("", func(a *app) { a.renewals = 0 })
}

// add counts the audits of a locked app.
func (n *AuditCounts) add(a *app, now time.Time) {
	own := int64(0)
	for _, au := range a.audits {
		if au.foreign {
			continue
		}
		own++
		switch au.state(now) {
		case AuditPassed:
			n.Passed++
		case AuditRejected:
			n.Rejected++
		case AuditRunning:
			n.Running++
		case AuditWithdrawn:
			n.Withdrawn++
		case AuditDelayed:
			n.Delayed++
		}
	}
	n.Forgotten += int64(a.accepted) - own
}

func (q *quotaPool) book(now time.Time) QuotaBook {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.roll(now)
	return QuotaBook{
		Rest: q.rest, Limit: q.limit, Spent: q.spent, Refused: q.refused, Closings: slices.Clone(q.closings),
		NClosings: q.nClosings, SpeedupsSpent: q.speedupsUsed,
	}
}
