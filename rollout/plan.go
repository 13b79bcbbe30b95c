package rollout

import (
	"fmt"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/rollout/calendar"
)

// Plan is the frozen intent of a rollout: what was reviewed and applied. It is
// stored with the rollout and never changes; a recommit adds a revision.
type Plan struct {
	// Name is chosen by the operator. A name has at most one unfinished rollout.
	Name string `json:"name"`
	// Template is the version that every target gets.
	Template Template `json:"template"`
	// Ext is the text of the ext.json template, rendered per app at commit; "" means {}.
	Ext string `json:"ext,omitempty"`
	// Configure is the template of the app configuration that travels with the code, rendered
	// per app; "" changes nothing. Package appconfig reads it.
	Configure string `json:"configure,omitempty"`
	// Audit is how to submit.
	Audit AuditPolicy `json:"audit"`
	// Waves are in order and cover all targets; at least one.
	Waves []Wave `json:"waves"`
	// Release is when and how to publish.
	Release ReleasePolicy `json:"release"`
	// Quota is the pool of the submissions, and the reserves for other pools.
	Quota QuotaPolicy `json:"quota"`
	// Deadline bounds how long a target waits at a stage.
	Deadline Deadlines `json:"deadline,omitzero"`
	// Priority is 0 to MaxPriority, nil for the default of the pool: see Precedence.
	Priority *int `json:"priority,omitempty"`
	// OnConflict decides about an app that another unfinished rollout works on.
	OnConflict OnConflict `json:"on_conflict,omitempty"`
	// AllowDowngrade permits a version that is not newer than one that a rollout created later
	// has released.
	AllowDowngrade bool `json:"allow_downgrade,omitempty"`
}

// MaxPriority is the highest priority of a plan.
const MaxPriority = 1000

// Precedence is the plan's priority; by default 0 for the pool bulk and 100 for any other. The
// higher one is dispatched first, and takes over apps that lower ones only wait with.
func (p Plan) Precedence() int {
	switch {
	case p.Priority != nil:
		return *p.Priority
	case p.Quota.PoolName() == bulkPool:
		return 0
	default:
		return 100
	}
}

// OnConflict decides about an app that another unfinished rollout works on. A rollout of lower
// priority that only waits gives the app up in any case.
type OnConflict string

// The policies for an app that a rollout of the same or a higher priority works on.
const (
	OnConflictWait      OnConflict = "wait"      // park until that rollout is done with the app; "" is the same
	OnConflictSupersede OnConflict = "supersede" // take the app also from an older rollout of the same priority that only waits
	OnConflictSkip      OnConflict = "skip"      // end the target as skipped
)

// Template names one entry of the component's template library. ID 0 is valid.
type Template struct {
	ID      int64  `json:"id"`
	Version string `json:"version"`
	Desc    string `json:"desc,omitempty"`
}

// InAudit decides about an app of which another version is in audit.
type InAudit string

// The policies for another version in audit.
const (
	InAuditWait     InAudit = "wait"     // park until that audit ends
	InAuditWithdraw InAudit = "withdraw" // undo that audit (5 a day and 10 a month per app), then submit
	InAuditSkip     InAudit = "skip"     // end the target as skipped
)

// AuditPolicy is how targets are submitted to audit.
type AuditPolicy struct {
	// Items are sent as item_list; none means auto: the app's first category
	// from get_category with its first page.
	Items []AuditItem `json:"items,omitempty"`
	// InAudit is what to do when another version is in audit.
	InAudit InAudit `json:"in_audit"`
	// VersionDesc is sent as version_desc.
	VersionDesc string `json:"version_desc,omitempty"`
	// Feedback is sent as feedback_info on a resubmission (at most 200 characters).
	Feedback string `json:"feedback,omitempty"`
	// PrivacyAPINotUse declares that detected but undeclared privacy apis are not used.
	PrivacyAPINotUse bool `json:"privacy_api_not_use,omitempty"`
	// AllowPrivacy lists detected apis that don't stop the check stage.
	AllowPrivacy []string `json:"allow_privacy,omitempty"`
	// OrderPath is sent as order_path.
	OrderPath string `json:"order_path,omitempty"`
}

// AuditItem is one entry of item_list; see submit_audit in WeChat's docs.
type AuditItem struct {
	Address     string `json:"address,omitempty"`
	Tag         string `json:"tag,omitempty"`
	Title       string `json:"title,omitempty"`
	FirstClass  string `json:"first_class,omitempty"`
	SecondClass string `json:"second_class,omitempty"`
	ThirdClass  string `json:"third_class,omitempty"`
	FirstID     int64  `json:"first_id,omitempty"`
	SecondID    int64  `json:"second_id,omitempty"`
	ThirdID     int64  `json:"third_id,omitempty"`
}

