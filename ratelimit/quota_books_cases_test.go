package ratelimit

import "time"

const day = 24 * time.Hour

// bulk and hot ask where 60 units are hotfix's share.
var (
	share60 = map[string]int64{"hot": 60}
	bulk    = Ask{Pool: "bulk", Shares: share60}
	hot     = Ask{Pool: "hot", Shares: share60}
)

func bulkOf(a Ask) Ask {
	a.Pool = "bulk"
	return a
}

func spendsFor(pool, id string) quotaOp { return settlesAs(Spent, pool, id) }

func settlesAs(use Use, pool, id string) quotaOp {
	return func(r *quotaRig) string { return said(r.q.SettleFor(r.t.Context(), pool, id, use)) }
}

// readLate takes in a reading that began before the clock moved.
func readLate(rest int64, after time.Duration) quotaOp {
	return func(r *quotaRig) string {
		begun, err := r.q.BeginReading(r.t.Context())
		if err != nil {
			return err.Error()
		}
		r.advance(after)
		return said(r.q.Refill(r.t.Context(), Reading{Rest: rest, Limit: 100, Begun: begun, NextCheck: 2 * time.Minute}))
	}
}

var booksCases = []quotaCase{
	{name: "a share is kept from others, in flight or spent", steps: []quotaStep{
		{0, refills(63, 0), "ok"},
		{0, takesAs(bulk, "a b c d"), "a b c | reserved: 60 left, 60 for map[hot:60], 3 out"},
		{0, takesAs(bulk, "a"), "a"}, // an id that has one
		{0, spends("a"), "ok"},
		{0, returns("b"), "ok"},
		{0, takesAs(bulk, "d e"), "d | reserved: 60 left, 60 for map[hot:60], 2 out"},
		{0, takesAs(hot, "h1 h2"), "h1 h2"},
		{0, takesAs(bulk, "e"), " | reserved: 58 left, 58 for map[hot:58], 4 out"},
		{0, spends("h1"), "ok"},
		{0, takesAs(bulk, "e"), " | reserved: 58 left, 58 for map[hot:58], 3 out"},
		{0, returns("h2"), "ok"},
		{0, explains(bulk), " | reserved: 59 left, 59 for map[hot:59], 2 out"},
		{0, explains(hot), ""},
		{0, books, "bulk 1/1/2, hot 1/1/0 external 0 raised 0"},
	}},
	{name: "a pool borrows what no share needs, and a share may borrow too", steps: []quotaStep{
		{0, refills(3, 0), "ok"},
		{0, takesAs(Ask{Pool: "hot", Shares: map[string]int64{"hot": 1}}, "a b"), "a b"},
		{0, takesAs(Ask{Pool: "bulk", Shares: map[string]int64{"hot": 1}}, "c"), "c"}, // its share of 1 is used
	}},
	{name: "a standing share holds for who knows of none, and the larger counts", steps: []quotaStep{
		{0, refills(9, 0), "ok"},
		{0, takesAs(Ask{Pool: "bulk"}, "a"), "a"},
		{0, setsShares(map[string]int64{"new": 5, "bulk": 9}), "ok"},
		{0, takesAs(Ask{Pool: "bulk"}, "b c d e"), "b c d | reserved: 5 left, 5 for map[new:5], 4 out"},
		{0, explains(Ask{Pool: "bulk", Shares: map[string]int64{"new": 2}}), " | reserved: 5 left, 5 for map[new:5], 4 out"},
		{0, explains(Ask{Pool: "bulk", Shares: map[string]int64{"new": 7, "hot": 1}}), " | reserved: 5 left, 8 for map[hot:1 new:7], 4 out"},
		{0, takesAs(Ask{Pool: "new"}, "n"), " | reserved: 5 left, 5 for map[bulk:5], 4 out"},
		{0, setsShares(map[string]int64{"new": 1}), "ok"},
		{32 * day, opens, "ok"},
		{0, refills(2, 0), "ok"},
		{0, takesAs(Ask{Pool: "bulk"}, "a b"), "a | reserved: 1 left, 1 for map[new:1], 1 out"},
		{0, setsShares(nil), "ok"},
		{0, takesAs(Ask{Pool: "bulk"}, "b"), "b"},
	}},
	{name: "several shares, the own one beside them", steps: []quotaStep{
		{0, refills(10, 0), "ok"},
		{0, takesAs(Ask{Pool: "bulk", Shares: map[string]int64{"hot": 4, "new": 3, "bulk": 99}}, "a b c d"), "a b c | reserved: 7 left, 7 for map[hot:4 new:3], 3 out"},
		{0, takesAs(Ask{Pool: "new", Shares: map[string]int64{"hot": 4, "new": 3, "bulk": 0}}, "n1 n2 n3 n4"), "n1 n2 n3 | reserved: 4 left, 4 for map[hot:4], 6 out"},
	}},
	{name: "a permit that lapses is its pool's no more", opts: QuotaOptions{PermitTTL: minute}, steps: []quotaStep{
		{0, refills(61, 0), "ok"},
		{0, takesAs(hot, "h"), "h"},
		{0, takesAs(bulk, "a"), "a"},
		{0, takesAs(bulk, "b"), " | reserved: 59 left, 59 for map[hot:59], 2 out"},
		{minute, books, " external 0 raised 0"},
		{0, takesAs(bulk, "b"), "b"},
		{0, takesAs(bulk, "c"), " | reserved: 60 left, 60 for map[hot:60], 1 out"},
		{0, spendsFor("hot", "h"), "ok"}, // late, by one who knows its pool
		{0, books, "bulk 0/0/1, hot 1/1/0 external 0 raised 0"},
		{0, explains(bulk), " | reserved: 59 left, 59 for map[hot:59], 1 out"},
	}},
	{name: "cap, absolute and of the limit", steps: []quotaStep{
		{0, refills(90, 0), "ok"},
		{0, takesAs(bulkOf(Ask{Cap: 2}), "a b c"), "a b | cap 2 of 2"},
		{0, spends("a"), "ok"},
		{0, takesAs(bulkOf(Ask{Cap: 2}), "c"), " | cap 2 of 2"},
		{0, takesAs(bulkOf(Ask{CapPercent: 3}), "c d"), "c | cap 3 of 3"},
		{0, takesAs(bulkOf(Ask{CapPercent: 4, Cap: 3}), "d"), " | cap 3 of 3"},
		{0, takesAs(Ask{Pool: "hot", Cap: 2}, "h"), "h"},             // another pool's books
		{day, takesAs(bulkOf(Ask{Cap: 2}), "d e"), "d | cap 2 of 2"}, // lapsed permits hold nothing
	}},
	{name: "a percentage of an unknown limit grants nothing", steps: []quotaStep{
		{0, takesAs(bulkOf(Ask{CapPercent: 50}), "a"), " | unread: 0 left, 0 for map[], 0 out"},
		{0, refills(1, 0), "ok"},
		{0, takesAs(bulkOf(Ask{CapPercent: 50}), "a"), "a"},
	}},
	{name: "per day, from midnight in UTC+8", steps: []quotaStep{
		{0, refills(90, 0), "ok"},
		{0, takesAs(bulkOf(Ask{PerDay: 2}), "a b c"), "a b | per_day 2 of 2 until 00:00"},
		{0, spends("a"), "ok"},
		{0, spends("b"), "ok"},
		{12*time.Hour - minute, takesAs(bulkOf(Ask{PerDay: 2}), "c"), " | per_day 2 of 2 until 00:00"},
		{minute, takesAs(bulkOf(Ask{PerDay: 2}), "c d e"), "c d | per_day 2 of 2 until 00:00"},
		{0, books, "bulk 2/0/2 external 0 raised 0"},
	}},
	{name: "unread and metered: one at a time, none of what a share may need", opts: QuotaOptions{Metered: true}, steps: []quotaStep{
		{0, takesAs(bulk, "a"), " | unread: 0 left, 60 for map[hot:60], 0 out"},
		{0, takesAs(hot, "h1 h2"), "h1 | unread: 0 left, 0 for map[], 1 out"},
		{0, takesAs(hot, "h2"), " | unread: 0 left, 0 for map[], 1 out"},
		{0, takesAs(hot, "h1"), "h1"},
		{0, spends("h1"), "ok"},
		{0, takesAs(hot, "h2"), "h2"},
		{0, refills(62, 0), "ok"},
		{0, takesAs(bulk, "a b c"), "a b | reserved: 58 left, 58 for map[hot:58], 3 out"},
	}},
	{name: "a probe touches no share", opts: QuotaOptions{Metered: true}, steps: []quotaStep{
		{0, refills(61, 0), "ok"},
		{0, closes("45009", 0), "ok"},
		{5 * minute, takesAs(bulk, "a"), "probe a | 45009 0 10"},
		{0, spends("a"), "ok"},
		{0, closes("45009", 0), "ok"},
		{5 * minute, takesAs(bulk, "b"), " | reserved: 60 left, 60 for map[hot:60], 0 out"},
		{0, explains(bulk), " | reserved: 60 left, 60 for map[hot:60], 0 out"},
		{0, explains(hot), " | 45009 5 10"},
		{0, takesAs(hot, "h"), "probe h | 45009 5 15"},
		{0, returns("h"), "ok"},
		{0, opens, "ok"},
		{0, closes("45009", 0), "ok"},
		{5 * minute, takesAs(bulk, "b"), " | unread: 0 left, 60 for map[hot:60], 0 out"},
		{0, takesAs(bulkOf(Ask{Cap: 1}), "b"), " | cap 1 of 1"},
	}},
	{name: "a month assignments: empty books, an unknown rest", opts: QuotaOptions{Metered: true}, steps: []quotaStep{
		{0, refills(61, 0), "ok"},
		{0, takesAs(bulk, "a"), "a"},
		{0, takesAs(hot, "h"), "h"},
		{0, spends("a"), "ok"},
		{0, spends("h"), "ok"},
		{0, refills(50, 2), "ok"},
		{0, books, "bulk 1/1/0, hot 1/1/0 external 9 raised 0"},
		{day, books, "bulk 1/0/0, hot 1/0/0 external 9 raised 0"},
		{30 * day, books, " external 0 raised 0"},
		{0, stands, "open rest ? out 0 spent 2 closings 0"},
		{0, takesAs(bulk, "b"), " | unread: 0 left, 60 for map[hot:60], 0 out"},
		{0, refills(100, 2), "ok"},
		{0, books, " external 0 raised 0"},
		{0, takesAs(bulk, "b"), "b"},
	}},
	{name: "a reading of the month before is dropped", steps: []quotaStep{
		{0, readLate(7, 0), "ok"},
		{0, stands, "open rest 7/100 out 0 spent 0 closings 0"},
		{0, readLate(6, 30*day), "ok"},
		{0, stands, "open rest ? out 0 spent 0 closings 0"},
	}},
	{name: "a lost submission that is denied goes back to its pool, once", steps: []quotaStep{
		{0, refills(63, 0), "ok"},
		{0, takesAs(bulk, "a b"), "a b"},
		{0, settlesAs(Doubtful, "bulk", "a"), "ok"},
		{0, settlesAs(Doubtful, "bulk", "b"), "ok"},
		{0, books, "bulk 2/2/0 external 0 raised 0"},
		{0, stands, "open rest 61/100 out 0 spent 2 closings 0"},
		{0, settlesAs(Denied, "bulk", "a"), "ok"},
		{0, settlesAs(Denied, "bulk", "a"), "ok"}, // the same proof again
		{0, settlesAs(Denied, "bulk", "c"), "ok"}, // it was never counted
		{0, books, "bulk 1/1/0 external 0 raised 0"},
		{0, stands, "open rest 61/100 out 0 spent 2 closings 0"}, // what is left is WeChat's to say
		{0, takesAs(bulkOf(Ask{Cap: 2}), "c d"), "c | cap 2 of 2"},
		{0, settlesAs(Denied, "bulk", "c"), "ok"}, // a permit that is out stays so
		{0, refills(62, 2), "ok"},
		{0, books, "bulk 1/1/1 external 0 raised 0"}, // it was not raised
		{0, settlesAs(Found, "bulk", "b"), "ok"},     // counted already
		{0, settlesAs(Denied, "bulk", "b"), "ok"},
		{0, books, "bulk 1/1/1 external 0 raised 0"},
		{0, settlesAs(Found, "bulk", "x"), "ok"}, // its worker died before it could count
		{0, books, "bulk 2/2/1 external 0 raised 0"},
	}},
	{name: "denied after a reading, on another day, in another month", steps: []quotaStep{
		{0, refills(60, 0), "ok"},
		{0, spendsFor("bulk", "z"), "ok"},
		{0, settlesAs(Doubtful, "bulk", "a"), "ok"},
		{0, settlesAs(Doubtful, "hot", "b"), "ok"},
		{0, refills(59, 3), "ok"},
		{0, books, "bulk 2/2/0, hot 1/1/0 external 0 raised 2"},
		{0, settlesAs(Denied, "bulk", "a"), "ok"},
		{0, books, "bulk 1/1/0, hot 1/1/0 external 0 raised 1"},
		{day, spendsFor("hot", "c"), "ok"},
		{0, settlesAs(Denied, "hot", "b"), "ok"},
		{0, books, "bulk 1/0/0, hot 1/1/0 external 0 raised 0"},
		{0, settlesAs(Doubtful, "hot", "d"), "ok"},
		{30 * day, settlesAs(Denied, "hot", "d"), "ok"},
		{0, books, " external 0 raised 0"},
	}},
	{name: "a denied submission that takes effect late shows as external", steps: []quotaStep{
		{0, refills(60, 0), "ok"},
		{0, settlesAs(Doubtful, "bulk", "a"), "ok"},
		{0, settlesAs(Denied, "bulk", "a"), "ok"},
		{0, refills(59, 1), "ok"},
		{0, books, " external 1 raised 0"},
		{0, settlesAs(Found, "bulk", "a"), "ok"}, // seen by its target
		{0, books, "bulk 1/1/0 external 1 raised 0"},
	}},
	{name: "drift: what permits out may explain is not external yet", steps: []quotaStep{
		{0, refills(50, 0), "ok"},
		{0, takesAs(bulk, "a"), " | reserved: 50 left, 60 for map[hot:60], 0 out"},
		{0, takes("a b c"), "a b c"},
		{0, refills(48, 0), "ok"}, // two of ours, or others'
		{0, books, " 0/0/3 external 0 raised 0"},
		{0, spends("a"), "ok"},
		{0, returns("b"), "ok"},
		{0, refills(48, 1), "ok"},
		{0, books, " 1/1/1 external 0 raised 0"},
		{0, returns("c"), "ok"},
		{0, refills(48, 1), "ok"},
		{0, books, " 1/1/0 external 1 raised 0"},
		{0, refills(40, 1), "ok"},
		{0, books, " 1/1/0 external 9 raised 0"},
		{0, refills(140, 1), "ok"},
		{0, books, " 1/1/0 external 9 raised 100"},
		{0, spends("d"), "ok"},
		{0, refills(140, 1), "ok"}, // asked before d: it may not be counted yet
		{0, books, " 2/2/0 external 9 raised 100"},
		{0, refills(139, 2), "ok"},
		{0, books, " 2/2/0 external 9 raised 100"},
	}},
}
