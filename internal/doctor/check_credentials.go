package doctor

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"
)

// Credentials are the credentials stored in Redis.
type Credentials interface {
	// Ticket describes the verify ticket.
	Ticket(ctx context.Context) (Ticket, error)
	// Seals counts the stored values by the key that sealed them; apply seals all with the current
	// key. progress receives the number of rows done.
	Seals(ctx context.Context, apply bool, progress func(done, total int)) (Seals, error)
}

// Ticket describes the verify ticket. A negative duration means never.
type Ticket struct {
	// Age is the time since WeChat sent it.
	Age time.Duration
	// Stale is the age from which callbacks count as stopped, Life that from which WeChat refuses it.
	Stale, Life time.Duration
	// ByHand reports that another one was set by hand.
	ByHand bool
	// Asked is the time since WeChat was asked to send tickets again, Answer the result.
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
func (d *Doctor) Seals(ctx context.Context, apply bool, progress func(done, total int)) (Seals, error) {
	if d.Credentials == nil {
		return Seals{}, errors.New("no credential is stored by this installation: set WXROLLOUT_COMPONENT_APPID, WXROLLOUT_COMPONENT_SECRET and " +
			"WXROLLOUT_SEAL_KEY as the workers have them; with WXROLLOUT_TOKEN_URL there is nothing to seal")
	}
	return d.Credentials.Seals(ctx, apply, progress)
}

// checkCredentials checks stored credentials; empty if there are none.
func (d *Doctor) checkCredentials(ctx context.Context) []Result {
	if d.Credentials == nil {
		return nil
	}
	return []Result{d.checkTicket(ctx), d.checkSeals(ctx)}
}

func (d *Doctor) checkTicket(ctx context.Context) (r Result) {
	r = Result{Name: "verify ticket", Level: LevelOK}
	t, err := d.Credentials.Ticket(ctx)
	if err != nil {
		return fail(r.Name, err.Error(), "")
	}
	r.Detail = "none came yet"
	if t.Age >= 0 {
		r.Detail = fmt.Sprintf("it came %s ago", t.Age.Round(time.Second))
	}
	if t.Age >= 0 && t.Age < t.Stale {
		return r
	}
	r.Level = LevelWarn
	refused, fix := d.instead(ctx)
	r.Hint = cmp.Or(fix, "WeChat sends one about every 10 minutes: is the event URL on the platform's console right, and does it lead to a worker?")
	defer func() { r.Detail += refused }()
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
		r.Detail += fmt.Sprintf("; WeChat was asked to send again %s ago: %s", t.Asked.Round(time.Second), t.Answer)
	}
	return r
}

func (d *Doctor) checkSeals(ctx context.Context) Result {
	const name = "sealing key"
	s, err := d.Credentials.Seals(ctx, false, nil)
	switch {
	case err != nil:
		return fail(name, err.Error(), "")
	case s.Unreadable > 0:
		r := fail(name, fmt.Sprintf("%d of %d stored values open with neither key, such as %s", s.Unreadable, s.Values, strings.Join(s.Examples, ", ")),
			"give the key they were sealed with as WXROLLOUT_SEAL_KEY_PREVIOUS; if it is lost, delete these rows, and the tokens are read back")
		r.Credentials = true
		return r
	case s.Previous > 0:
		return warn(name, fmt.Sprintf("%d of %d stored values are still sealed with the previous key", s.Previous, s.Values), "when every worker has both keys: enqueue seal rotate")
	default:
		return ok(name, fmt.Sprintf("it sealed all %d stored values", s.Values))
	}
}
