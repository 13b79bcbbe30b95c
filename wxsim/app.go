package wxsim

import (
	"fmt"
	"strconv"
	"sync"
	"time"
)

// Account states of a mini program, as api_get_authorizer_info gives them.
const (
	// StatusNormal is an account in good standing.
	StatusNormal = 1
	// StatusCanceled is an account its owner closed; writes answer 50002.
	StatusCanceled = 14
	// StatusBanned is a blocked account; writes answer 89013.
	StatusBanned = 16
	// StatusWarned is an account with a warning; everything works.
	StatusWarned = 18
	// StatusFrozen is a suspended account; writes answer 50002.
	StatusFrozen = 19
)

// app is one authorized mini program. mu guards everything below it.
type app struct {
	index    int
	id       string
	nick     string
	user     string // gh_ id
	category category

	mu          sync.Mutex
	status      int
	authorized  bool
	authTime    time.Time
	set18       bool
	hasCategory bool
	profile     bool
	miniProgram bool
	miniGame    bool
	needsUGC    bool
	noPrivate   map[string]bool // location apis the app may not use
	service     int             // service_type_info
	register    int             // register_type
	principal   string          // empty: a generated company

	refresh      string // current authorizer_refresh_token
	refreshOld   string
	refreshUntil time.Time // refreshOld works before this
	refreshes    uint64
	renewals     int64 // access tokens had for the refresh token
	bearers      []*bearer
	issued       uint64

	trial    *trialCode
	audits   []*audit // oldest first; the newest auditsKept
	accepted int      // audits ever accepted, without the one of an earlier platform
	next     []verdict
	versions []*published // oldest first; the last few
	appVer   int          // app_version of the newest entry of versions
	live     *published
	gray     *grayPlan
	undone   undoCount
	hidden   bool   // visit status closed
	library  string // lowest base library; empty means the first
	domains  appDomains
	media    map[string]time.Time
	uploads  uint64
	options  map[string]string
	privacy  privacyState
	personal bool // owned by a person: no web-view, no QR code rules
	testers  []tester
	rules    []qrRule

	publications monthly // of QR code rules
	clears       monthly // of call counts

	flights []*flight
	calls   [numEndpoints]uint32
	book    appBook
}

// trialCode is what commit uploaded: the app's trial version.
type trialCode struct {
	template    int64
	version     string
	desc        string
	at          time.Time
	checked     time.Time // end of the privacy check
	pages       []string
	private     []string // location apis the code uses
	withoutConf []string // privacy apis used but not declared
	withoutAuth []string // privacy apis used without the right
	foreign     bool     // left by an earlier platform: nothing of ours to submit
}

// published is a version that was or is live.
type published struct {
	appVersion int
	version    string
	desc       string
	at         time.Time
	auditid    int64
	reverted   bool
	byGray     bool
}

// appStore holds every app by id and by index.
type appStore struct {
	mu   sync.RWMutex
	list []*app
	byID map[string]*app
}

func (st *appStore) find(id string) *app {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.byID[id]
}

// all is the apps at this moment; the slice must not be modified.
func (st *appStore) all() []*app {
	st.mu.RLock()
	defer st.mu.RUnlock()
	return st.list[:len(st.list):len(st.list)]
}

// AppID is the appid of the generated app with an index from 0: "wx" and 16 lower-case hex digits, 18 characters.
func AppID(index int) string { return fmt.Sprintf("wx%016x", mix(uint64(index))) }

// AddApps adds n authorized apps, with the indices that follow those there are. Each has version 1.0.0 live. Those with an
// even index were upgraded by an earlier platform: they show a trial version 1.0.0 and a passed audit of it. Those with
// an odd index published from the mp console: they have neither.
func (s *Sim) AddApps(n int) {
	if n <= 0 {
		return
	}
	now := s.clock.Now()
	s.apps.mu.Lock()
	defer s.apps.mu.Unlock()
	first := len(s.apps.list)
	for i := first; i < first+n; i++ {
		a := newApp(i, s.set.Load().Seed, now)
		s.apps.list = append(s.apps.list, a)
		s.apps.byID[a.id] = a
	}
}

// firstVersion is what every generated app has live.
const firstVersion = "1.0.0"

func newApp(i int, seed uint64, now time.Time) *app {
	id := AppID(i)
	h := mix(uint64(i) + 7)
	before := now.Add(-30 * 24 * time.Hour)
	a := &app{
		index: i, id: id, nick: "Shop " + strconv.Itoa(i), user: fmt.Sprintf("gh_%012x", h&0xffffffffffff),
		category: categories[h%uint64(len(categories))],
		status:   StatusNormal, authorized: true, authTime: before, set18: true, hasCategory: true, profile: true,
		miniProgram: true,
		refresh:     "refreshtoken@@@" + opaque(seed, "refresh", id, 0, 43),
		appVer:      1,
	}
	a.live = &published{appVersion: 1, version: firstVersion, desc: "first release", at: before}
	a.versions = []*published{a.live}
	if i%2 == 0 {
		a.trial = &trialCode{version: firstVersion, desc: "first release", at: before, checked: before, pages: defaultPages, foreign: true}
		old := &audit{id: auditID(i, 0), version: firstVersion, desc: "first release", at: before, ends: before, foreign: true, released: true}
		a.audits = []*audit{old}
		a.live.auditid = old.id
	}
	return a
}

// count says how many calls of the endpoint came before on this app.
func (a *app) count(ep *endpoint) uint64 {
	n := a.calls[ep.index]
	a.calls[ep.index]++
	return uint64(n)
}

// reachable is the code a call with this app's token answers whatever it asks; 0 means go on.
func (a *app) reachable(ep *endpoint) int {
	switch {
	case !a.authorized:
		return 61003
	case ep.code && !a.miniProgram:
		return 48001
	case ep.code && !a.set18:
		return 61007
	}
	return 0
}

// allowed is the code a write on an app in bad standing answers; 0 means go on.
func (c *call) allowed() int {
	if !c.writes() {
		return 0
	}
	switch c.app.status {
	case StatusBanned:
		return 89013
	case StatusCanceled, StatusFrozen:
		return 50002
	}
	return 0
}

// category is one class an app is filed under.
type category struct {
	FirstClass  string `json:"first_class"`
	SecondClass string `json:"second_class"`
	FirstID     int64  `json:"first_id"`
	SecondID    int64  `json:"second_id"`
}

var categories = []category{
	{"商家自营", "美妆/洗护", 304, 783},
	{"餐饮服务", "点餐平台", 220, 221},
	{"生活服务", "美容美发", 150, 153},
	{"教育服务", "在线教育", 8, 39},
	{"工具", "办公", 287, 301},
}
