package model

import (
	"slices"
	"time"
)

// States of an app's code, as View and Tally give them.
const (
	StateIdle      = "idle"      // nothing was committed since the simulator started
	StateChecking  = "checking"  // the privacy check of the trial version runs
	StateCommitted = "committed" // the trial version was not submitted
	StateInAudit   = "in-audit"  // waits for a verdict, and so does StateDelayed
	StateDelayed   = "delayed"
	StateRejected  = "rejected"
	StateWithdrawn = "withdrawn"
	StateApproved  = "approved"
	StateGray      = "gray" // live for a share of the users
	StateReleased  = "released"
)

// View is a snapshot of one app.
type View struct {
	AppID      string `json:"appid"`
	Index      int    `json:"index"`
	NickName   string `json:"nick_name"`
	UserName   string `json:"user_name"`
	State      string `json:"state"`
	Status     int    `json:"account_status"`
	Authorized bool   `json:"authorized"`
	Set18      bool   `json:"set18"`
	Category   bool   `json:"category"`
	// Trial and Live are user_versions, empty if there is none, with their user_descs.
	Trial     string `json:"trial,omitempty"`
	TrialDesc string `json:"trial_desc,omitempty"`
	Live      string `json:"live,omitempty"`
	LiveDesc  string `json:"live_desc,omitempty"`
	// AuditID, AuditVersion and Reason are of the latest audit.
	AuditID      int64  `json:"auditid,omitempty"`
	AuditVersion string `json:"audit_version,omitempty"`
	Reason       string `json:"reason,omitempty"`
	// Domains are the request domains that the live version may reach.
	Domains []string `json:"domains,omitempty"`
	// Renewals counts the access tokens fetched with the refresh token since the last ForgetRenewals.
	Renewals int64 `json:"renewals"`
	// Commits counts accepted commits. Submissions and Releases are the latest 50.
	Commits     int         `json:"commits"`
	Submissions []Submitted `json:"submissions,omitempty"`
	Releases    []Released  `json:"releases,omitempty"`
}

func (a *App) state(now time.Time) string {
	au, tr := a.Latest(), a.Trial
	if au != nil && !au.foreign && au.open(now) {
		if au.State(now) == AuditDelayed {
			return StateDelayed
		}
		return StateInAudit
	}
	if tr != nil && !tr.Foreign && (au == nil || au.code != tr) {
		if now.Before(tr.checked) {
			return StateChecking
		}
		return StateCommitted
	}
	switch {
	case au == nil || au.foreign:
		return StateIdle
	case au.State(now) == AuditRejected:
		return StateRejected
	case au.withdrawn:
		return StateWithdrawn
	case au.released:
		return StateReleased
	case a.Gray != nil && a.Gray.audit == au && a.Gray.Status == grayRunning:
		return StateGray
	}
	return StateApproved
}

func (a *App) view(now time.Time) View {
	v := View{
		AppID: a.ID, Index: a.index, NickName: a.Nick, UserName: a.User, State: a.state(now), Status: a.Status,
		Authorized: a.Authorized, Set18: a.Set18, Category: a.HasCategory, Commits: a.record.commits,
		Renewals: a.renewals, Domains: slices.Clone(a.Config.Domains.Live["requestdomain"]),
		Submissions: slices.Clone(a.record.submissions), Releases: slices.Clone(a.record.releases),
	}
	if a.Trial != nil {
		v.Trial, v.TrialDesc = a.Trial.Version, a.Trial.Desc
	}
	if a.Live != nil {
		v.Live, v.LiveDesc = a.Live.Version, a.Live.Desc
	}
	if au := a.Latest(); au != nil {
		v.AuditID, v.AuditVersion = au.ID, au.Version
		if au.State(now) == AuditRejected {
			v.Reason = au.reason
		}
	}
	return v
}

// View is a snapshot of an app; false means that there is none with this id.
func (w *World) View(appid string) (v View, found bool) {
	if a := w.App(appid); a != nil {
		defer hold(a)()
		return a.view(w.Clock.Now()), true
	}
	return View{}, false
}

// Views are snapshots of the apps in a state (all if empty): at most limit, after skipping offset. total is the number of
// apps in that state.
func (w *World) Views(state string, offset, limit int) (views []View, total int) {
	now := w.Clock.Now()
	w.each("", func(a *App) {
		if state == "" || a.state(now) == state {
			if total >= offset && len(views) < limit {
				views = append(views, a.view(now))
			}
			total++
		}
	})
	return views, total
}

// Tally counts the apps.
type Tally struct {
	Apps int `json:"apps"`
	// States counts apps by state.
	States map[string]int `json:"states"`
	// Live counts apps by the user_version that is live.
	Live map[string]int `json:"live"`
	// Commits, Submissions and Releases sum what took effect.
	Commits     int64 `json:"commits"`
	Submissions int64 `json:"submissions"`
	Releases    int64 `json:"releases"`
}

// Tally counts the apps by state and live version.
func (w *World) Tally() Tally {
	now := w.Clock.Now()
	t := Tally{States: map[string]int{}, Live: map[string]int{}}
	w.each("", func(a *App) {
		t.Apps++
		t.States[a.state(now)]++
		if a.Live != nil {
			t.Live[a.Live.Version]++
		}
		t.Commits += int64(a.record.commits)
		t.Submissions += int64(a.accepted)
		t.Releases += int64(a.record.nReleases)
	})
	return t
}
