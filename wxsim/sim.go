package wxsim

import (
	"context"
	"net/http"
	"strings"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/callback"
	"github.com/wxrollout/wxrollout/wxsim/internal/endpoint"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/lever"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Sim is one simulated Open Platform with one third-party platform on it. All methods are safe for concurrent use.
type Sim struct {
	world   *model.World
	gateway *gateway.Gateway
	levers  *lever.Levers
	sender  *callback.Sender
	end     context.CancelFunc // ends hanging calls, timers and callbacks
}

// New starts a simulator. Close it to end its callbacks and the calls that hang.
func New(o Options) *Sim {
	o = o.withDefaults()
	closing, end := context.WithCancel(context.Background())
	sender, err := callback.New(closing, o.Push, o.ComponentAppID, o.Clock)
	if err != nil {
		panic("wxsim: Options.Push: " + err.Error())
	}
	mo := o.model()
	mo.Closing = closing
	w := model.New(mo, o.settings(), sender)
	sender.Start(w.Settings, &w.Books)
	g := gateway.New(w, endpoint.Table(), o.timer)
	for path, l := range o.Limits {
		g.SetLimit(path, l)
	}
	w.AddApps(o.Apps)
	w.SetTicketEvery(o.Push.TicketEvery)
	return &Sim{world: w, gateway: g, levers: lever.New(w, g), sender: sender, end: end}
}

// Close ends callbacks, waits for those being sent, and ends calls that hang or wait.
func (s *Sim) Close() {
	s.end()
	s.sender.Wait()
}

// ServeHTTP serves the API of WeChat, and the levers under /_sim/.
func (s *Sim) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if strings.HasPrefix(r.URL.Path, lever.Prefix) {
		s.levers.ServeHTTP(w, r)
		return
	}
	s.gateway.ServeHTTP(w, r)
}

// Change edits the settings.
func (s *Sim) Change(edit func(*Settings)) { s.world.Change(edit) }

// Books takes a snapshot. While calls are running its numbers may be a call apart; check it when they have ended.
func (s *Sim) Books() Books { return s.world.Snapshot() }

// ForgetRenewals sets the counts of renewals to zero, to measure the cost of one expiry.
func (s *Sim) ForgetRenewals() { s.world.ForgetRenewals() }

// Tally counts the apps by state and live version.
func (s *Sim) Tally() Tally { return s.world.Tally() }

// App is a snapshot of one app; false means that there is none with this id.
func (s *Sim) App(appid string) (AppView, bool) { return s.world.View(appid) }

// Apps are snapshots of the apps in a state (all if empty): at most limit, after skipping offset. total is the number of
// apps in that state.
func (s *Sim) Apps(state string, offset, limit int) (views []AppView, total int) {
	return s.world.Views(state, offset, limit)
}

// ChangeApp alters an app. It returns an error if there is none with this id.
func (s *Sim) ChangeApp(appid string, ch AppChange) error { return s.world.ChangeApp(appid, ch) }

// PutTemplate adds a template, or replaces the one with its id, which no call of the API can. A negative id means the
// next free one. It returns the id.
func (s *Sim) PutTemplate(t Template) int64 { return s.world.PutTemplate(t) }

// PutDraft plays an upload from the developer tools: it replaces the draft and returns the new draft_id.
func (s *Sim) PutDraft(t Template) int64 { return s.world.PutDraft(t) }

// AddFault puts a fault in force. A call meets the oldest fault that fits it.
func (s *Sim) AddFault(f Fault) error { return s.gateway.AddFault(f) }

// Faults lists the faults in force with the counts they have left.
func (s *Sim) Faults() []Fault { return s.gateway.Faults() }

// ClearFaults ends every fault in force.
func (s *Sim) ClearFaults() { s.gateway.ClearFaults() }

// SetLimit bounds the calls of an endpoint, given by path; a zero Limit frees it. It reports whether the path exists.
func (s *Sim) SetLimit(path string, l Limit) bool { return s.gateway.SetLimit(path, l) }

// SetQuota sets the rest of the month's submissions and what each month (or refill) restores.
func (s *Sim) SetQuota(rest, limit int) { s.world.SetQuota(rest, limit) }

