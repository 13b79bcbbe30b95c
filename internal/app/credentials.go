package app

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// credentials adapts the registry to the doctor.
type credentials struct {
	tokens *registry.Tokens
	byHand bool
}

// Ticket implements doctor.Credentials.
func (c credentials) Ticket(ctx context.Context) (doctor.Ticket, error) {
	ages, err := c.tokens.Ages(ctx)
	if err != nil {
		return doctor.Ticket{}, err
	}
	last, err := c.tokens.LastTicketRequest(ctx)
	return doctor.Ticket{
		Age: ages.Ticket, Stale: registry.TicketStale, Life: registry.TicketLife, ByHand: c.byHand,
		Asked: last.Ago, Answer: last.Result,
	}, err
}

// Seals implements doctor.Credentials.
func (c credentials) Seals(ctx context.Context, apply bool, progress func(done, total int)) (doctor.Seals, error) {
	look := c.tokens.Seals
	if apply {
		look = c.tokens.Reseal
	}
	s, err := look(ctx, progress)
	return doctor.Seals(s), err
}

// refusedCallbacks adapts the registry to the doctor.
func refusedCallbacks(store *registry.Refusals) func(context.Context) ([]doctor.Refused, error) {
	return func(ctx context.Context) ([]doctor.Refused, error) {
		list, err := store.List(ctx)
		out := make([]doctor.Refused, len(list))
		for i, r := range list {
			out[i] = doctor.Refused{Reason: r.Reason, Fix: callback.Fix(r.Reason), Count: r.Count, Ago: time.Since(r.Last), Path: r.Path}
		}
		return out, err
	}
}
