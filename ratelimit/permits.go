package ratelimit

import (
	"context"
	"fmt"
	"iter"
	"strconv"
	"time"
)

// Permit is one that is out.
type Permit struct {
	ID string
	// Lapses is when it comes back by itself, by the Redis server's clock in whole ms.
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
				yield(Permit{}, fmt.Errorf("list the permits of quota %s: %w", q.name, err))
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
	r, err := q.run(ctx, quotaList, 2, cursor)
	if err != nil {
		return nil, "", err
	}
	next = r.str(0)
	list, ok := r.vals[1].([]any)
	if !ok || r.err != nil {
		return nil, "", fmt.Errorf("unexpected answer %.80v", r.vals)
	}
	for i := 0; i+1 < len(list); i += 2 {
		ms, err := strconv.ParseInt(fmt.Sprint(list[i+1]), 10, 64)
		if err != nil {
			return nil, "", err
		}
		page = append(page, Permit{ID: fmt.Sprint(list[i]), Lapses: time.UnixMilli(ms)})
	}
	return page, next, nil
}

// Revoke gives back a permit that nobody will settle, as not spent. false means
// that it was settled, lapsed or taken anew since p was read: it is left alone.
func (q *Quota) Revoke(ctx context.Context, p Permit) (bool, error) {
	r, err := q.run(ctx, quotaSettle, 1, p.ID, string(Unused), p.Lapses.UnixMilli(), "")
	if err != nil {
		return false, fmt.Errorf("revoke permit %s of quota %s: %w", p.ID, q.name, err)
	}
	return r.flag(0), r.err
}
