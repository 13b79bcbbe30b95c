package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// check lists the faults of the values.
func (c *Config) check(role Role) []string {
	var faults []string
	bad := func(ok bool, format string, args ...any) {
		if !ok {
			faults = append(faults, fmt.Sprintf(format, args...))
		}
	}
	bad(c.ComponentAppID == "" || appIDPattern.MatchString(c.ComponentAppID), "WXROLLOUT_COMPONENT_APPID=%.80q: want wx and 16 of 0-9 and a-f", c.ComponentAppID)
	if _, err := c.redisOptions(); err != nil {
		faults = append(faults, err.Error())
	}
	for _, word := range c.RedisAccept {
		bad(slices.Contains(redisserver.AcceptWords(), word), "WXROLLOUT_REDIS_ACCEPT=%q: want some of %s", word, strings.Join(redisserver.AcceptWords(), ", "))
	}
	if fault := c.checkWeChatURL(); fault != "" {
		faults = append(faults, fault)
	}
	_, err := zerolog.ParseLevel(c.LogLevel)
	bad(err == nil && c.LogLevel != "", "WXROLLOUT_LOG_LEVEL=%q: want debug, info, warn or error", c.LogLevel)
	bad(c.LogFormat == "json" || c.LogFormat == "console", "WXROLLOUT_LOG_FORMAT=%q: want json or console", c.LogFormat)
	bad(c.CallTimeout >= time.Second && c.CallTimeout <= callMax, "WXROLLOUT_CALL_TIMEOUT=%s: want 1s to %s", c.CallTimeout, callMax)
	bad(c.QuotaPoll > 0 && c.QuotaPoll <= waitMax, "WXROLLOUT_QUOTA_POLL=%s: want more than 0, at most %s", c.QuotaPoll, waitMax)
	bad(c.CallbackToken.Empty() == c.CallbackAESKey.Empty(), "WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY: give both or neither")
	faults = append(append(faults, c.checkBroker()...), c.checkKeys()...)
	if role == RoleWorker {
		faults = append(faults, c.checkWorker()...)
	}
	return faults
}

// appIDPattern is what WeChat gives as appids.
var appIDPattern = regexp.MustCompile(`^wx[0-9a-f]{16}$`)

// The longest values of durations. They keep sums and products of them far from an overflow, and every
// lease below the limit of the consistency check.
const (
	callMax  = 10 * time.Minute
	drainMax = time.Hour
	leaseMax = 12 * time.Hour
	waitMax  = 30 * 24 * time.Hour
)

// The highest rates, in calls per second.
const (
	rateMax     = 100_000
	appsRateMax = 1_000
)

// checkKeys lists the faults of keys and other secrets, and shows none of them.
func (c *Config) checkKeys() []string {
	var faults []string
	for _, s := range c.secrets() {
		if strings.ContainsFunc(s.value.Reveal(), unicode.IsControl) {
			faults = append(faults, envPrefix+s.name+": it holds a line break or another control character")
		}
	}
	if !c.SealKey.Empty() && c.TokenURL == "" {
		if _, err := registry.NewSealer(c.SealKey.Reveal(), c.SealKeyPrevious.Reveal()); err != nil {
			faults = append(faults, "WXROLLOUT_SEAL_KEY: "+err.Error())
		}
	}
	if !c.CallbackAESKey.Empty() && !c.CallbackToken.Empty() {
		if _, err := callback.NewCodec("component", c.CallbackToken.Reveal(), c.CallbackAESKey.Reveal(), c.CallbackAESKeyPrevious.Reveal()); err != nil {
			faults = append(faults, "WXROLLOUT_CALLBACK_AES_KEY: "+err.Error())
		}
	}
	return faults
}

// checkBroker lists the faults of the settings of a token service. The credentials for renewing tokens
// here exclude it: two renewers invalidate each other's tokens.
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

// checkWeChatURL returns the fault of the base URL. The URL of every call holds a token, so only TLS
// may carry it off this machine. A URL with a user may hold a password and isn't shown.
func (c *Config) checkWeChatURL() (fault string) {
	const want = "want https://host"
	u, err := url.Parse(c.WeChatURL)
	switch {
	case strings.Contains(c.WeChatURL, "@"):
		return "WXROLLOUT_WECHAT_URL: " + want + ", without a user"
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "" || u.RawQuery != "" || u.Fragment != "":
		return fmt.Sprintf("WXROLLOUT_WECHAT_URL=%.200q: %s", c.WeChatURL, want)
	case u.Scheme == "http" && !loopback(u.Hostname()) && !c.WeChatPlain:
		return fmt.Sprintf("WXROLLOUT_WECHAT_URL=%q: %s; without TLS every token is readable on the way (for a simulator: WXROLLOUT_WECHAT_PLAIN_HTTP=true)", c.WeChatURL, want)
	}
	return ""
}

