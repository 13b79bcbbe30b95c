package ratelimit

import (
	"context"
	"iter"
	"time"
)

// Permit is an outstanding permit.
type Permit struct {
	ID string
	// Lapses is when it comes back without Settle, by the Redis server's clock in whole ms.
	Lapses time.Time
}

// Permits walks over the permits that are out, in pages and in no order; one that
// is taken or given back meanwhile may be among them or not, and one may come
// twice. An error is the last.
func (q *Quota) Permits(ctx context.Context) iter.Seq2[Permit, error] {
	return func(yield func(Permit, error) bool) {
		for cursor := "0"; ; {
			page, next, err := q.permits(ctx, cursor)
			if err != nil {
				yield(Permit{}, err)
				return
			}
			for _, p := range page {
				if !yield(p, nil) {
					return
				}
			}
			if cursor = next; cursor == "0" {
				return
			}
		}
	}
}

func (q *Quota) permits(ctx context.Context, cursor string) (page []Permit, next string, err error) {
	r := q.run(ctx, quotaList, 2, cursor)
	for _, row := range r.Table(1, 2) {
		page = append(page, Permit{ID: row.Str(0), Lapses: time.UnixMilli(row.Number(1))})
		r.Fault(row)
	}
	return page, r.Str(0), r.Err("list the permits of quota %s", q.name)
}

// Revoke gives back an abandoned permit, as not spent. false means that it was settled, lapsed or
// taken again since p was read: it is left alone.
func (q *Quota) Revoke(ctx context.Context, p Permit) (bool, error) {
	r := q.run(ctx, quotaSettle, 1, p.ID, string(Unused), p.Lapses.UnixMilli(), "")
	return r.Flag(0), r.Err("revoke permit %s of quota %s", p.ID, q.name)
}
