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
	// Permit: a permit of the stage's pool was taken for this assignment and has to be settled.
	Permit bool
}

// PermitID names the permit of a target's assignment in its stage's pool.
func PermitID(rolloutID, appID string) string { return rolloutID + "/" + appID }

// PermitOf is the target of a permit; ok is false if the id is not an assignment's.
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
	// ReadBack claims only the targets that have a call of unknown outcome, of any rank; without
	// it they are left out.
	ReadBack bool
	// Lease is how long an assignment lasts before it goes back to its index.
	Lease time.Duration
}

// Allowance is what a stage's pool would grant.
type Allowance struct {
	// N is the largest number of assignments; Unlimited if the pool is open without a known
	// limit. Take decides how many permits a rollout gets.
	N int64
	// Mark changes when the pool does: Take may then grant what it refused.
	Mark string
	// Permits: assignments must take a permit, always at submit, elsewhere while the stage's calls
	// are throttled.
	Permits bool
	// Probe: the pool is not open and grants one permit at a time, to an app that finds out
	// whether WeChat accepts again. Tried are the apps that tried or were refused since the pool
	// closed, the newest last.
	Probe bool
	Tried []string
}
