package ratelimit

import "time"

const minute = time.Minute

// probeRefused is a probe's whole life when the platform refuses it.
func probeRefused(r *quotaRig) string {
	got := takes("p")(r)
	returns("p")(r)
	closes("85085", 0)(r)
	return got + ", then" + stands(r)[len("closed rest ? out 0 spent 0 closings 1"):]
}

var openCases = []quotaCase{
	{name: "rest unknown grants all", steps: []quotaStep{
		{0, stands, "open rest ? out 0 spent 0 closings 0"},
		{0, takes("a b c"), "a b c"},
		{0, takes(""), ""},
		{0, holds("b"), "true"},
		{0, holds("z"), "false"},
		{0, spends("a"), "ok"},
		{0, returns("b"), "ok"},
		{0, holds("b"), "false"},
		{0, stands, "open rest ? out 1 spent 1 closings 0"},
	}},
	{name: "rest known grants a prefix", steps: []quotaStep{
		{0, refills(3, 0), "ok"},
		{0, takes("a b"), "a b"},
		{0, takes("c d e"), "c | exhausted 0 5"},
		{0, takes("d"), " | exhausted 0 5"},
		{0, stands, "open rest 3/100 out 3 spent 0 closings 0 | exhausted 0 5"},
		{0, returns("b"), "ok"},
		{0, takes("d e"), "d | exhausted 0 5"},
		{0, spends("a"), "ok"},
		{0, takes("e"), " | exhausted 0 5"},
		{0, stands, "open rest 2/100 out 2 spent 1 closings 0 | exhausted 0 5"},
		{0, spends("c"), "ok"},
		{0, spends("d"), "ok"},
		{0, stands, "closed rest 0/100 out 0 spent 3 closings 1 | exhausted 0 5"},
	}},
	{name: "an id is granted again and counted once", steps: []quotaStep{
		{0, refills(2, 0), "ok"},
		{0, takes("a a b"), "a a b"},
		{0, takes("b a"), "b a"},
		{0, takes("a c b"), "a | exhausted 0 5"},
		{0, stands, "open rest 2/100 out 2 spent 0 closings 0 | exhausted 0 5"},
	}},
	{name: "a dead holder's permit comes back", steps: []quotaStep{
		{0, refills(2, 0), "ok"},
		{0, takes("a"), "a"},
		{6 * minute, takes("b"), "b"},
		{3 * minute, takes("a"), "a"}, // alive: a full life again
		{minute, takes("c"), " | exhausted 0 15"},
		{6 * minute, holds("b"), "false"},
		{0, takes("c"), "c"},
		{0, holds("a"), "true"},
		{3 * minute, stands, "open rest 2/100 out 1 spent 0 closings 0"},
		{7 * minute, stands, "open rest 2/100 out 0 spent 0 closings 0"},
	}},
	{name: "worth a look when the first permit lapses", steps: []quotaStep{
		{0, refills(1, 0), "ok"},
		{0, takes("a"), "a"},
		{8 * minute, takes("b"), " | exhausted 0 10"},
	}},
	{name: "a pool used up by its own count looks again by itself", steps: []quotaStep{
		{0, refills(1, 0), "ok"},
		{0, takes("a"), "a"},
		{3 * minute, spends("a"), "ok"},
		{0, stands, "closed rest 0/100 out 0 spent 1 closings 1 | exhausted 3 8"},
		{0, takes("b"), " | exhausted 3 8"},
		{5 * minute, takes("b"), "probe b | exhausted 3 13"},
		{0, spends("b"), "ok"}, // there was more: the count was out of date
		{0, stands, "open rest ? out 0 spent 2 closings 1"},
	}},
	{name: "a late spender uses up what its successor holds", steps: []quotaStep{
		{0, refills(1, 0), "ok"},
		{0, takes("a"), "a"},
		{10 * minute, takes("b"), "b"},
		{0, spends("a"), "ok"},
		{0, holds("b"), "false | exhausted 10 15"},
	}},
	{name: "a probe that was the last of the count", steps: []quotaStep{
		{0, closes("45009", 0), "ok"},
		{0, refills(1, 0), "ok"},
		{5 * minute, takes("a"), "probe a | 45009 0 10"},
		{0, spends("a"), "ok"},
		{0, stands, "closed rest 0/100 out 0 spent 1 closings 2 | exhausted 5 10"},
	}},
	{name: "an unknown id's spent permit counts", steps: []quotaStep{
		{0, refills(2, 0), "ok"},
		{0, returns("z"), "ok"},
		{0, spends("z"), "ok"},
		{0, stands, "open rest 1/100 out 0 spent 1 closings 0"},
	}},
}

