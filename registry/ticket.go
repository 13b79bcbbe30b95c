package registry

import (
	"context"
	"fmt"
	"time"
)

const (
	// TicketLife is how long WeChat takes a verify ticket.
	TicketLife = 12 * time.Hour
	// TicketStale is the age of the newest ticket from which WeChat's pushes count as stopped: it
	// sends one about every 10 minutes.
	TicketStale = time.Hour
	// askEvery is how often the pushes are started again at most, over all processes.
	askEvery = 15 * time.Minute
)

// The results of asking WeChat to push tickets again.
const (
	// PushStarted: the pushes had stopped, and run again.
	PushStarted = "started again"
	// PushRuns: WeChat says that it pushes; so the way in to us is broken.
	PushRuns = "runs already, says WeChat"
	// PushUnknown: nobody has told yet what came of it.
	PushUnknown = "no answer yet"
)

// PushRestart is one attempt to make WeChat push tickets again.
type PushRestart struct {
	// Ago is how long it is past; -1 if there was none yet.
	Ago time.Duration
	// Result is PushStarted, PushRuns, PushUnknown, or the error it ended with.
	Result string
	// Err is that error in the process that asked; nil elsewhere.
	Err error
}

// usableTicket returns the newest pushed ticket, or the one set by hand if that is none or too old.
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

// KeepPushes asks WeChat to push tickets again when the newest is older than TicketStale or there
// is none. One process in askEvery does; asked is false for the others, and while tickets come.
// The controller calls it now and then; a refused ticket asks by itself.
func (t *Tokens) KeepPushes(ctx context.Context) (asked bool, err error) {
	if !t.receives {
		return false, nil
	}
	age, err := t.store.ticketAge(ctx, ticketKey(t.component))
	if err != nil || age >= 0 && age < TicketStale {
		return false, err
	}
	return t.restartPush(ctx)
}

// restartPush asks, unless somebody did lately. What comes of it is stored for everyone to see.
func (t *Tokens) restartPush(ctx context.Context) (asked bool, err error) {
	if !t.receives {
		return false, nil
	}
	won, err := t.store.ask(ctx, askKey(t.component))
	if err != nil || !won {
		return false, err
	}
	restarted, err := t.client.StartPushTicket(ctx, t.secret)
	told := PushRestart{Result: PushRuns, Err: err}
	switch {
	case err != nil:
		told.Result = err.Error()
	case restarted:
		told.Result = PushStarted
	}
	if t.pushed != nil {
		t.pushed(told)
	}
	storing, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	return true, t.store.tellAsked(storing, askKey(t.component), told.Result)
}

// LastRestart tells of the last time that WeChat was asked to push tickets again.
func (t *Tokens) LastRestart(ctx context.Context) (PushRestart, error) {
	return t.store.asked(ctx, askKey(t.component))
}

// ask reports whether this process is the one to start the pushes again now.
func (s *store) ask(ctx context.Context, key string) (bool, error) {
	values, err := run(ctx, s.rdb, ticketAsk, 3, []string{key}, askEvery.Milliseconds(), PushUnknown)
	if err != nil {
		return false, fmt.Errorf("see whether the ticket push was restarted lately: %w", err)
	}
	return flag(values), nil
}

// tellAsked stores what came of it.
func (s *store) tellAsked(ctx context.Context, key, result string) error {
	if _, err := run(ctx, s.rdb, ticketAsk, 3, []string{key}, 0, result); err != nil {
		return fmt.Errorf("store that the ticket push was restarted: %w", err)
	}
	return nil
}

func (s *store) asked(ctx context.Context, key string) (PushRestart, error) {
	values, err := run(ctx, s.rdb, ticketAsk, 3, []string{key}, -1, "")
	if err != nil {
		return PushRestart{}, fmt.Errorf("read when the ticket push was restarted: %w", err)
	}
	ago, _ := values[1].(int64)
	result, _ := values[2].(string)
	if ago < 0 {
		return PushRestart{Ago: -1}, nil
	}
	return PushRestart{Ago: time.Duration(ago) * time.Millisecond, Result: result}, nil
}

// ticketAge reads the age without opening the ticket; -1 if there is none.
func (s *store) ticketAge(ctx context.Context, key string) (time.Duration, error) {
	values, err := run(ctx, s.rdb, ticketGet, 2, []string{key})
	if err != nil {
		return 0, fmt.Errorf("read the verify ticket's age: %w", err)
	}
	if age, _ := values[1].(int64); age >= 0 {
		return time.Duration(age) * time.Millisecond, nil
	}
	return -1, nil
}