// SetRefill restores the quota to its limit at an interval from now on; zero leaves it to the calendar.
func (s *Sim) SetRefill(every time.Duration) { s.world.SetRefill(every) }

// Approve passes the running audit of an app (of every app if appid is empty) now; it returns the number of audits.
func (s *Sim) Approve(appid string) int { return s.world.Approve(appid) }

// Reject rejects the running audit of an app (of every app if appid is empty) now; it returns the number of audits. An
// empty reason means one of the usual ones.
func (s *Sim) Reject(appid, reason string) int { return s.world.Reject(appid, reason) }

// DecideNext decides the next undecided submission of an app in advance; further calls decide those after it.
func (s *Sim) DecideNext(appid string, reject bool, reason string) {
	s.world.DecideNext(appid, reject, reason)
}

// DecideInterface ends the audit of an app's application for a location api, such as wx.getLocation: with an empty reason
// it is granted, and later commits may use the api. The callback is wxa_privacy_apply. It reports whether there was an
// audit to end.
func (s *Sim) DecideInterface(appid, api, reason string) bool {
	return s.world.DecideInterface(appid, api, reason)
}

// Authorize plays a merchant who approves the platform, whatever was approved before: the app gets a new refresh token.
// The authorization_code is returned, empty if there is no such app; the callback is authorized.
func (s *Sim) Authorize(appid string) string { return s.world.Authorize(appid) }

// Unauthorize plays a merchant who takes the authorization back: every call on the app answers 61003. The callback is
// unauthorized. It reports whether the app was authorized.
func (s *Sim) Unauthorize(appid string) bool { return s.world.Unauthorize(appid) }

// UpdateAuthorization plays a merchant who grants permission set 18 or takes it back. The authorization_code is returned,
// empty if nothing changed; the callback is updateauthorized.
func (s *Sim) UpdateAuthorization(appid string, set18 bool) string {
	return s.world.UpdateAuthorization(appid, set18)
}

// Visit plays a merchant with an app who opens an authorization page and approves: it checks the URL as the page does,
// uses its pre_auth_code up, and returns where the browser is redirected.
func (s *Sim) Visit(page, appid string) (redirect string, err error) {
	return s.world.Visit(page, appid)
}

// Registrations lists the app creations, oldest first.
func (s *Sim) Registrations() []Registration { return s.world.Creations() }

// FinishRegistration ends an app creation that waits. Status 0 plays a person who agrees and passes the face check, any
// other is WeChat's number for the failure. A callback reports the end; a trial app's is followed by authorized. It
// returns the appid, if an app was created.
func (s *Sim) FinishRegistration(id string, status int) (appid string, err error) {
	return s.world.FinishCreation(id, status)
}

// PlaceFile puts the confirm file of an app (of the component if appid is empty) at the root of a host, such as
// shop.example.com, where web-view domains and QR code rules are checked for it.
func (s *Sim) PlaceFile(appid, host string) { s.world.Platform.PlaceFile(appid, host) }

// ExpireComponentToken makes every component_access_token answer 42001.
func (s *Sim) ExpireComponentToken() { s.world.ExpireComponentToken() }

// ExpireToken makes the access tokens of an app (of every app if appid is empty) answer 42001.
func (s *Sim) ExpireToken(appid string) { s.world.ExpireToken(appid) }

// RotateRefreshToken replaces the refresh token of an app (of every app if appid is empty); the old one works 5 more
// minutes.
func (s *Sim) RotateRefreshToken(appid string) { s.world.RotateRefreshToken(appid) }

// PushTicket issues a new component_verify_ticket, sends its callback if Push.AuthURL is set, and returns it.
func (s *Sim) PushTicket() string { return s.world.PushTicket() }

// SetTicketEvery changes the interval of ticket callbacks and sends one now; zero ends them.
func (s *Sim) SetTicketEvery(every time.Duration) { s.world.SetTicketEvery(every) }

// StopTickets stops the ticket callbacks, as WeChat does when they fail too often; api_start_push_ticket resumes them.
func (s *Sim) StopTickets() { s.world.StopTickets() }

// PushVerdict sends the callback of the end of an app's latest audit again; it reports whether the audit has ended.
func (s *Sim) PushVerdict(appid string) bool { return s.world.PushVerdict(appid) }
