package apps

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

// Kind is what an app creation makes.
type Kind string

// The kinds.
const (
	// KindTrial makes a trial app; its ID is WeChat's unique_id.
	KindTrial Kind = "trial"
	// KindConversion converts a trial app to its owner's; its ID is the appid.
	KindConversion Kind = "conversion"
	// KindEnterprise makes an enterprise's app; its ID is the enterprise's code.
	KindEnterprise Kind = "enterprise"
)

// CreationLife is how long WeChat waits for the person who has to agree.
const CreationLife = 24 * time.Hour

// Creation is an app creation, or a conversion, that a person has to agree to. The links and
// people involved are secret or personal, and stored nowhere.
type Creation struct {
	Kind Kind   `json:"-"`
	ID   string `json:"-"`
	// Name is the app's, or its owner's.
	Name string `json:"n,omitempty"`
	// Asked is when WeChat was asked, By by whom, Why for what reason; zero if another tool asked.
	Asked Seconds `json:"a,omitempty"`
	By    string  `json:"by,omitempty"`
	Why   string  `json:"why,omitempty"`
	// Ended is when it ended, zero while it waits. Status is WeChat's number: 0 is success, and
	// AppID the created app. Refused is an errcode of the call. Text is WeChat's message.
	Ended   Seconds `json:"e,omitempty"`
	Status  int64   `json:"s,omitempty"`
	Refused int64   `json:"r,omitempty"`
	AppID   string  `json:"app,omitempty"`
	Text    string  `json:"t,omitempty"`
}

// CreationState is how far an app creation is.
type CreationState string

// The states.
const (
	// CreationWaiting waits for a person to agree.
	CreationWaiting CreationState = "waiting"
	// CreationOverdue had no callback for longer than WeChat waits: it was lost.
	CreationOverdue CreationState = "overdue"
	// CreationDone succeeded.
	CreationDone CreationState = "created"
	// CreationRefused was refused by WeChat or the person.
	CreationRefused CreationState = "refused"
)

// State is how far the creation is at a time.
func (r Creation) State(now time.Time) CreationState {
	switch {
	case r.Ended == 0 && now.Sub(r.Asked.Time()) > CreationLife+time.Hour:
		return CreationOverdue
	case r.Ended == 0:
		return CreationWaiting
	case r.Status == 0 && r.Refused == 0:
		return CreationDone
	default:
		return CreationRefused
	}
}

// clocksApart is by how much WeChat's clock may be behind ours: a callback's time is WeChat's,
// Asked is ours.
const clocksApart Seconds = 600

// Ask records that WeChat is asked at a time. An owner may ask again after the last one ended. A
// trial app has its ID from WeChat's answer and is never asked for twice, but the callback of its
// end may arrive before Ask.
func (r *Creation) Ask(at Seconds, name, by, why string) bool {
	if r.Kind != KindTrial {
		*r = Creation{Kind: r.Kind, ID: r.ID}
	}
	r.Name, r.Asked, r.By, r.Why = name, at, by, why
	return true
}

// Refuse records that WeChat refused the call with an errcode.
func (r *Creation) Refuse(at Seconds, code int64, text string) bool {
	if r.Ended != 0 {
		return false
	}
	r.Ended, r.Refused, r.Text = at, code, text
	return true
}

// End records WeChat's callback of how it ended. One that is older than the last end, or than the
// last Ask, changes nothing.
func (r *Creation) End(at Seconds, status int64, appID, name, text string) bool {
	if at < r.Ended || at < r.Asked-clocksApart {
		return false
	}
	r.Ended, r.Status, r.Refused, r.Text = at, status, 0, text
	r.AppID, r.Name = cmp.Or(appID, r.AppID), cmp.Or(r.Name, name)
	return true
}

// field is the name of a creation in its hash.
func (r Creation) field() string { return string(r.Kind) + ":" + r.ID }

func decodeCreation(field, text string) (Creation, error) {
	kind, id, _ := strings.Cut(field, ":")
	r := Creation{Kind: Kind(kind), ID: id}
	if text == "" {
		return r, nil
	}
	if err := json.Unmarshal([]byte(text), &r); err != nil {
		return r, fmt.Errorf("app creation %s: bad record %.80q: %w", field, text, err)
	}
	return r, nil
}

// ChangeCreation applies change to a creation, an unknown one from the zero record, and stores it
// if change returns true. change is called again if another process changed the record meanwhile.
func (s *Store) ChangeCreation(ctx context.Context, kind Kind, id string, change func(*Creation) bool) (Creation, error) {
	r := Creation{Kind: kind, ID: id}
	field := r.field()
	err := retry(ctx, "app creation "+field, func() (bool, error) {
		was, err := s.rdb.HGet(ctx, keyCreations, field).Result()
		if err != nil && !errors.Is(err, redis.Nil) {
			return false, fmt.Errorf("read app creation %s: %w", field, err)
		}
		if r, err = decodeCreation(field, was); err != nil || !change(&r) {
			return true, err
		}
		text, err := json.Marshal(r)
		if err != nil {
			return false, fmt.Errorf("encode app creation %s: %w", field, err)
		}
		stored, err := replaceScript.Run(ctx, s.rdb, []string{keyCreations}, field, was, text).Int()
		if err != nil {
			return false, fmt.Errorf("store app creation %s: %w", field, err)
		}
		return stored == 1, nil
	})
	return r, err
}

// Creations lists all app creations, newest first.
func (s *Store) Creations(ctx context.Context) ([]Creation, error) {
	var list []Creation
	for f, err := range redisdb.Fields(ctx, s.rdb, keyCreations) {
		if err != nil {
			return nil, fmt.Errorf("list app creations: %w", err)
		}
		r, err := decodeCreation(f.Name, f.Value)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	slices.SortFunc(list, func(a, b Creation) int {
		return cmp.Or(cmp.Compare(max(b.Asked, b.Ended), max(a.Asked, a.Ended)), cmp.Compare(a.field(), b.field()))
	})
	return list, nil
}
