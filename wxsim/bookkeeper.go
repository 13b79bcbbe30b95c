package wxsim

import (
	"maps"
	"sync"
	"sync/atomic"
	"time"
)

// Bounds of what the books keep; totals go on counting beyond them.
const (
	offencesKept  = 100
	perAppEntries = 50
)

// bookkeeper counts what happened. Hot counters are atomic; offences are rare and share a lock.
type bookkeeper struct {
	pages []page
	alien atomic.Int64
	back  atomic.Int64

	accepted atomic.Int64 // submissions
	released atomic.Int64
	settings atomic.Int64 // writes that took effect

	mu       sync.Mutex
	offences [numOffences]Offences
	pushes   PushBook
}

// page is the book of one endpoint.
type page struct {
	ok     atomic.Int64
	lost   atomic.Int64
	faults atomic.Int64
	mu     sync.Mutex
	other  map[int]int64
}

// offence indexes the kinds of offences.
type offence int

const (
	overlapWrite offence = iota
	overlapRead
	doubleSubmission
	doubleRelease
	unpinnedRelease
	earlyRelease
	unapprovedRelease
	numOffences
)

// appBook is what one app did; the app's lock guards it.
type appBook struct {
	commits     int
	submissions []Submission
	releases    []Release
	nReleases   int
}

func (b *bookkeeper) open(endpoints int) { b.pages = make([]page, endpoints) }

// call books an answer.
func (b *bookkeeper) call(endpoint, code int) {
	p := &b.pages[endpoint]
	if code == 0 {
		p.ok.Add(1)
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.other == nil {
		p.other = map[int]int64{}
	}
	p.other[code]++
}

func (b *bookkeeper) lost(endpoint int)  { b.pages[endpoint].lost.Add(1) }
func (b *bookkeeper) fault(endpoint int) { b.pages[endpoint].faults.Add(1) }
func (b *bookkeeper) stranger()          { b.alien.Add(1) }
func (b *bookkeeper) revert()            { b.back.Add(1) }

// codes is a copy of the counts of an endpoint.
func (p *page) codes() map[int]int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := maps.Clone(p.other)
	if ok := p.ok.Load(); ok > 0 {
		if out == nil {
			out = map[int]int64{}
		}
		out[0] = ok
	}
	return out
}

func (b *bookkeeper) offend(kind offence, o Offence) {
	b.mu.Lock()
	defer b.mu.Unlock()
	list := &b.offences[kind]
	list.Total++
	if len(list.List) < offencesKept {
		list.List = append(list.List, o)
	}
}

// overlap books two calls on one app that were in flight at once.
func (b *bookkeeper) overlap(appid string, first, second *flight, at time.Time) {
	kind := overlapRead
	if first.write || second.write {
		kind = overlapWrite
	}
	b.offend(kind, Offence{AppID: appid, At: at, What: second.path + " while " + first.path + " was in flight"})
}

// bookSubmission books an accepted submission of a locked app, and whether it was a double one.
func (s *Sim) bookSubmission(a *app, au *audit, now time.Time) {
	s.books.accepted.Add(1)
	a.book.submissions = append(a.book.submissions, Submission{
		AuditID: au.id, Version: au.version, Desc: au.desc, At: now,
	})
	if len(a.book.submissions) > perAppEntries {
		a.book.submissions = a.book.submissions[1:]
	}
	why := ""
	for _, old := range a.audits {
		if old != au && old.version == au.version && old.desc == au.desc {
			if st := old.state(now); st != AuditRejected && st != AuditWithdrawn {
				why = "its audit had passed or was running"
			}
		}
	}
	for _, p := range a.versions {
		if p.version == au.version && p.desc == au.desc {
			why = "it had been released"
		}
	}
	if why != "" {
		s.books.offend(doubleSubmission, Offence{AppID: a.id, At: now, Version: au.version, Desc: au.desc, AuditID: au.id, What: "submitted though " + why})
	}
}

// bookRelease books a publication by a locked app before it takes place.
func (s *Sim) bookRelease(a *app, au *audit, now time.Time) {
	s.books.released.Add(1)
	why := ""
	switch tr := a.trial; {
	case a.latest() != au:
		why = "a later audit than the published one exists"
	case tr == nil || tr.version != au.version || tr.desc != au.desc:
		why = "the trial version was another one"
	}
	o := Offence{AppID: a.id, At: now, Version: au.version, Desc: au.desc, AuditID: au.id}
	if why != "" {
		o.What = "released though " + why
		s.books.offend(unpinnedRelease, o)
	}
	if l := a.live; l != nil && l.version == au.version && l.desc == au.desc {
		o.What = "released though it was live"
		s.books.offend(doubleRelease, o)
	}
	if au.state(now) != AuditPassed {
		o.What = "released without an approved audit"
		s.books.offend(unapprovedRelease, o)
	}
	a.book.nReleases++
	a.book.releases = append(a.book.releases, Release{
		AuditID: au.id, Version: au.version, Desc: au.desc, At: now, Pinned: why == "",
	})
	if len(a.book.releases) > perAppEntries {
		a.book.releases = a.book.releases[1:]
	}
}

// bookRepeat books a release call that found its version live.
func (s *Sim) bookRepeat(a *app, au *audit, now time.Time) {
	s.books.offend(doubleRelease, Offence{
		AppID: a.id, At: now, Version: au.version, Desc: au.desc, AuditID: au.id, What: "release called again for the live version",
	})
}

// bookEarly books a release call that found nothing approved.
func (s *Sim) bookEarly(a *app, au *audit, code int, now time.Time) {
	o := Offence{AppID: a.id, At: now, What: "release called with nothing submitted (85019)"}
	if code == 85020 {
		o.What = "release called before the audit passed (85020)"
	}
	if au != nil {
		o.Version, o.Desc, o.AuditID = au.version, au.desc, au.id
	}
	s.books.offend(earlyRelease, o)
}
