package endpoint

import (
	"regexp"
	"strings"
)

// callbackIPs are where callbacks come from: addresses reserved for documentation, so that no firewall is opened by
// mistake.
var callbackIPs = []string{"192.0.2.10", "192.0.2.11", "198.51.100.20", "203.0.113.30"}

// callbackIP serves getcallbackip.
func callbackIP(*call) reply { return bare(payload{"ip_list": callbackIPs}) }

// unlimited is the limit shown for endpoints without one.
const unlimited = 10_000_000

// apiQuota serves openapi/quota/get.
func apiQuota(c *call) reply {
	path, ok := c.F.Text("cgi_path")
	switch {
	case !ok:
		return result(47001)
	case !strings.HasPrefix(path, "/"):
		return result(76003)
	}
	limit, today, code := c.Usage(path)
	if code != 0 {
		return result(code)
	}
	or := func(n int) int {
		if n > 0 {
			return n
		}
		return unlimited
	}
	rate := payload{"call_count": or(limit.PerMinute), "refresh_second": 60}
	return success(payload{
		"quota":      payload{"daily_limit": or(limit.Daily), "used": today, "remain": or(limit.Daily) - today},
		"rate_limit": rate, "component_rate_limit": rate,
	})
}

var ridForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`)

// ridInfo serves openapi/rid/get.
func ridInfo(c *call) reply {
	rid, ok := c.F.Text("rid")
	switch {
	case !ok:
		return result(47001)
	case !ridForm.MatchString(rid):
		return result(76002)
	}
	data, code := c.Record(rid)
	if code != 0 {
		return result(code)
	}
	return success(payload{"request": data})
}

// clearQuota serves clear_quota.
func clearQuota(c *call) reply {
	id, ok := c.F.Text("appid")
	a := c.By.App
	switch {
	case !ok:
		return result(47001)
	case id == "":
		return result(41002)
	case a == nil && id != c.World.ComponentAppID, a != nil && id != a.ID:
		return result(49001)
	}
	return clearCounts(c, a)
}

// clearQuotaBySecret serves component/clear_quota/v2, which needs no token.
func clearQuotaBySecret(c *call) reply {
	got, ok := c.F.Texts("component_appid", "appid")
	switch {
	case !ok:
		return result(47001)
	case got[0] == "":
		return result(41002)
	case got[0] != c.World.ComponentAppID:
		return result(40013)
	}
	if code := checkSecret(c, "appsecret"); code != 0 {
		return result(code)
	}
	if got[1] == "" || got[1] == got[0] {
		return clearCounts(c, nil)
	}
	a := c.World.App(got[1])
	if a == nil {
		return result(40013)
	}
	a.Lock()
	authorized := a.Authorized
	a.Unlock()
	if !authorized {
		return result(43007)
	}
	return clearCounts(c, a)
}

// clearCounts sets the day's counts of an app's calls to zero, or those of the component if there is no app.
func clearCounts(c *call, a *app) reply {
	if !c.World.SpendClear(a, c.Now) {
		return result(48006)
	}
	c.ClearCounts(a != nil)
	return success(nil)
}
