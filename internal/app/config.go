package app

import (
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/tasks"
)

// Role says which settings a program needs.
type Role int

// The roles.
const (
	RoleWorker Role = iota
	RoleOperator
)

// Config is every setting. A setting is a flag, or WXROLLOUT_ and its name in
// capitals, or its default, in this order; secrets are never flags.
type Config struct {
	RedisURL              string
	RedisUser             string
	RedisPassword         Secret
	RedisSentinelUser     string
	RedisSentinelPassword Secret
	RedisCA               string
	RedisCert             string
	RedisKey              string

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
	CallbackToken          Secret
	CallbackAESKey         Secret
	CallbackAESKeyPrevious Secret
	Commit, Audit, Release int
	Drain                  time.Duration
	Timing                 tasks.Timing
	QuotaPoll              time.Duration

	LogLevel  string
	LogFormat string
}

// envPrefix starts the name of every setting in the environment.
const envPrefix = "WXROLLOUT_"

// secret is a setting that only the environment holds, or a file it names.
type secret struct {
	name  string
	usage string
	value *Secret
}

func (c *Config) secrets() []secret {
	return []secret{
		{"REDIS_PASSWORD", "password of the Redis ACL user", &c.RedisPassword},
		{"REDIS_SENTINEL_PASSWORD", "password of the sentinels themselves, if they ask for one", &c.RedisSentinelPassword},
		{"COMPONENT_SECRET", "secret of the third-party platform", &c.ComponentSecret},
		{"COMPONENT_TICKET", "a verify ticket to start with, until WeChat pushes one", &c.ComponentTicket},
		{"SEAL_KEY", "32 bytes in base64 that seal the tokens in Redis (openssl rand -base64 32)", &c.SealKey},
		{"SEAL_KEY_PREVIOUS", "the key before, while it is being changed", &c.SealKeyPrevious},
		{"TOKEN_BEARER", "what authorizes us at token-url", &c.TokenBearer},
		{"CALLBACK_TOKEN", "token of the message callbacks", &c.CallbackToken},
		{"CALLBACK_AES_KEY", "EncodingAESKey of the message callbacks", &c.CallbackAESKey},
		{"CALLBACK_AES_KEY_PREVIOUS", "the key before, while it is being changed", &c.CallbackAESKeyPrevious},
	}
}

// BindFlags registers a role's settings with their defaults.
func BindFlags(fs *pflag.FlagSet, c *Config, role Role) {
	fs.StringVar(&c.RedisURL, "redis-url", "redis://127.0.0.1:6379/0", "redis://host:port/db, rediss:// with TLS, redis+sentinel://h1,h2/master/db or redis+cluster://h1,h2")
	fs.StringVar(&c.RedisUser, "redis-user", "", "Redis ACL user")
	fs.StringVar(&c.RedisSentinelUser, "redis-sentinel-user", "", "ACL user of the sentinels themselves, if they have one")
	fs.StringVar(&c.RedisCA, "redis-ca", "", "file with the CA of Redis's TLS certificate, if not a public one")
	fs.StringVar(&c.RedisCert, "redis-cert", "", "file with our TLS client certificate for Redis")
	fs.StringVar(&c.RedisKey, "redis-key", "", "file with the key of redis-cert")
	fs.StringVar(&c.WeChatURL, "wechat-url", "https://api.weixin.qq.com", "base URL of WeChat's API, or of a simulator")
	fs.BoolVar(&c.WeChatPlain, "wechat-plain-http", false, "allow http:// to another machine in wechat-url: for a simulator, never for WeChat")
	fs.StringVar(&c.ComponentAppID, "component-appid", "", "appid of the third-party platform")
	fs.StringVar(&c.TokenURL, "token-url", "", "endpoint of the platform's own token service, in place of renewing tokens here (docs/token-broker.md)")
	fs.DurationVar(&c.CallTimeout, "call-timeout", 15*time.Second, "time limit of one call to WeChat")
	fs.StringVar(&c.LogLevel, "log-level", "info", "debug, info, warn or error")
	fs.StringVar(&c.LogFormat, "log-format", "json", "json, or console for people")
	fs.DurationVar(&c.QuotaPoll, "quota-poll", time.Minute, "how old the submission quota's reading may be")
	if role == RoleWorker {
		bindWorker(fs, c)
	}
}

