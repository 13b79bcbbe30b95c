package config

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/tasks"
)

// Role selects the settings of a program.
type Role int

// The roles.
const (
	RoleWorker Role = iota
	RoleOperator
)

// Config holds every setting. Its value is the flag, else the variable WXROLLOUT_ and its name in
// capitals, else the default. Secrets are never flags.
type Config struct {
	RedisURL              string
	RedisUser             string
	RedisPassword         Secret
	RedisSentinelUser     string
	RedisSentinelPassword Secret
	RedisCA               string
	RedisCert             string
	RedisKey              string
	RedisAccept           []string

	WeChatURL       string
	WeChatPlain     bool
	ComponentAppID  string
	ComponentSecret Secret
	ComponentTicket Secret
	SealKey         Secret
	SealKeyPrevious Secret
	TokenURL        string
	TokenBearer     Secret
	CallTimeout     time.Duration
	Rate            int
	AppsRate        int

	Listen                 string
	PprofListen            string
	PprofOpen              bool
	CallbackToken          Secret
	CallbackAESKey         Secret
	CallbackAESKeyPrevious Secret
	Commit, Audit, Release int
	Drain                  time.Duration
	Timing                 tasks.Timing
	QuotaPoll              time.Duration

	LogLevel  string
	LogFormat string

	// Warnings are about settings that work and should not stay.
	Warnings []string

	file, context string            // which settings file was chosen, and of which only Load knows the content
	origins       map[string]string // by variable of the environment
}

// Setting is one setting of a loaded Config, for people.
type Setting struct {
	// Name is the variable of the environment.
	Name string `json:"name"`
	// Value is the effective value; a secret is [redacted].
	Value string `json:"value"`
	// Origin is flag, environment, default, or the file and line.
	Origin string `json:"origin"`
}

// Settings lists what is in effect after Load, by name, and where each value comes from. flags are those
// that Load read.
func (c *Config) Settings(flags *pflag.FlagSet) []Setting {
	var out []Setting
	flags.VisitAll(func(f *pflag.Flag) {
		out = append(out, Setting{Name: EnvName(f.Name), Value: f.Value.String(), Origin: c.origins[EnvName(f.Name)]})
	})
	for _, s := range c.secrets() {
		if name := envPrefix + s.name; !s.value.Empty() {
			out = append(out, Setting{Name: name, Value: s.value.String(), Origin: cmp.Or(c.origins[name], "in "+EnvName("redis-url"))})
		}
	}
	return out
}

// envPrefix starts the name of every setting in the environment.
const envPrefix = "WXROLLOUT_"

// secret is a setting that is read from the environment, or from a file that it names.
type secret struct {
	name  string
	usage string
	value *Secret
}

func (c *Config) secrets() []secret {
	return []secret{
		{"REDIS_PASSWORD", "password of the Redis ACL user", &c.RedisPassword},
		{"REDIS_SENTINEL_PASSWORD", "password of the sentinels, if they require one", &c.RedisSentinelPassword},
		{"COMPONENT_SECRET", "secret of the third-party platform", &c.ComponentSecret},
		{"COMPONENT_TICKET", "a verify ticket for the start, until WeChat sends one", &c.ComponentTicket},
		{"SEAL_KEY", "32 bytes in base64 that seal the tokens in Redis (openssl rand -base64 32)", &c.SealKey},
		{"SEAL_KEY_PREVIOUS", "the previous key, during a key change", &c.SealKeyPrevious},
		{"TOKEN_BEARER", "bearer token for token-url", &c.TokenBearer},
		{"CALLBACK_TOKEN", "token of the message callbacks", &c.CallbackToken},
		{"CALLBACK_AES_KEY", "EncodingAESKey of the message callbacks", &c.CallbackAESKey},
		{"CALLBACK_AES_KEY_PREVIOUS", "the previous key, during a key change", &c.CallbackAESKeyPrevious},
	}
}

// Bind defines the flags of a role's settings, with their defaults.
func Bind(fs *pflag.FlagSet, c *Config, role Role) {
	fs.StringVar(&c.file, "config", "", "settings file with contexts (default: ./wxrollout.yaml, else ~/.config/wxrollout/config.yaml)")
	fs.StringVar(&c.context, "context", "", "context of the settings file (default: its current one)")
	fs.StringVar(&c.RedisURL, "redis-url", "redis://127.0.0.1:6379/0", "redis://host:port/db, rediss:// with TLS, redis+sentinel://h1,h2/master/db or redis+cluster://h1,h2")
	fs.StringVar(&c.RedisUser, "redis-user", "", "Redis ACL user")
	fs.StringVar(&c.RedisSentinelUser, "redis-sentinel-user", "", "ACL user of the sentinels, if they require one")
	fs.StringVar(&c.RedisCA, "redis-ca", "", "file with the CA of Redis's TLS certificate, if not a public one")
	fs.StringVar(&c.RedisCert, "redis-cert", "", "file with our TLS client certificate for Redis")
	fs.StringVar(&c.RedisKey, "redis-key", "", "file with the key of redis-cert")
	fs.StringSliceVar(&c.RedisAccept, "redis-accept", nil, "what you vouch for where the server hides it: "+strings.Join(redisserver.AcceptWords(), ", ")+" (docs/redis.md)")
	fs.StringVar(&c.WeChatURL, "wechat-url", "https://api.weixin.qq.com", "base URL of WeChat's API, or of a simulator")
	fs.BoolVar(&c.WeChatPlain, "wechat-plain-http", false, "allow http:// to another machine in wechat-url: for a simulator, never for WeChat")
	fs.StringVar(&c.ComponentAppID, "component-appid", "", "appid of the third-party platform")
	fs.StringVar(&c.TokenURL, "token-url", "", "endpoint of the platform's own token service, in place of renewing tokens here (docs/token-broker.md)")
	fs.DurationVar(&c.CallTimeout, "call-timeout", 15*time.Second, "time limit of one call to WeChat")
	fs.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", "json", "json, or console for people")
	fs.DurationVar(&c.QuotaPoll, "quota-poll", time.Minute, "maximum age of the reading of the submission quota")
	if role == RoleWorker {
		bindWorker(fs, c)
	}
}

