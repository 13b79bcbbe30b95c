package app

import (
	"context"

	"github.com/wxrollout/wxrollout/internal/operator"
	"github.com/wxrollout/wxrollout/registry"
)

// credentials shows an operator what the registry stores.
type credentials struct {
	tokens *registry.Tokens
	byHand bool
}

// Ticket implements operator.Credentials.
func (c credentials) Ticket(ctx context.Context) (operator.Ticket, error) {
	ages, err := c.tokens.Ages(ctx)
	if err != nil {
		return operator.Ticket{}, err
	}
	last, err := c.tokens.LastRestart(ctx)
	return operator.Ticket{
		Age: ages.Ticket, Stale: registry.TicketStale, Life: registry.TicketLife, ByHand: c.byHand,
		Asked: last.Ago, Answer: last.Result,
	}, err
}

// Seals implements operator.Credentials.
func (c credentials) Seals(ctx context.Context, apply bool, progress func(done, total int)) (operator.Seals, error) {
	look := c.tokens.Seals
	if apply {
		look = c.tokens.Reseal
	}
	s, err := look(ctx, progress)
	return operator.Seals(s), err
}
