package wxsim

import (
	"context"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestFaults checks for each kind what the client sees and whether the commit took effect.
func TestFaults(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		fault  Fault
		code   int  // of the reply, when there is one
		lost   bool // no reply
		status int  // HTTP, when not 200
		effect bool
		leaves bool // the client gives up
	}{
		"busy":                {fault: Fault{Kind: FaultBusy}, code: -1},
		"code":                {fault: Fault{Kind: FaultCode, Code: 45009}, code: 45009},
		"code after effect":   {fault: Fault{Kind: FaultCode, Code: 9402202, Effect: true}, code: 9402202, effect: true},
		"drop-before":         {fault: Fault{Kind: FaultDropBefore}, lost: true},
		"drop-after":          {fault: Fault{Kind: FaultDropAfter}, lost: true, effect: true},
		"502":                 {fault: Fault{Kind: FaultBadGateway}, status: 502},
		"502 after effect":    {fault: Fault{Kind: FaultBadGateway, Effect: true}, status: 502, effect: true},
		"garbage":             {fault: Fault{Kind: FaultGarbage}, status: 200},
		"slow":                {fault: Fault{Kind: FaultSlow, Delay: Duration(time.Millisecond)}, effect: true},
		"late code":           {fault: Fault{Kind: FaultCode, Code: -1, Delay: Duration(time.Millisecond)}, code: -1},
		"hang":                {fault: Fault{Kind: FaultHang}, lost: true, leaves: true},
		"hang after effect":   {fault: Fault{Kind: FaultHang, Effect: true}, lost: true, effect: true, leaves: true},
		"slow, client leaves": {fault: Fault{Kind: FaultSlow, Delay: Duration(time.Hour)}, lost: true, effect: true, leaves: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, Options{Apps: 2})
			id := AppID(1)
			token := b.token(id)
			tc.fault.Endpoint, tc.fault.AppID = "/wxa/commit", id
			if err := b.sim.AddFault(tc.fault); err != nil {
				t.Fatal(err)
			}
			b.commit(AppID(0), "2", "d") // another app is untouched
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			go func() { // once the call is there, its client leaves, or its time is up
				b.eventually(func() bool { return len(b.sim.Faults()) == 0 })
				if tc.leaves {
					cancel()
				} else {
					close(b.slow)
				}
			}()
			req, err := http.NewRequestWithContext(ctx, "POST", b.srv.URL+withToken("/wxa/commit", token), strings.NewReader(string(encode(t, commitBody(id, "2", "d")))))
			if err != nil {
				t.Fatal(err)
			}
			res, err := b.http.Do(req)
			switch {
			case tc.lost:
				if err == nil {
					t.Errorf("got a reply, want none")
					_ = res.Body.Close()
				}
			case err != nil:
				t.Fatal(err)
			case tc.status != 0:
				_ = res.Body.Close()
				if res.StatusCode != tc.status {
					t.Errorf("status %d, want %d", res.StatusCode, tc.status)
				}
			default:
				_ = res.Body.Close()
			}
			b.idle()
			v, _ := b.sim.App(id)
			if got := v.Trial == "2"; got != tc.effect {
				t.Errorf("took effect: %v, want %v", got, tc.effect)
			}
			e := b.book("/wxa/commit")
			if e.Faults != 1 || tc.code != 0 && e.Codes[tc.code] != 1 {
				t.Errorf("book %+v, want one fault and one %d", e, tc.code)
			}
			b.want(0, b.app(id, "POST", "/wxa/commit", commitBody(id, "3", "d"))) // the fault is used up
			b.balanced()
		})
	}
}

// eventually waits until a condition holds; the test's own deadline ends a wait in vain.
func (b *bench) eventually(ok func() bool) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for !ok() {
		select {
		case <-tick.C:
		case <-b.t.Context().Done():
			return
		}
	}
}

// idle waits until no call is in flight.
func (b *bench) idle() { b.eventually(func() bool { return b.active.Load() == 0 }) }

// book is the book of an endpoint.
func (b *bench) book(path string) EndpointBook {
	for _, e := range b.sim.Books().Endpoints {
		if e.Path == path {
			return e
		}
	}
	return EndpointBook{}
}