func bindWorker(fs *pflag.FlagSet, c *Config) {
	d := tasks.Timing{}.WithDefaults()
	fs.StringVar(&c.Listen, "listen", "127.0.0.1:9090", "address of /metrics, /healthz, /readyz and the callbacks under /wechat/; :9090 opens it to other machines")
	fs.StringVar(&c.PprofListen, "pprof-listen", "", "host:port of /debug/pprof/, such as 127.0.0.1:6060; empty serves no profiles")
	fs.BoolVar(&c.PprofOpen, "pprof-open", false, "allow pprof-listen on an address that other machines reach")
	fs.IntVar(&c.Commit, "commit-concurrency", 16, "handlers of the commit queue (preflight, commit, check); 0 leaves it to other workers")
	fs.IntVar(&c.Audit, "audit-concurrency", 16, "handlers of the audit queue (submit, verdict)")
	fs.IntVar(&c.Release, "release-concurrency", 8, "handlers of the release queue")
	fs.IntVar(&c.Rate, "rate", 0, "calls to WeChat per second over all workers; 0 means no limit until WeChat refuses calls")
	fs.IntVar(&c.AppsRate, "apps-rate", 20, "background calls per second that read WeChat's list of apps and their details")
	fs.DurationVar(&c.Drain, "drain", 20*time.Second, "how long SIGTERM waits for running calls; longer than call-timeout")
	fs.DurationVar(&c.Timing.Lease, "lease", d.Lease, "how long an assignment lasts without a heartbeat of its worker")
	fs.DurationVar(&c.Timing.Busy.Base, "busy-base", d.Busy.Base, "mean of the first wait after a busy reply; doubles, with full jitter")
	fs.DurationVar(&c.Timing.Busy.Cap, "busy-cap", d.Busy.Cap, "longest wait after a busy reply")
	fs.DurationVar(&c.Timing.BusyPark, "busy-park", d.BusyPark, "how long a target parks when WeChat stays busy")
	fs.DurationVar(&c.Timing.OutageProbe, "outage-probe", d.OutageProbe, "wait between two probes of a stage during an outage of WeChat")
	fs.DurationVar(&c.Timing.Settle, "settle", d.Settle, "how long after a lost reply a read-back that finds nothing is final")
	fs.DurationVar(&c.Timing.Privacy, "privacy-poll", d.Privacy, "first wait for the privacy detection; grows to ten times that")
	fs.DurationVar(&c.Timing.Verdict, "verdict-poll", d.Verdict, "first wait between two reads of an audit; grows to fifteen times that; 0 relies on WeChat's callbacks alone")
	fs.DurationVar(&c.Timing.InAudit, "in-audit-poll", d.InAudit, "wait between two reads of another version's audit")
	fs.DurationVar(&c.Timing.Overlap, "overlap-wait", d.Overlap, "wait after a read that WeChat refused because an earlier operation on the app still runs (9402202)")
	fs.DurationVar(&c.Timing.Merchant, "merchant-poll", d.Merchant, "wait between two reads of an app that needs its merchant")
}

// callbacksOnly is the interval of reading an audit that relies on callbacks: longer than any audit
// takes, so that a lost callback is noticed in the end.
const callbacksOnly = 30 * 24 * time.Hour

// HandlerTiming completes the handlers' waits.
func (c *Config) HandlerTiming() tasks.Timing {
	t := c.Timing
	t.Assignment = t.Lease * 2 / 3
	if t.Verdict == 0 {
		t.Verdict = callbacksOnly
	}
	t.PrivacyMax, t.VerdictMax = 10*t.Privacy, min(15*t.Verdict, callbacksOnly)
	return t.WithDefaults()
}

// SecretUsage lists the secrets for a help text, one per line.
func SecretUsage() string {
	var b strings.Builder
	for _, s := range (&Config{}).secrets() {
		fmt.Fprintf(&b, "  %s%-26s %s\n", envPrefix, s.name, s.usage)
	}
	return b.String()
}

// PermitTTL is the time after which an unsettled permit returns to its pool: soon after the lease of a
// dead worker's assignment has expired, so that submissions don't wait while there is quota. It is 0,
// the limiter's default, for an operator, which takes no permits.
func (c *Config) PermitTTL() time.Duration { return c.Timing.Lease + c.Timing.Busy.Cap }
