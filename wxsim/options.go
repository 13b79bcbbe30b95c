package wxsim

import (
	"cmp"
	"time"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
	"github.com/wxrollout/wxrollout/wxsim/internal/gateway"
	"github.com/wxrollout/wxrollout/wxsim/internal/model"
)

// Credentials of the default setup; Options may replace each of them.
const (
	// DefaultComponentAppID is the appid of the simulated third-party platform.
	DefaultComponentAppID = "wx0000000000000001"
	// DefaultSecret is the component_appsecret: 32 characters, as the real ones.
	DefaultSecret = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	// DefaultTicket is a component_verify_ticket that is valid from the start, for workers that receive no callbacks.
	DefaultTicket = "ticket@@@wxsim-initial-0a1b2c3d4e5f"
	// DefaultToken is the Token that signs callbacks.
	DefaultToken = "wxsimcallbacktoken"
	// DefaultAESKey is the EncodingAESKey of callbacks: 43 characters.
	DefaultAESKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
	// DefaultQuota is the monthly submission quota when Options.Quota.Limit is zero.
	DefaultQuota = model.DefaultQuota
)

// Options configure a Sim. The zero value is a WeChat without apps, delays and failures.
type Options struct {
	// Clock is the source of time; nil means the system clock.
	Clock Clock
	// Seed feeds every random decision.
	Seed uint64
	// Apps is the number of generated mini programs at the start; see AppID.
	Apps int
	// ComponentAppID, Secret and Ticket default to the constants of this package.
	ComponentAppID, Secret, Ticket string
	// Templates is the initial template library; nil means ids 0 to 2 with versions 1.0.0, 2.0.0 and 3.0.0.
	Templates []Template
	// Quota is the platform's monthly submission quota.
	Quota QuotaOptions
	// TokenTTL is the life of access tokens; zero means 2 h.
	TokenTTL time.Duration
	// RotateRefreshTokens makes every api_authorizer_token call hand out a new refresh token; the old one works 5 more
	// minutes. WeChat's documents do not say whether it ever does this.
	RotateRefreshTokens bool
	// Latency is the real time between the effect of a call and its answer.
	Latency Range
	// PrivacyDelay is the duration of the privacy check of a commit; zero ends it immediately.
	PrivacyDelay Range
	// AuditDelay is the duration of an audit; zero gives the verdict immediately.
	AuditDelay Range
	// RejectRate is the share (0..1) of accepted submissions that end rejected.
	RejectRate float64
	// DelayRate is the share (0..1) of audits that show status 4 (delayed) in their second half.
	DelayRate float64
	// BusyRate is the share (0..1) of calls on apps answered -1 without effect.
	BusyRate float64
	// BusyCredentials extends BusyRate to the calls made with no token or a component token.
	BusyCredentials bool
	// LostRate is the share (0..1) of writes on apps whose reply is dropped after they took effect.
	LostRate float64
	// Limits are per-endpoint call limits by path; none by default.
	Limits map[string]Limit
	// Callbacks say where encrypted callbacks go.
	Callbacks CallbackOptions
	// Quirks choose between behaviors on which sources differ.
	Quirks Quirks

	// timer times latency and slow answers; tests replace it.
	timer gateway.Timer
}

// withDefaults puts the documented defaults in place of zero values.
func (o Options) withDefaults() Options {
	if o.Clock == nil {
		o.Clock = clock.System{}
	}
	if o.Templates == nil {
		o.Templates = model.DefaultTemplates()
	}
	or(&o.ComponentAppID, DefaultComponentAppID)
	or(&o.Secret, DefaultSecret)
	or(&o.Ticket, DefaultTicket)
	or(&o.TokenTTL, 2*time.Hour)
	or(&o.Callbacks.Token, DefaultToken)
	or(&o.Callbacks.AESKey, DefaultAESKey)
	or(&o.Callbacks.RetryAfter, 5*time.Second)
	or(&o.Callbacks.Timeout, 5*time.Second)
	or(&o.Callbacks.Attempts, 3)
	if o.Callbacks.LateBy == (Range{}) {
		o.Callbacks.LateBy = Range{Min: time.Second, Max: 3 * time.Second}
	}
	return o
}

// or replaces an empty or negative value.
func or[T cmp.Ordered](to *T, def T) {
	var zero T
	if *to <= zero {
		*to = def
	}
}

// settings are the options that can be changed later.
func (o Options) settings() Settings {
	return Settings{
		Seed: o.Seed, Latency: o.Latency, PrivacyDelay: o.PrivacyDelay, AuditDelay: o.AuditDelay,
		RejectRate: o.RejectRate, DelayRate: o.DelayRate, BusyRate: o.BusyRate, BusyCredentials: o.BusyCredentials,
		LostRate: o.LostRate, Quirks: o.Quirks, CallbackLost: o.Callbacks.Lost, CallbackLate: o.Callbacks.Late,
		CallbackDoubled: o.Callbacks.Doubled, CallbackOutOfOrder: o.Callbacks.OutOfOrder,
	}
}

// model is the part of the options that the model needs.
func (o Options) model() model.Options {
	return model.Options{
		Clock: o.Clock, ComponentAppID: o.ComponentAppID, Secret: o.Secret, Ticket: o.Ticket, Templates: o.Templates,
		Quota: o.Quota, TokenTTL: o.TokenTTL, RotateRefreshTokens: o.RotateRefreshTokens,
	}
}
