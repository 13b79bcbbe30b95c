// Package books records what the simulator accepted and what a careful client would not have done.
package books

import "time"

// Books is a snapshot of all accepted calls and all offences. Lists are capped; totals are not.
type Books struct {
	// Seed is the seed in force; From and To are the span of simulated time.
	Seed uint64    `json:"seed"`
	From time.Time `json:"from"`
	To   time.Time `json:"to"`
	// Apps is the number of apps.
	Apps int `json:"apps"`
	// Endpoints are the counts of every endpoint that was called.
	Endpoints []Endpoint `json:"endpoints"`
	// Strangers counts requests for paths that the simulator does not serve.
	Strangers int64 `json:"strangers"`

	// Commits, Submissions and Releases count what took effect; Reverts counts revertcoderelease.
	Commits     int64 `json:"commits"`
	Submissions int64 `json:"submissions"`
	Releases    int64 `json:"releases"`
	Reverts     int64 `json:"reverts"`
	// SettingWrites counts the changes of app configurations that took effect: domains, testers, QR code rules, privacy,
	// base library, visibility. Calls that only read do not count, nor do those that changed nothing.
	SettingWrites int64 `json:"setting_writes"`
	// Audits splits the submissions by their state at To.
	Audits Audits `json:"audits"`
	// Quota is the platform's submission quota.
	Quota Quota `json:"quota"`

	// OverlappingCalls were on one app at the same time, at least one of them a write.
	OverlappingCalls Offences `json:"overlapping_calls"`
	// OverlappingReads were on one app at the same time, all of them reads. They are no imbalance.
	OverlappingReads Offences `json:"overlapping_reads"`
	// DoubleSubmissions were accepted for a version and description of an app whose earlier audit passed or was running,
	// or that had been released. Submitting a rejected or withdrawn version again is legitimate.
	DoubleSubmissions Offences `json:"double_submissions"`
	// DoubleReleases published the live version and description once more, or asked for it. Asking after a gray release
	// of 100 % is no offence, because WeChat's documents do not say whether it is needed.
	DoubleReleases Offences `json:"double_releases"`
	// UnpinnedReleases published a version whose audit was not the app's latest, or that was not the trial version.
	UnpinnedReleases Offences `json:"unpinned_releases"`
	// EarlyReleases asked for a release when nothing was approved.
	EarlyReleases Offences `json:"early_releases"`
	// UnapprovedReleases published a version that no audit approved: a fault of the simulator.
	UnapprovedReleases Offences `json:"unapproved_releases"`
	// Renewals counts fetched tokens; none of it is an imbalance.
	Renewals Renewals `json:"renewals"`
	// Callbacks counts callbacks; none of it is an imbalance.
	Callbacks Callbacks `json:"pushes"`
}

// Endpoint counts the calls of one endpoint.
type Endpoint struct {
	Path string `json:"path"`
	// Calls is the sum of Codes.
	Calls int64 `json:"calls"`
	// Codes counts answers by errcode, lost ones included.
	Codes map[int]int64 `json:"codes"`
	// Lost counts replies that were dropped, or given up by the client, after the call took effect.
	Lost int64 `json:"lost"`
	// Faults counts calls that met a fault.
	Faults int64 `json:"faults"`
}

// Audits counts accepted submissions by state.
type Audits struct {
	Passed    int64 `json:"passed"`
	Rejected  int64 `json:"rejected"`
	Running   int64 `json:"running"`
	Withdrawn int64 `json:"withdrawn"`
	Delayed   int64 `json:"delayed"`
	// Forgotten were dropped by the cap on remembered audits per app.
	Forgotten int64 `json:"forgotten"`
}

// Quota is the state and the past of the submission quota.
type Quota struct {
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

// Closing is a span in which the platform had no quota left.
type Closing struct {
	// From is when the last unit was spent; To is when the quota was raised, zero while it is still closed.
	From time.Time `json:"from"`
	To   time.Time `json:"to,omitzero"`
	// Refused counts the submissions answered 85085 meanwhile.
	Refused int64 `json:"refused"`
}

// Renewals counts the tokens that were fetched since the start, or since ForgetRenewals.
type Renewals struct {
	// Component is the component_access_tokens, Apps the access tokens of apps.
	Component int64 `json:"component"`
	Apps      int64 `json:"apps"`
	// Renewed is the number of apps with a renewal, Most the highest number of renewals of one app.
	Renewed int   `json:"renewed"`
	Most    int64 `json:"most"`
}

// Callbacks counts callbacks.
type Callbacks struct {
	// Made counts events; Lost, Late, Doubled and Held (out of order) count what chance did to them.
	Made    int64 `json:"made"`
	Lost    int64 `json:"lost"`
	Late    int64 `json:"late"`
	Doubled int64 `json:"doubled"`
	Held    int64 `json:"held"`
	// Accepted counts attempts answered "success", Refused all others.
	Accepted int64 `json:"accepted"`
	Refused  int64 `json:"refused"`
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
