package judgement

import (
	"fmt"
	"time"

	"github.com/wxrollout/wxrollout/rollout"
)

// books are the model's own books of the quota: what was accepted, for whom, and what the last
// reading implies. Their month and day are those of Redis's clock and only turn forward, as the
// documentation promises.
type books struct {
	month, day int
	// known says that there is a reading of the month; view is that reading less what was
	// accepted since. What others spend or WeChat raises after a reading is not in it.
	known bool
	view  int64
	// drops adds up by how much readings lowered view below what it was: a permit that was
	// granted before can't know.
	drops int64
	// accepted are the month's submissions by pool, today those of the day.
	accepted, today map[string]int64
	// doubts are the pools of submissions, by permit id, that WeChat did not take and that a
	// worker counts as spent because their replies were lost, until they are read back; hidden
	// are those by pool that WeChat took and that no worker could report. Both of the month.
	doubts map[string]string
	hidden map[string]int64
	// total are all accepted submissions.
	total    int64
	grants   map[string]grant // by permit id
	attempts map[string]bool  // that had a submission accepted
}

// grant is what the books said when a permit was granted.
type grant struct {
	drops  int64
	shares map[string]int64
}

func newBooks() *books {
	b := &books{grants: make(map[string]grant), attempts: make(map[string]bool)}
	b.clear()
	return b
}

func (b *books) clear() {
	b.known, b.view = false, 0
	b.accepted, b.today = make(map[string]int64), make(map[string]int64)
	b.doubts, b.hidden = make(map[string]string), make(map[string]int64)
}

// doubted counts the doubts of a pool.
func (b *books) doubted(pool string) (n int64) {
	for _, p := range b.doubts {
		if p == pool {
			n++
		}
	}
	return n
}

// assignment brings the books to a time of Redis's clock.
func (b *books) assignment(now time.Time) {
	month, day := monthOf(now), dayOf(now)
	if month > b.month {
		b.month = month
		b.clear()
	}
	if day > b.day {
		b.day = day
		b.today = make(map[string]int64)
	}
}

// read takes in a reading that was stored; rest is WeChat's answer, total the submissions that
// were accepted before it answered.
func (b *books) read(rest, total int64) {
	view := rest - (b.total - total)
	if b.known {
		b.drops += max(0, b.view-view)
	}
	b.known, b.view = true, view
}

// unmet is what the shares of pools other than one still lack, at least.
func (b *books) unmet(shares map[string]int64, but string) (sum int64, by map[string]int64) {
	by = make(map[string]int64)
	for pool, n := range shares {
		if lacks := n - b.accepted[pool] - b.doubted(pool); pool != but && lacks > 0 {
			by[pool] = lacks
			sum += lacks
		}
	}
	return sum, by
}

// granted notes a permit, and says what is wrong with it.
func (b *books) granted(id, pool string, shares map[string]int64) (fault string) {
	if unmet, by := b.unmet(shares, pool); !b.known && unmet > 0 {
		return fmt.Sprintf("permit %s of pool %s is granted while the quota is unread and %v is reserved", id, pool, by)
	}
	b.grants[id] = grant{drops: b.drops, shares: shares}
	return ""
}

// spent notes an accepted submission, and says which rule of the quota it breaks. reported says that
// its worker survived to report it.
func (b *books) spent(id string, a *applied, limit int64, reported bool) (fault string) {
	pool := a.plan.Quota.PoolName()
	b.accepted[pool]++
	b.today[pool]++
	b.total++
	if reported {
		b.view--
	} else {
		b.hidden[pool]++
	}
	g, ok := b.grants[id]
	if !ok {
		return "the submission of " + id + " had no permit"
	}
	unmet, by := b.unmet(g.shares, pool)
	if b.known && unmet > 0 && b.view+b.drops-g.drops < unmet {
		return fmt.Sprintf("the submission of %s (pool %s) leaves %d of the reading, and %v is reserved", id, pool, b.view, by)
	}
	return b.bounds(a, limit)
}

// bounds says which bound of its a pool has passed.
func (b *books) bounds(a *applied, limit int64) string {
	q, pool := a.plan.Quota, a.plan.Quota.PoolName()
	if most := capOf(q, limit); most >= 0 && b.accepted[pool]-b.hidden[pool] > most {
		return fmt.Sprintf("pool %s has spent %d of its cap of %d", pool, b.accepted[pool], most)
	}
	if q.PerDay > 0 && b.today[pool]-b.hidden[pool] > q.PerDay {
		return fmt.Sprintf("pool %s has spent %d of its %d a day", pool, b.today[pool], q.PerDay)
	}
	return ""
}

// capOf is a plan's bound of the month; -1 if it has none.
func capOf(q rollout.QuotaPolicy, limit int64) int64 {
	most := int64(-1)
	if q.Cap > 0 {
		most = q.Cap
	}
	if q.CapPercent > 0 {
		if part := limit * q.CapPercent / 100; most < 0 || part < most {
			most = part
		}
	}
	return most
}

// free is how many submissions a plan's pool may surely make now, by the model's books and
// WeChat's rest, and what bounds that.
func (b *books) free(q rollout.QuotaPolicy, shares map[string]int64, rest, limit int64) (n int64, kind string) {
	pool := q.PoolName()
	n, kind = rest, rollout.LimitExhausted
	bound := func(m int64, k string) {
		if m < n {
			n, kind = m, k
		}
	}
	lacks := int64(0)
	for other, share := range shares {
		if other != pool {
			lacks += max(0, share-b.accepted[other])
		}
	}
	if lacks > 0 {
		bound(rest-lacks, rollout.LimitReserved)
	}
	if most := capOf(q, limit); most >= 0 {
		bound(most-b.accepted[pool]-b.doubted(pool), rollout.LimitCap)
	}
	if q.PerDay > 0 {
		bound(q.PerDay-b.today[pool]-b.doubted(pool), rollout.LimitPerDay)
	}
	return n, kind
}
