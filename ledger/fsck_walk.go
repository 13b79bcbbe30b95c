package ledger

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// standing is where one target stands, as of one instant.
type standing struct {
	status, app, record, owner, places string
	version                            string // that its rollout released
	now                                time.Time
}

// owners is what the walk over the owners is called.
const owners = "owners"

// first is the index that a target is looked at in, so that one in several is
// found once: the first shared one, if there is any. "" for none.
func (s standing) first() string {
	places := strings.Fields(s.places)
	at := slices.IndexFunc(places, func(p string) bool { return !strings.HasPrefix(p, "ready:") })
	if at < 0 && len(places) == 0 {
		return ""
	}
	index, _, _ := strings.Cut(places[max(at, 0)], "=")
	return index
}

// look checks where apps stand, and hands the findings on.
func (a *auditor) look(ctx context.Context, apps []string, check func(standing)) error {
	for page := range slices.Chunk(apps, auditPage) {
		args := []any{a.id}
		for _, app := range page {
			args = append(args, app)
		}
		list, err := run(ctx, a.l.rdb, auditScript, args...).StringSlice()
		if err != nil {
			return failed(err, "audit rollout %s", a.id)
		}
		now, err := parseInt("server time", list[1])
		if err != nil {
			return err
		}
		for i, app := range page {
			row := list[2+4*i:]
			check(standing{status: list[0], now: fromMilli(now), app: app, record: row[0], owner: row[1], places: row[2], version: row[3]})
		}
		if err := a.flush(ctx); err != nil {
			return err
		}
		if a.tell != nil {
			a.tell()
		}
	}
	return nil
}

// shared walks what all rollouts share, the indexes of waits and leases and then
// the owners, and shows the apps of each rollout, a page at a time. A member that
// names no target is shown as it is, under the rollout "".
func (l *Ledger) shared(ctx context.Context, see func(ctx context.Context, id, index string, apps []string) error) error {
	indexes := []string{"wake"}
	for _, queueName := range rollout.QueueNames() {
		indexes = append(indexes, "leases:"+string(queueName))
	}
	show := func(index string) func([]entry) error {
		return func(page []entry) error {
			return group(page, func(id string, apps []string) error { return see(ctx, id, index, apps) })
		}
	}
	for _, index := range indexes {
		err := scan(ctx, func(cursor uint64) *redis.ScanCmd { return l.rdb.ZScan(ctx, root+index, cursor, "", auditPage) }, member, show(index))
		if err != nil {
			return err
		}
	}
	return scan(ctx, func(cursor uint64) *redis.ScanCmd { return l.rdb.HScan(ctx, keyOwners, cursor, "", auditPage) },
		func(app, id string) (entry, bool) { return entry{id, app}, true }, show(owners))
}

// member takes a member of a shared index apart.
func member(m, _ string) (entry, bool) {
	if id, app, ok := strings.Cut(m, " "); ok && id != "" && app != "" {
		return entry{id, app}, true
	}
	return entry{"", m}, true
}

// group shows the apps of a page by rollout.
func group(page []entry, see func(id string, apps []string) error) error {
	apps := make(map[string][]string)
	for _, e := range page {
		apps[e.rollout] = append(apps[e.rollout], e.app)
	}
	for id, some := range apps {
		if err := see(id, some); err != nil {
			return err
		}
	}
	return nil
}

// entry is one target in an index of all rollouts.
type entry struct{ rollout, app string }

// fieldName takes a field's name, or a member, as it is.
func fieldName(name, _ string) (string, bool) { return name, true }

// scan walks a hash or a sorted set in pages and hands on what take makes of its
// fields or members and their values or scores; ok is false for none.
func scan[T any](ctx context.Context, page func(cursor uint64) *redis.ScanCmd, take func(field, value string) (T, bool), see func([]T) error) error {
	var cursor uint64
	for {
		list, next, err := page(cursor).Result()
		if err != nil {
			return failed(err, "audit")
		}
		var taken []T
		for i := 0; i+1 < len(list); i += 2 {
			if t, ok := take(list[i], list[i+1]); ok {
				taken = append(taken, t)
			}
		}
		if err := see(taken); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return ctx.Err()
		}
	}
}
