package model

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

const (
	trialsPerUser   = 5
	creationsPerDay = 5 // of one WeChat id
	creationLife    = 24 * time.Hour
	// trialSuffix ends the name of a trial app until it is renamed.
	trialSuffix = "的体验小程序"
)

// Kinds of app creation.
const (
	Trial      = "trial"
	Conversion = "conversion"
	Enterprise = "enterprise"
	Personal   = "personal"
)

// Creation is an app creation, or the conversion of a trial app, that a person has to agree to.
type Creation struct {
	// ID names it for FinishCreation: the unique_id of a trial app, the taskid of a personal one, the code of an
	// enterprise, the appid of a trial app that is converted.
	ID   string `json:"id"`
	Kind string `json:"kind"`
	// Name is the name of the app or of its owner.
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	// Done reports that it has ended; Status is its result, 0 for success, and AppID the app.
	Done   bool   `json:"done"`
	Status int    `json:"status"`
	AppID  string `json:"appid,omitempty"`

	url    string
	user   string   // who agrees: an openid or a WeChat id
	info   []Field  // of its event
	search []string // what a search names it by
}

// URL is where a person agrees.
func (g *Creation) URL() string { return g.url }

// FaceCheck is the status of a personal creation, as WeChat gives it: 6 is a face check that passed.
func (g *Creation) FaceCheck() int {
	switch {
	case !g.Done:
		return 0
	case g.Status == 0:
		return 6
	}
	return g.Status
}

// creations holds the app creations, oldest first.
type creations struct {
	mu   sync.Mutex
	list []*Creation
	made uint64
	day  int64
	byID map[string]int // today's creations by WeChat id
}

// last is the newest creation with a property, or nil.
func (r *creations) last(f func(*Creation) bool) *Creation {
	for i := len(r.list) - 1; i >= 0; i-- {
		if f(r.list[i]) {
			return r.list[i]
		}
	}
	return nil
}

// open is the creation with an id that has not ended, or nil.
func (r *creations) open(id string) *Creation {
	return r.last(func(g *Creation) bool { return g.ID == id && !g.Done })
}

// spend counts a creation of a WeChat id; false means that the day's limit is reached.
func (r *creations) spend(wechat string, now time.Time) bool {
	if d := clock.Day(now); d != r.day || r.byID == nil {
		r.day, r.byID = d, map[string]int{}
	}
	r.byID[wechat]++
	return r.byID[wechat] <= creationsPerDay
}

// create starts a creation, which expires after 24 hours.
func (w *World) create(g *Creation, now time.Time) {
	g.At = now
	w.creations.list = append(w.creations.list, g)
	w.Clock.AfterFunc(creationLife, func() {
		if w.Closing.Err() == nil {
			w.expireCreation(g)
		}
	})
}

// expireCreation ends a creation without an agreement. Those of trial and personal apps send no event.
func (w *World) expireCreation(g *Creation) {
	const notConfirmed = 100001
	if g.Kind != Trial && g.Kind != Personal {
		w.finish(g, notConfirmed, w.Clock.Now()) //nolint:errcheck // it may have ended meanwhile
		return
	}
	defer hold(&w.creations.mu)()
	g.Done, g.Status = true, 1
}

// CreateTrial starts the creation of a trial app. url makes the link from a secret.
func (w *World) CreateTrial(name, openID string, url func(secret string) string, now time.Time) (g Creation, code int) {
	r := &w.creations
	defer hold(&r.mu)()
	trials := 0
	for _, g := range r.list {
		if g.Kind == Trial && g.user == openID && (!g.Done || g.Status == 0) {
			trials++
		}
	}
	if trials >= trialsPerUser {
		return g, 61071
	}
	r.made++
	id := w.opaque("unique", openID, r.made, 24)
	made := &Creation{
		ID: id, Kind: Trial, Name: name, user: openID, url: url(w.opaque("create-token", openID, r.made, 40)),
		info: []Field{{"unique_id", id}, {"name", name}},
	}
	w.create(made, now)
	return *made, 0
}

// Company is what an enterprise gives.
type Company struct {
	Name, Code, PersonaWeChat, PersonaName, Phone string
	CodeType                                      int64
}

// fields are the company in an event; name is the name of its first element.
func (c Company) fields(name string) []Field {
	return []Field{
		{name, c.Name}, {"code", c.Code}, {"code_type", c.CodeType}, {"legal_persona_wechat", c.PersonaWeChat},
		{"legal_persona_name", c.PersonaName}, {"component_phone", c.Phone},
	}
}

// IsTrial reports a trial app that was not converted.
func (a *App) IsTrial() bool { return a.service == serviceTrial }

// Convert starts the conversion of a trial app.
func (a *App) Convert(c Company, now time.Time) (code int) {
	r := &a.world.creations
	defer hold(&r.mu)()
	if r.open(a.ID) != nil {
		return 89249
	}
	a.world.create(&Creation{ID: a.ID, Kind: Conversion, Name: c.Name, AppID: a.ID, info: c.fields("enterprise_name")}, now)
	return 0
}

