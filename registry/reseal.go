package registry

import (
	"context"
	"fmt"

	"github.com/redis/go-redis/v9"
)

const (
	// resealPage is how many apps are looked at in one round trip.
	resealPage = 500
	// resealPasses bounds looking again for what was written meanwhile.
	resealPasses = 3
	// unreadableShown is how many rows that cannot be opened are named.
	unreadableShown = 10
)

// Seals counts stored values by the key that sealed them.
type Seals struct {
	// Values are all that are stored: a ticket, tokens and refresh tokens.
	Values int
	// Previous of them are sealed with the previous key.
	Previous int
	// Resealed were sealed with the current key by this call.
	Resealed int
	// Unreadable open with neither key; Examples names the first of their rows.
	Unreadable int
	Examples   []string
}

// add counts another page.
func (s *Seals) add(o Seals) {
	s.Values += o.Values
	s.Previous += o.Previous
	s.Resealed += o.Resealed
	s.Unreadable += o.Unreadable
	for _, key := range o.Examples {
		if len(s.Examples) < unreadableShown {
			s.Examples = append(s.Examples, key)
		}
	}
}

// Seals looks by which key each stored value is sealed. It changes nothing. progress, if set, receives
// how many of how many rows are done.
func (t *Tokens) Seals(ctx context.Context, progress func(done, total int)) (Seals, error) {
	return t.pass(ctx, false, progress)
}

// Reseal seals everything with the current key that is sealed with the previous one. It may run beside
// live workers, be stopped and be repeated: a value is replaced only while it is the one that was read.
// Previous of the result is what is left: 0, unless a worker that does not have the current key yet
// writes meanwhile. What neither key opens is unchanged.
func (t *Tokens) Reseal(ctx context.Context, progress func(done, total int)) (Seals, error) {
	resealed := 0
	for range resealPasses {
		found, err := t.pass(ctx, true, progress)
		resealed += found.Resealed
		if err != nil || found.Resealed == 0 {
			found.Resealed = resealed
			return found, err
		}
	}
	left, err := t.pass(ctx, false, progress)
	left.Resealed = resealed
	return left, err
}

// pass goes through all rows once.
func (t *Tokens) pass(ctx context.Context, apply bool, progress func(done, total int)) (Seals, error) {
	if progress == nil {
		progress = func(int, int) {}
	}
	apps, err := t.rdb.ZCard(ctx, indexKey(t.component)).Result()
	if err != nil {
		return Seals{}, fmt.Errorf("count the apps with tokens: %w", err)
	}
	const own = 2 // rows of the platform itself
	total, done := int(apps)+own, own
	all, err := t.page(ctx, apply, []string{ticketKey(t.component), componentKey(t.component)})
	if err != nil {
		return all, err
	}
	progress(done, total)
	for cursor := uint64(0); ; {
		var list []string
		list, cursor, err = t.rdb.ZScan(ctx, indexKey(t.component), cursor, "", resealPage).Result()
		if err != nil {
			return all, fmt.Errorf("list the apps with tokens: %w", err)
		}
		var keys []string
		for i := 0; i < len(list); i += 2 { // appid, score
			keys = append(keys, appKey(t.component, list[i]))
		}
		found, err := t.page(ctx, apply, keys)
		all.add(found)
		if err != nil {
			return all, err
		}
		done += len(keys)
		progress(min(done, total), total)
		if cursor == 0 {
			return all, nil
		}
	}
}

// sealedFields are those of all rows.
var sealedFields = []string{"value", "token", "refresh"}

// page looks at rows, and replaces what the previous key sealed if it is to.
func (t *Tokens) page(ctx context.Context, apply bool, keys []string) (Seals, error) {
	rows := make([]*redis.SliceCmd, len(keys))
	_, err := t.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			rows[i] = p.HMGet(ctx, key, sealedFields...)
		}
		return nil
	})
	if err != nil {
		return Seals{}, fmt.Errorf("read sealed values: %w", err)
	}
	var found Seals
	var swaps []*redis.Cmd
	_, err = t.rdb.Pipelined(ctx, func(p redis.Pipeliner) error {
		for i, key := range keys {
			one, args := t.store.sealer.stale(key, rows[i].Val())
			found.add(one)
			if apply && len(args) > 0 {
				swaps = append(swaps, tokenReseal.Eval(ctx, p, []string{key}, args...))
			}
		}
		return nil
	})
	if err != nil {
		return found, fmt.Errorf("seal values again: %w", err)
	}
	for _, swap := range swaps {
		n, err := swap.Int()
		if err != nil {
			return found, fmt.Errorf("seal values again: %w", err)
		}
		found.Resealed += n
	}
	found.Previous -= found.Resealed
	return found, nil
}

// stale counts a row's values, and gives the arguments of the script that seals the old ones again.
func (s *Sealer) stale(key string, values []any) (found Seals, args []any) {
	for i, value := range values {
		sealed, _ := value.(string)
		if sealed == "" {
			continue
		}
		field := sealedFields[i]
		found.Values++
		plain, at, err := s.open(place(key, field), sealed)
		switch {
		case err != nil:
			found.Unreadable++
			found.Examples = []string{key}
		case at > 0:
			found.Previous++
			args = append(args, field, sealed, s.Seal(place(key, field), plain))
		}
	}
	return found, args
}
