package rollout

import (
	"cmp"
	"fmt"
	"strings"
	"time"
)

// Release is a version of an app that a rollout made live, or found live.
type Release struct {
	Rollout string
	// Created is when that rollout was created.
	Created time.Time
	Version string
}

// Words describe the release as the reason to skip a target.
func (r Release) Words() string {
	return fmt.Sprintf("superseded by rollout %s (version %s)", r.Rollout, r.Version)
}

// Superseded reports whether a rollout must leave an app alone, and because of which release: a
// rollout created later has released a version that the plan's is not newer than. Versions that
// can't be compared count as not newer. Of several releases it is the one created last.
func Superseded(p Plan, rolloutID string, created time.Time, releases []Release) (by Release, ok bool) {
	if p.AllowDowngrade {
		return Release{}, false
	}
	for _, r := range releases {
		later := cmp.Or(r.Created.Compare(created), strings.Compare(r.Rollout, rolloutID)) > 0
		if r.Rollout == rolloutID || !later || newer(p.Template.Version, r.Version) {
			continue
		}
		if !ok || r.Created.After(by.Created) {
			by, ok = r, true
		}
	}
	return by, ok
}

// newer reports whether version a is known to be newer than b.
func newer(a, b string) bool {
	order, ok := CompareVersions(a, b)
	return ok && order > 0
}

// CompareVersions orders two versions of numbers with dots between, such as 3.10.0 and 3.9; a
// number that is missing is 0. ok is false for any other text: only equal texts compare then.
func CompareVersions(a, b string) (order int, ok bool) {
	if a == b {
		return 0, true
	}
	x, y := numbers(a), numbers(b)
	if x == nil || y == nil {
		return 0, false
	}
	at := func(list []string, i int) string {
		if i < len(list) {
			return list[i]
		}
		return ""
	}
	for i := range max(len(x), len(y)) {
		m, n := at(x, i), at(y, i)
		if order := cmp.Or(cmp.Compare(len(m), len(n)), strings.Compare(m, n)); order != 0 {
			return order, true
		}
	}
	return 0, true
}

// numbers splits a version at its dots, without leading zeros, so that numbers of any length
// compare as text; nil if it has anything but digits.
func numbers(version string) []string {
	parts := strings.Split(version, ".")
	for i, part := range parts {
		if part == "" || strings.Trim(part, "0123456789") != "" {
			return nil
		}
		parts[i] = strings.TrimLeft(part, "0")
	}
	return parts
}