// CreateEnterprise starts the creation of an enterprise's app.
func (w *World) CreateEnterprise(c Company, now time.Time) (code int) {
	r := &w.creations
	defer hold(&r.mu)()
	switch {
	case r.open(c.Code) != nil:
		return 89249
	case !r.spend(c.PersonaWeChat, now):
		return 91030
	}
	w.create(&Creation{
		ID: c.Code, Kind: Enterprise, Name: c.Name, user: c.PersonaWeChat, info: c.fields("name"),
		search: []string{c.Name, c.PersonaWeChat, c.PersonaName},
	}, now)
	return 0
}

// SearchEnterprise is the code of the newest creation of an enterprise's app.
func (w *World) SearchEnterprise(name, wechat, persona string) (code int) {
	r := &w.creations
	defer hold(&r.mu)()
	wanted := strings.Join([]string{name, wechat, persona}, "\n")
	g := r.last(func(g *Creation) bool { return g.Kind == Enterprise && strings.Join(g.search, "\n") == wanted })
	switch {
	case g == nil, g.Done && g.Status != 0:
		return 89250
	case !g.Done:
		return 89251
	}
	return 0
}

// CreatePersonal starts the creation of a person's app. url makes the link from the taskid.
func (w *World) CreatePersonal(name, wechat, phone string, url func(id string) string, now time.Time) (g Creation, code int) {
	r := &w.creations
	defer hold(&r.mu)()
	switch {
	case r.last(func(g *Creation) bool { return g.Kind == Personal && g.user == wechat && !g.Done }) != nil:
		return g, 89249
	case !r.spend(wechat, now):
		return g, 91030
	}
	r.made++
	id := w.opaque("taskid", wechat, r.made, 24)
	made := &Creation{
		ID: id, Kind: Personal, Name: name, user: wechat, url: url(id),
		info: []Field{{"wxuser", wechat}, {"idname", name}, {"component_phone", phone}},
	}
	w.create(made, now)
	return *made, 0
}

// PersonalCreation is the creation of a person's app with a taskid.
func (w *World) PersonalCreation(id string) (g Creation, code int) {
	r := &w.creations
	defer hold(&r.mu)()
	found := r.last(func(g *Creation) bool { return g.Kind == Personal && g.ID == id })
	if found == nil {
		return g, 85060
	}
	return *found, 0
}

// Creations lists the app creations, oldest first.
func (w *World) Creations() []Creation {
	defer hold(&w.creations.mu)()
	out := make([]Creation, 0, len(w.creations.list))
	for _, g := range w.creations.list {
		out = append(out, *g)
	}
	return out
}

var errNoCreation = errors.New("none of this id waits; GET /_sim/registrations lists them")

// FinishCreation ends a creation that waits. Status 0 plays a person who agrees and passes the face check, any other is
// WeChat's number for the failure. An event reports the end; a trial app's is followed by authorized. It returns the
// appid, if an app was created.
func (w *World) FinishCreation(id string, status int) (appid string, err error) {
	w.creations.mu.Lock()
	g := w.creations.open(id)
	w.creations.mu.Unlock()
	if g == nil {
		return "", fmt.Errorf("app creation %q: %w", id, errNoCreation)
	}
	return w.finish(g, status, w.Clock.Now())
}

func (w *World) finish(g *Creation, status int, now time.Time) (appid string, err error) {
	w.creations.mu.Lock()
	done := g.Done
	if !done {
		g.Done, g.Status = true, status
	}
	w.creations.mu.Unlock()
	if done {
		return "", fmt.Errorf("app creation %q: %w", g.ID, errNoCreation)
	}
	a := w.created(g, status, now)
	if a != nil {
		appid = a.ID
	}
	name, msg := "notify_third_fasteregister", "OK"
	if status != 0 {
		msg = "creation failed"
	}
	fields := []Field{{"appid", appid}, {"status", int64(status)}}
	switch g.Kind {
	case Trial:
		name = "notify_third_fastregisterbetaapp"
	case Conversion:
		name = "notify_third_fastverifybetaapp"
	default:
		code := ""
		if a != nil {
			a.Lock()
			code = a.authCode(now)
			a.Unlock()
		}
		fields = append(fields, Field{"auth_code", code})
	}
	w.platformEvent(name, append(fields, Field{"msg", msg}, Field{"info", g.info})...)
	if g.Kind == Trial && a != nil {
		w.Authorize(a.ID)
	}
	return appid, nil
}

// created makes or converts the app of a creation that ended; nil means that there is none.
func (w *World) created(g *Creation, status int, now time.Time) *App {
	if g.Kind == Conversion {
		a := w.App(g.AppID)
		if a != nil && status == 0 {
			defer hold(a)()
			a.service, a.CreatedBy, a.principal = 0, createdFormerTrial, g.Name
		}
		return a
	}
	if status != 0 {
		return nil
	}
	a := w.addApp(now, func(a *App) {
		// Nothing was ever uploaded to it.
		a.Live, a.versions, a.Trial, a.audits, a.appVer, a.AuthTime = nil, nil, nil, nil, 0, now
		switch g.Kind {
		case Trial:
			a.Nick, a.service, a.CreatedBy = g.Name+trialSuffix, serviceTrial, createdTrial
		case Enterprise:
			a.Nick, a.principal, a.CreatedBy = "", g.Name, createdEnterprise
			a.profile, a.HasCategory = false, false
		default:
			a.Nick, a.principal, a.Personal = "", g.Name, true
			a.profile, a.HasCategory = false, false
		}
	})
	defer hold(&w.creations.mu)()
	g.AppID = a.ID
	return a
}
