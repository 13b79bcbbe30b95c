package model

import (
	"strconv"
	"time"
)

// historyKept is the number of published versions that can be reverted to.
const historyKept = 5

// Release publishes the version that passed last, which may differ from the trial version.
func (a *App) Release(now time.Time) (code int) {
	last, passed := a.Latest(), a.approved(now)
	switch {
	case passed != nil && !passed.released:
		a.publish(passed, now)
		return 0
	case last == nil || last.State(now) == AuditWithdrawn:
		a.recordEarly(last, "release called with nothing submitted (85019)", now)
		return 85019
	case last != passed:
		a.recordEarly(last, "release called before the audit passed (85020)", now)
		return 85020
	}
	if l := a.Live; l == nil || !l.byGray || l.auditID != passed.ID {
		o := passed.offence(a, now)
		o.What = "release called again for the live version"
		a.world.Books.Offend(&a.world.Books.Book.DoubleReleases, o)
	}
	switch code := a.world.Settings().Quirks.ReleaseTwice; code {
	case 0:
		return 85052
	case -2:
		return 0
	default:
		return code
	}
}

// publish makes the version of a passed audit the live one.
func (a *App) publish(au *Audit, now time.Time) {
	a.recordRelease(au, now)
	if a.Gray != nil && a.Gray.Status == grayRunning {
		a.Gray.Status = grayFinished
	}
	au.released = true
	a.Config.Privacy.GoOnline()
	a.world.Platform.ReleaseDomains(&a.Config.Domains)
	a.appVer++
	a.Live = &Published{AppVersion: a.appVer, Version: au.Version, Desc: au.Desc, At: now, auditID: au.ID}
	a.versions = append(a.versions, a.Live)
	if len(a.versions) > historyKept+1 {
		a.versions = a.versions[1:]
	}
}

// Revert makes an earlier version live: the one with an app_version, or the one before if appVersion is empty.
func (a *App) Revert(appVersion string) (code int) {
	wanted, err := strconv.Atoi(appVersion)
	switch {
	case a.Gray != nil && a.Gray.Status == grayRunning:
		return 87011
	case appVersion != "" && err != nil:
		return 40097
	}
	for i := len(a.versions) - 1; i >= 0; i-- {
		p := a.versions[i]
		if a.Live != nil && p.AppVersion < a.Live.AppVersion && !p.reverted && (appVersion == "" || p.AppVersion == wanted) {
			a.Live.reverted = true
			a.Live = p
			a.world.Books.Count(&a.world.Books.Book.Reverts)
			return 0
		}
	}
	return 87012
}

// History lists the versions before the live one, newest first.
func (a *App) History() []*Published {
	var list []*Published
	for i := len(a.versions) - 1; i >= 0 && len(list) < historyKept; i-- {
		if a.Live != nil && a.versions[i].AppVersion < a.Live.AppVersion {
			list = append(list, a.versions[i])
		}
	}
	return list
}

// States of a gray release, as getgrayreleaseplan gives them.
const (
	grayRunning  = 1
	grayFinished = 3
	grayDeleted  = 4
)

// Gray is a release to a share of the users.
type Gray struct {
	Status    int
	At        time.Time
	Percent   int64
	Debuggers bool
	Testers   bool

	audit *Audit
}

// GrayRelease starts or widens a gray release.
func (a *App) GrayRelease(percent int64, debuggers, testers bool, now time.Time) (code int) {
	au, g := a.approved(now), a.Gray
	running := g != nil && g.Status == grayRunning && g.audit == au
	switch {
	case percent < 0 || percent > 100 || percent == 0 && !debuggers && !testers:
		return 85081
	case a.Live == nil:
		return 85079
	case au == nil || au.released || au != a.Latest():
		return 85080
	case running && percent <= g.Percent:
		return 85082
	case !running:
		g = &Gray{audit: au, At: now, Status: grayRunning}
		a.Gray = g
	}
	g.Percent, g.Debuggers, g.Testers = percent, debuggers, testers
	if percent == 100 && !a.world.Settings().Quirks.GrayNeedsRelease {
		a.publish(au, now)
		a.Live.byGray = true
	}
	return 0
}

// RevertGray ends a gray release; without a running one it does nothing.
func (a *App) RevertGray() {
	if a.Gray != nil && a.Gray.Status == grayRunning {
		a.Gray.Status = grayDeleted
	}
}
