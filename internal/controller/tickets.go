package controller

import (
	"context"
	"time"
)

// ticketsEvery is how often the loop reads the age of the verify ticket.
const ticketsEvery = time.Minute

// Tickets is the loop that has WeChat resume the callbacks with verify tickets when none comes.
type Tickets struct{ Keeper TicketKeeper }

// TicketKeeper keeps the verify ticket. *registry.Tokens implements it, and logs what it asks.
type TicketKeeper interface {
	KeepTickets(ctx context.Context) (asked bool, err error)
}

// Reconcile implements Reconciler.
func (t Tickets) Reconcile(ctx context.Context) (next time.Duration, err error) {
	_, err = t.Keeper.KeepTickets(ctx)
	return ticketsEvery, err
}
