package fsck

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
	"github.com/wxrollout/wxrollout/rollout"
)

// scan walks a hash or a sorted set by page, HScan or ZScan of a client. see receives up to pageSize
// fields with their values, or members with their scores.
func scan(ctx context.Context, page func(ctx context.Context, key string, cursor uint64, match string, count int64) *redis.ScanCmd,
	key string, see func(names, values []string) error,
) error {
	for cursor := uint64(0); ; {
		list, next, err := page(ctx, key, cursor, "", pageSize).Result()
		if err != nil {
			return db.Failed(err, "check %s", strings.TrimPrefix(key, db.Root))
		}
		for some := range slices.Chunk(list, 2*pageSize) { // a small hash comes whole
			var names, values []string
			for i := 0; i+1 < len(some); i += 2 {
				names, values = append(names, some[i]), append(values, some[i+1])
			}
			if err := see(names, values); err != nil {
				return err
			}
		}
		if cursor = next; cursor == 0 {
			return ctx.Err()
		}
	}
}

// owners is the index of owners, a hash.
const owners = "owners"

// shared checks the entries of what all rollouts share.
func (c *checker) shared(ctx context.Context) error {
	indexes := []string{"wake"}
	for _, queueName := range rollout.QueueNames() {
		indexes = append(indexes, "leases:"+string(queueName))
	}
	for _, index := range indexes {
		err := scan(ctx, c.rdb.ZScan, db.Root+index, func(members, _ []string) error {
			apps := make(map[string][]string)
			for _, m := range members {
				id, app, _ := strings.Cut(m, " ")
				if id == "" || app == "" {
					id, app = "", m
				}
				apps[id] = append(apps[id], app)
			}
			return c.entries(ctx, index, apps)
		})
		if err != nil {
			return err
		}
	}
	return scan(ctx, c.rdb.HScan, db.KeyOwners, func(fields, ids []string) error {
		apps := make(map[string][]string)
		for i, app := range fields {
			apps[ids[i]] = append(apps[ids[i]], app)
		}
		return c.entries(ctx, owners, apps)
	})
}

// entries checks a page of an index: apps by rollout, or under "" members that name no target.
func (c *checker) entries(ctx context.Context, index string, apps map[string][]string) error {
	for id, some := range apps {
		_, chosen := c.chosen[id]
		var err error
		switch r := c.subject(id); {
		case chosen: // its targets were checked already
			err = r.look(ctx, some, func(p position) { r.stray(p, index) })
		case !c.everything():
		case id == "" && index != owners:
			err = c.nameless(ctx, index, some)
		default:
			err = r.look(ctx, some, func(p position) {
				r.stray(p, index)
				if first := p.first(); first == index || index == owners && (first == "" || strings.HasPrefix(first, "ready:")) {
					r.target(p)
				}
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// nameless reports members of an index that name no target.
func (c *checker) nameless(ctx context.Context, index string, members []string) error {
	for _, m := range members {
		f := Finding{Fault: FaultOrphan, Text: fmt.Sprintf("%q in %s names no target", m, index), Repair: "take it out"}
		if err := c.reportName(ctx, f, index, m, ""); err != nil {
			return err
		}
	}
	return nil
}

// position is where a target is listed, as of one instant.
type position struct {
	status, app, record, owner, indexes string
	released                            string // the version that its rollout made live
	now                                 time.Time
}

// first is the index in which a target is checked, so that one in several is reported once: the
// first shared one, if there is any. "" for none.
func (p position) first() string {
	indexes := strings.Fields(p.indexes)
	if len(indexes) == 0 {
		return ""
	}
	at := slices.IndexFunc(indexes, func(p string) bool { return !strings.HasPrefix(p, "ready:") })
	index, _, _ := strings.Cut(indexes[max(at, 0)], "=")
	return index
}

var positionsScript = db.Script(sources, "positions.lua")

// look checks the positions of apps, and reports the findings.
func (r *subject) look(ctx context.Context, apps []string, check func(position)) error {
	list, err := db.Run(ctx, r.rdb, positionsScript, db.Args(apps, r.id)...).StringSlice()
	if err != nil {
		return db.Failed(err, "check rollout %s", r.id)
	}
	now, err := db.ParseInt("server time", list[1])
	if err != nil {
		return err
	}
	for i, app := range apps {
		row := list[2+4*i:]
		check(position{status: list[0], now: db.FromMilli(now), app: app, record: row[0], owner: row[1], indexes: row[2], released: row[3]})
	}
	if err := r.flush(ctx); err != nil {
		return err
	}
	r.o.Progress(min(r.out.Targets+r.targets, r.total), r.total)
	return nil
}
