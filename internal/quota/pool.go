package quota

import (
	"cmp"
	"fmt"
	"strconv"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/tasks/classify"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
)

// Pool is the state of a stage's pool of permits.
type Pool struct {
	Stage rollout.Stage `json:"stage"`
	// State is open, closed or probing.
	State string `json:"state"`
	// Reason is the errcode that closed it, or exhausted; Words explain it.
	Reason string `json:"reason,omitempty"`
	Words  string `json:"words,omitempty"`
	// Punished reports that WeChat punishes the platform (86008, 86010).
	Punished bool `json:"punished,omitempty"`
	// Known reports that the platform's quota was read: Rest of Limit is left.
	Known bool  `json:"known"`
	Rest  int64 `json:"rest"`
	Limit int64 `json:"limit"`
	// Outstanding permits are in the workers' hands, Spent is the sum of all.
	Outstanding int64 `json:"outstanding"`
	Spent       int64 `json:"spent"`
	Closings    int64 `json:"closings"`
	// Since is when it closed, RetryAt when it is tried again, ReadAt when the
	// quota was read last.
	Since   time.Time `json:"since,omitzero"`
	RetryAt time.Time `json:"retry_at,omitzero"`
	ReadAt  time.Time `json:"read_at,omitzero"`
}

// Open reports whether the pool gives permits.
func (p Pool) Open() bool { return p.State == ratelimit.StateOpen && p.Reason == "" }

// Next is what a person should do about a pool that is not open; "" for nothing.
func (p Pool) Next() string {
	if !p.Punished {
		return ""
	}
	return "find out on the platform's console what WeChat punishes, and end it; then enqueue quota open " + string(p.Stage) +
		", and enqueue resume for each paused rollout"
}

// punished reports whether a pool's reason is a penalty of the platform.
func punished(reason string) bool {
	code, err := strconv.ParseInt(reason, 10, 64)
	return err == nil && classify.Penalty(code)
}

// poolOf describes a stage's pool.
func poolOf(s rollout.Stage, q ratelimit.QuotaState) Pool {
	return Pool{
		Stage: s, State: q.State, Reason: q.Reason, Words: closureWords(q.Reason), Punished: punished(q.Reason), Known: q.Known, Rest: q.Rest, Limit: q.Limit,
		Outstanding: q.Outstanding, Spent: q.Spent, Closings: q.Closings, Since: q.Since, RetryAt: q.RetryAt, ReadAt: q.ReadAt,
	}
}

// closureWords explains what closed a pool.
func closureWords(reason string) string {
	if reason == "" {
		return ""
	}
	if reason == ratelimit.Exhausted {
		return "the platform's submissions are used up"
	}
	if reason == classify.ReasonOutage {
		return "WeChat answers no app here (-1, no connection or no reply): one app at a time probes it"
	}
	code, err := strconv.ParseInt(reason, 10, 64)
	if err != nil {
		return reason
	}
	meaning, _ := errcode.Advice(code, "")
	text := cmp.Or(meaning, "an errcode our table lacks")
	if classify.Penalty(code) {
		return fmt.Sprintf("punished: errcode %d: %s; nothing is submitted for any rollout", code, text)
	}
	return fmt.Sprintf("errcode %d: %s", code, text)
}
