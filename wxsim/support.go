package wxsim

import (
	"net"
	"regexp"
	"sync"
	"time"
)

const (
	clearsPerMonth = 10                 // of one account, over both calls
	ridLife        = 7 * 24 * time.Hour // how long a refused call can be read back
	recordsKept    = 10000
)

// callbackIPs are where pushes come from: addresses kept for documentation, so that no firewall is opened by mistake.
var callbackIPs = []string{"192.0.2.10", "192.0.2.11", "198.51.100.20", "203.0.113.30"}

// callbackIP plays getcallbackip.
func (c *call) callbackIP() reply { return token(payload{"ip_list": callbackIPs}) }

// record is what is kept of a refused call.
type record struct {
	owner string // appid of the token's app, "" for the component
	at    time.Time
	data  payload
}

// recordStore holds refused calls by rid, the newest recordsKept.
type recordStore struct {
	mu    sync.Mutex
	byRID map[string]record
	order []string
}

// keep remembers a refused call under its rid.
func (st *recordStore) keep(rid string, r record) {
	st.mu.Lock()
	defer st.mu.Unlock()
	if st.byRID == nil {
		st.byRID = map[string]record{}
	}
	st.byRID[rid] = r
	st.order = append(st.order, rid)
	if len(st.order) > recordsKept {
		delete(st.byRID, st.order[0])
		st.order = st.order[1:]
	}
}

func (st *recordStore) find(rid string) (record, bool) {
	st.mu.Lock()
	defer st.mu.Unlock()
	r, ok := st.byRID[rid]
	return r, ok
}

// remember keeps a refused call for openapi/rid/get.
func (c *call) remember(rid string, answered []byte) {
	host, _, err := net.SplitHostPort(c.r.RemoteAddr)
	if err != nil {
		host = c.r.RemoteAddr
	}
	body := string(c.body)
	if c.ep.form || len(body) > maxRecord {
		body = ""
	}
	c.sim.records.keep(rid, record{owner: c.owner(), at: c.now, data: payload{
		"invoke_time": c.now.Unix(), "cost_in_ms": 1, "request_url": c.r.URL.RawQuery, "request_body": body,
		"response_body": string(answered), "client_ip": host,
	}})
}

// maxRecord is the longest body that is kept, in bytes.
const maxRecord = 8 << 10

// owner is the appid of the app whose token a call carries, "" for the component's or none.
func (c *call) owner() string {
	if c.by != nil && c.by.app != nil {
		return c.by.app.id
	}
	return ""
}

var ridForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`)

// ridInfo plays openapi/rid/get: only the account whose call it was may read it.
func (c *call) ridInfo() reply {
	rid, ok := c.f.text("rid")
	if !ok {
		return failure(47001)
	}
	if !ridForm.MatchString(rid) {
		return failure(76002)
	}
	r, known := c.sim.records.find(rid)
	switch {
	case !known:
		return failure(76001)
	case r.owner != c.owner():
		return failure(76003)
	case c.now.Sub(r.at) >= ridLife:
		return failure(76004)
	}
	return success(payload{"request": r.data})
}

// monthly counts what may happen so often in a calendar month (UTC+8).
type monthly struct {
	month int64
	n     int
}

// left is how many of limit there are, after rolling the count to now.
func (m *monthly) left(now time.Time, limit int) int {
	if month := monthOf(now); month != m.month {
		m.month, m.n = month, 0
	}
	return max(limit-m.n, 0)
}

// take spends one of limit; false means there was none.
func (m *monthly) take(now time.Time, limit int) bool {
	if m.left(now, limit) == 0 {
		return false
	}
	m.n++
	return true
}

// clearQuota plays clear_quota: it sets the day's counts of the token's account to zero.
func (c *call) clearQuota() reply {
	id, ok := c.f.text("appid")
	b := c.by
	switch {
	case !ok:
		return failure(47001)
	case id == "":
		return failure(41002)
	case b.app == nil && id != c.sim.opt.ComponentAppID, b.app != nil && id != b.app.id:
		return failure(49001)
	}
	return c.clear(b.app)
}

// clearQuotaBySecret plays component/clear_quota/v2, which needs no token.
func (c *call) clearQuotaBySecret() reply {
	platform, ok := c.f.text("component_appid")
	id, ok2 := c.f.text("appid")
	switch {
	case !ok || !ok2:
		return failure(47001)
	case platform == "":
		return failure(41002)
	case platform != c.sim.opt.ComponentAppID:
		return failure(40013)
	}
	if code := c.secret("appsecret"); code != 0 {
		return failure(code)
	}
	if id == "" || id == platform {
		return c.clear(nil)
	}
	a := c.sim.apps.find(id)
	if a == nil {
		return failure(40013)
	}
	a.mu.Lock()
	authorized := a.authorized
	a.mu.Unlock()
	if !authorized {
		return failure(43007)
	}
	return c.clear(a)
}

// clear sets counts to zero: those of the app's calls, or of the component's if there is no app.
func (c *call) clear(a *app) reply {
	if !c.mayClear(a) {
		return failure(48006)
	}
	for _, ep := range c.sim.endpoints {
		if (ep.auth == authApp) == (a != nil) {
			ep.limit.clear()
		}
	}
	return success(nil)
}

// mayClear spends one of an account's clearings of the month.
func (c *call) mayClear(a *app) bool {
	if a == nil {
		c.sim.component.mu.Lock()
		defer c.sim.component.mu.Unlock()
		return c.sim.component.clears.take(c.now, clearsPerMonth)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.clears.take(c.now, clearsPerMonth)
}

// clear forgets the day's calls.
func (l *limiter) clear() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.today = 0
}
