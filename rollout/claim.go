package rollout

import (
	"strings"
	"time"
)

// Assignment is a target's permission to act at one stage: what the queue carries.
type Assignment struct {
	Rollout string
	AppID   string
	Stage   Stage
	Fence   int64
	// Permit says that a permit of the stage's pool was taken for this assignment and
	// has to be settled.
	Permit bool
}

// PermitID names the permit of a target's assignment in its stage's pool.
func PermitID(rolloutID, appID string) string { return rolloutID + "/" + appID }

// PermitOf is whose permit it is; ok is false if it is no assignment's.
func PermitOf(id string) (rolloutID, appID string, ok bool) {
	i := strings.LastIndexByte(id, '/')
	if i <= 0 || i+1 == len(id) {
		return "", "", false
	}
	return id[:i], id[i+1:], true
}

// Claim asks the store for assignments.
type Claim struct {
	Rollout string
	Stage   Stage
	// MaxRank excludes waves that may not start yet.
	MaxRank int64
	// N bounds the number of assignments.
	N int
	// Only, if set, claims just these apps.
	Only []string
	// ReadBack claims the targets that have a call of unknown outcome to read back, whatever their
	// rank, and no others; without it they are left out.
	ReadBack bool
	// Lease is how long an assignment lasts before it goes back to its index.
	Lease time.Duration
}

// Allowance is what a stage's pool would give.
type Allowance struct {
	// N is the number of assignments at most; Unlimited if the pool is open without a known
	// end. How many a rollout gets of permits, Take decides.
	N int64
	// Mark changes when the pool does: what Take refused, it may grant then.
	Mark string
	// Permits says that assignments must take a permit: always at submit, elsewhere
	// while the stage's calls are throttled.
	Permits bool
	// Probe says that the pool is not open: one permit at a time, for an app that is to
	// find out whether WeChat grants again. Tried are the apps that did, or were refused,
	// since it closed, the newest last.
	Probe bool
	Tried []string
}
