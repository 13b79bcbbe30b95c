package apps

import (
	"cmp"
	"context"
	_ "embed" // the scripts
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

//go:embed replace.lua
var replaceLua string

var replaceScript = redis.NewScript(replaceLua)

// Kind says what a registration is for.
type Kind string

// The kinds.
const (
	// KindTrial makes a trial app; its ID is WeChat's unique_id.
	KindTrial Kind = "trial"
	// KindConversion makes a trial app its owner's; its ID is the appid.
	KindConversion Kind = "conversion"
	// KindEnterprise makes an enterprise's app; its ID is the enterprise's code.
	KindEnterprise Kind = "enterprise"
)

// RegistrationLife is how long WeChat waits for the person who has to agree.
const RegistrationLife = 24 * time.Hour

// Registration is an app, or a change of one, that somebody has to agree to. The links
// and people that it needs are secrets or personal, and kept nowhere.
type Registration struct {
	Kind Kind   `json:"-"`
	ID   string `json:"-"`
	// Name is the app's, or its owner's.
	Name string `json:"n,omitempty"`
	// Asked is when WeChat was asked, By by whom, Why for what reason; zero if it was
	// another tool that asked.
	Asked Seconds `json:"a,omitempty"`
	By    string  `json:"by,omitempty"`
	Why   string  `json:"why,omitempty"`
	// Ended is when it came to its end, zero while it waits. Status is WeChat's number: 0
	// went well, and AppID is what came of it. Refused is an errcode of the call itself.
	// Text is what WeChat said.
	Ended   Seconds `json:"e,omitempty"`
	Status  int64   `json:"s,omitempty"`
	Refused int64   `json:"r,omitempty"`
	AppID   string  `json:"app,omitempty"`
	Text    string  `json:"t,omitempty"`
}

// RegistrationState is how far a registration is.
type RegistrationState string

// The states.
const (
	// RegistrationWaits for a person to agree.
	RegistrationWaits RegistrationState = "waiting"
	// RegistrationOverdue heard nothing for longer than WeChat waits: a push was lost.
	RegistrationOverdue RegistrationState = "overdue"
	// RegistrationMade went well.
	RegistrationMade RegistrationState = "created"
	// RegistrationRefused did not.
	RegistrationRefused RegistrationState = "refused"
)

// State is how far the registration is at a time.
func (r Registration) State(now time.Time) RegistrationState {
	switch {
	case r.Ended == 0 && now.Sub(r.Asked.Time()) > RegistrationLife+time.Hour:
		return RegistrationOverdue
	case r.Ended == 0:
		return RegistrationWaits
	case r.Status == 0 && r.Refused == 0:
		return RegistrationMade
	default:
		return RegistrationRefused
	}
}

// clocksApart is by how much WeChat's clock may be behind ours: the time of a push is
// WeChat's, that of an asking ours.
const clocksApart Seconds = 600

// Ask is that WeChat is asked at a time. An owner may ask once more after the end of the
// one before. A trial app has its ID from WeChat's answer, never comes twice, and the push
// of its end may have been faster than we are.
func (r *Registration) Ask(at Seconds, name, by, why string) bool {
	if r.Kind != KindTrial {
		*r = Registration{Kind: r.Kind, ID: r.ID}
	}
	r.Name, r.Asked, r.By, r.Why = name, at, by, why
	return true
}

// Refuse is that WeChat refused the call with an errcode.
func (r *Registration) Refuse(at Seconds, code int64, text string) bool {
	if r.Ended != 0 {
		return false
	}
	r.Ended, r.Refused, r.Text = at, code, text
	return true
}

// End is WeChat's push of how it ended. Older news than the last end, or than the last
// asking, changes nothing.
func (r *Registration) End(at Seconds, status int64, appID, name, text string) bool {
	if at < r.Ended || at < r.Asked-clocksApart {
		return false
	}
	r.Ended, r.Status, r.Refused, r.Text = at, status, 0, text
	r.AppID, r.Name = cmp.Or(appID, r.AppID), cmp.Or(r.Name, name)
	return true
}

// field is the name of a registration in its hash.
func (r Registration) field() string { return string(r.Kind) + ":" + r.ID }

func decodeRegistration(field, text string) (Registration, error) {
	kind, id, _ := strings.Cut(field, ":")
	r := Registration{Kind: Kind(kind), ID: id}
	if text == "" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, fmt.Errorf("registration %s: bad record %.80q: %w", field, text, err)
	}
	return r, nil
}

// ChangeRegistration lets change alter a registration, an unknown one from the zero
// record, and stores it if that is true. It is called again if somebody else changed the
// record meanwhile.
func (s *Store) ChangeRegistration(ctx context.Context, kind Kind, id string, change func(*Registration) bool) (Registration, error) {
	field := Registration{Kind: kind, ID: id}.field()
	for range triesMost {
		was, err := s.rdb.HGet(ctx, keyMade, field).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return Registration{}, fmt.Errorf("read registration %s: %w", field, err)
		}
		r, err := decodeRegistration(field, was)
		if err != nil || !change(&r) {
			return r, err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return r, fmt.Errorf("encode registration %s: %w", field, err)
		}
		stored, err := replaceScript.Run(ctx, s.rdb, []string{keyMade}, field, was, text).Int()
		if err != nil {
			return r, fmt.Errorf("store registration %s: %w", field, err)
		}
		if stored == 1 {
			return r, nil
		}
	}
	return Registration{}, fmt.Errorf("change registration %s: others change it all the time", field)
}

// Registrations lists all registrations, the newest first.
func (s *Store) Registrations(ctx context.Context) ([]Registration, error) {
	var list []Registration
	seen := make(map[string]bool) // HSCAN may repeat a field while the hash grows
	for cursor := uint64(0); ; {
		page, next, err := s.rdb.HScan(ctx, keyMade, cursor, "", Batch).Result()
		if err != nil {
			return nil, fmt.Errorf("list registrations: %w", err)
		}
		for i := 0; i+1 < len(page); i += 2 {
			if seen[page[i]] {
				continue
			}
			seen[page[i]] = true
			r, err := decodeRegistration(page[i], page[i+1])
			if err != nil {
				return nil, err
			}
			list = append(list, r)
		}
		if cursor = next; cursor == 0 {
			break
		}
	}
	slices.SortFunc(list, func(a, b Registration) int {
		return cmp.Or(cmp.Compare(max(b.Asked, b.Ended), max(a.Asked, a.Ended)), cmp.Compare(a.field(), b.field()))
	})
	return list, nil
}
