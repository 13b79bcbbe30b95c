package wxsim

import (
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
	"github.com/wxrollout/wxrollout/wxsim/internal/callback"
	"github.com/wxrollout/wxrollout/wxsim/internal/chance"
	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
	"github.com/wxrollout/wxrollout/wxsim/internal/endpoint"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Time.
type (
	// Clock is a source of time and timers.
	Clock = clock.Clock
	// ManualClock moves only when it is advanced.
	ManualClock = clock.Manual
	// Range is a span of durations, written "1s-3s" or just "2s".
	Range = chance.Range
	// Duration is a time.Duration written "1.5s" in JSON.
	Duration = gateway.Duration
)

// NewManualClock starts a clock at the given time.
func NewManualClock(at time.Time) *ManualClock { return clock.NewManual(at) }

// The simulated platform.
type (
	// Settings can be changed while calls run; see Sim.Change.
	Settings = model.Settings
	// Quirks choose between behaviors on which sources differ. The zero value is what current pages show.
	Quirks = model.Quirks
	// QuotaOptions is the platform's submission quota at the start.
	QuotaOptions = model.QuotaOptions
	// CallbackOptions say where callbacks go and how unreliable they are. Shares are 0..1.
	CallbackOptions = callback.Options
	// Limit bounds the calls of one endpoint over the whole platform.
	Limit = gateway.Limit
	// Template is one entry of the template library, or a draft of one.
	Template = model.Template
	// AppChange alters an app; nil fields stay as they are.
	AppChange = model.Change
	// AppView is a snapshot of one app.
	AppView = model.View
	// Books is a snapshot of all accepted calls and all offences.
	Books = books.Books
	// Offences are a total and its first 100 cases.
	Offences = books.Offences
	// ImbalanceError is one rule that the books break.
	ImbalanceError = books.ImbalanceError
	// Fault makes the next calls fail.
	Fault = gateway.Fault
	// FaultKind is a way for a call to fail.
	FaultKind = gateway.FaultKind
)

// Kinds of faults. All but FaultDropAfter and FaultSlow leave the app unchanged, unless Fault.Effect is set.
const (
	FaultBusy       = gateway.FaultBusy       // answers -1
	FaultCode       = gateway.FaultCode       // answers Fault.Code
	FaultHang       = gateway.FaultHang       // never answers
	FaultDropBefore = gateway.FaultDropBefore // breaks the connection
	FaultDropAfter  = gateway.FaultDropAfter  // breaks the connection after the call took effect
	FaultBadGateway = gateway.FaultBadGateway // answers HTTP 502 with a page of HTML
	FaultGarbage    = gateway.FaultGarbage    // answers HTTP 200 with text that is no JSON
	FaultSlow       = gateway.FaultSlow       // takes effect and answers properly, after Fault.Delay
)

// AppID is the appid of the generated app with an index from 0: "wx" and 16 lower-case hex digits, 18 characters.
func AppID(index int) string { return model.AppID(index) }

// Route is one call that the simulator serves.
type Route struct {
	// Method is GET or POST, Path the path with its leading slash.
	Method, Path string
	// Token is the kind of token it takes: none, component, app or either.
	Token string
}

// Routes lists the calls that the simulator serves, the platform's first.
func Routes() []Route {
	var routes []Route
	for _, ep := range endpoint.Table() {
		routes = append(routes, Route{Method: ep.Method, Path: ep.Path, Token: ep.Token()})
	}
	return routes
}

// Codes lists the errcodes of the simulator's rules, in no order. A fault may give any other.
func Codes() []int { return gateway.Codes() }
