package wxsim

import (
	"slices"
	"time"
)

// States of an app's code, as AppView and Tally give them.
const (
	// AppIdle has committed nothing since the simulator started.
	AppIdle = "idle"
	// AppChecking has a trial version whose privacy check runs.
	AppChecking = "checking"
	// AppCommitted has a trial version that was not submitted.
	AppCommitted = "committed"
	// AppInAudit and AppDelayed wait for a verdict.
	AppInAudit = "in-audit"
	AppDelayed = "delayed"
	// AppRejected, AppWithdrawn and AppApproved have one.
	AppRejected  = "rejected"
	AppWithdrawn = "withdrawn"
	AppApproved  = "approved"
	// AppGray is approved and live for a share of the users; AppReleased is live for all.
	AppGray     = "gray"
	AppReleased = "released"
)

// AppView is one app as the simulator sees it.
type AppView struct {
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
	// Domains are the request domains the live version may reach.
	Domains []string `json:"domains,omitempty"`
	// Renewals counts the access tokens had for the refresh token, since the last ForgetRenewals.
	Renewals int64 `json:"renewals"`
	// Commits counts accepted commits. Submissions and Releases are the latest 50.
	Commits     int          `json:"commits"`
	Submissions []Submission `json:"submissions,omitempty"`
	Releases    []Release    `json:"releases,omitempty"`
}

// state is where a locked app's code stands.
func (a *app) state(now time.Time) string {
	au, tr := a.latest(), a.trial
	if au != nil && !au.foreign && au.open(now) {
		if au.state(now) == AuditDelayed {
			return AppDelayed
		}
		return AppInAudit
	}
	if tr != nil && !tr.foreign && (au == nil || au.code != tr) {
		if now.Before(tr.checked) {
			return AppChecking
		}
		return AppCommitted
	}
	switch {
	case au == nil || au.foreign:
		return AppIdle
	case au.state(now) == AuditRejected:
		return AppRejected
	case au.withdrawn:
		return AppWithdrawn
	case au.released:
		return AppReleased
	case a.gray != nil && a.gray.audit == au && a.gray.status == grayRunning:
		return AppGray
	}
	return AppApproved
}

// view copies a locked app.
func (a *app) view(now time.Time) AppView {
	v := AppView{
		AppID: a.id, Index: a.index, NickName: a.nick, UserName: a.user, State: a.state(now), Status: a.status,
		Authorized: a.authorized, Set18: a.set18, Category: a.hasCategory, Commits: a.book.commits,
		Renewals: a.renewals, Domains: slices.Clone(a.domains.live["requestdomain"]),
		Submissions: append([]Submission(nil), a.book.submissions...),
		Releases:    append([]Release(nil), a.book.releases...),
	}
	if a.trial != nil {
		v.Trial, v.TrialDesc = a.trial.version, a.trial.desc
	}
	if a.live != nil {
		v.Live, v.LiveDesc = a.live.version, a.live.desc
	}
	if au := a.latest(); au != nil {
		v.AuditID, v.AuditVersion = au.id, au.version
		if au.state(now) == AuditRejected {
			v.Reason = au.reason
		}
	}
	return v
}

// App looks at one app; false means there is none with this id.
func (s *Sim) App(appid string) (AppView, bool) {
	a := s.apps.find(appid)
	if a == nil {
		return AppView{}, false
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	return a.view(s.clock.Now()), true
}

// Apps looks at the apps in a state (all if empty), skipping offset of them and returning at most limit. total is how
// many there are in that state.
func (s *Sim) Apps(state string, offset, limit int) (views []AppView, total int) {
	now := s.clock.Now()
	for _, a := range s.apps.all() {
		a.mu.Lock()
		if state == "" || a.state(now) == state {
			if total >= offset && len(views) < limit {
				views = append(views, a.view(now))
			}
			total++
		}
		a.mu.Unlock()
	}
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
func (s *Sim) Tally() Tally {
	now := s.clock.Now()
	t := Tally{States: map[string]int{}, Live: map[string]int{}}
	for _, a := range s.apps.all() {
		a.mu.Lock()
		t.Apps++
		t.States[a.state(now)]++
		if a.live != nil {
			t.Live[a.live.version]++
		}
		t.Commits += int64(a.book.commits)
		t.Submissions += int64(a.accepted)
		t.Releases += int64(a.book.nReleases)
		a.mu.Unlock()
	}
	return t
}