func bindWorker(fs *pflag.FlagSet, c *Config) {
	d := tasks.Timing{}.WithDefaults()
	fs.StringVar(&c.Listen, "listen", ":9090", "address of /metrics, /healthz, /readyz and the callbacks under /wechat/")
	fs.StringVar(&c.PprofListen, "pprof-listen", "", "host:port of /debug/pprof/, such as 127.0.0.1:6060; none if empty")
	fs.IntVar(&c.Commit, "commit-concurrency", 16, "handlers of the commit queue (preflight, commit, check); 0 leaves it to other workers")
	fs.IntVar(&c.Audit, "audit-concurrency", 16, "handlers of the audit queue (submit, verdict)")
	fs.IntVar(&c.Release, "release-concurrency", 8, "handlers of the release queue")
	fs.IntVar(&c.Rate, "rate", 0, "calls to WeChat per second over all workers; 0 means no limit of our own until WeChat refuses")
	fs.IntVar(&c.AppsRate, "apps-rate", 20, "calls per second that ask WeChat for its list of apps and what they are, in the background")
	fs.DurationVar(&c.Drain, "drain", 20*time.Second, "how long SIGTERM waits for running calls; longer than call-timeout")
	fs.DurationVar(&c.Timing.Lease, "lease", d.Lease, "how long an assignment lasts without news from its worker")
	fs.DurationVar(&c.Timing.Busy.Base, "busy-base", d.Busy.Base, "mean of the first wait after a busy reply; doubles, with full jitter")
	fs.DurationVar(&c.Timing.Busy.Cap, "busy-cap", d.Busy.Cap, "longest wait after a busy reply")
	fs.DurationVar(&c.Timing.BusyPark, "busy-park", d.BusyPark, "how long a target is parked that stays busy")
	fs.DurationVar(&c.Timing.OutageProbe, "outage-probe", d.OutageProbe, "wait between two probes of a stage at which WeChat answers no app")
	fs.DurationVar(&c.Timing.Settle, "settle", d.Settle, "how long after a lost reply a read-back that finds nothing is believed")
	fs.DurationVar(&c.Timing.Privacy, "privacy-poll", d.Privacy, "first wait for the privacy detection; grows to ten times that")
	fs.DurationVar(&c.Timing.Verdict, "verdict-poll", d.Verdict, "first wait between two looks at an audit; grows to fifteen times that; 0 leaves it to WeChat's pushes")
	fs.DurationVar(&c.Timing.InAudit, "in-audit-poll", d.InAudit, "wait between two looks at another version's audit")
	fs.DurationVar(&c.Timing.Overlap, "overlap-wait", d.Overlap, "wait after a read that WeChat refused because an earlier operation on the app still runs (9402202)")
	fs.DurationVar(&c.Timing.Merchant, "merchant-poll", d.Merchant, "wait between two looks at an app that needs its merchant")
}

// SettingsError lists everything that is wrong with the settings.
type SettingsError struct{ Faults []string }

func (e *SettingsError) Error() string {
	return "wrong settings:\n  " + strings.Join(e.Faults, "\n  ")
}

// Load fills what the command line left open from the environment, and checks
// everything. All faults come at once, as a *SettingsError.
func Load(fs *pflag.FlagSet, c *Config, role Role, environ []string, readFile func(string) ([]byte, error)) error {
	env := readEnv(environ)
	var faults []string
	known := make(map[string]bool)
	fs.VisitAll(func(f *pflag.Flag) {
		name := envPrefix + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		known[name] = true
		if v, ok := env[name]; ok && !f.Changed {
			if err := fs.Set(f.Name, v); err != nil {
				faults = append(faults, fmt.Sprintf("%s=%q: %v", name, v, errors.Unwrap(err)))
				_ = f.Value.Set(f.DefValue) // its own default; what hangs on it is judged by that
			}
		}
	})
	for _, s := range c.secrets() {
		name := envPrefix + s.name
		known[name], known[name+"_FILE"] = true, true
		if fault := loadSecret(s, env, readFile); fault != "" {
			faults = append(faults, fault)
		}
	}
	if role == RoleOperator { // it may share the workers' environment
		worker := pflag.NewFlagSet("worker", pflag.ContinueOnError)
		bindWorker(worker, &Config{})
		worker.VisitAll(func(f *pflag.Flag) {
			known[envPrefix+strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))] = true
		})
	}
	for name := range env {
		if !known[name] {
			faults = append(faults, fmt.Sprintf("%s: no such setting", name))
		}
	}
	faults = append(faults, c.check(role)...)
	c.hideRedisPassword()
	if len(faults) > 0 {
		slices.Sort(faults)
		return &SettingsError{Faults: faults}
	}
	return nil
}

