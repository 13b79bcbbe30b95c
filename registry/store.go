package registry

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/lua"
)

//go:embed *.lua
var sources embed.FS

var (
	ticketPut   = script("ticket_put.lua")
	ticketGet   = script("ticket_get.lua")
	ticketAsk   = script("ticket_ask.lua")
	tokenGet    = script("token_get.lua")
	tokenPut    = script("token_put.lua")
	tokenDrop   = script("token_drop.lua")
	tokenForget = script("token_forget.lua")
	tokenLearn  = script("token_learn.lua")
	tokenCount  = script("token_count.lua")
	tokenReseal = script("token_reseal.lua")
)

const (
	// versionMemory is how long a forgotten app's version stays: longer than any renewal takes.
	versionMemory = 24 * time.Hour
	// byEvent in place of a version lets a write through unless a later event came first.
	byEvent = -1
)

func script(file string) *redis.Script { return lua.Script("", sources, file) }

// store is the sealed rows in Redis. It seals, it opens, and it decides nothing.
type store struct {
	rdb    redis.Scripter
	sealer *Sealer
}

// row is what is stored about one token.
type row struct {
	token   string        // "" = none, or expired
	sealed  string        // token as stored, for compare-and-swap
	left    time.Duration // life of token by the server's clock
	age     time.Duration // since it was fetched; -1 = none
	refresh string        // "" = none
	version int64         // what a renewal must find unchanged
}

func run(ctx context.Context, rdb redis.Scripter, s *redis.Script, n int, keys []string, args ...any) ([]any, error) {
	values, err := s.Run(ctx, rdb, keys, args...).Slice()
	if err != nil {
		return nil, err
	}
	if len(values) != n {
		return nil, fmt.Errorf("the script answered %d values, want %d", len(values), n)
	}
	return values, nil
}

func flag(values []any) bool { n, _ := values[0].(int64); return n == 1 }

func (s *store) putTicket(ctx context.Context, key, ticket string, created int64) (bool, error) {
	values, err := run(ctx, s.rdb, ticketPut, 1, []string{key}, created, s.sealer.Seal(place(key, "value"), ticket))
	if err != nil {
		return false, fmt.Errorf("store the verify ticket: %w", err)
	}
	return flag(values), nil
}

// ticket returns the stored ticket and its age; "" and -1 if there is none.
func (s *store) ticket(ctx context.Context, key string) (string, time.Duration, error) {
	values, err := run(ctx, s.rdb, ticketGet, 2, []string{key})
	if err != nil {
		return "", 0, fmt.Errorf("read the verify ticket: %w", err)
	}
	sealed, _ := values[0].(string)
	age, _ := values[1].(int64)
	if sealed == "" {
		return "", -1, nil
	}
	ticket, err := s.open(key, "value", sealed)
	return ticket, time.Duration(age) * time.Millisecond, err
}

func (s *store) read(ctx context.Context, key string) (row, error) {
	values, err := run(ctx, s.rdb, tokenGet, 5, []string{key})
	if err != nil {
		return row{}, fmt.Errorf("read a token: %w", err)
	}
	sealed, _ := values[0].(string)
	left, _ := values[1].(int64)
	refresh, _ := values[2].(string)
	age, _ := values[3].(int64)
	version, _ := values[4].(int64)
	r := row{sealed: sealed, version: version, left: time.Duration(left) * time.Millisecond, age: -1}
	if age >= 0 {
		r.age = time.Duration(age) * time.Millisecond
	}
	var tokenErr, refreshErr error
	r.token, tokenErr = s.open(key, "token", sealed)
	r.refresh, refreshErr = s.open(key, "refresh", refresh)
	return r, errors.Join(tokenErr, refreshErr)
}

// life reads how old a token is and how long it lives, without opening it; -1 and 0 if there is none.
func (s *store) life(ctx context.Context, key string) (age, left time.Duration, err error) {
	values, err := run(ctx, s.rdb, tokenGet, 5, []string{key})
	if err != nil {
		return 0, 0, fmt.Errorf("read a token's age: %w", err)
	}
	l, _ := values[1].(int64)
	a, _ := values[3].(int64)
	if a < 0 {
		return -1, 0, nil
	}
	return time.Duration(a) * time.Millisecond, time.Duration(l) * time.Millisecond, nil
}

// living counts the apps whose token lives.
func (s *store) living(ctx context.Context, index string) (int64, error) {
	values, err := run(ctx, s.rdb, tokenCount, 1, []string{index})
	if err != nil {
		return 0, fmt.Errorf("count the apps' tokens: %w", err)
	}
	n, _ := values[0].(int64)
	return n, nil
}

// fresh is what a renewal or an authorization brings.
type fresh struct {
	token   string
	life    time.Duration
	refresh string // "" = leave the stored one
	since   int64  // CreateTime of an event; 0 = none
}

// put stores f if the row still has the version seen, or byEvent. false means that another
// writer came first.
func (s *store) put(ctx context.Context, at slot, seen int64, f fresh) (bool, error) {
	key := at.key
	token, refresh := "", ""
	if f.token != "" {
		token = s.sealer.Seal(place(key, "token"), f.token)
	}
	if f.refresh != "" {
		refresh = s.sealer.Seal(place(key, "refresh"), f.refresh)
	}
	values, err := run(ctx, s.rdb, tokenPut, 1, at.keys(), seen, token, f.life.Milliseconds(), refresh, f.since, at.appid)
	if err != nil {
		return false, fmt.Errorf("store a token: %w", err)
	}
	return flag(values), nil
}

// drop removes the token if it is still the one sealed as given.
func (s *store) drop(ctx context.Context, at slot, sealed string) error {
	if _, err := run(ctx, s.rdb, tokenDrop, 1, at.keys(), sealed, at.appid); err != nil {
		return fmt.Errorf("drop a refused token: %w", err)
	}
	return nil
}

func (s *store) forget(ctx context.Context, at slot, created int64) error {
	if _, err := run(ctx, s.rdb, tokenForget, 1, at.keys(), created, versionMemory.Milliseconds(), at.appid); err != nil {
		return fmt.Errorf("forget an app: %w", err)
	}
	return nil
}

// learn keeps the refresh tokens, by app, of rows that have none, in one step.
func (s *store) learn(ctx context.Context, index string, refresh map[slot]string) error {
	if len(refresh) == 0 {
		return nil
	}
	keys, args := []string{index}, make([]any, 0, 2*len(refresh))
	for at, token := range refresh {
		keys, args = append(keys, at.key), append(args, at.appid, s.sealer.Seal(place(at.key, "refresh"), token))
	}
	if err := tokenLearn.Run(ctx, s.rdb, keys, args...).Err(); err != nil {
		return fmt.Errorf("keep refresh tokens: %w", err)
	}
	return nil
}

// place is what a sealed value is bound to: its key and its field.
func place(key, field string) string { return key + "#" + field }

func (s *store) open(key, field, sealed string) (string, error) {
	if sealed == "" {
		return "", nil
	}
	value, err := s.sealer.Open(place(key, field), sealed)
	if err != nil {
		return "", badSeal(key)
	}
	return value, nil
}
