package wxsim

import (
	"errors"
	"fmt"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"time"
	"unicode/utf8"
)

const (
	minName             = 4
	maxName             = 30
	trialsPerUser       = 5
	registrationsPerDay = 5 // of one WeChat id
	registrationLife    = 24 * time.Hour
	// trialSuffix ends the name of a trial app until it is renamed.
	trialSuffix = "的体验小程序"
)

// Kinds of registration.
const (
	RegisterTrial      = "trial"
	RegisterConversion = "conversion"
	RegisterEnterprise = "enterprise"
	RegisterPersonal   = "personal"
)

// Registration is a registration somebody has to agree to.
type Registration struct {
	// ID names it for FinishRegistration: the unique_id of a trial app, the taskid of a personal one, the code of an
	// enterprise, the appid of a trial app that is converted.
	ID string `json:"id"`
	// Kind is trial, conversion, enterprise or personal.
	Kind string `json:"kind"`
	// Name is the name of the app or of its owner.
	Name string    `json:"name"`
	At   time.Time `json:"at"`
	// Done registrations have an end; Status is how, 0 well, and AppID what came of it.
	Done   bool   `json:"done"`
	Status int    `json:"status"`
	AppID  string `json:"appid,omitempty"`

	user string // who agrees: an openid or a WeChat id
	info []string
	find string // what a search names it by
	url  string
}

// registry holds the registrations, the newest first to be found.
type registry struct {
	mu   sync.Mutex
	list []*Registration
	made uint64
	day  int64
	byID map[string]int // today's registrations by WeChat id
}

// open is a registration that has no end yet.
func (r *registry) open(id string) *Registration {
	for i := len(r.list) - 1; i >= 0; i-- {
		if r.list[i].ID == id && !r.list[i].Done {
			return r.list[i]
		}
	}
	return nil
}

// last is the newest registration that f wants.
func (r *registry) last(f func(*Registration) bool) *Registration {
	for i := len(r.list) - 1; i >= 0; i-- {
		if f(r.list[i]) {
			return r.list[i]
		}
	}
	return nil
}

// spend counts a registration of a WeChat id; false means there were enough today.
func (r *registry) spend(wechat string, now time.Time) bool {
	if d := dayOf(now); d != r.day || r.byID == nil {
		r.day, r.byID = d, map[string]int{}
	}
	r.byID[wechat]++
	return r.byID[wechat] <= registrationsPerDay
}

// add starts a registration and the day it has.
func (s *Sim) addRegistration(g *Registration, now time.Time) {
	g.At = now
	s.registry.list = append(s.registry.list, g)
	s.clock.AfterFunc(registrationLife, func() {
		if s.closing.Err() == nil {
			s.expire(g)
		}
	})
}

// expire ends a registration nobody agreed to. A trial app's link just stops to work.
func (s *Sim) expire(g *Registration) {
	const notConfirmed = 100001
	s.registry.mu.Lock()
	done := g.Done
	if g.Kind == RegisterTrial || g.Kind == RegisterPersonal {
		g.Done, g.Status = true, 1
		done = true
	}
	s.registry.mu.Unlock()
	if !done {
		s.finish(g, notConfirmed, s.clock.Now()) //nolint:errcheck // it may have ended meanwhile
	}
}

// names reads members of a body that must be texts.
func (f fields) texts(keys ...string) (values []string, ok bool) {
	for _, key := range keys {
		v, good := f.text(key)
		if !good {
			return nil, false
		}
		values = append(values, v)
	}
	return values, true
}

