package wxsim

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestImbalances provokes each offence once and wants it named, and nothing else.
func TestImbalances(t *testing.T) {
	t.Parallel()
	hour := Range{Min: time.Hour, Max: time.Hour}
	for rule, provoke := range map[string]func(*bench, string){
		"": func(b *bench, id string) { // a rejected and a withdrawn version may be tried again
			b.sim.DecideNext(id, true, "")
			b.commit(id, "2", "d")
			b.submit(id)
			b.clock.Advance(time.Hour)
			b.submit(id)
			b.want(0, b.app(id, "GET", "/wxa/undocodeaudit", nil))
			b.submit(id)
			b.clock.Advance(time.Hour)
			b.release(id)
		},
		"double submissions": func(b *bench, id string) { // passed, not released
			b.commit(id, "2", "d")
			b.submit(id)
			b.clock.Advance(time.Hour)
			b.submit(id)
		},
		"double submissions ": func(b *bench, id string) { // released
			b.sim.Change(func(s *Settings) { s.AuditDelay = Range{} })
			b.ship(id, "2")
			b.submit(id)
		},
		"double submissions  ": func(b *bench, id string) { // released before the simulator started
			b.commit(id, "1.0.0", "first release")
			b.submit(id)
		},
		"double releases": func(b *bench, id string) {
			b.sim.Change(func(s *Settings) { s.AuditDelay = Range{} })
			b.ship(id, "2")
			b.want(85052, b.app(id, "POST", "/wxa/release", "{}"))
		},
		"unpinned releases": func(b *bench, id string) { // the trial version is another one
			b.sim.Change(func(s *Settings) { s.AuditDelay = Range{} })
			b.commit(id, "2", "d")
			b.submit(id)
			b.commit(id, "2", "other")
			b.release(id)
		},
		"unpinned releases ": func(b *bench, id string) { // a later audit of the same version runs
			b.commit(id, "2", "d")
			b.submit(id)
			b.clock.Advance(time.Hour)
			b.commit(id, "3", "d")
			b.submit(id)
			b.release(id)
		},
		"early releases": func(b *bench, id string) {
			b.commit(id, "2", "d")
			b.submit(id)
			b.want(85020, b.app(id, "POST", "/wxa/release", "{}"))
		},
		"early releases ": func(b *bench, id string) {
			b.want(85019, b.app(id, "POST", "/wxa/release", "{}"))
		},
		"overlapping calls on one app": func(b *bench, id string) {
			b.want(0, b.overlap(id, "/wxa/commit", commitBody(id, "2", "d"), "/wxa/getversioninfo", "{}"))
		},
	} {
		t.Run(rule, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 2, AuditDelay: hour, TokenTTL: 100 * time.Hour})
			provoke(b, AppID(1))
			err := b.sim.Books().Check()
			want := strings.TrimSpace(rule)
			if want == "" {
				if err != nil {
					t.Errorf("books: %v", err)
				}
				return
			}
			var got *ImbalanceError
			if !errors.As(err, &got) || got.Rule != want || got.Total != 1 || len(got.List) != 1 || got.List[0].AppID != AppID(1) || strings.Count(err.Error(), "books:") != 1 {
				t.Errorf("Check() = %v, want only %q, once, with the app", err, want)
			}
		})
	}
}

// overlap sends a slow first call, and a second one while the first is in flight; it returns the second's reply.
func (b *bench) overlap(appid, first string, body any, second string, secondBody any) obj {
	b.t.Helper()
	token, method := b.token(appid), "POST"
	if body == nil {
		method = "GET"
	}
	if err := b.sim.AddFault(Fault{Endpoint: first, Kind: FaultSlow}); err != nil {
		b.t.Fatal(err)
	}
	var wg sync.WaitGroup
	wg.Go(func() { b.want(0, b.call(method, withToken(first, token), body)) })
	b.eventually(func() bool { return len(b.sim.Faults()) == 0 })
	out := b.call("POST", withToken(second, token), secondBody)
	close(b.slow)
	wg.Wait()
	b.idle()
	return out
}

func TestReadsMayOverlap(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	b.want(0, b.overlap(AppID(0), "/wxa/queryquota", nil, "/wxa/getversioninfo", "{}"))
	b.balanced()
	if n := b.sim.Books().OverlappingReads.Total; n != 1 {
		t.Errorf("%d overlapping reads, want 1", n)
	}
}

// TestOverlappingWrites: the second write has no effect and says so.
func TestOverlappingWrites(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	id := AppID(0)
	b.want(9402202, b.overlap(id, "/wxa/commit", commitBody(id, "2", "d"), "/wxa/commit", commitBody(id, "3", "d")))
	if v, _ := b.sim.App(id); v.Trial != "2" {
		t.Errorf("trial %q, want only the first commit to take effect", v.Trial)
	}
	if n := b.sim.Books().OverlappingCalls.Total; n != 1 {
		t.Errorf("%d overlapping calls, want 1", n)
	}
}

// TestSums: books whose sums differ are called out, whichever way they differ.
func TestSums(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	b.ship(AppID(1), "2")
	good := b.sim.Books()
	for rule, spoil := range map[string]func(*Books){
		"quota spent without a submission": func(b *Books) { b.Quota.Spent++ },
		"audits that are not submissions":  func(b *Books) { b.Audits.Rejected++ },
		"unapproved releases":              func(b *Books) { b.UnapprovedReleases.Total++ },
	} {
		bad := good
		spoil(&bad)
		var got *ImbalanceError
		if err := bad.Check(); !errors.As(err, &got) || got.Rule != rule {
			t.Errorf("Check() = %v, want %q", err, rule)
		}
	}
	if err := good.Check(); err != nil {
		t.Errorf("Check() = %v", err)
	}
}

// TestBooksAreBounded: lists stop growing, totals do not.
func TestBooksAreBounded(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	id := AppID(1)
	const offencesKept, auditsKept, perAppEntries = 100, 50, 50
	const n = offencesKept + auditsKept
	b.commit(id, "2", "d")
	for range n {
		b.want(0, b.app(id, "POST", "/wxa/submit_audit", "{}"))
	}
	books := b.sim.Books()
	if d := books.DoubleSubmissions; d.Total != n-1 || len(d.List) != offencesKept {
		t.Errorf("%d double submissions and %d listed, want %d and %d", d.Total, len(d.List), n-1, offencesKept)
	}
	if v, _ := b.sim.App(id); len(v.Submissions) != perAppEntries || books.Audits.Forgotten != n-auditsKept {
		t.Errorf("%d submissions kept, %d forgotten", len(v.Submissions), books.Audits.Forgotten)
	}
	if err := books.Check(); err == nil || strings.Count(err.Error(), "books:") != 1 {
		t.Errorf("Check() = %v, want the sums to hold in spite of what was forgotten", err)
	}
}
