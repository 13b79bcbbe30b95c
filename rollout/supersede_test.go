package rollout_test

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
)

func TestCompareVersions(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		a, b string
		want string
	}{
		{"3.10.0", "3.9.9", "newer"},
		{"3.9.9", "3.10.0", "older"},
		{"3.0", "3.0.0", "same"},
		{"03.0", "3", "same"},
		{"3.0.1", "3", "newer"},
		{"20261127000000000000000001", "20261127000000000000000000", "newer"},
		{"hotfix-2", "hotfix-2", "same"},
		{"hotfix-3", "hotfix-2", "?"},
		{"v3.0.0", "3.0.0", "?"},
		{"3..0", "3.0", "?"},
		{"", "1", "?"},
		{"3.0.0 ", "3.0.0", "?"},
	} {
		order, ok := rollout.CompareVersions(tt.a, tt.b)
		got := map[bool]string{false: "?", true: [...]string{"older", "same", "newer"}[order+1]}[ok]
		if got != tt.want {
			t.Errorf("%q is %s than %q, want %s", tt.a, got, tt.b, tt.want)
		}
	}
}

// Comparing is an order: what one side says, the other says too, and three agree.
func TestCompareVersionsIsAnOrder(t *testing.T) {
	t.Parallel()
	version := rapid.Custom(func(t *rapid.T) string {
		return fmt.Sprintf("%d.%d%s", rapid.IntRange(0, 11).Draw(t, "a"), rapid.IntRange(0, 11).Draw(t, "b"), rapid.SampledFrom([]string{"", ".0", ".1", "-x"}).Draw(t, "c"))
	})
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := version.Draw(t, "a"), version.Draw(t, "b"), version.Draw(t, "c")
		ab, ok1 := rollout.CompareVersions(a, b)
		ba, ok2 := rollout.CompareVersions(b, a)
		bc, ok3 := rollout.CompareVersions(b, c)
		ac, ok4 := rollout.CompareVersions(a, c)
		if ok1 != ok2 || ab != -ba {
			t.Fatalf("%s to %s is %d, and back %d", a, b, ab, ba)
		}
		if ok1 && ok3 && ok4 && ab >= 0 && bc >= 0 && ac < 0 {
			t.Fatalf("%s >= %s >= %s, but not the first and the last", a, b, c)
		}
	})
}

func TestSuperseded(t *testing.T) {
	t.Parallel()
	day := func(n int) time.Time { return t0.AddDate(0, 0, n) }
	release := func(id string, n int, version string) rollout.Release {
		return rollout.Release{Rollout: id, Created: day(n), Version: version}
	}
	for _, tt := range []struct {
		name     string
		version  string
		allow    bool
		releases []rollout.Release
		by       string // "" for none
	}{
		{name: "nothing was released", version: "2.0.0"},
		{name: "a later rollout released a newer version", version: "2.0.0", releases: []rollout.Release{release("hotfix", 2, "3.0.0")}, by: "hotfix"},
		{name: "of the same version", version: "3.0.0", releases: []rollout.Release{release("hotfix", 2, "3.0")}, by: "hotfix"},
		{name: "of an older version", version: "3.10.0", releases: []rollout.Release{release("hotfix", 2, "3.9.0")}},
		{name: "of a version that doesn't compare", version: "spring", releases: []rollout.Release{release("hotfix", 2, "3.9.0")}, by: "hotfix"},
		{name: "the plan allows it", version: "2.0.0", allow: true, releases: []rollout.Release{release("hotfix", 2, "3.0.0")}},
		{name: "an earlier rollout released: this is wanted", version: "2.0.0", releases: []rollout.Release{release("before", 0, "3.0.0")}},
		{name: "its own release", version: "2.0.0", releases: []rollout.Release{release("bulk", 1, "2.0.0")}},
		{name: "an earlier one hides no later one", version: "2.0.0", releases: []rollout.Release{release("before", 0, "4.0.0"), release("hotfix", 2, "3.0.0")}, by: "hotfix"},
		{name: "the last of several", version: "2.0.0", releases: []rollout.Release{release("first", 2, "3.0.0"), release("last", 4, "3.1.0"), release("mid", 3, "3.2.0")}, by: "last"},
		{name: "created in one instant: by id", version: "2.0.0", releases: []rollout.Release{release("zzz", 1, "3.0.0"), release("aaa", 1, "3.0.0")}, by: "zzz"},
	} {
		plan := rollout.Plan{Template: rollout.Template{Version: tt.version}, AllowDowngrade: tt.allow}
		by, ok := rollout.Superseded(plan, "bulk", day(1), tt.releases)
		if ok != (tt.by != "") || by.Rollout != tt.by {
			t.Errorf("%s: superseded by %q (%v), want %q", tt.name, by.Rollout, ok, tt.by)
		}
	}
}

func TestPrecedence(t *testing.T) {
	t.Parallel()
	zero := 0
	for _, tt := range []struct {
		plan rollout.Plan
		want int
	}{
		{rollout.Plan{}, 0},
		{rollout.Plan{Quota: rollout.QuotaPolicy{Pool: "bulk"}}, 0},
		{rollout.Plan{Quota: rollout.QuotaPolicy{Pool: "hotfix"}}, 100},
		{rollout.Plan{Quota: rollout.QuotaPolicy{Pool: "hotfix"}, Priority: &zero}, 0},
	} {
		if got := tt.plan.Precedence(); got != tt.want {
			t.Errorf("%+v: %d, want %d", tt.plan, got, tt.want)
		}
	}
}
