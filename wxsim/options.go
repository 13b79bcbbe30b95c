package wxsim

import (
	"fmt"
	"net/http"
	"strings"
	"time"
)

// Credentials of the default setup; Options may replace each of them.
const (
	// DefaultComponentAppID is the appid of the simulated third-party platform.
	DefaultComponentAppID = "wx0000000000000001"
	// DefaultSecret is the component_appsecret: 32 characters, as the real ones.
	DefaultSecret = "0a1b2c3d4e5f60718293a4b5c6d7e8f9"
	// DefaultTicket is a component_verify_ticket that is valid from the start, for workers that get no pushes.
	DefaultTicket = "ticket@@@wxsim-initial-0a1b2c3d4e5f"
	// DefaultToken is the Token that signs pushes.
	DefaultToken = "wxsimcallbacktoken"
	// DefaultAESKey is the EncodingAESKey of pushes: 43 characters.
	DefaultAESKey = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQ"
	// DefaultQuota is the monthly submission quota when Options.Quota.Limit is zero.
	DefaultQuota = 10000
)

// Options configure a Sim. The zero value is a quiet, obedient WeChat without apps.
type Options struct {
	// Clock is the source of time; nil means the system clock.
	Clock Clock
	// Seed feeds every random decision.
	Seed uint64
	// Apps is how many generated mini programs exist at the start; see AppID.
	Apps int
	// ComponentAppID, Secret and Ticket default to the constants of this package.
	ComponentAppID, Secret, Ticket string
	// Templates is the initial template library; nil means DefaultTemplates().
	Templates []Template
	// Quota is the platform's monthly submission quota.
	Quota QuotaOptions
	// TokenTTL is the life of access tokens; zero means 2 h.
	TokenTTL time.Duration
	// RotateRefreshTokens makes every api_authorizer_token call hand out a new refresh token; the old one works 5 more
	// minutes. Whether WeChat ever does this is not documented.
	RotateRefreshTokens bool
	// Latency is the real time between a call taking effect and its answer.
	Latency Range
	// PrivacyDelay is how long the privacy check of a commit takes; zero means it is over at once.
	PrivacyDelay Range
	// AuditDelay is how long an audit takes; zero means the verdict stands at once.
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
	// Push says where encrypted pushes go and how badly they travel.
	Push PushOptions
	// Quirks choose between behaviors on which sources differ.
	Quirks Quirks

	// after is time.NewTimer but for tests: it times latency and slow answers.
	after func(time.Duration) (fired <-chan time.Time, stop func() bool)
}

// QuotaOptions is the platform's submission quota at the start.
type QuotaOptions struct {
	// Limit is what each month starts with; zero means DefaultQuota, negative means none at all.
	Limit int
	// Rest is what is left of it now; zero means Limit, negative means nothing.
	Rest int
	// Refill, when positive, restores Rest to Limit every so often, as if months were that short.
	Refill time.Duration
	// SpeedupLimit is the monthly number of speed-ups; zero means 10, negative means none.
	SpeedupLimit int
}

// Limit bounds the calls of one endpoint over the whole platform. Zero fields do not bound.
type Limit struct {
	// Daily calls until 45009, counted from 00:00 UTC+8.
	Daily int `json:"daily"`
	// PerMinute calls until 45011, counted per clock minute.
	PerMinute int `json:"per_minute"`
}

// Quirks choose between behaviors on which sources differ. The zero value is what current pages show.
type Quirks struct {
	// AuditIDString answers auditid as a quoted string, as the older table has it.
	AuditIDString bool `json:"auditid_string"`
	// ReleaseTwice is the errcode of a release when the approved version is already live: 85052 when zero; 85019 and
	// 85020 are reported too, and -2 stands for accepting it again with errcode 0.
	ReleaseTwice int `json:"release_twice"`
	// GrayNeedsRelease makes a gray release of 100 % wait for release before getversioninfo shows it.
	GrayNeedsRelease bool `json:"gray_needs_release"`
	// OptionByComponent makes the option calls want the component's token and both appids, as old pages have it, in place
	// of the app's token.
	OptionByComponent bool `json:"option_by_component"`
}

// PushOptions say where pushes go and how badly they travel. Shares are 0..1.
type PushOptions struct {
	// AuthURL receives tickets and authorization events; empty means no such pushes.
	AuthURL string
	// AppURL receives audit events; $APPID$ in it becomes the appid; empty means no such pushes.
	AppURL string
	// TicketEvery is the pause between ticket pushes; zero means none but those asked for.
	TicketEvery time.Duration
	// Token and AESKey sign and encrypt; they default to DefaultToken and DefaultAESKey.
	Token, AESKey string
	// Lost pushes are never sent, Late ones wait LateBy, Doubled ones are sent twice, OutOfOrder ones are held back until
	// another push has gone out (or LateBy has passed).
	Lost, Late, Doubled, OutOfOrder float64
	// LateBy is how late; zero means 1s-3s.
	LateBy Range
	// Attempts per push until one is answered "success"; zero means 3.
	Attempts int
	// RetryAfter is the pause between attempts; zero means 5 s.
	RetryAfter time.Duration
	// Timeout of one attempt in real time; zero means 5 s.
	Timeout time.Duration
	// Client sends the pushes; nil means one of its own.
	Client *http.Client
}

// Range is a span of durations, written "1s-3s" or just "2s".
type Range struct {
	// Min and Max are inclusive; Max below Min counts as Min.
	Min, Max time.Duration
}

// ParseRange reads "1s-3s" or "2s".
func ParseRange(s string) (Range, error) {
	low, high, two := strings.Cut(s, "-")
	lo, err := time.ParseDuration(low)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: want a form like 2s or 1s-3s: %w", s, err)
	}
	if !two {
		return Range{lo, lo}, nil
	}
	hi, err := time.ParseDuration(high)
	if err != nil {
		return Range{}, fmt.Errorf("range %q: want a form like 2s or 1s-3s: %w", s, err)
	}
	if hi < lo {
		return Range{}, fmt.Errorf("range %q: the second duration is below the first", s)
	}
	return Range{lo, hi}, nil
}

// String writes the range as ParseRange reads it.
func (r Range) String() string {
	if r.Max <= r.Min {
		return r.Min.String()
	}
	return r.Min.String() + "-" + r.Max.String()
}

// MarshalText implements encoding.TextMarshaler.
func (r Range) MarshalText() ([]byte, error) { return []byte(r.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (r *Range) UnmarshalText(text []byte) error {
	got, err := ParseRange(string(text))
	if err == nil {
		*r = got
	}
	return err
}

// at picks the duration at u (0..1) of the range.
func (r Range) at(u float64) time.Duration {
	if r.Max <= r.Min {
		return r.Min
	}
	return r.Min + time.Duration(u*float64(r.Max-r.Min))
}