// Wave is a group of targets that start together; wave 0 is the canary.
type Wave struct {
	Name string `json:"name"`
	// Size is the number of targets, resolved when the plan was applied.
	Size int `json:"size"`
	// Approve holds the next wave until an operator promotes it.
	Approve bool `json:"approve,omitempty"`
	// RejectAbove fails the gate when more than this share (0..1) of the judged
	// targets were rejected or failed; 0 means no such rule. A gate that opened trips
	// when that comes true later. After the last wave there is no gate: there it
	// pauses the rollout, once.
	RejectAbove float64 `json:"reject_above,omitempty"`
	// DelayAbove fails or trips the gate when WeChat delays the audits of more than
	// this share (0..1) of the wave's targets; 0 means of any. A delayed audit has no verdict
	// yet and is a sign that WeChat hesitates about the version. After the last wave it pauses
	// the rollout as RejectAbove does, and 0 means no such rule.
	DelayAbove float64 `json:"delay_above,omitempty"`
	// MinJudged is how many targets must have a verdict before the share counts;
	// 0 means all of the wave.
	MinJudged int `json:"min_judged,omitempty"`
	// Sequential holds the next wave until this one and those before it are done: see
	// Judge. It is for waves without any other rule, whose results stop nothing. A wave
	// with no rule at all starts together with the next one; so do those of rollouts that were
	// stored before there was a choice.
	Sequential bool `json:"sequential,omitempty"`
}

// Gated reports whether a gate holds the wave after w.
func (w Wave) Gated() bool { return w.Sequential || w.Judges() }

// Judges reports whether the gate after w depends on verdicts or on an operator.
func (w Wave) Judges() bool {
	return w.Approve || w.RejectAbove > 0 || w.DelayAbove > 0 || w.MinJudged > 0
}

// ReleaseWhen is what an approved target waits for before it goes live.
type ReleaseWhen string

// The release policies.
const (
	ReleaseApproved ReleaseWhen = "approved" // as soon as its own audit passed
	ReleaseManual   ReleaseWhen = "manual"   // when an operator approves the rollout's releases
)

// ReleasePolicy is when and how approved targets are published.
type ReleasePolicy struct {
	When   ReleaseWhen      `json:"when"`
	Window *calendar.Window `json:"window,omitempty"`
	// Gray lists rising percentages; empty or [100] means a full release at once.
	Gray []int `json:"gray,omitempty"`
	// Every is the wait between two gray steps.
	Every time.Duration `json:"every,omitempty"`
}

// QuotaPolicy is the pool of a rollout's submissions, with its bounds and reserves.
type QuotaPolicy struct {
	// Pool names the rollout's share of the platform's quota; "" is "bulk".
	Pool string `json:"pool,omitempty"`
	// Reserve guarantees submissions of the month to pools, less what they have spent this
	// month. Months and days are those of UTC+8.
	Reserve map[string]int64 `json:"reserve,omitempty"`
	// Cap bounds what the pool spends this month, in units; 0 means no bound.
	Cap int64 `json:"cap,omitempty"`
	// CapPercent is a Cap in percent of the platform's limit (1..100), rounded down.
	CapPercent int64 `json:"cap_percent,omitempty"`
	// PerDay bounds what the pool spends in a day; 0 means no bound.
	PerDay int64 `json:"per_day,omitempty"`
}

// bulkPool is the pool of plans that name none.
const bulkPool = "bulk"

// PoolName is the pool with its default.
func (q QuotaPolicy) PoolName() string {
	if q.Pool == "" {
		return bulkPool
	}
	return q.Pool
}

// Reserved is how many submissions q keeps for pools other than its own.
func (q QuotaPolicy) Reserved() int64 {
	var n int64
	for pool, keep := range q.Reserve {
		if pool != q.PoolName() {
			n += keep
		}
	}
	return n
}

// Marker identifies a committed version as this rollout's own, even if Redis lost its
// records: it ends user_desc at commit and comes back in getversioninfo and
// get_latest_auditstatus.
func Marker(rolloutID string, revision int) string {
	return fmt.Sprintf("[%s/%d]", rolloutID, revision)
}

// Desc is the user_desc to commit with: the plan's text and the marker.
func (p Plan) Desc(rolloutID string, revision int) string {
	return strings.TrimSpace(p.Template.Desc + " " + Marker(rolloutID, revision))
}
