package planfile_test

import (
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

func TestConflict(t *testing.T) {
	t.Parallel()
	frozen := func(extra string) rollout.Plan {
		file := parse(t, minimal+extra, nil)
		plan, err := file.Freeze(file.Template.Pinned(), 3)
		if err != nil {
			t.Fatal(err)
		}
		return plan
	}
	if p := frozen(""); p.Precedence() != 0 || p.OnConflict != "" || p.AllowDowngrade {
		t.Errorf("the defaults are %+v", p)
	}
	if p := frozen("quota: {pool: hotfix}\n"); p.Precedence() != 100 {
		t.Errorf("a separate pool has priority %d, want 100", p.Precedence())
	}
	if p := frozen("quota: {pool: hotfix}\npriority: 0\non_conflict: wait\n"); p.Precedence() != 0 || p.OnConflict != "" {
		t.Errorf("got %+v", p)
	}
	if p := frozen("priority: 1000\non_conflict: supersede\nallow_downgrade: true\n"); p.Precedence() != 1000 || p.OnConflict != rollout.OnConflictSupersede || !p.AllowDowngrade {
		t.Errorf("got %+v", p)
	}
	for _, tt := range []struct{ key, says string }{
		{"priority: 1001", "1000"},
		{"priority: -1", "priority"},
		{"priority: high", "priority"},
		{"on_conflict: skipp", "did you mean skip?"},
		{"allow_downgrade: maybe", "allow_downgrade"},
		{"allow_downgrades: true", "did you mean allow_downgrade?"},
	} {
		_, err := planfile.Parse("plan.yaml", []byte(minimal+tt.key+"\n"), files{}.open)
		if err == nil || !strings.Contains(err.Error(), tt.says) {
			t.Errorf("%s: %v, want %q", tt.key, err, tt.says)
		}
	}
}
