package apps

import (
	"context"
	"embed"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

//go:embed *.lua
var sources embed.FS

var (
	swapScript    = redisdb.Script("", sources, "swap.lua")
	gatherScript  = redisdb.Script("", sources, "gather.lua")
	handedScript  = redisdb.Script("", sources, "handed.lua")
	replaceScript = redisdb.Script("", sources, "replace.lua")
)

// ErrNotFound reports that the registry has no record of an app.
var ErrNotFound = errors.New("not in the registry")

// Store is the registry of apps. It is safe for concurrent use by many processes.
type Store struct{ rdb redis.UniversalClient }

// New makes a store on a Redis client, which the caller closes.
func New(rdb redis.UniversalClient) *Store { return &Store{rdb: rdb} }

// Batch is how many apps one call reads or writes at most.
const Batch = 500

// Get reads one app. ErrNotFound if there is none.
func (s *Store) Get(ctx context.Context, appID string) (App, error) {
	text, err := s.rdb.HGet(ctx, keyApps, appID).Result()
	if errors.Is(err, redis.Nil) {
		return App{AppID: appID}, fmt.Errorf("app %s: %w", appID, ErrNotFound)
	}
	if err != nil {
		return App{AppID: appID}, fmt.Errorf("read app %s: %w", appID, err)
	}
	return decode(appID, text)
}

// Len is how many apps have a record, those that left included.
func (s *Store) Len(ctx context.Context) (int, error) {
	n, err := s.rdb.HLen(ctx, keyApps).Result()
	if err != nil {
		return 0, fmt.Errorf("count apps: %w", err)
	}
	return int(n), nil
}

// All walks over all apps in pages, in no order; each is seen once. A record that
// can't be read is a separate error and the walk goes on; an error of Redis ends
// it.
func (s *Store) All(ctx context.Context) iter.Seq2[App, error] {
	return func(yield func(App, error) bool) {
		for f, err := range redisdb.Fields(ctx, s.rdb, keyApps) {
			if err != nil {
				yield(App{}, fmt.Errorf("read the registry of apps: %w", err))
				return
			}
			if !yield(decode(f.Name, f.Value)) {
				return
			}
		}
	}
}

// Sample reads up to n apps at random, none twice; records that can't be read are left out.
func (s *Store) Sample(ctx context.Context, n int) ([]App, error) {
	ids, err := s.rdb.HRandField(ctx, keyApps, n).Result()
	if err != nil {
		return nil, fmt.Errorf("choose %d apps of the registry: %w", n, err)
	}
	if len(ids) == 0 {
		return nil, nil
	}
	values, err := s.rdb.HMGet(ctx, keyApps, ids...).Result()
	if err != nil {
		return nil, fmt.Errorf("read %d apps: %w", len(ids), err)
	}
	found := make([]App, 0, len(ids))
	for i, v := range values {
		text, _ := v.(string)
		if a, err := decode(ids[i], text); err == nil {
			found = append(found, a)
		}
	}
	return found, nil
}

// Some reads the given apps, Batch at a time; those without a record have
// StateUnknown.
func (s *Store) Some(ctx context.Context, ids []string) iter.Seq2[App, error] {
	return func(yield func(App, error) bool) {
		for page := range slices.Chunk(ids, Batch) {
			found, _, err := s.read(ctx, page)
			if err != nil {
				yield(App{}, err)
				return
			}
			for _, a := range found {
				if !yield(a, nil) {
					return
				}
			}
		}
	}
}

// read reads records and their text.
func (s *Store) read(ctx context.Context, ids []string) ([]App, []string, error) {
	values, err := s.rdb.HMGet(ctx, keyApps, ids...).Result()
	if err != nil {
		return nil, nil, fmt.Errorf("read %d apps: %w", len(ids), err)
	}
	found, texts := make([]App, len(ids)), make([]string, len(ids))
	for i, v := range values {
		texts[i], _ = v.(string)
		if found[i], err = decode(ids[i], texts[i]); err != nil {
			return nil, nil, err
		}
	}
	return found, texts, nil
}

// Change is one record before and after.
type Change struct{ Was, Is App }

// Joined reports whether the app came, or came back.
func (c Change) Joined() bool {
	return c.Was.State != StateAuthorized && c.Is.State == StateAuthorized
}

// Left reports whether the app went.
func (c Change) Left() bool { return c.Was.State == StateAuthorized && c.Is.State == StateLeft }

// triesMost is how often a record that other processes change meanwhile is tried.
const triesMost = 20

// retry calls try until it is done. Each lost race waits for a random time that grows, so that fast
// writers don't starve a slow one.
func retry(ctx context.Context, what string, try func() (done bool, err error)) error {
	wait := backoff.NewExponentialBackOff()
	wait.InitialInterval, wait.MaxInterval = 2*time.Millisecond, 200*time.Millisecond
	_, err := backoff.Retry(ctx, func() (struct{}, error) {
		done, err := try()
		switch {
		case err != nil:
			err = backoff.Permanent(err)
		case !done:
			err = fmt.Errorf("change %s: other processes keep changing it: try again", what)
		}
		return struct{}{}, err
	}, backoff.WithBackOff(wait), backoff.WithMaxTries(triesMost))
	return err
}

// Change lets change alter the records of apps, an unknown one from the zero record,
// and stores those for which it is true. It is called again for a record that another
// process changed meanwhile, so it must depend on nothing but its argument.
func (s *Store) Change(ctx context.Context, ids []string, change func(*App) bool) ([]Change, error) {
	var done []Change
	for page := range slices.Chunk(ids, Batch) {
		err := retry(ctx, fmt.Sprintf("%d apps", len(page)), func() (bool, error) {
			changed, moved, err := s.change(ctx, page, change)
			done, page = append(done, changed...), moved
			return len(moved) == 0, err
		})
		if err != nil {
			return done, err
		}
	}
	return done, nil
}

// change makes one try; moved are the apps that another process changed meanwhile.
func (s *Store) change(ctx context.Context, ids []string, change func(*App) bool) (done []Change, moved []string, err error) {
	found, texts, err := s.read(ctx, ids)
	if err != nil {
		return nil, nil, err
	}
	var changes []Change
	var args []any
	for i, was := range found {
		is := was.clone()
		if !change(&is) {
			continue
		}
		text, err := is.encode()
		if err != nil {
			return nil, nil, fmt.Errorf("encode app %s: %w", is.AppID, err)
		}
		c := Change{Was: was, Is: is}
		changes = append(changes, c)
		args = append(args, is.AppID, texts[i], text, c.unread(), c.newcomer())
	}
	if len(changes) == 0 {
		return nil, nil, nil
	}
	stored, err := swapScript.Run(ctx, s.rdb, []string{keyApps, keyUnread, keyNew}, args...).Int64Slice()
	if err != nil {
		return nil, nil, fmt.Errorf("store %d apps: %w", len(changes), err)
	}
	for i, c := range changes {
		if stored[i] == 1 {
			done = append(done, c)
		} else {
			moved = append(moved, c.Is.AppID)
		}
	}
	return done, moved, nil
}

// unread is what a change means for the queue of apps to read: an authorized app
// that was never read is in it, and no other.
func (c Change) unread() string {
	waits := c.Is.State == StateAuthorized && c.Is.Read == 0
	waited := c.Was.State == StateAuthorized && c.Was.Read == 0
	switch {
	case waits && !waited:
		return "0"
	case !waits:
		return "-"
	default:
		return ""
	}
}

// newcomer is what a change means for the queue of the baseline.
func (c Change) newcomer() string {
	switch {
	case c.Joined():
		return fmt.Sprint(int64(c.Is.Authorized))
	case c.Left():
		return "-"
	default:
		return ""
	}
}

// Unread lists up to n apps that WeChat may be asked about by now, the longest
// waiting first.
func (s *Store) Unread(ctx context.Context, now time.Time, n int) ([]string, error) {
	ids, err := s.rdb.ZRangeArgs(ctx, redis.ZRangeArgs{
		Key: keyUnread, ByScore: true, Start: "-inf", Stop: now.Unix(), Count: int64(n),
	}).Result()
	if err != nil {
		return nil, fmt.Errorf("list apps to read: %w", err)
	}
	return ids, nil
}

// CountUnread is how many apps wait to be read, those to be tried later included.
func (s *Store) CountUnread(ctx context.Context) (int, error) {
	n, err := s.rdb.ZCard(ctx, keyUnread).Result()
	if err != nil {
		return 0, fmt.Errorf("count apps to read: %w", err)
	}
	return int(n), nil
}

// Later puts an app that could not be read off until a time.
func (s *Store) Later(ctx context.Context, appID string, until time.Time) error {
	err := s.rdb.ZAddXX(ctx, keyUnread, redis.Z{Score: float64(until.Unix()), Member: appID}).Err()
	if err != nil {
		return fmt.Errorf("put app %s off: %w", appID, err)
	}
	return nil
}

// Action is what an operator did to the registry.
type Action struct {
	At   Seconds `json:"at"`
	By   string  `json:"by"`
	What string  `json:"what"`
	Why  string  `json:"why,omitempty"`
}

// actionsMax is how many actions are kept.
const actionsMax = 1000

// Note remembers an operator's action.
func (s *Store) Note(ctx context.Context, a Action) error {
	text, err := json.Marshal(a)
	if err != nil {
		return err
	}
	_, err = s.rdb.TxPipelined(ctx, func(p redis.Pipeliner) error {
		p.LPush(ctx, keyActions, text)
		p.LTrim(ctx, keyActions, 0, actionsMax-1)
		return nil
	})
	if err != nil {
		return fmt.Errorf("note what was done to the registry: %w", err)
	}
	return nil
}

// Actions lists the newest n actions, newest first.
func (s *Store) Actions(ctx context.Context, n int) ([]Action, error) {
	texts, err := s.rdb.LRange(ctx, keyActions, 0, int64(n)-1).Result()
	if err != nil {
		return nil, fmt.Errorf("read what was done to the registry: %w", err)
	}
	list := make([]Action, len(texts))
	for i, text := range texts {
		if err := json.Unmarshal([]byte(text), &list[i]); err != nil {
			return nil, fmt.Errorf("read what was done to the registry: %w", err)
		}
	}
	return list, nil
}