func TestFaultCounts(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 2})
	ask := func(i int) obj { return b.app(AppID(i), "GET", "/wxa/queryquota", nil) }
	b.token(AppID(0))
	b.token(AppID(1))
	add := func(f Fault) {
		t.Helper()
		if err := b.sim.AddFault(f); err != nil {
			t.Fatal(err)
		}
	}
	add(Fault{Endpoint: "*", AppID: AppID(1), Kind: FaultCode, Code: 40001, Count: 2})
	b.want(0, ask(0))
	b.want(40001, ask(1))
	b.want(40001, ask(1))
	b.want(0, ask(1))
	add(Fault{Endpoint: "/wxa/queryquota", Kind: FaultBusy, Count: -1})
	for range 5 {
		b.want(-1, ask(0))
	}
	b.sim.ClearFaults()
	b.want(0, ask(0))
	add(Fault{Endpoint: "/cgi-bin/component/api_get_authorizer_info", AppID: AppID(1), Kind: FaultCode, Code: 61004})
	info := func(i int) obj {
		return b.platform("POST", "/cgi-bin/component/api_get_authorizer_info", obj{"component_appid": DefaultComponentAppID, "authorizer_appid": AppID(i)})
	}
	b.want(0, info(0))
	b.want(61004, info(1))
	for _, bad := range []Fault{{Endpoint: "commit", Kind: FaultBusy}, {Endpoint: "*", Kind: "explode"}, {Endpoint: "*", Kind: FaultCode}} {
		if err := b.sim.AddFault(bad); err == nil {
			t.Errorf("fault %+v was taken", bad)
		}
	}
}

// TestCloseEndsHangs: a client that waits for a hanging call is let go when the simulator closes.
func TestCloseEndsHangs(t *testing.T) {
	t.Parallel()
	b := setup(t, Options{Apps: 1})
	b.token(AppID(0))
	if err := b.sim.AddFault(Fault{Endpoint: "/wxa/getversioninfo", Kind: FaultHang}); err != nil {
		t.Fatal(err)
	}
	go func() {
		b.eventually(func() bool { return len(b.sim.Faults()) == 0 })
		b.sim.Close()
	}()
	// Not a GET: net/http sends those again when a kept-alive connection breaks.
	if _, _, _, err := b.raw("POST", withToken("/wxa/getversioninfo", b.token(AppID(0))), []byte("{}")); err == nil {
		t.Error("the hanging call was answered")
	}
}

// TestRates: with the same seed the same calls are busy and lost, and the shares come out about right.
func TestRates(t *testing.T) {
	t.Parallel()
	const apps, share = 120, 0.3
	run := func(seed uint64) (busy, lost int64, committed int) {
		b := setup(t, Options{Apps: apps, Seed: seed, BusyRate: share, LostRate: share})
		t.Logf("seed %d", seed)
		for i := range apps {
			out, err := b.try("POST", withToken("/wxa/commit", b.token(AppID(i))), commitBody(AppID(i), "2", "d"))
			if v, _ := b.sim.App(AppID(i)); v.Trial == "2" {
				committed++
				if err == nil && errcode(out) != 0 {
					t.Errorf("app %d: answered %v though the commit took effect", i, out)
				}
			} else if err != nil {
				t.Errorf("app %d: a reply was lost though nothing took effect", i)
			}
		}
		e := b.book("/wxa/commit")
		return e.Codes[-1], e.Lost, committed
	}
	busy, lost, committed := run(11)
	busy2, lost2, committed2 := run(11)
	if busy != busy2 || lost != lost2 || committed != committed2 {
		t.Errorf("seed 11 gave %d busy %d lost %d committed, then %d %d %d", busy, lost, committed, busy2, lost2, committed2)
	}
	if busy < 15 || busy > 60 || lost < 10 || lost > 45 || int64(committed)+busy != apps {
		t.Errorf("of %d calls %d busy, %d lost, %d committed: want about a third each", apps, busy, lost, committed)
	}
}
