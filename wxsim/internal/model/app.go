package model

import (
	"fmt"
	"strconv"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Account states of a mini program, as api_get_authorizer_info gives them.
const (
	StatusNormal   = 1
	StatusCanceled = 14 // closed by its owner; writes answer 50002
	StatusBanned   = 16 // writes answer 89013
	StatusWarned   = 18 // everything works
	StatusFrozen   = 19 // suspended; writes answer 50002
)

// Numbers of api_get_authorizer_info.
const (
	serviceMiniGame = 4
	serviceTrial    = 12

	createdEnterprise  = 6
	createdTrial       = 13
	createdFormerTrial = 19
)

// App is one mini program. Its methods need it locked, and so do its fields below Mutex.
type App struct {
	world    *World
	index    int
	ID       string
	User     string // gh_ id
	Category Category

	sync.Mutex
	Nick        string
	Status      int
	Authorized  bool
	AuthTime    time.Time
	Set18       bool
	HasCategory bool
	MiniProgram bool
	MiniGame    bool
	Personal    bool   // owned by a person: no web-view, no QR code rules
	CreatedBy   int    // register_type
	principal   string // empty: a generated company
	profile     bool
	service     int
	needsUGC    bool
	Config      appconfig.Config
	Options     map[string]string // of get_authorizer_option

	Refresh      string // current authorizer_refresh_token
	refreshOld   string
	refreshUntil time.Time // refreshOld works before this
	refreshes    uint64
	renewals     int64 // access tokens fetched with the refresh token
	bearers      []*Bearer
	issued       uint64
	clears       clock.Monthly // of call counts

	Trial    *Code
	audits   []*Audit // oldest first; the newest auditsKept
	accepted int      // audits ever accepted, without the one of an earlier platform
	next     []verdict
	withdraw withdrawals
	versions []*Published // oldest first; the last few
	appVer   int          // AppVersion of the newest entry of versions
	Live     *Published
	Gray     *Gray
	media    map[string]time.Time // when material was uploaded, by media id
	uploads  uint64
	record   record
}

// Code is what a commit uploaded: the app's trial version.
type Code struct {
	Version     string
	Desc        string
	At          time.Time
	checked     time.Time // end of the privacy check
	Pages       []string
	Private     []string // location apis that the code uses
	WithoutConf []string // privacy apis that are used but not declared
	WithoutAuth []string // privacy apis that are used without a right
	Foreign     bool     // left by an earlier platform: not ours to submit
}

// Published is a version that was or is live.
type Published struct {
	AppVersion int
	Version    string
	Desc       string
	At         time.Time
	auditID    int64
	reverted   bool
	byGray     bool
}

// Category is a class of apps.
type Category struct {
	FirstClass  string `json:"first_class"`
	SecondClass string `json:"second_class"`
	FirstID     int64  `json:"first_id"`
	SecondID    int64  `json:"second_id"`
}

var categories = []Category{
	{"商家自营", "美妆/洗护", 304, 783},
	{"餐饮服务", "点餐平台", 220, 221},
	{"生活服务", "美容美发", 150, 153},
	{"教育服务", "在线教育", 8, 39},
	{"工具", "办公", 287, 301},
}

// AppID is the appid of the generated app with an index from 0: "wx" and 16 lower-case hex digits, 18 characters.
func AppID(index int) string { return fmt.Sprintf("wx%016x", chance.Mix(uint64(index))) }

// newApp generates an app that has version 1.0.0 live. Those with an even index were upgraded by an earlier platform: they
// show a trial version 1.0.0 and a passed audit of it. Those with an odd index were published from the mp console: they
// have neither.
func (w *World) newApp(i int, now time.Time) *App {
	const firstVersion, firstDesc = "1.0.0", "first release"
	id := AppID(i)
	h := chance.Mix(uint64(i) + 7)
	before := now.Add(-30 * 24 * time.Hour)
	a := &App{
		world: w, index: i, ID: id, User: fmt.Sprintf("gh_%012x", h&0xffffffffffff),
		Category: categories[h%uint64(len(categories))],
		Nick:     "Shop " + strconv.Itoa(i), Status: StatusNormal, Authorized: true, AuthTime: before, Set18: true,
		HasCategory: true, profile: true, MiniProgram: true,
		Refresh: "refreshtoken@@@" + w.opaque("refresh", id, 0, 43),
		appVer:  1,
	}
	a.Live = &Published{AppVersion: 1, Version: firstVersion, Desc: firstDesc, At: before}
	a.versions = []*Published{a.Live}
	if i%2 == 0 {
		a.Trial = &Code{Version: firstVersion, Desc: firstDesc, At: before, checked: before, Pages: defaultPages, Foreign: true}
		old := &Audit{ID: a.auditID(0), Version: firstVersion, Desc: firstDesc, At: before, ends: before, foreign: true, released: true}
		a.audits = []*Audit{old}
		a.Live.auditID = old.ID
	}
	return a
}

// Principal is the owner's name.
func (a *App) Principal() string {
	if a.principal != "" {
		return a.principal
	}
	return "Shop company " + a.Nick
}

// Service is service_type_info.
func (a *App) Service() int {
	if a.MiniGame {
		return serviceMiniGame
	}
	return a.service
}

// Writable is the code that refuses writes on an account in bad standing.
func (a *App) Writable() (code int) {
	switch a.Status {
	case StatusBanned:
		return 89013
	case StatusCanceled, StatusFrozen:
		return 50002
	}
	return 0
}

// Upload counts an uploaded file and returns a hash for its media id.
func (a *App) Upload() uint64 {
	a.uploads++
	return a.uploads
}

const (
	mediaKept = 100
	mediaLife = 3 * 24 * time.Hour
)

// AddMedia keeps material for an audit.
func (a *App) AddMedia(id string, now time.Time) {
	if a.media == nil || len(a.media) >= mediaKept {
		a.media = map[string]time.Time{}
	}
	a.media[id] = now
}
