// Package model is the simulated platform without HTTP: the third-party platform, its apps, and the rules by which
// WeChat changes them. Results named code are WeChat's errcodes; 0 means that the change took effect.
//
// States are computed from timestamps when they are read: no timer changes an app. Timers only send events.
package model

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/appconfig"
	"github.com/wxrollout/wxrollout/wxsim/internal/books"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Options is what a World starts with and never changes.
type Options struct {
	Clock clock.Clock
	// Closing ends timers.
	Closing                        context.Context
	ComponentAppID, Secret, Ticket string
	Templates                      []Template
	Quota                          QuotaOptions
	TokenTTL                       time.Duration
	// RotateRefreshTokens makes every renewal of an access token hand out a new refresh token.
	RotateRefreshTokens bool
}

// Settings can be changed while calls run. A stored value is never modified. GET /_sim/state shows it
// under these names.
type Settings struct {
	Seed               uint64
	Latency            chance.Range
	PrivacyDelay       chance.Range
	AuditDelay         chance.Range
	RejectRate         float64
	DelayRate          float64
	BusyRate           float64
	BusyCredentials    bool
	LostRate           float64
	Quirks             Quirks
	CallbackLost       float64 `json:"PushLost"`
	CallbackLate       float64 `json:"PushLate"`
	CallbackDoubled    float64 `json:"PushDoubled"`
	CallbackOutOfOrder float64 `json:"PushOutOfOrder"`
}

// Quirks choose between behaviors on which sources differ. The zero value is what current pages show.
type Quirks struct {
	// AuditIDString answers auditid as a quoted string, as the older table has it.
	AuditIDString bool `json:"auditid_string"`
	// ReleaseTwice is the errcode of a release when the approved version is already live: 85052 when zero; 85019 and
	// 85020 are reported too, and -2 stands for accepting it again with errcode 0.
	ReleaseTwice int `json:"release_twice"`
	// GrayNeedsRelease makes a gray release of 100 % wait for release before getversioninfo shows it.
	GrayNeedsRelease bool `json:"gray_needs_release"`
	// OptionByComponent makes the option calls want the component's token and both appids, as old pages have it, in place
	// of the app's token.
	OptionByComponent bool `json:"option_by_component"`
	// LibraryByApp makes the calls of the template library accept an app's token, too.
	LibraryByApp bool `json:"library_by_app"`
}

// World is the platform and its apps. All methods are safe for concurrent use.
type World struct {
	Options
	Books    books.Keeper
	Platform *appconfig.Platform

	born  time.Time
	out   Outbox
	set   atomic.Pointer[Settings]
	setMu sync.Mutex // serializes Change

	apps      appStore
	tokens    tokenStore
	component component
	creations creations
	library   library
	quota     quota
	tickets   atomic.Int64 // counts the starts of ticket callbacks; older ones end
}

// New is a World without apps. Its events go to out.
func New(o Options, set Settings, out Outbox) *World {
	w := &World{Options: o, Platform: appconfig.NewPlatform(), born: o.Clock.Now(), out: out}
	w.set.Store(&set)
	w.quota.open(o.Quota, w.born)
	w.library.open(o.Templates, w.born)
	w.component.open(o.Ticket, w.born)
	w.apps.byID = map[string]*App{}
	return w
}

// Settings are the settings in force.
func (w *World) Settings() *Settings { return w.set.Load() }

// Change replaces the settings by an edited copy.
func (w *World) Change(edit func(*Settings)) {
	defer hold(&w.setMu)()
	next := *w.set.Load()
	edit(&next)
	w.set.Store(&next)
}

func (w *World) draw(appid, kind string, n uint64) float64 {
	return chance.Draw(w.Settings().Seed, appid, kind, n)
}

func (w *World) opaque(kind, owner string, nth uint64, n int) string {
	return chance.Opaque(w.Settings().Seed, kind, owner, nth, n)
}

type appStore struct {
	mu   sync.RWMutex
	list []*App
	byID map[string]*App
}

// App is the app with an id, or nil.
func (w *World) App(id string) *App {
	w.apps.mu.RLock()
	defer w.apps.mu.RUnlock()
	return w.apps.byID[id]
}

// Apps are all apps by index. The slice must not be modified.
func (w *World) Apps() []*App {
	w.apps.mu.RLock()
	defer w.apps.mu.RUnlock()
	return w.apps.list[:len(w.apps.list):len(w.apps.list)]
}

// AddApps adds n generated apps.
func (w *World) AddApps(n int) {
	for range n {
		w.addApp(w.Clock.Now(), func(*App) {})
	}
}

// addApp adds one generated app after an edit.
func (w *World) addApp(now time.Time, edit func(*App)) *App {
	defer hold(&w.apps.mu)()
	a := w.newApp(len(w.apps.list), now)
	edit(a)
	w.apps.list = append(w.apps.list, a)
	w.apps.byID[a.ID] = a
	return a
}

// each runs f on one app, or on all if appid is empty, with the app locked.
func (w *World) each(appid string, f func(*App)) {
	list := w.Apps()
	if appid != "" {
		list = nil
		if a := w.App(appid); a != nil {
			list = []*App{a}
		}
	}
	for _, a := range list {
		a.Lock()
		f(a)
		a.Unlock()
	}
}

// hold takes a lock for the rest of a function: defer hold(l)().
func hold(l sync.Locker) (release func()) {
	l.Lock()
	return l.Unlock
}
