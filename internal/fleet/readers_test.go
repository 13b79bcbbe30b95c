package fleet_test

import (
	"slices"
	"testing"

	"github.com/wxrollout/wxrollout/registry/apps"
)

// healthy is an app that any question may go through.
var healthy = apps.Facts{MiniProgram: true, Status: 1, Sets: []int64{apps.CodeSet}, Categories: []string{"a/b"}}

// TestReadingApps: apps that should answer come first, those that can't are left out.
func TestReadingApps(t *testing.T) {
	t.Parallel()
	b := mini(t)
	want := func(n int, first []string, rest ...string) {
		t.Helper()
		got, err := b.Readers.ReadingApps(b.Ctx, n)
		if err != nil || len(got) != len(first)+len(rest) {
			t.Fatalf("%q (%v), want %q and %q", got, err, first, rest)
		}
		slices.Sort(got[:len(first)])
		slices.Sort(got[len(first):])
		if !slices.Equal(got, append(first, rest...)) {
			t.Errorf("%q, want %q and then %q", got, first, rest)
		}
	}
	want(5, nil)
	b.start(3)
	want(5, nil, appID(0), appID(1), appID(2))
	b.Add(appID(7), healthy)
	noSet := healthy
	noSet.Sets = nil
	b.Add(appID(0), noSet)
	account := healthy
	account.MiniProgram = false
	b.Add(appID(8), account)
	want(5, []string{appID(7)}, appID(1), appID(2))
	if got, err := b.Readers.ReadingApps(b.Ctx, 2); err != nil || len(got) != 2 || got[0] != appID(7) {
		t.Errorf("two apps: %q, %v", got, err)
	}
}
