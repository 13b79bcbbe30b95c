package wxsim

import (
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/books"
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

// ParseRange reads "1s-3s" or "2s".
func ParseRange(s string) (Range, error) { return chance.ParseRange(s) }

// The simulated platform.
type (
	// Settings can be changed while calls run; see Sim.Change.
	Settings = model.Settings
	// Quirks choose between behaviors on which sources differ. The zero value is what current pages show.
	Quirks = model.Quirks
	// QuotaOptions is the platform's submission quota at the start.
	QuotaOptions = model.QuotaOptions
	// Template is one entry of the template library, or a draft of one.
	Template = model.Template
	// AppChange alters an app; nil fields stay as they are.
	AppChange = model.Change
	// AppView is a snapshot of one app.
	AppView = model.View
	// Submission is one accepted submission in an AppView.
	Submission = model.Submitted
	// Release is one publication in an AppView.
	Release = model.Released
	// Tally counts the apps.
	Tally = model.Tally
	// Registration is an app creation that a person has to agree to.
	Registration = model.Creation
	// Limit bounds the calls of one endpoint over the whole platform.
	Limit = gateway.Limit
)

// DefaultTemplates is the library of a Sim that is given none: ids 0 to 2 with versions 1.0.0, 2.0.0 and 3.0.0.
func DefaultTemplates() []Template { return model.DefaultTemplates() }

// AppID is the appid of the generated app with an index from 0: "wx" and 16 lower-case hex digits, 18 characters.
func AppID(index int) string { return model.AppID(index) }

// Account states of a mini program, as api_get_authorizer_info gives them.
const (
	StatusNormal   = model.StatusNormal
	StatusCanceled = model.StatusCanceled
	StatusBanned   = model.StatusBanned
	StatusWarned   = model.StatusWarned
	StatusFrozen   = model.StatusFrozen
)

// Audit states, as get_latest_auditstatus gives them.
const (
	AuditPassed    = model.AuditPassed
	AuditRejected  = model.AuditRejected
	AuditRunning   = model.AuditRunning
	AuditWithdrawn = model.AuditWithdrawn
	AuditDelayed   = model.AuditDelayed
)

// States of an app's code, as AppView and Tally give them.
const (
	AppIdle      = model.StateIdle
	AppChecking  = model.StateChecking
	AppCommitted = model.StateCommitted
	AppInAudit   = model.StateInAudit
	AppDelayed   = model.StateDelayed
	AppRejected  = model.StateRejected
	AppWithdrawn = model.StateWithdrawn
	AppApproved  = model.StateApproved
	AppGray      = model.StateGray
	AppReleased  = model.StateReleased
)

// Kinds of Registration.
const (
	RegisterTrial      = model.Trial
	RegisterConversion = model.Conversion
	RegisterEnterprise = model.Enterprise
	RegisterPersonal   = model.Personal
)

// Faults.
type (
	// Fault makes the next calls fail.
	Fault = gateway.Fault
	// FaultKind is a way for a call to fail.
	FaultKind = gateway.FaultKind
)

// Kinds of faults. Those documented as "without effect" leave the app unchanged, unless Fault.Effect is set.
const (
	// FaultBusy answers -1 without effect.
	FaultBusy = gateway.FaultBusy
	// FaultCode answers Fault.Code without effect.
	FaultCode = gateway.FaultCode
	// FaultHang never answers, without effect.
	FaultHang = gateway.FaultHang
	// FaultDropBefore breaks the connection without effect.
	FaultDropBefore = gateway.FaultDropBefore
	// FaultDropAfter breaks the connection after the call took effect.
	FaultDropAfter = gateway.FaultDropAfter
	// FaultBadGateway answers HTTP 502 with a page of HTML, without effect.
	FaultBadGateway = gateway.FaultBadGateway
	// FaultGarbage answers HTTP 200 with text that is no JSON, without effect.
	FaultGarbage = gateway.FaultGarbage
	// FaultSlow takes effect and answers properly, after Delay.
	FaultSlow = gateway.FaultSlow
)

// The books.
type (
	// Books is a snapshot of all accepted calls and all offences.
	Books = books.Books
	// ImbalanceError is one rule that the books break.
	ImbalanceError = books.ImbalanceError
	// EndpointBook counts the calls of one endpoint.
	EndpointBook = books.Endpoint
	// AuditCounts counts accepted submissions by state.
	AuditCounts = books.Audits
	// QuotaBook is the state and the past of the submission quota.
	QuotaBook = books.Quota
	// Closing is a span in which the platform had no quota left.
	Closing = books.Closing
	// RenewalBook counts fetched tokens.
	RenewalBook = books.Renewals
	// PushBook counts callbacks.
	PushBook = books.Callbacks
	// Offences are a total and its first 100 cases.
	Offences = books.Offences
	// Offence is one thing a careful client would not have done.
	Offence = books.Offence
)

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
		routes = append(routes, Route{Method: ep.Method, Path: ep.Path, Token: ep.Auth.String()})
	}
	return routes
}

// Codes lists the errcodes of the simulator's rules, in no order. A fault may give any other.
func Codes() []int { return gateway.Codes() }
