package registry

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

//go:embed *.lua
var sources embed.FS

var (
	ticketPut   = redisdb.Script("", sources, "ticket_put.lua")
	ticketGet   = redisdb.Script("", sources, "ticket_get.lua")
	ticketAsk   = redisdb.Script("", sources, "ticket_ask.lua")
	tokenGet    = redisdb.Script("", sources, "token_get.lua")
	tokenPut    = redisdb.Script("", sources, "token_put.lua")
	tokenDrop   = redisdb.Script("", sources, "token_drop.lua")
	tokenForget = redisdb.Script("", sources, "token_forget.lua")
	tokenLearn  = redisdb.Script("", sources, "token_learn.lua")
	tokenCount  = redisdb.Script("", sources, "token_count.lua")
	tokenReseal = redisdb.Script("", sources, "token_reseal.lua")
)

const (
	// versionMemory is how long a forgotten app's version stays: longer than any renewal takes.
	versionMemory = 24 * time.Hour
	// byEvent in place of a version lets a write through unless a later event came first.
	byEvent = -1
)

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

func (s *store) putTicket(ctx context.Context, key, ticket string, created int64) (bool, error) {
	r := redisdb.Run(ctx, s.rdb, ticketPut, 1, []string{key}, created, s.sealer.Seal(place(key, "value"), ticket))
	return r.Flag(0), r.Err("store the verify ticket")
}

// ticket returns the stored ticket and its age; "" and -1 if there is none.
func (s *store) ticket(ctx context.Context, key string) (string, time.Duration, error) {
	sealed, age, err := s.sealedTicket(ctx, key)
	if err != nil || sealed == "" {
		return "", age, err
	}
	ticket, err := s.open(key, "value", sealed)
	return ticket, age, err
}

// sealedTicket is ticket without opening it.
func (s *store) sealedTicket(ctx context.Context, key string) (string, time.Duration, error) {
	r := redisdb.Run(ctx, s.rdb, ticketGet, 2, []string{key})
	return r.Str(0), age(r.Int(1)), r.Err("read the verify ticket")
}

// age is a duration in ms, or -1 for none.
func age(ms int64) time.Duration {
	if ms < 0 {
		return -1
	}
	return time.Duration(ms) * time.Millisecond
}

func (s *store) read(ctx context.Context, key string) (row, error) {
	r, refresh, err := s.sealedRow(ctx, key)
	if err != nil {
		return row{}, err
	}
	var tokenErr, refreshErr error
	r.token, tokenErr = s.open(key, "token", r.sealed)
	r.refresh, refreshErr = s.open(key, "refresh", refresh)
	return r, errors.Join(tokenErr, refreshErr)
}

// sealedRow is read without opening the tokens; refresh is as stored.
func (s *store) sealedRow(ctx context.Context, key string) (r row, refresh string, err error) {
	v := redisdb.Run(ctx, s.rdb, tokenGet, 5, []string{key})
	r = row{sealed: v.Str(0), left: time.Duration(v.Int(1)) * time.Millisecond, age: age(v.Int(3)), version: v.Int(4)}
	return r, v.Str(2), v.Err("read a token")
}

// living counts the apps whose token is valid.
func (s *store) living(ctx context.Context, index string) (int64, error) {
	r := redisdb.Run(ctx, s.rdb, tokenCount, 1, []string{index})
	return r.Int(0), r.Err("count the apps' tokens")
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
	r := redisdb.Run(ctx, s.rdb, tokenPut, 1, at.keys(), seen, token, f.life.Milliseconds(), refresh, f.since, at.appid)
	return r.Flag(0), r.Err("store a token")
}

// drop removes the token if it is still the one sealed as given.
func (s *store) drop(ctx context.Context, at slot, sealed string) error {
	return redisdb.Run(ctx, s.rdb, tokenDrop, 1, at.keys(), sealed, at.appid).Err("drop a refused token")
}

func (s *store) forget(ctx context.Context, at slot, created int64) error {
	return redisdb.Run(ctx, s.rdb, tokenForget, 1, at.keys(), created, versionMemory.Milliseconds(), at.appid).Err("forget an app")
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
