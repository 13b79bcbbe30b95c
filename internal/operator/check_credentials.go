package operator

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Credentials looks after the credentials that are stored in Redis.
type Credentials interface {
	// Ticket tells of the verify ticket that WeChat pushes.
	Ticket(ctx context.Context) (Ticket, error)
	// Seals counts the stored values by the key that sealed them; apply seals all with the current key.
	// progress is told how many of how many rows are done.
	Seals(ctx context.Context, apply bool, progress func(done, total int)) (Seals, error)
}

// Ticket is how the verify ticket stands. A negative duration means never.
type Ticket struct {
	// Age is the time since it was pushed.
	Age time.Duration
	// Stale and Life are the ages from which the pushes count as stopped, and from which WeChat
	// takes it no more.
	Stale, Life time.Duration
	// ByHand says that another one was set by hand.
	ByHand bool
	// Asked is the time since WeChat was asked to push again, and Answer what came of it.
	Asked  time.Duration
	Answer string
}

// Seals counts stored values by the key that sealed them.
type Seals struct {
	// Values are all: a ticket, tokens and refresh tokens.
	Values int `json:"values"`
	// Previous of them are still sealed with the previous key.
	Previous int `json:"previous"`
	// Resealed were sealed with the current key just now.
	Resealed int `json:"resealed"`
	// Unreadable open with neither key; Examples names the first of their rows.
	Unreadable int      `json:"unreadable"`
	Examples   []string `json:"examples,omitempty"`
}

// Seals counts the stored credentials by the key that sealed them, or seals all with the current key.
func (o *Operator) Seals(ctx context.Context, apply bool, progress func(done, total int)) (Seals, error) {
	if o.credentials == nil {
		return Seals{}, errNoCredentials
	}
	return o.credentials.Seals(ctx, apply, progress)
}

var errNoCredentials = errors.New("no credential is stored by this installation: set WXROLLOUT_COMPONENT_APPID, WXROLLOUT_COMPONENT_SECRET and " +
	"WXROLLOUT_SEAL_KEY as the workers have them; with WXROLLOUT_TOKEN_URL there is nothing to seal")

// CheckCredentials is the part of Check that looks at stored credentials; it is empty if none are.
func (o *Operator) CheckCredentials(ctx context.Context) []Result {
	if o.credentials == nil {
		return nil
	}
	return []Result{o.checkTicket(ctx), o.checkSeals(ctx)}
}

func (o *Operator) checkTicket(ctx context.Context) Result {
	r := Result{Name: "verify ticket", Level: LevelOK}
	t, err := o.credentials.Ticket(ctx)
	if err != nil {
		r.Level, r.Detail = LevelFail, err.Error()
		return r
	}
	switch {
	case t.Age < 0:
		r.Detail = "none was pushed yet"
	default:
		r.Detail = fmt.Sprintf("pushed %s ago", t.Age.Round(time.Second))
	}
	if t.Age >= 0 && t.Age < t.Stale {
		return r
	}
	r.Level = LevelWarn
	r.Hint = "WeChat pushes one about every 10 minutes: is the event URL on the platform's console right, and does it lead to a worker?"
	switch usable := t.Age >= 0 && t.Age < t.Life; {
	case t.ByHand:
		r.Detail += "; one set by hand serves"
	case !usable:
		r.Level, r.Credentials = LevelFail, true
	}
	if t.Age >= t.Life {
		r.Detail += fmt.Sprintf(", and WeChat takes none after %s", t.Life)
	}
	if t.Asked >= 0 {
		r.Detail += fmt.Sprintf("; WeChat was asked to push again %s ago: %s", t.Asked.Round(time.Second), t.Answer)
	}
	return r
}

func (o *Operator) checkSeals(ctx context.Context) Result {
	r := Result{Name: "sealing key", Level: LevelOK}
	s, err := o.credentials.Seals(ctx, false, nil)
	switch {
	case err != nil:
		r.Level, r.Detail = LevelFail, err.Error()
	case s.Unreadable > 0:
		r.Level, r.Credentials = LevelFail, true
		r.Detail = fmt.Sprintf("%d of %d stored values open with neither key, such as %s", s.Unreadable, s.Values, strings.Join(s.Examples, ", "))
		r.Hint = "give the key they were sealed with as WXROLLOUT_SEAL_KEY_PREVIOUS; if it is lost, delete these rows, and the tokens are read back"
	case s.Previous > 0:
		r.Level = LevelWarn
		r.Detail = fmt.Sprintf("%d of %d stored values are still sealed with the previous key", s.Previous, s.Values)
		r.Hint = "when every worker has both keys: enqueue seal rotate"
	default:
		r.Detail = fmt.Sprintf("it sealed all %d stored values", s.Values)
	}
	return r
}
