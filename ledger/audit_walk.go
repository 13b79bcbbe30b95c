package ledger

import (
	"context"
	"slices"
	"strings"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/rollout"
)

// standing is where one target stands, as of one instant.
type standing struct{ status, app, record, owner, places string }

// look shows where the apps stand.
func (a *auditor) look(ctx context.Context, apps []string, see func(standing)) error {
	for page := range slices.Chunk(apps, auditPage) {
		args := []any{a.id}
		for _, app := range page {
			args = append(args, app)
		}
		list, err := run(ctx, a.l.rdb, auditScript, args...).StringSlice()
		if err != nil {
			return failed(err, "audit rollout %s", a.id)
		}
		for i, app := range page {
			see(standing{status: list[0], app: app, record: list[3*i+1], owner: list[3*i+2], places: list[3*i+3]})
		}
	}
	return nil
}

// indexes looks for entries of the rollout's indexes without a target. (Those
// with one were found with it.)
func (a *auditor) indexes(ctx context.Context) error {
	orphans := func(apps []string) error {
		return a.look(ctx, apps, func(s standing) {
			if s.record == "" && s.places != "" {
				a.findings.add(FaultOrphan, s.app, "is not there, but stands in %q", s.places)
			}
		})
	}
	for _, stage := range rollout.Stages() {
		err := a.scanSet(ctx, keyReady(a.id, string(stage)), func(m string) (string, bool) { return m, true }, orphans)
		if err != nil {
			return err
		}
	}
	shared := []string{keyWake}
	for _, lane := range rollout.Lanes() {
		shared = append(shared, keyLeases(string(lane)))
	}
	for _, key := range shared {
		mine := func(m string) (string, bool) { return strings.CutPrefix(m, a.id+" ") }
		if err := a.scanSet(ctx, key, mine, orphans); err != nil {
			return err
		}
	}
	return nil
}

// owners looks for apps that the rollout owns without a target of it.
func (a *auditor) owners(ctx context.Context) error {
	return scan(ctx, func(cursor uint64) *redis.ScanCmd {
		return a.l.rdb.HScan(ctx, keyOwners, cursor, "", auditPage)
	}, func(_, owner string) bool { return owner == a.id }, func(apps []string) error {
		return a.look(ctx, apps, func(s standing) {
			if s.record == "" && s.owner == a.id {
				a.findings.add(FaultOrphan, s.app, "is not there, but owned")
			}
		})
	})
}

// scanSet walks a sorted set; app takes a member apart or says it is another's.
func (a *auditor) scanSet(ctx context.Context, key string, app func(string) (string, bool), see func([]string) error) error {
	return scan(ctx, func(cursor uint64) *redis.ScanCmd {
		return a.l.rdb.ZScan(ctx, key, cursor, "", auditPage)
	}, func(m, _ string) bool { _, mine := app(m); return mine }, func(members []string) error {
		for i, m := range members {
			members[i], _ = app(m)
		}
		return see(members)
	})
}

// scan walks a hash or a sorted set in pages and hands on the fields or members
// that keep says, with their values or scores.
func scan(ctx context.Context, page func(cursor uint64) *redis.ScanCmd, keep func(field, value string) bool, see func([]string) error) error {
	var cursor uint64
	for {
		list, next, err := page(cursor).Result()
		if err != nil {
			return failed(err, "audit")
		}
		var fields []string
		for i := 0; i+1 < len(list); i += 2 {
			if keep(list[i], list[i+1]) {
				fields = append(fields, list[i])
			}
		}
		if err := see(fields); err != nil {
			return err
		}
		if cursor = next; cursor == 0 {
			return ctx.Err()
		}
	}
}
