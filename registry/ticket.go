package registry

import (
	"context"
	"time"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

const (
	// TicketLife is how long WeChat takes a verify ticket.
	TicketLife = 12 * time.Hour
	// TicketStale is the age of the newest ticket from which WeChat's ticket callbacks count as
	// stopped: it sends one about every 10 minutes.
	TicketStale = time.Hour
	// askEvery is how often WeChat is asked at most, over all processes, to send tickets again.
	askEvery = 15 * time.Minute
)

// The results of a TicketRequest.
const (
	// TicketsRestarted: WeChat had stopped, and sends tickets again.
	TicketsRestarted = "started again"
	// TicketsRun: WeChat answers that it sends tickets, so the path to us is broken.
	TicketsRun = "runs already, says WeChat"
	// TicketsPending: no result is known yet.
	TicketsPending = "no answer yet"
)

// TicketRequest is one request that WeChat send tickets again.
type TicketRequest struct {
	// Ago is how long it is past; -1 if there was none yet.
	Ago time.Duration
	// Result is TicketsRestarted, TicketsRun, TicketsPending, or the error of the request.
	Result string
	// Err is that error in the process that asked; nil elsewhere.
	Err error
}

// usableTicket returns the newest ticket received, or the one set by hand if that is none or too old.
func (t *Tokens) usableTicket(ctx context.Context) (string, error) {
	ticket, age, err := t.store.ticket(ctx, ticketKey(t.component))
	switch {
	case err != nil:
		return "", err
	case ticket != "" && age < TicketLife:
		return ticket, nil
	case t.ticket != "":
		return t.ticket, nil
	case ticket == "":
		return "", noTicket()
	default:
		return "", oldTicket(age)
	}
}

// KeepTickets asks WeChat to send tickets again when the newest is older than TicketStale or there
// is none. One process in askEvery does; asked is false for the others, and while tickets arrive.
// The controller calls it regularly; a refused ticket asks without it.
func (t *Tokens) KeepTickets(ctx context.Context) (asked bool, err error) {
	if !t.receives {
		return false, nil
	}
	_, age, err := t.store.sealedTicket(ctx, ticketKey(t.component))
	if err != nil || age >= 0 && age < TicketStale {
		return false, err
	}
	return t.requestTickets(ctx)
}

// requestTickets asks, unless a process did within askEvery, and stores the result for all.
func (t *Tokens) requestTickets(ctx context.Context) (asked bool, err error) {
	if !t.receives {
		return false, nil
	}
	r := redisdb.Run(ctx, t.rdb, ticketAsk, 3, []string{askKey(t.component)}, askEvery.Milliseconds(), TicketsPending)
	if won := r.Flag(0); !won {
		return false, r.Err("check whether WeChat was asked for tickets already")
	}
	restarted, err := t.client.StartPushTicket(ctx, t.secret)
	request := TicketRequest{Result: TicketsRun, Err: err}
	switch {
	case err != nil:
		request.Result = err.Error()
	case restarted:
		request.Result = TicketsRestarted
	}
	if t.requested != nil {
		t.requested(request)
	}
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	stored := redisdb.Run(storing, t.rdb, ticketAsk, 3, []string{askKey(t.component)}, 0, request.Result)
	return true, stored.Err("store the result of asking for tickets")
}

// LastTicketRequest is the last request that WeChat send tickets again.
func (t *Tokens) LastTicketRequest(ctx context.Context) (TicketRequest, error) {
	r := redisdb.Run(ctx, t.rdb, ticketAsk, 3, []string{askKey(t.component)}, -1, "")
	return TicketRequest{Ago: age(r.Int(1)), Result: r.Str(2)}, r.Err("read when WeChat was asked for tickets")
}
