package wxsim

import (
	"context"
	"net/http"
	"strings"

	"github.com/wxrollout/wxrollout/wxsim/internal/callback"
	"github.com/wxrollout/wxrollout/wxsim/internal/endpoint"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/lever"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

type (
	world   = model.World
	traffic = gateway.Gateway
)

// Sim is one simulated Open Platform with one third-party platform on it. All methods are safe for concurrent use.
//
// Its methods play those who act on the platform: auditors (Approve, Reject, DecideNext, DecideInterface, SendVerdict),
// merchants (Authorize, Unauthorize, UpdateAuthorization, Visit, ChangeApp), the platform's developers (PutTemplate,
// PutDraft), and WeChat (SendTicket, SetTicketEvery, StopTickets, ExpireComponentToken, ExpireToken, RotateRefreshToken,
// SetQuota, SetRefill). Change edits the settings; AddFault, ClearFaults and SetLimit make calls fail; Tally counts the
// apps; ForgetRenewals starts the count of renewals again.
type Sim struct {
	*world
	*traffic

	levers *lever.Levers
	sender *callback.Sender
	end    context.CancelFunc // ends hanging calls, timers and callbacks
}

// New starts a simulator. Close it to end its callbacks and the calls that hang.
func New(o Options) *Sim {
	o = o.withDefaults()
	closing, end := context.WithCancel(context.Background())
	sender, err := callback.New(closing, o.Callbacks, o.ComponentAppID, o.Clock)
	if err != nil {
		panic("wxsim: Options.Callbacks: " + err.Error())
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
	w.SetTicketEvery(o.Callbacks.TicketEvery)
	return &Sim{world: w, traffic: g, levers: lever.New(w, g), sender: sender, end: end}
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
	s.traffic.ServeHTTP(w, r)
}

// Books takes a snapshot. While calls are running its numbers may be a call apart; check it when they have ended.
func (s *Sim) Books() Books { return s.Snapshot() }

// App is a snapshot of one app; false means that there is none with this id.
func (s *Sim) App(appid string) (AppView, bool) { return s.View(appid) }

// Apps are snapshots of the apps in a state (all if empty): at most limit, after skipping offset. total is the number of
// apps in that state.
func (s *Sim) Apps(state string, offset, limit int) (views []AppView, total int) {
	return s.Views(state, offset, limit)
}

// PlaceFile puts the confirm file of an app (of the component if appid is empty) at the root of a host, such as
// shop.example.com, where web-view domains and QR code rules are checked for it.
func (s *Sim) PlaceFile(appid, host string) { s.Platform.PlaceFile(appid, host) }
