package gateway

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"time"
)

// FaultKind is a way for a call to fail.
type FaultKind string

// Kinds of faults; the root package documents them.
const (
	FaultBusy       FaultKind = "busy"
	FaultCode       FaultKind = "code"
	FaultHang       FaultKind = "hang"
	FaultDropBefore FaultKind = "drop-before"
	FaultDropAfter  FaultKind = "drop-after"
	FaultBadGateway FaultKind = "502"
	FaultGarbage    FaultKind = "garbage"
	FaultSlow       FaultKind = "slow"
)

var faultKinds = []FaultKind{FaultBusy, FaultCode, FaultHang, FaultDropBefore, FaultDropAfter, FaultBadGateway, FaultGarbage, FaultSlow}

// Fault makes the next calls fail.
type Fault struct {
	// Endpoint is the path of the calls, or "*" for every one.
	Endpoint string `json:"endpoint"`
	// AppID narrows the fault to one app; empty means any. Calls with a component token belong to the app that their
	// authorizer_appid names.
	AppID string `json:"appid,omitempty"`
	// Kind is what happens.
	Kind FaultKind `json:"kind"`
	// Code is the errcode of FaultCode.
	Code int `json:"code,omitempty"`
	// Count is the number of calls; zero means one, negative means all until the faults are cleared.
	Count int `json:"count,omitempty"`
	// Delay is the real time until the answer (or the break); FaultSlow without one takes 3 s.
	Delay Duration `json:"delay,omitempty"`
	// Effect lets a call take effect before its reply is spoiled.
	Effect bool `json:"effect,omitempty"`
}

// faultList holds the faults in force, oldest first.
type faultList struct {
	mu   sync.Mutex
	list []Fault
}

// AddFault puts a fault in force. A call meets the oldest fault that fits it.
func (g *Gateway) AddFault(f Fault) error {
	switch {
	case f.Endpoint != "*" && g.byPath[f.Endpoint] == nil:
		return fmt.Errorf("add fault: endpoint %q is not played; give the path (/wxa/commit) or *", f.Endpoint)
	case !slices.Contains(faultKinds, f.Kind):
		return fmt.Errorf("add fault: kind %q is none of %v", f.Kind, faultKinds)
	case f.Kind == FaultCode && f.Code == 0:
		return errors.New("add fault: kind code needs a code other than 0")
	}
	if f.Count == 0 {
		f.Count = 1
	}
	if f.Kind == FaultSlow && f.Delay == 0 {
		f.Delay = Duration(3 * time.Second)
	}
	g.faults.mu.Lock()
	defer g.faults.mu.Unlock()
	g.faults.list = append(g.faults.list, f)
	return nil
}

// ClearFaults ends every fault in force.
func (g *Gateway) ClearFaults() {
	g.faults.mu.Lock()
	defer g.faults.mu.Unlock()
	g.faults.list = nil
}

// Faults lists the faults in force with the counts they have left.
func (g *Gateway) Faults() []Fault {
	g.faults.mu.Lock()
	defer g.faults.mu.Unlock()
	return append([]Fault{}, g.faults.list...)
}

// take finds the fault of a call and counts it, or returns nil.
func (l *faultList) take(path, appid string) *Fault {
	l.mu.Lock()
	defer l.mu.Unlock()
	i := slices.IndexFunc(l.list, func(f Fault) bool {
		return (f.Endpoint == "*" || f.Endpoint == path) && (f.AppID == "" || f.AppID == appid)
	})
	if i < 0 {
		return nil
	}
	got := l.list[i]
	if got.Count > 0 {
		if l.list[i].Count--; l.list[i].Count == 0 {
			l.list = slices.Delete(l.list, i, i+1)
		}
	}
	return &got
}

// suffer serves a call with a fault. effect runs the call itself; leave ends its flight before anything is sent.
func (c *Call) suffer(w http.ResponseWriter, f *Fault, effect func() reply, leave func()) {
	c.World.Books.Fault(c.ep.index)
	rep := reply{code: -1}
	if f.Kind == FaultCode {
		rep = reply{code: f.Code}
	}
	spoiled := f.Effect || f.Kind == FaultSlow || f.Kind == FaultDropAfter
	if spoiled {
		played := effect()
		if f.Kind != FaultBusy && f.Kind != FaultCode {
			rep = played
		}
	}
	whole := c.gateway.pause(c.R.Context(), time.Duration(f.Delay))
	if f.Kind == FaultHang {
		select {
		case <-c.R.Context().Done():
		case <-c.World.Closing.Done():
		}
	}
	leave()
	switch f.Kind {
	case FaultBusy, FaultCode, FaultSlow:
		if !whole {
			c.lose(rep)
		}
		c.answer(w, rep)
	case FaultBadGateway:
		w.Header().Set("Content-Type", "text/html")
		w.WriteHeader(http.StatusBadGateway)
		io.WriteString(w, "<html><head><title>502 Bad Gateway</title></head><body>502 Bad Gateway</body></html>") //nolint:errcheck // the client is gone
	case FaultGarbage:
		w.Header().Set("Content-Type", "application/json; encoding=utf-8")
		io.WriteString(w, `{"errcode":0,"errmsg":"o`) //nolint:errcheck // the client is gone
	case FaultHang, FaultDropBefore, FaultDropAfter:
		if spoiled {
			c.lose(rep)
		}
		panic(http.ErrAbortHandler)
	}
}

// Duration is a time.Duration written "1.5s" in JSON.
type Duration time.Duration

// MarshalText implements encoding.TextMarshaler.
func (d Duration) MarshalText() ([]byte, error) { return []byte(time.Duration(d).String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (d *Duration) UnmarshalText(text []byte) error {
	got, err := time.ParseDuration(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("duration %q: want a form like 1.5s: %w", text, err)
	}
	*d = Duration(got)
	return nil
}
