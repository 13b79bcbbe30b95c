package registry

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/wxclient"
)

const (
	// leaseTTL bounds one renewal over all processes; a winner that died is replaced after it.
	leaseTTL = 45 * time.Second
	// renewWithin bounds the winner's calls to WeChat, so that it ends before its lease.
	renewWithin = 40 * time.Second
	// storeWithin bounds storing what WeChat gave, and giving the lease back.
	storeWithin = 3 * time.Second
	// waitAtMost bounds waiting for another process: one dead winner, then a renewal by us.
	waitAtMost = leaseTTL + renewWithin
	// pollEvery is how often the others look for what the winner stored.
	pollEvery = 100 * time.Millisecond
	// failureMemory is how long a failure stands in for a token, so that a fleet of calls does not
	// spend the daily allowance of the credential endpoints on it.
	failureMemory = 5 * time.Second
)

// errSuperseded means that another process stored during this renewal: look again.
var errSuperseded = errors.New("another writer came first")

// obtain returns a token from Redis, or renews it, or waits for the one that does.
func (t *Tokens) obtain(ctx context.Context, s slot) (string, error) {
	for {
		r, err := t.current(ctx, s)
		if err != nil {
			return "", err
		}
		if r.left > s.margin {
			t.remember(s, r, t.cacheTTL)
			return r.token, nil
		}
		lease := ratelimit.NewLease(t.rdb, leaseName(s.key), t.holder(), leaseTTL)
		_, won, err := lease.Acquire(ctx)
		if err != nil {
			return "", err
		}
		if won {
			token, err := t.win(ctx, s)
			release(ctx, lease)
			if !errors.Is(err, errSuperseded) {
				return token, err
			}
			continue
		}
		if r.left > s.usable {
			t.remember(s, r, pollEvery)
			return r.token, nil
		}
		if err := pause(ctx, pollEvery); err != nil {
			return "", fmt.Errorf("wait for another process to renew a token: %w", err)
		}
	}
}

// current reads the row. A token that was recently refused in this process is dropped.
func (t *Tokens) current(ctx context.Context, s slot) (row, error) {
	r, err := t.store.read(ctx, s.key)
	if err != nil || !t.cache.refused(s.key, r.token) {
		return r, err
	}
	err = t.store.drop(ctx, s, r.sealed)
	return row{refresh: r.refresh, version: r.version, age: -1}, err
}

// win renews the token; the caller holds the lease. A failure stores nothing.
func (t *Tokens) win(ctx context.Context, s slot) (string, error) {
	r, err := t.current(ctx, s) // the winner before may have just stored
	if err != nil {
		return "", err
	}
	if r.left > s.margin {
		t.remember(s, r, t.cacheTTL)
		return r.token, nil
	}
	f, err := t.fetch(ctx, s, r)
	if t.renewed != nil {
		t.renewed(renewalOf(s.appid, err))
	}
	if err != nil {
		return t.fallBack(s, r, err)
	}
	stored, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	ok, err := t.store.put(stored, s, r.version, f)
	if err != nil {
		return "", err
	}
	if !ok {
		return "", errSuperseded
	}
	t.cache.clear(s.key) // WeChat may give the refused token again: then it is good again
	t.remember(s, row{token: f.token, left: f.life}, t.cacheTTL)
	return f.token, nil
}

// fallBack serves the token at hand when renewing it failed and it still lives; the margin is
// for that. A refusal of the platform's own credentials is remembered for a moment. One of an app is not: its
// target parks, and a target that the merchant's new authorization wakes must not meet the old failure.
func (t *Tokens) fallBack(s slot, r row, err error) (string, error) {
	if r.left > s.usable {
		t.remember(s, r, failureMemory)
		return r.token, nil
	}
	if s.appid == "" && (errors.As(err, new(*CredentialError)) || refused(err)) {
		t.cache.put(s.key, "", err, failureMemory)
	}
	return "", err
}

// refused reports whether WeChat answered with an errcode that another call at once does not change.
func refused(err error) bool {
	var answer *wxclient.Error
	return errors.As(err, &answer) && answer.Class != wxclient.ClassRetryBusy
}

// remember caches a token for a while, but not into the last moments of its life.
func (t *Tokens) remember(s slot, r row, ttl time.Duration) {
	t.cache.put(s.key, r.token, nil, min(ttl, r.left-s.usable))
}

// release gives the lease back even if the caller's time is over. If that does not work, the
// lease lapses automatically, which only makes the next renewal wait.
func release(ctx context.Context, lease *ratelimit.Lease) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), storeWithin)
	defer cancel()
	_ = lease.Release(ctx)
}

// pause waits for d or the end of ctx.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}