// registerTrial plays fastregisterbetaweapp.
func (c *call) registerTrial() reply {
	got, ok := c.f.texts("name", "openid")
	if !ok {
		return failure(47001)
	}
	name, openid := got[0], got[1]
	n := utf8.RuneCountInString(name)
	r := &c.sim.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	trials := 0
	for _, g := range r.list {
		if g.Kind == RegisterTrial && g.user == openid && (!g.Done || g.Status == 0) {
			trials++
		}
	}
	switch {
	case n < minName || n > maxName:
		return failure(86017)
	case len(openid) < 20 || strings.Trim(openid, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != "":
		return failure(86012)
	case trials >= trialsPerUser:
		return failure(61071)
	}
	r.made++
	id := opaque(c.set.Seed, "unique", openid, r.made, 24)
	link := "https://mp.weixin.qq.com/wxopen/fastregisterbetaweapp?" + url.Values{
		"create_token": {opaque(c.set.Seed, "create-token", openid, r.made, 40)},
	}.Encode()
	c.sim.addRegistration(&Registration{
		ID: id, Kind: RegisterTrial, Name: name, user: openid, url: link, info: []string{cdata("unique_id", id), cdata("name", name)},
	}, c.now)
	return success(payload{"unique_id": id, "authorize_url": link})
}

// company checks what an enterprise must give; a code other than 0 refuses it.
func company(f fields, name string) (info []string, code int) {
	got, ok := f.texts(name, "code", "legal_persona_wechat", "legal_persona_name", "component_phone")
	kind, ok2 := f.number("code_type", false)
	lengths := map[int64]int{1: 18, 2: 10, 3: 15}
	switch {
	case !ok:
		return nil, 47001
	case got[0] == "" || got[1] == "" || got[3] == "" || !f.has("code_type"):
		return nil, 89253
	case !ok2 || lengths[kind] == 0:
		return nil, 89248
	case len(got[1]) != lengths[kind]:
		return nil, 89255
	case !wechatForm.MatchString(got[2]):
		return nil, 86004
	}
	return []string{
		cdata(name, got[0]), cdata("code", got[1]), number("code_type", kind), cdata("legal_persona_wechat", got[2]),
		cdata("legal_persona_name", got[3]), cdata("component_phone", got[4]),
	}, 0
}

// convertTrial plays verifybetaweapp. It belongs to permission set 81, which is of trial apps.
func (c *call) convertTrial() reply {
	a := c.app
	f, ok := c.f.object("verify_info")
	if !ok || f == nil {
		return failure(47001)
	}
	info, code := company(f, "enterprise_name")
	card, ok := f.text("legal_persona_idcard")
	name, _ := f.text("enterprise_name")
	r := &c.sim.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case a.service != serviceTrial:
		return failure(48001)
	case code != 0:
		return failure(code)
	case !ok || card == "":
		return failure(89253)
	case r.open(a.id) != nil:
		return failure(89249)
	}
	c.sim.addRegistration(&Registration{ID: a.id, Kind: RegisterConversion, Name: name, AppID: a.id, info: info}, c.now)
	return success(nil)
}

// registerEnterprise plays fastregisterweapp.
func (c *call) registerEnterprise() reply {
	r := &c.sim.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c.r.URL.Query().Get("action") {
	case "create":
		return c.createEnterprise(r)
	case "search":
		return c.searchEnterprise(r)
	default:
		return failure(40097)
	}
}

func (c *call) createEnterprise(r *registry) reply {
	info, code := company(c.f, "name")
	if code != 0 {
		return failure(code)
	}
	got, _ := c.f.texts("name", "code", "legal_persona_wechat", "legal_persona_name") // company checked them
	switch {
	case r.open(got[1]) != nil:
		return failure(89249)
	case !r.spend(got[2], c.now):
		return failure(91030)
	}
	c.sim.addRegistration(&Registration{
		ID: got[1], Kind: RegisterEnterprise, Name: got[0], user: got[2], info: info, find: strings.Join([]string{got[0], got[2], got[3]}, "\n"),
	}, c.now)
	return success(nil)
}

func (c *call) searchEnterprise(r *registry) reply {
	got, ok := c.f.texts("name", "legal_persona_wechat", "legal_persona_name")
	if !ok {
		return failure(47001)
	}
	g := r.last(func(g *Registration) bool { return g.Kind == RegisterEnterprise && g.find == strings.Join(got, "\n") })
	switch {
	case g == nil, g.Done && g.Status != 0:
		return failure(89250)
	case !g.Done:
		return failure(89251)
	}
	return success(nil)
}

// registerPersonal plays fastregisterpersonalweapp.
func (c *call) registerPersonal() reply {
	r := &c.sim.registry
	r.mu.Lock()
	defer r.mu.Unlock()
	switch c.r.URL.Query().Get("action") {
	case "create":
		return c.createPersonal(r)
	case "query":
	default:
		return failure(40097)
	}
	id, ok := c.f.text("taskid")
	if !ok {
		return failure(47001)
	}
	g := r.last(func(g *Registration) bool { return g.Kind == RegisterPersonal && g.ID == id })
	if g == nil {
		return failure(85060)
	}
	return success(g.personal())
}

// personal is how a personal registration stands: 6 stands for a face check that passed.
func (g *Registration) personal() payload {
	status := 0
	switch {
	case g.Done && g.Status == 0:
		status = 6
	case g.Done:
		status = g.Status
	}
	return payload{"taskid": g.ID, "authorize_url": g.url, "status": status}
}

