package promtest

import (
	"context"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/metrics/mixin"
)

// rateScrapes is how many scrapes a rate needs, with one to spare.
const rateScrapes = 3

// timeout bounds the wait for a scrape that a busy machine missed.
const timeout = 3 * time.Minute

// CheckMixin waits until the targets were scraped a few times, checks every query
// of the dashboards, and asks p for every alert's expression, which it must
// accept. It returns the alerts whose condition holds now, whether or not it has
// held for long enough to fire.
func CheckMixin(t testing.TB, p *Prom) (holding []string) {
	t.Helper()
	p.Await(t, rateScrapes)
	CheckQueries(t, p, mixin.Queries())
	for _, a := range mixin.Alerts() {
		got, err := p.ask(t, a.Expr, false)
		switch {
		case err != nil:
			t.Errorf("alert %s: %v", a.Name, err)
		case len(got) > 0:
			holding = append(holding, a.Name)
		}
	}
	return holding
}

// CheckQueries asks p for each query and reports those that it refuses, and
// those that stay empty though they are not sparse.
func CheckQueries(t testing.TB, p *Prom, queries []mixin.Query) {
	t.Helper()
	for _, q := range queries {
		got, err := p.ask(t, q.Expr, !q.Sparse)
		switch {
		case err != nil:
			t.Errorf("board %s, %s: %v", q.Board, q.Panel, err)
		case len(got) == 0 && !q.Sparse:
			t.Errorf("board %s, %s is empty: %s", q.Board, q.Panel, q.Expr)
		}
	}
}

// ask queries while all targets are up, and, if some is set, until something
// comes: a scrape that timed out takes every series of its target away until
// the next one.
func (p *Prom) ask(t testing.TB, expr string, some bool) (got []Sample, err error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), timeout)
	defer cancel()
	if !poll(ctx, func() bool {
		before := p.allUp(ctx)
		got, err = p.Query(ctx, expr)
		return err != nil || before && p.allUp(ctx) && (len(got) > 0 || !some)
	}) {
		return got, t.Context().Err()
	}
	return got, err
}

// allUp reports whether the last scrape of each target went well.
func (p *Prom) allUp(ctx context.Context) bool {
	got, err := p.Query(ctx, "sum(up)")
	return err == nil && len(got) == 1 && got[0].Value == float64(p.targets)
}
