package gateway

import (
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
)

const (
	recordLife  = 7 * 24 * time.Hour // of a refused call
	recordsKept = 10000
	maxRecord   = 8 << 10 // bytes of the longest body that is kept
)

// record is what is kept of a refused call.
type record struct {
	owner string // appid of the token's app, "" for the component
	at    time.Time
	data  Payload
}

// recordStore holds refused calls by rid, the newest recordsKept.
type recordStore struct {
	mu    sync.Mutex
	byRID map[string]record
	order []string
}

// rid makes the request id of a refusal.
func (g *Gateway) rid() string {
	h := chance.Hash(g.world.Settings().Seed, "", "rid", g.rids.Add(1))
	return fmt.Sprintf("%08x-%08x-%08x", uint32(g.world.Clock.Now().Unix()), uint32(h>>32), uint32(h))
}

// record keeps a refused call for openapi/rid/get.
func (c *Call) record(rep reply) {
	host, _, err := net.SplitHostPort(c.R.RemoteAddr)
	if err != nil {
		host = c.R.RemoteAddr
	}
	body := string(c.Body)
	if c.ep.is(Form) || len(body) > maxRecord {
		body = ""
	}
	r := record{owner: c.owner(), at: c.Now, data: Payload{
		"invoke_time": c.Now.Unix(), "cost_in_ms": 1, "request_url": c.R.URL.RawQuery, "request_body": body,
		"response_body": string(rep.json()), "client_ip": host,
	}}
	st := &c.gateway.records
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.byRID == nil {
		st.byRID = map[string]record{}
	}
	st.byRID[rep.rid] = r
	st.order = append(st.order, rep.rid)
	if len(st.order) > recordsKept {
		delete(st.byRID, st.order[0])
		st.order = st.order[1:]
	}
}

// owner is the appid of the app whose token a call carries, "" for the component's or none.
func (c *Call) owner() string {
	if c.By != nil && c.By.App != nil {
		return c.By.App.ID
	}
	return ""
}

// Record is the refused call with a rid. Only the account that made the call may read it.
func (c *Call) Record(rid string) (data Payload, code int) {
	st := &c.gateway.records
	st.mu.Lock()
	r, known := st.byRID[rid]
	st.mu.Unlock()
	switch {
	case !known:
		return nil, 76001
	case r.owner != c.owner():
		return nil, 76003
	case c.Now.Sub(r.at) >= recordLife:
		return nil, 76004
	}
	return r.data, 0
}