var closedCases = []quotaCase{
	{name: "many refusals are one closing, a spent probe opens", steps: []quotaStep{
		{0, takes("a b"), "a b"},
		{0, returns("a"), "ok"},
		{0, closes("85085", 0), "ok"},
		{0, closes("85085", 0), "ok"},
		{0, takes("c"), " | 85085 0 5"},
		{0, holds("b"), "false | 85085 0 5"},
		{0, returns("b"), "ok"},
		{4 * minute, takes("c"), " | 85085 0 5"},
		{0, closes("85085", 0), "ok"},
		{0, stands, "closed rest ? out 0 spent 0 closings 1 | 85085 0 5"},
		{minute, takes("c d"), "probe c | 85085 0 10"},
		{0, takes("d"), " | 85085 0 10"},
		{0, takes("d c"), "probe c | 85085 0 10"},
		{0, holds("c"), "true | 85085 0 10"},
		{0, stands, "probing rest ? out 1 spent 0 closings 1 | 85085 0 10"},
		{0, spends("c"), "ok"},
		{0, takes("d e"), "d e"},
		{0, stands, "open rest ? out 2 spent 1 closings 1"},
	}},
	{name: "refused probes double the wait up to the cap", steps: []quotaStep{
		{0, closes("85085", 0), "ok"},
		{5 * minute, probeRefused, "probe p | 85085 0 10, then | 85085 0 15"},
		{10 * minute, probeRefused, "probe p | 85085 0 25, then | 85085 0 35"},
		{20 * minute, probeRefused, "probe p | 85085 0 55, then | 85085 0 75"},
		{40 * minute, probeRefused, "probe p | 85085 0 115, then | 85085 0 135"},
		{60 * minute, probeRefused, "probe p | 85085 0 195, then | 85085 0 195"},
		{60 * minute, probeRefused, "probe p | 85085 0 255, then | 85085 0 255"},
	}},
	{name: "close before settle says the same", steps: []quotaStep{
		{0, closes("85085", 0), "ok"},
		{5 * minute, takes("a"), "probe a | 85085 0 10"},
		{0, closes("85085", 0), "ok"},
		{0, stands, "probing rest ? out 1 spent 0 closings 1 | 85085 0 10"},
		{0, returns("a"), "ok"},
		{0, stands, "closed rest ? out 0 spent 0 closings 1 | 85085 0 15"},
	}},
	{name: "a late refusal does not undo a spent probe", steps: []quotaStep{
		{0, closes("85085", 0), "ok"},
		{5 * minute, takes("a"), "probe a | 85085 0 10"},
		{0, closes("85085", 0), "ok"},
		{0, spends("a"), "ok"},
		{0, stands, "open rest ? out 0 spent 1 closings 1"},
		{0, closes("85085", 0), "ok"}, // and the waits start over
		{0, stands, "closed rest ? out 0 spent 1 closings 2 | 85085 5 10"},
	}},
	{name: "a probe not used leaves room at once", steps: []quotaStep{
		{0, closes("85085", 0), "ok"},
		{5 * minute, takes("a"), "probe a | 85085 0 10"},
		{0, returns("a"), "ok"},
		{0, stands, "probing rest ? out 0 spent 0 closings 1 | 85085 0 5"},
		{0, takes("b c"), "probe b | 85085 0 10"},
	}},
	{name: "a lost probe is replaced and loses its permit", steps: []quotaStep{
		{0, closes("85085", 0), "ok"},
		{5 * minute, takes("a"), "probe a | 85085 0 10"},
		{4 * minute, takes("b"), " | 85085 0 10"},
		{minute, takes("b"), "probe b | 85085 0 15"},
		{0, stands, "probing rest ? out 1 spent 0 closings 1 | 85085 0 15"},
		{0, holds("a"), "false | 85085 0 15"},
		{0, holds("b"), "true | 85085 0 15"},
		{0, spends("a"), "ok"},
		{0, stands, "probing rest ? out 1 spent 1 closings 1 | 85085 0 15"},
		{0, spends("b"), "ok"},
		{0, stands, "open rest ? out 0 spent 2 closings 1"},
	}},
	{name: "a longer wait counts, a shorter one does not", steps: []quotaStep{
		{0, closes("x", minute), "ok"},
		{0, closes("y", minute/2), "ok"},
		{0, takes("a"), " | x 0 1"},
		{0, closes("y", 3*minute), "ok"},
		{0, takes("a"), " | y 0 3"},
		{3 * minute, takes("a"), "probe a | y 0 8"},
		{0, closes("z", 30*minute), "ok"},
		{0, stands, "probing rest ? out 1 spent 0 closings 1 | z 0 33"},
		{0, returns("a"), "ok"},
		{0, stands, "closed rest ? out 0 spent 0 closings 1 | z 0 33"},
	}},
	{name: "a refused probe's own wait", steps: []quotaStep{
		{0, closes("x", 0), "ok"},
		{5 * minute, takes("a"), "probe a | x 0 10"},
		{0, returns("a"), "ok"},
		{0, closes("y", 2*minute), "ok"},
		{0, stands, "closed rest ? out 0 spent 0 closings 1 | y 0 7"},
	}},
	{name: "and the same with close first", steps: []quotaStep{
		{0, closes("x", 0), "ok"},
		{5 * minute, takes("a"), "probe a | x 0 10"},
		{0, closes("y", 2*minute), "ok"},
		{0, returns("a"), "ok"},
		{0, stands, "closed rest ? out 0 spent 0 closings 1 | y 0 7"},
	}},
	{name: "permits from before a closing still count", steps: []quotaStep{
		{0, refills(3, 0), "ok"},
		{0, takes("a b"), "a b"},
		{0, closes("85085", 0), "ok"},
		{0, holds("a"), "false | 85085 0 5"},
		{0, refills(3, 0), "ok"},
		{5 * minute, takes("c d"), "probe c | 85085 0 10"},
		{0, spends("c"), "ok"},
		{0, takes("d"), " | exhausted 0 10"},
		{0, holds("a"), "true"},
	}},
	{name: "an empty reason", steps: []quotaStep{
		{0, closes("", 0), "ok"},
		{0, takes("a"), " | closed 0 5"},
	}},
	{name: "the operator opens", steps: []quotaStep{
		{0, refills(0, 0), "ok"},
		{0, takes("a"), " | exhausted 0 2"},
		{0, opens, "ok"},
		{0, takes("a b"), "a b"},
		{0, stands, "open rest ? out 2 spent 0 closings 1"},
		{0, closes("85085", 0), "ok"},
		{0, stands, "closed rest ? out 2 spent 0 closings 2 | 85085 0 5"},
	}},
}
