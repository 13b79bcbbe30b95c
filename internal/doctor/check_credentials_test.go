package doctor_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/doctor"
)

// stored plays the credentials in Redis.
type stored struct {
	ticket doctor.Ticket
	seals  doctor.Seals
	err    error
}

func (s stored) Ticket(context.Context) (doctor.Ticket, error) { return s.ticket, s.err }

func (s stored) Seals(context.Context, bool, func(done, total int)) (doctor.Seals, error) {
	return s.seals, s.err
}

func TestCheckCredentials(t *testing.T) {
	t.Parallel()
	ticket := func(age, asked time.Duration, byHand bool) stored {
		return stored{ticket: doctor.Ticket{
			Age: age, Stale: time.Hour, Life: 12 * time.Hour, ByHand: byHand, Asked: asked, Answer: "runs already, says WeChat",
		}}
	}
	const asked = "asked to send again 5m0s ago: runs already, says WeChat"
	for name, tt := range map[string]struct {
		stored stored
		check  string
		level  doctor.Level
		fault  bool // of credentials
		text   string
	}{
		"fresh":             {ticket(7*time.Minute, -1, false), "verify ticket", doctor.LevelOK, false, "it came 7m0s ago"},
		"stale":             {ticket(3*time.Hour, 5*time.Minute, false), "verify ticket", doctor.LevelWarn, false, asked},
		"too old":           {ticket(13*time.Hour, 5*time.Minute, false), "verify ticket", doctor.LevelFail, true, "WeChat takes none after 12h0m0s; WeChat was " + asked},
		"too old, by hand":  {ticket(13*time.Hour, -1, true), "verify ticket", doctor.LevelWarn, false, "one set by hand serves"},
		"none":              {ticket(-1, -1, false), "verify ticket", doctor.LevelFail, true, "none came yet"},
		"none, but by hand": {ticket(-1, -1, true), "verify ticket", doctor.LevelWarn, false, "none came yet; one set by hand serves"},
		"no answer":         {stored{err: errors.New("LOADING")}, "verify ticket", doctor.LevelFail, false, "LOADING"},
		"current key":       {stored{seals: doctor.Seals{Values: 9}}, "sealing key", doctor.LevelOK, false, "all 9"},
		"previous key":      {stored{seals: doctor.Seals{Values: 9, Previous: 4}}, "sealing key", doctor.LevelWarn, false, "4 of 9"},
		"another key": {stored{seals: doctor.Seals{Values: 9, Previous: 4, Unreadable: 2, Examples: []string{"row-1", "row-2"}}},
			"sealing key", doctor.LevelFail, true, "2 of 9 stored values open with neither key, such as row-1, row-2"},
		"no answer of seals": {stored{err: errors.New("LOADING")}, "sealing key", doctor.LevelFail, false, "LOADING"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := &doctor.Doctor{Credentials: tt.stored}
			for _, r := range doctor.CheckCredentials(d, t.Context()) {
				if r.Name == tt.check {
					if r.Level != tt.level || r.Credentials != tt.fault || !strings.Contains(r.Detail, tt.text) || (r.Level == doctor.LevelWarn) && r.Hint == "" {
						t.Errorf("got %+v", r)
					}
					return
				}
			}
			t.Errorf("no check %q", tt.check)
		})
	}
}

// TestCheckCallbacks: callbacks that come and are refused explain a missing ticket, and are a warning for a day.
func TestCheckCallbacks(t *testing.T) {
	t.Parallel()
	d := &doctor.Doctor{
		Credentials: stored{ticket: doctor.Ticket{Age: -1, Stale: time.Hour, Life: 12 * time.Hour, Asked: -1}},
		Refused: func(context.Context) ([]doctor.Refused, error) {
			return []doctor.Refused{
				{Reason: "signature", Fix: "is the callback token the one on the console?", Count: 12, Ago: time.Minute, Path: "/wechat/auth"},
				{Reason: "stale", Fix: "NTP", Count: 1, Ago: 25 * time.Hour, Path: "/wechat/auth"},
			}, nil
		},
	}
	const text = "12 callbacks came and were refused: signature (the last one 1m ago at /wechat/auth)"
	results := append(doctor.CheckCredentials(d, t.Context()), doctor.CheckCallbacks(d, t.Context())...)
	if r := result(t, results, "verify ticket"); !strings.Contains(r.Detail, text) || !strings.Contains(r.Hint, "callback token") || strings.Contains(r.Detail, "stale") {
		t.Errorf("ticket: %+v", r)
	}
	if r := result(t, results, "callbacks"); r.Level != doctor.LevelWarn || r.Detail != text || len(results) != 3 {
		t.Errorf("callbacks: %+v of %d results", r, len(results))
	}
}

func TestSealsNeedCredentials(t *testing.T) {
	t.Parallel()
	d := doctor.Doctor{}
	if _, err := d.Seals(t.Context(), true, nil); err == nil || !strings.Contains(err.Error(), "WXROLLOUT_SEAL_KEY") {
		t.Errorf("got %v", err)
	}
}
