package planfile

import (
	"strconv"
	"strings"
	"time"

	"github.com/goccy/go-yaml/ast"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/calendar"
)

// readRelease reads the section release, which may be absent.
func readRelease(top *object) rollout.ReleasePolicy {
	p := rollout.ReleasePolicy{When: rollout.ReleaseApproved}
	o := top.object("release")
	if o == nil {
		return p
	}
	if when := plain(o.get("when")); when == "wave" {
		o.fault("when", when, "is not supported in this version: use approved (each app goes live once its own audit passed) or manual (you let approved apps go live)")
	} else {
		p.When = rollout.ReleaseWhen(o.choice("when", string(rollout.ReleaseApproved), string(rollout.ReleaseManual)))
	}
	if o.has("window") {
		text := o.text("window")
		if window, err := calendar.ParseWindow(text); err != nil {
			o.fault("window", "", "%v", err)
		} else {
			p.Window = &window
		}
	}
	p.Gray = readGray(o)
	if o.has("every") {
		text := o.text("every")
		every, err := time.ParseDuration(text)
		if err != nil || every < time.Minute || every > deadlineMax {
			o.fault("every", text, "want a duration from 1m to 8760h, such as 24h or 90m")
		}
		p.Every = every
	}
	switch {
	case o.has("gray") && !o.has("every"):
		o.missing("every", "gray needs the wait between its steps, such as 24h")
	case o.has("every") && !o.has("gray"):
		o.fault("every", plain(o.get("every")), "is the wait between gray's steps, and there is no gray")
	}
	o.done()
	return p
}

// readGray reads release.gray: rising percentages that end with 100.
func readGray(o *object) []int {
	const want = "want rising percentages that end with 100, such as [5, 25, 100]"
	nodes, ok := o.list("gray", want)
	if !ok {
		return nil
	}
	var steps []int
	for _, node := range nodes {
		n, ok := percentStep(node)
		if !ok || n < 1 || n > 100 || (len(steps) > 0 && n <= steps[len(steps)-1]) {
			o.fault("gray", plain(node), want)
			return nil
		}
		steps = append(steps, n)
	}
	if len(steps) == 0 || steps[len(steps)-1] != 100 {
		o.fault("gray", "", want)
	}
	return steps
}

// percentStep is a node's whole number.
func percentStep(node ast.Node) (n int, ok bool) {
	for _, c := range plain(node) {
		if c < '0' || c > '9' || n > 100 {
			return 0, false
		}
		n = n*10 + int(c-'0')
	}
	return n, plain(node) != ""
}

// readQuota reads the section quota, which may be absent.
func readQuota(top *object) (q rollout.QuotaPolicy) {
	o := top.object("quota")
	if o == nil {
		return q
	}
	if q.Pool = o.text("pool"); o.has("pool") && !nameRule.MatchString(q.Pool) {
		o.fault("pool", q.Pool, nameWant)
	}
	if reserve := o.object("reserve"); reserve != nil {
		q.Reserve = make(map[string]int64)
		for pool := range reserve.values {
			if !nameRule.MatchString(pool) {
				reserve.fault(pool, "", "want a pool's name: %s", nameWant)
			}
			if n, ok := reserve.integer(pool, 0, 1_000_000); ok {
				q.Reserve[pool] = n
			} else if !reserve.has(pool) {
				reserve.fault(pool, "", "want how many submissions to keep for the pool")
			}
		}
		reserve.done()
	}
	q.Cap, q.CapPercent = readCap(o)
	q.PerDay, _ = o.integer("per_day", 1, 1_000_000)
	o.done()
	return q
}

// readCap reads quota.cap: units, or a percentage of the platform's limit.
func readCap(o *object) (units, percent int64) {
	const want = "want a number of submissions, or a percentage of the platform's limit such as 50%%"
	if !o.has("cap") {
		return 0, 0
	}
	text := o.text("cap")
	digits, isPercent := strings.CutSuffix(text, "%")
	n, err := strconv.ParseInt(digits, 10, 64)
	switch {
	case err != nil || n < 1 || isPercent && n > 100 || n > 1_000_000:
		o.fault("cap", text, want)
		return 0, 0
	case isPercent:
		return 0, n
	default:
		return n, 0
	}
}
