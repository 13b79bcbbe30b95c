package model

import (
	"reflect"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
)

// recordsKept bounds each list of an app's record.
const recordsKept = 50

type record struct {
	commits     int
	submissions []Submitted
	releases    []Released
	nReleases   int
}

// Submitted is one accepted submission.
type Submitted struct {
	AuditID int64     `json:"auditid"`
	Version string    `json:"version"`
	Desc    string    `json:"desc"`
	At      time.Time `json:"at"`
}

// Released is one publication. Pinned reports that its audit was the app's latest and its version the trial version.
type Released struct {
	Submitted
	Pinned bool `json:"pinned"`
}

// offence is an offence about an audit of an app.
func (au *Audit) offence(a *App, now time.Time) books.Offence {
	return books.Offence{AppID: a.ID, At: now, Version: au.Version, Desc: au.Desc, AuditID: au.ID}
}

// recordSubmission records an accepted submission, and whether it was a double one.
func (a *App) recordSubmission(au *Audit, now time.Time) {
	a.world.Books.Count(&a.world.Books.Book.Submissions)
	a.record.submissions = appendCapped(a.record.submissions, Submitted{AuditID: au.ID, Version: au.Version, Desc: au.Desc, At: now})
	o := au.offence(a, now)
	for _, old := range a.audits {
		if old != au && old.Version == au.Version && old.Desc == au.Desc {
			if st := old.State(now); st != AuditRejected && st != AuditWithdrawn {
				o.What = "submitted though its audit had passed or was running"
			}
		}
	}
	for _, p := range a.versions {
		if p.Version == au.Version && p.Desc == au.Desc {
			o.What = "submitted though it had been released"
		}
	}
	if o.What != "" {
		a.world.Books.Offend(&a.world.Books.Book.DoubleSubmissions, o)
	}
}

// recordRelease records a publication before it takes effect.
func (a *App) recordRelease(au *Audit, now time.Time) {
	k, o, pinned := &a.world.Books, au.offence(a, now), true
	k.Count(&k.Book.Releases)
	offend := func(list *books.Offences, what string) {
		o.What = what
		k.Offend(list, o)
	}
	switch tr := a.Trial; {
	case a.Latest() != au:
		pinned = false
		offend(&k.Book.UnpinnedReleases, "released though a later audit than the published one exists")
	case tr == nil || tr.Version != au.Version || tr.Desc != au.Desc:
		pinned = false
		offend(&k.Book.UnpinnedReleases, "released though the trial version was another one")
	}
	if l := a.Live; l != nil && l.Version == au.Version && l.Desc == au.Desc {
		offend(&k.Book.DoubleReleases, "released though it was live")
	}
	if au.State(now) != AuditPassed {
		offend(&k.Book.UnapprovedReleases, "released without an approved audit")
	}
	a.record.nReleases++
	a.record.releases = appendCapped(a.record.releases, Released{Submitted{AuditID: au.ID, Version: au.Version, Desc: au.Desc, At: now}, pinned})
}

func (a *App) recordEarly(au *Audit, what string, now time.Time) {
	o := books.Offence{AppID: a.ID, At: now}
	if au != nil {
		o = au.offence(a, now)
	}
	o.What = what
	a.world.Books.Offend(&a.world.Books.Book.EarlyReleases, o)
}

func appendCapped[T any](list []T, v T) []T {
	list = append(list, v)
	return list[max(0, len(list)-recordsKept):]
}

// snapshotsMax bounds the attempts at books that no call changed meanwhile.
const snapshotsMax = 100

// Snapshot composes the books of one moment: the counters and the apps have separate locks, so a
// call between the two would be in one of them alone.
func (w *World) Snapshot() books.Books {
	for attempt := 1; ; attempt++ {
		counters := w.Books.Snapshot()
		out := w.compose(counters)
		if attempt == snapshotsMax || reflect.DeepEqual(counters, w.Books.Snapshot()) {
			return out
		}
	}
}

func (w *World) compose(out books.Books) books.Books {
	now := w.Clock.Now()
	out.Seed, out.From, out.To, out.Quota = w.Settings().Seed, w.born, now, w.quota.book(now)
	w.each("", func(a *App) {
		out.Apps++
		out.Commits += int64(a.record.commits)
		a.countAudits(&out.Audits, now)
		if a.renewals > 0 {
			out.Renewals.Renewed++
		}
		out.Renewals.Apps += a.renewals
		out.Renewals.Most = max(out.Renewals.Most, a.renewals)
	})
	defer hold(&w.component)()
	out.Renewals.Component = w.component.renewals
	return out
}

func (a *App) countAudits(n *books.Audits, now time.Time) {
	own := int64(0)
	for _, au := range a.audits {
		if au.foreign {
			continue
		}
		own++
		*[...]*int64{&n.Passed, &n.Rejected, &n.Running, &n.Withdrawn, &n.Delayed}[au.State(now)]++
	}
	n.Forgotten += int64(a.accepted) - own
}
