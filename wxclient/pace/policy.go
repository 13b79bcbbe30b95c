package pace

import (
	"slices"
	"time"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/wxclient"
)

// The policy: when refusals mean that WeChat is called too often.
const (
	// burstOf is the number of last replies that count, of an endpoint and of all calls. A busy worker
	// makes 20 calls in a second or two.
	burstOf = 20
	// burstMin is how many of them must be refusals: half.
	burstMin = burstOf / 2
	// burstWithin is the age at which a reply no longer counts. Refusals spread over more time are
	// ordinary busy replies.
	burstWithin = 10 * time.Second
	// slowEvery bounds how often one worker asks to slow the same rate. The shared rate is halved no more
	// often than that with any number of workers.
	slowEvery = ratelimit.SlowEvery
	// codeQuota (85085) counts submissions of the month: slower calls would not help.
	codeQuota = 85085
)

// reply is the outcome of one call.
type reply struct {
	at       time.Time
	endpoint string
	refused  bool
}

// refusals decides when a rate is too high. An errcode that names a limit of the endpoint (45009, 45011)
// slows that endpoint at once. Busy replies (-1) are ordinary: an endpoint is slowed when half of its
// last replies are busy or limits, and all calls when half of all replies are, from several endpoints.
type refusals struct {
	last   map[string][]reply // by endpoint or All; newest last
	slowed map[string]time.Time
}

// add records a reply and returns the endpoints to slow; All means all calls.
func (f *refusals) add(now time.Time, c wxclient.Call) (slow []string) {
	if f.last == nil {
		f.last, f.slowed = make(map[string][]reply), make(map[string]time.Time)
	}
	limit := limited(c)
	r := reply{now, c.Endpoint, limit || c.Class == wxclient.ClassRetryBusy}
	for _, of := range []string{c.Endpoint, All} {
		f.last[of] = append(f.last[of], r)
		f.last[of] = f.last[of][max(0, len(f.last[of])-burstOf):]
		tooMuch := limit && of != All || burst(f.last[of], now, of == All)
		if tooMuch && now.Sub(f.slowed[of]) >= slowEvery {
			f.slowed[of], f.last[of] = now, nil
			slow = append(slow, of)
		}
	}
	return slow
}

// limited reports an errcode that names a limit on calls.
func limited(c wxclient.Call) bool {
	return c.Class == wxclient.ClassThrottlePlatform && c.Code != codeQuota
}

// burst reports whether enough of the replies are refusals; with several, from more than one endpoint.
func burst(list []reply, now time.Time, several bool) bool {
	n := 0
	var of []string
	for _, r := range list {
		if r.refused && now.Sub(r.at) <= burstWithin {
			n++
			of = append(of, r.endpoint)
		}
	}
	slices.Sort(of)
	return n >= burstMin && (!several || len(slices.Compact(of)) > 1)
}