// loopback reports whether a host is this machine.
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
	own := c.TokenURL == "" // this installation renews tokens
	bad(!own || !c.ComponentSecret.Empty(), "WXROLLOUT_COMPONENT_SECRET (or _FILE): required, unless WXROLLOUT_TOKEN_URL gives the tokens")
	bad(!own || !c.SealKey.Empty(), "WXROLLOUT_SEAL_KEY (or _FILE): required; make one with: openssl rand -base64 32")
	bad(!own || !c.ComponentTicket.Empty() || !c.CallbackToken.Empty(), "WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY: required to receive verify tickets, unless WXROLLOUT_COMPONENT_TICKET is given")
	faults = append(faults, c.checkAddresses()...)
	bad(c.Commit >= 0 && c.Audit >= 0 && c.Release >= 0 && c.Commit+c.Audit+c.Release > 0, "WXROLLOUT_COMMIT_CONCURRENCY, _AUDIT_, _RELEASE_: want 0 or more, and one above 0")
	bad(c.Commit <= 200 && c.Audit <= 200 && c.Release <= 200, "WXROLLOUT_COMMIT_CONCURRENCY, _AUDIT_, _RELEASE_: want at most 200; start more workers instead")
	bad(c.AppsRate >= 1 && c.AppsRate <= appsRateMax, "WXROLLOUT_APPS_RATE=%d: want 1 to %d", c.AppsRate, appsRateMax)
	bad(c.Rate >= 0 && c.Rate <= rateMax, "WXROLLOUT_RATE=%d: want 0 to %d", c.Rate, rateMax)
	bad(c.Drain <= drainMax, "WXROLLOUT_DRAIN=%s: want at most %s", c.Drain, drainMax)
	bad(c.Timing.Lease <= leaseMax, "WXROLLOUT_LEASE=%s: want at most %s", c.Timing.Lease, leaseMax)
	call := min(c.CallTimeout, callMax) // a longer one is a fault already
	bad(c.Drain > call, "WXROLLOUT_DRAIN=%s: must be longer than WXROLLOUT_CALL_TIMEOUT=%s", c.Drain, c.CallTimeout)
	bad(c.Timing.Lease >= 3*call, "WXROLLOUT_LEASE=%s: must be at least three times WXROLLOUT_CALL_TIMEOUT=%s", c.Timing.Lease, c.CallTimeout)
	bad(c.Timing.Verdict >= 0 && c.Timing.Verdict <= waitMax, "WXROLLOUT_VERDICT_POLL=%s: want 0 to %s", c.Timing.Verdict, waitMax)
	bad(c.Timing.Busy.Base <= c.Timing.Busy.Cap || c.Timing.Busy.Cap <= 0, "WXROLLOUT_BUSY_BASE=%s: must not exceed WXROLLOUT_BUSY_CAP=%s", c.Timing.Busy.Base, c.Timing.Busy.Cap)
	bad(c.Timing.Verdict != 0 || !c.CallbackToken.Empty(), "WXROLLOUT_VERDICT_POLL=0: leaves verdicts to callbacks, which need WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY")
	for name, d := range map[string]time.Duration{
		"BUSY_BASE": c.Timing.Busy.Base, "BUSY_CAP": c.Timing.Busy.Cap, "BUSY_PARK": c.Timing.BusyPark, "SETTLE": c.Timing.Settle, "OUTAGE_PROBE": c.Timing.OutageProbe,
		"PRIVACY_POLL": c.Timing.Privacy, "IN_AUDIT_POLL": c.Timing.InAudit,
		"MERCHANT_POLL": c.Timing.Merchant, "OVERLAP_WAIT": c.Timing.Overlap,
	} {
		bad(d > 0 && d <= waitMax, "WXROLLOUT_%s=%s: want more than 0, at most %s", name, d, waitMax)
	}
	return faults
}

// checkAddresses lists the faults of the addresses to listen on. Profiles show function names and no data,
// but each costs CPU time: neither an omitted host nor a typing error may open them to the network.
func (c *Config) checkAddresses() []string {
	var faults []string
	if _, _, err := net.SplitHostPort(c.Listen); err != nil {
		faults = append(faults, fmt.Sprintf("WXROLLOUT_LISTEN=%.200q: want host:port, such as 127.0.0.1:9090, or :9090 for all addresses of this machine", c.Listen))
	}
	if c.PprofListen == "" {
		return faults
	}
	host, _, err := net.SplitHostPort(c.PprofListen)
	switch {
	case err != nil || host == "":
		faults = append(faults, fmt.Sprintf("WXROLLOUT_PPROF_LISTEN=%.200q: want host:port, such as 127.0.0.1:6060; without a host anyone could take profiles", c.PprofListen))
	case !loopback(host) && !c.PprofOpen:
		faults = append(faults, fmt.Sprintf("WXROLLOUT_PPROF_LISTEN=%.200q: other machines can take profiles, each of which costs CPU time: use 127.0.0.1, or set WXROLLOUT_PPROF_OPEN=true", c.PprofListen))
	}
	return faults
}