// kubernetes matches what Kubernetes puts into every pod about a Service that
// happens to be named wxrollout.
var kubernetes = regexp.MustCompile(`^\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)=|^\w+_PORT=\w+://`)

// readEnv picks our settings out of the environment; an empty one is unset.
func readEnv(environ []string) map[string]string {
	env := make(map[string]string)
	for _, kv := range environ {
		name, v, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, envPrefix) && v != "" && !kubernetes.MatchString(kv) {
			env[name] = v
		}
	}
	return env
}

func loadSecret(s secret, env map[string]string, readFile func(string) ([]byte, error)) (fault string) {
	name := envPrefix + s.name
	text, direct := env[name]
	path, file := env[name+"_FILE"]
	switch {
	case direct && file:
		return fmt.Sprintf("%s and %s_FILE: give one of them", name, name)
	case file:
		b, err := readFile(path)
		if err != nil {
			return fmt.Sprintf("%s_FILE=%q: %v", name, path, err)
		}
		text = string(b)
	}
	*s.value = NewSecret(strings.TrimSpace(text))
	return ""
}

// check lists what is wrong with the values.
func (c *Config) check(role Role) []string {
	var faults []string
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	if _, err := c.redisOptions(); err != nil {
		faults = append(faults, err.Error())
	}
	if fault := c.checkWeChatURL(); fault != "" {
		faults = append(faults, fault)
	}
	_, err := zerolog.ParseLevel(c.LogLevel)
	bad(err == nil && c.LogLevel != "", "WXROLLOUT_LOG_LEVEL=%q: want debug, info, warn or error", c.LogLevel)
	bad(c.LogFormat == "json" || c.LogFormat == "console", "WXROLLOUT_LOG_FORMAT=%q: want json or console", c.LogFormat)
	bad(c.CallTimeout >= time.Second, "WXROLLOUT_CALL_TIMEOUT=%s: want at least 1s", c.CallTimeout)
	bad(c.CallbackToken.Empty() == c.CallbackAESKey.Empty(), "WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY: give both or neither")
	faults = append(faults, c.checkBroker()...)
	if role == RoleWorker {
		faults = append(faults, c.checkWorker()...)
	}
	return faults
}

// checkBroker says what is wrong with taking tokens from a token service. What
// renewing them here needs may not be given too: two that renew end each other's
// tokens.
func (c *Config) checkBroker() []string {
	if c.TokenURL == "" {
		if !c.TokenBearer.Empty() {
			return []string{"WXROLLOUT_TOKEN_BEARER: given without WXROLLOUT_TOKEN_URL"}
		}
		return nil
	}
	var faults []string
	if err := registry.CheckBrokerURL(c.TokenURL); err != nil {
		faults = append(faults, "WXROLLOUT_TOKEN_URL: "+err.Error())
	}
	if c.TokenBearer.Empty() {
		faults = append(faults, "WXROLLOUT_TOKEN_BEARER (or _FILE): required with WXROLLOUT_TOKEN_URL")
	}
	if c.ComponentAppID == "" {
		faults = append(faults, "WXROLLOUT_COMPONENT_APPID: required with WXROLLOUT_TOKEN_URL")
	}
	for name, value := range map[string]Secret{
		"COMPONENT_SECRET": c.ComponentSecret, "COMPONENT_TICKET": c.ComponentTicket,
		"SEAL_KEY": c.SealKey, "SEAL_KEY_PREVIOUS": c.SealKeyPrevious,
	} {
		if !value.Empty() {
			faults = append(faults, fmt.Sprintf("WXROLLOUT_%s and WXROLLOUT_TOKEN_URL: give one of them; with a token service this installation renews and stores no token", name))
		}
	}
	return faults
}

// checkWeChatURL says what is wrong with the base URL. Tokens are in the URL of
// every call, so only TLS may carry them off this machine. A URL with a user may
// hold a password, and isn't shown.
func (c *Config) checkWeChatURL() (fault string) {
	const want = "want https://host"
	u, err := url.Parse(c.WeChatURL)
	switch {
	case strings.Contains(c.WeChatURL, "@"):
		return "WXROLLOUT_WECHAT_URL: " + want + ", without a user"
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return fmt.Sprintf("WXROLLOUT_WECHAT_URL=%q: %s", c.WeChatURL, want)
	case u.Scheme == "http" && !loopback(u.Hostname()) && !c.WeChatPlain:
		return fmt.Sprintf("WXROLLOUT_WECHAT_URL=%q: %s; without TLS every token is readable on the way (for a simulator: WXROLLOUT_WECHAT_PLAIN_HTTP=true)", c.WeChatURL, want)
	}
	return ""
}

