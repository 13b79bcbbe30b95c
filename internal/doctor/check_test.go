package doctor_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient"
)

// levels are the results as "name level".
func levels(results []doctor.Result) []string {
	var out []string
	for _, r := range results {
		out = append(out, r.Name+" "+string(r.Level))
	}
	return out
}

// result is the one of a name.
func result(t *testing.T, results []doctor.Result, name string) doctor.Result {
	t.Helper()
	i := slices.IndexFunc(results, func(r doctor.Result) bool { return r.Name == name })
	if i < 0 {
		t.Fatalf("no result %s in %q", name, levels(results))
	}
	return results[i]
}

func TestCheckHealthy(t *testing.T) {
	t.Parallel()
	b := onServer(t)
	b.Hire()
	b.WeChat.Apps = []string{appID(0)}
	got := levels(b.Doctor.Check(b.Ctx, ""))
	want := []string{
		"redis ok", "clock ok", "redis clock ok", "redis append-only file warn", "redis commands ok", "redis keys ok",
		"credentials ok", "template library ok", "authorized apps ok", "submission quota ok",
		"calls of /wxa/commit ok", "calls of /wxa/submit_audit ok", "calls of /wxa/release ok",
		"platform ok", "workers ok", "queues ok", "submit pool ok",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("results (-want +got):\n%s", diff)
	}
}

func TestCheckFaults(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name   string
		spoil  func(b *bench)
		result string
		level  doctor.Level
		says   string // part of detail and hint
		cred   bool
	}{
		{"address", func(b *bench) {
			b.WeChat.Errs["Templates"] = &wxclient.Error{Code: 61004, Class: wxclient.ClassFatalConfig, Msg: "access clientip is not registered requestIP: 203.0.113.9"}
		}, "credentials", doctor.LevelFail, "add 203.0.113.9 to the IP allow-list", true},
		{"empty library", func(b *bench) { b.WeChat.Library = nil }, "template library", doctor.LevelWarn, "empty", false},
		{"full library", func(b *bench) { b.WeChat.Library = make([]wxclient.Template, 190) }, "template library", doctor.LevelWarn, "delete old ones", false},
		{"no apps", func(b *bench) { b.WeChat.Apps = nil }, "authorized apps", doctor.LevelWarn, "no merchant", false},
		{"quota used up", func(b *bench) { b.WeChat.Quota.Rest = 0 }, "submission quota", doctor.LevelWarn, "next month", false},
		{"no quota", func(b *bench) { b.WeChat.Quota = wxclient.Quota{} }, "submission quota", doctor.LevelFail, "ask WeChat", false},
		{"calls used up", func(b *bench) { b.WeChat.Calls.Remain = 3 }, "calls of /wxa/commit", doctor.LevelWarn, "3 of 100", false},
		{"no workers", func(*bench) {}, "workers", doctor.LevelFail, "start cmd/worker", false},
		{"half a worker", func(b *bench) {
			if err := b.Ledger.Heartbeat(b.Ctx, "w", map[rollout.QueueName]int{rollout.QueueCommit: 1}, time.Hour); err != nil {
				b.T.Fatal(err)
			}
		}, "workers", doctor.LevelFail, "audit, release", false},
		{"closed pool", func(b *bench) {
			if err := b.Pools.Close(b.Ctx, rollout.StageSubmit, ratelimit.Refusal{Reason: "86008"}, time.Hour); err != nil {
				b.T.Fatal(err)
			}
		}, "submit pool", doctor.LevelWarn, "86008", false},
		{"closed stage", func(b *bench) {
			if err := b.Pools.Close(b.Ctx, rollout.StageCommit, ratelimit.Refusal{Reason: "45009"}, time.Hour); err != nil {
				b.T.Fatal(err)
			}
		}, "commit pool", doctor.LevelWarn, "45009", false},
		{"quota below zero", func(b *bench) { b.WeChat.Quota.Rest = -3 }, "submission quota", doctor.LevelWarn, "next month", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			b := mini(t)
			b.WeChat.Apps = []string{appID(0)}
			tt.spoil(b)
			r := result(t, b.Doctor.Check(b.Ctx, ""), tt.result)
			if r.Level != tt.level || !strings.Contains(r.Detail+" "+r.Hint, tt.says) || r.Credentials != tt.cred {
				t.Errorf("%+v, want %s %q", r, tt.level, tt.says)
			}
		})
	}
}

func TestCheckOffline(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Doctor.WeChat = nil
	if r := result(t, b.Doctor.Check(b.Ctx, ""), "credentials"); r.Level != doctor.LevelFail || !r.Credentials || !strings.Contains(r.Hint, "WXROLLOUT_SEAL_KEY") {
		t.Errorf("%+v", r)
	}
}

func TestCheckRedisGone(t *testing.T) {
	t.Parallel()
	b := mini(t)
	if err := b.Redis.Close(); err != nil {
		t.Fatal(err)
	}
	b.Doctor.Now = time.Now
	if r := result(t, b.Doctor.Check(b.Ctx, ""), "redis"); r.Level != doctor.LevelFail || r.Hint == "" {
		t.Errorf("%+v", r)
	}
}

// TestClockStepIsReported: check names a step back of Redis's clock, with how far and when.
func TestClockStepIsReported(t *testing.T) {
	t.Parallel()
	b := mini(t)
	clock := func() doctor.Result {
		t.Helper()
		results := b.Doctor.Check(b.Ctx, "")
		return results[slices.IndexFunc(results, func(r doctor.Result) bool { return r.Name == "redis clock" })]
	}
	b.Hire()
	if r := clock(); r.Level != doctor.LevelOK {
		t.Errorf("before: %+v", r)
	}
	b.Advance(-8 * time.Hour)
	stepped := b.Now()
	if err := b.Ledger.Heartbeat(b.Ctx, "w2", nil, time.Minute); !errors.As(err, new(*ledger.ClockStepError)) {
		t.Errorf("heartbeat: %v", err)
	}
	b.Advance(time.Minute)
	want := "the Redis clock stepped back by 8h0m0s at " + stepped.UTC().Format(time.RFC3339)
	if r := clock(); r.Level != doctor.LevelWarn || !strings.HasPrefix(r.Detail, want) || r.Hint == "" {
		t.Errorf("check shows %+v, want %q", r, want)
	}
	b.Advance(8 * 24 * time.Hour)
	if r := clock(); r.Level != doctor.LevelOK || !strings.HasPrefix(r.Detail, want) {
		t.Errorf("a week later check shows %+v", r)
	}
}
