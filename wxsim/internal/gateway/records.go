package gateway

import (
	"fmt"
	"net"
	"slices"
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
	rid   string
	owner string // appid of the token's app, "" for the component
	at    time.Time
	data  Payload
}

// recordStore holds the newest refused calls, oldest first.
type recordStore struct {
	mu   sync.Mutex
	list []record
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
	r := record{rid: rep.rid, owner: c.owner(), at: c.Now, data: Payload{
		"invoke_time": c.Now.Unix(), "cost_in_ms": 1, "request_url": c.R.URL.RawQuery, "request_body": body,
		"response_body": string(rep.json()), "client_ip": host,
	}}
	st := &c.gateway.records
	st.mu.Lock()
	defer st.mu.Unlock()
	st.list = append(st.list, r)
	st.list = st.list[max(0, len(st.list)-recordsKept):]
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
	defer st.mu.Unlock()
	i := slices.IndexFunc(st.list, func(r record) bool { return r.rid == rid })
	if i < 0 {
		return nil, 76001
	}
	switch r := st.list[i]; {
	case r.owner != c.owner():
		return nil, 76003
	case c.Now.Sub(r.at) >= recordLife:
		return nil, 76004
	}
	return st.list[i].data, 0
}