// loopback tells whether a host is this machine.
func loopback(host string) bool {
	ip, err := netip.ParseAddr(host)
	return host == "localhost" || err == nil && ip.IsLoopback()
}

func (c *Config) checkWorker() []string {
	var faults []string
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	bad(c.ComponentAppID != "" || c.TokenURL != "", "WXROLLOUT_COMPONENT_APPID: required")
	own := c.TokenURL == "" // this installation renews tokens itself
	bad(!own || !c.ComponentSecret.Empty(), "WXROLLOUT_COMPONENT_SECRET (or _FILE): required, unless WXROLLOUT_TOKEN_URL gives the tokens")
	bad(!own || !c.SealKey.Empty(), "WXROLLOUT_SEAL_KEY (or _FILE): required; make one with: openssl rand -base64 32")
	bad(!own || !c.ComponentTicket.Empty() || !c.CallbackToken.Empty(), "WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY: required to receive verify tickets, unless WXROLLOUT_COMPONENT_TICKET is given")
	if fault := c.checkPprof(); fault != "" {
		faults = append(faults, fault)
	}
	bad(c.Commit >= 0 && c.Audit >= 0 && c.Release >= 0 && c.Commit+c.Audit+c.Release > 0, "WXROLLOUT_COMMIT_CONCURRENCY, _AUDIT_, _RELEASE_: want 0 or more, and one above 0")
	bad(c.Commit <= 200 && c.Audit <= 200 && c.Release <= 200, "WXROLLOUT_COMMIT_CONCURRENCY, _AUDIT_, _RELEASE_: want at most 200; start more workers instead")
	bad(c.AppsRate >= 1, "WXROLLOUT_APPS_RATE=%d: want 1 or more", c.AppsRate)
	bad(c.Rate >= 0, "WXROLLOUT_RATE=%d: want 0 or more", c.Rate)
	bad(c.Drain > c.CallTimeout, "WXROLLOUT_DRAIN=%s: must be longer than WXROLLOUT_CALL_TIMEOUT=%s", c.Drain, c.CallTimeout)
	bad(c.Timing.Lease >= 3*c.CallTimeout, "WXROLLOUT_LEASE=%s: must be at least three times WXROLLOUT_CALL_TIMEOUT=%s", c.Timing.Lease, c.CallTimeout)
	bad(c.Timing.Verdict >= 0, "WXROLLOUT_VERDICT_POLL=%s: want 0 or more", c.Timing.Verdict)
	bad(c.Timing.Verdict != 0 || !c.CallbackToken.Empty(), "WXROLLOUT_VERDICT_POLL=0: leaves verdicts to pushes, which need WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY")
	for name, d := range map[string]time.Duration{
		"BUSY_BASE": c.Timing.Busy.Base, "BUSY_CAP": c.Timing.Busy.Cap, "BUSY_PARK": c.Timing.BusyPark, "SETTLE": c.Timing.Settle, "OUTAGE_PROBE": c.Timing.OutageProbe,
		"PRIVACY_POLL": c.Timing.Privacy, "IN_AUDIT_POLL": c.Timing.InAudit,
		"MERCHANT_POLL": c.Timing.Merchant, "OVERLAP_WAIT": c.Timing.Overlap, "QUOTA_POLL": c.QuotaPoll,
	} {
		bad(d > 0, "WXROLLOUT_%s=%s: want more than 0", name, d)
	}
	return faults
}

// pushesOnly is when an audit is looked at that pushes alone tell of: longer than
// any takes, so that a lost push is found at last.
const pushesOnly = 30 * 24 * time.Hour

// timing completes the handlers' waits.
func (c *Config) timing() tasks.Timing {
	t := c.Timing
	t.Assignment = t.Lease * 2 / 3
	if t.Verdict == 0 {
		t.Verdict = pushesOnly
	}
	t.PrivacyMax, t.VerdictMax = 10*t.Privacy, min(15*t.Verdict, pushesOnly)
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
