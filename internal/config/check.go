package config

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/registry"
)

// check lists the faults of the values.
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
	for _, word := range c.RedisAccept {
		bad(slices.Contains(redisserver.AcceptWords(), word), "WXROLLOUT_REDIS_ACCEPT=%q: want some of %s", word, strings.Join(redisserver.AcceptWords(), ", "))
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
	case err != nil || (u.Scheme != "https" && u.Scheme != "http") || u.Hostname() == "":
		return fmt.Sprintf("WXROLLOUT_WECHAT_URL=%q: %s", c.WeChatURL, want)
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
	bad(c.Timing.Verdict != 0 || !c.CallbackToken.Empty(), "WXROLLOUT_VERDICT_POLL=0: leaves verdicts to callbacks, which need WXROLLOUT_CALLBACK_TOKEN and WXROLLOUT_CALLBACK_AES_KEY")
	for name, d := range map[string]time.Duration{
		"BUSY_BASE": c.Timing.Busy.Base, "BUSY_CAP": c.Timing.Busy.Cap, "BUSY_PARK": c.Timing.BusyPark, "SETTLE": c.Timing.Settle, "OUTAGE_PROBE": c.Timing.OutageProbe,
		"PRIVACY_POLL": c.Timing.Privacy, "IN_AUDIT_POLL": c.Timing.InAudit,
		"MERCHANT_POLL": c.Timing.Merchant, "OVERLAP_WAIT": c.Timing.Overlap, "QUOTA_POLL": c.QuotaPoll,
	} {
		bad(d > 0, "WXROLLOUT_%s=%s: want more than 0", name, d)
	}
	return faults
}

// checkPprof returns the fault of the profiles' address. Profiles show function names and no data, but
// each costs CPU time: an omitted host must not open them to the network.
func (c *Config) checkPprof() (fault string) {
	if c.PprofListen == "" {
		return ""
	}
	host, _, err := net.SplitHostPort(c.PprofListen)
	if err != nil || host == "" {
		return fmt.Sprintf("WXROLLOUT_PPROF_LISTEN=%q: want host:port, such as 127.0.0.1:6060; without a host anyone could take profiles", c.PprofListen)
	}
	return ""
}