func (c *call) createPersonal(r *registry) reply {
	got, ok := c.f.texts("idname", "wxuser", "component_phone")
	switch {
	case !ok:
		return failure(47001)
	case got[0] == "":
		return failure(89253)
	case !wechatForm.MatchString(got[1]):
		return failure(86004)
	case r.last(func(g *Registration) bool { return g.Kind == RegisterPersonal && g.user == got[1] && !g.Done }) != nil:
		return failure(89249)
	case !r.spend(got[1], c.now):
		return failure(91030)
	}
	r.made++
	id := opaque(c.set.Seed, "taskid", got[1], r.made, 24)
	g := &Registration{
		ID: id, Kind: RegisterPersonal, Name: got[0], user: got[1], url: "https://mp.weixin.qq.com/wxopen/fastregisterpersonal?taskid=" + url.QueryEscape(id),
		info: []string{cdata("wxuser", got[1]), cdata("idname", got[0]), cdata("component_phone", got[2])},
	}
	c.sim.addRegistration(g, c.now)
	return success(g.personal())
}

// Registrations lists the registrations, oldest first.
func (s *Sim) Registrations() []Registration {
	s.registry.mu.Lock()
	defer s.registry.mu.Unlock()
	out := make([]Registration, 0, len(s.registry.list))
	for _, g := range s.registry.list {
		out = append(out, *g)
	}
	return out
}

// FinishRegistration ends a registration that waits: status 0 plays somebody who agrees and shows their face, any other
// is WeChat's number for what went wrong. The end is pushed; a trial app's is followed by authorized. It returns the
// appid that came of it.
func (s *Sim) FinishRegistration(id string, status int) (appid string, err error) {
	s.registry.mu.Lock()
	g := s.registry.open(id)
	s.registry.mu.Unlock()
	if g == nil {
		return "", fmt.Errorf("registration %q: %w", id, errNoRegistration)
	}
	return s.finish(g, status, s.clock.Now())
}

var errNoRegistration = errors.New("none of this id waits; GET /_sim/registrations lists them")

// finish ends a registration once.
func (s *Sim) finish(g *Registration, status int, now time.Time) (appid string, err error) {
	s.registry.mu.Lock()
	if g.Done {
		s.registry.mu.Unlock()
		return "", fmt.Errorf("registration %q: %w", g.ID, errNoRegistration)
	}
	g.Done, g.Status = true, status
	s.registry.mu.Unlock()

	a := s.registered(g, status, now)
	if a != nil {
		appid = a.id
	}
	msg, code := "OK", ""
	if status != 0 {
		msg = "registration failed"
	}
	parts := []string{cdata("appid", appid), "<status>" + strconv.Itoa(status) + "</status>"}
	name := map[string]string{
		RegisterTrial: "notify_third_fastregisterbetaapp", RegisterConversion: "notify_third_fastverifybetaapp",
	}[g.Kind]
	if name == "" {
		name = "notify_third_fasteregister"
		if a != nil {
			a.mu.Lock()
			code = s.newAuthCode(a, now)
			a.mu.Unlock()
		}
		parts = append(parts, cdata("auth_code", code))
	}
	s.push.platformEvent(name, append(parts, cdata("msg", msg), element("info", g.info...))...)
	if g.Kind == RegisterTrial && a != nil {
		s.Authorize(a.id)
	}
	return appid, nil
}

// registered makes or changes the app of a registration that ended; nil means that none came of it.
func (s *Sim) registered(g *Registration, status int, now time.Time) *app {
	if g.Kind == RegisterConversion {
		a := s.apps.find(g.AppID)
		if a != nil && status == 0 {
			a.mu.Lock()
			a.service, a.register, a.principal = 0, registeredFormerTrial, g.Name
			a.mu.Unlock()
		}
		return a
	}
	if status != 0 {
		return nil
	}
	a := s.newRegistered(now, func(a *app) {
		switch g.Kind {
		case RegisterTrial:
			a.nick, a.service, a.register = g.Name+trialSuffix, serviceTrial, registeredTrial
		case RegisterEnterprise:
			a.nick, a.principal, a.register = "", g.Name, registeredEnterprise
			a.profile, a.hasCategory = false, false
		default:
			a.nick, a.principal, a.personal = "", g.Name, true
			a.profile, a.hasCategory = false, false
		}
	})
	s.registry.mu.Lock()
	g.AppID = a.id
	s.registry.mu.Unlock()
	return a
}

// Numbers of api_get_authorizer_info.
const (
	serviceMiniGame       = 4
	serviceTrial          = 12
	registeredEnterprise  = 6
	registeredTrial       = 13
	registeredFormerTrial = 19
)

// newRegistered adds an app that nothing was ever uploaded to.
func (s *Sim) newRegistered(now time.Time, edit func(*app)) *app {
	s.apps.mu.Lock()
	defer s.apps.mu.Unlock()
	i := len(s.apps.list)
	a := newApp(i, s.set.Load().Seed, now)
	a.live, a.versions, a.trial, a.audits, a.appVer, a.authTime = nil, nil, nil, nil, 0, now
	edit(a)
	s.apps.list = append(s.apps.list, a)
	s.apps.byID[a.id] = a
	return a
}
