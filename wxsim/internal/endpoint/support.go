package endpoint

import (
	"cmp"
	"regexp"
	"strings"
)

// callbackIPs are where callbacks come from: addresses reserved for documentation, so that no firewall is opened by
// mistake.
var callbackIPs = []string{"192.0.2.10", "192.0.2.11", "198.51.100.20", "203.0.113.30"}

func callbackIP(*call) (payload, int) { return payload{"ip_list": callbackIPs}, 0 }

// unlimited is the limit shown for endpoints without one.
const unlimited = 10_000_000

func apiQuota(c *call, path string) (payload, int) {
	if !strings.HasPrefix(path, "/") {
		return nil, 76003
	}
	limit, today, code := c.Usage(path)
	daily := cmp.Or(limit.Daily, unlimited)
	rate := payload{"call_count": cmp.Or(limit.PerMinute, unlimited), "refresh_second": 60}
	return payload{
		"quota":      payload{"daily_limit": daily, "used": today, "remain": daily - today},
		"rate_limit": rate, "component_rate_limit": rate,
	}, code
}

var ridForm = regexp.MustCompile(`^[0-9a-f]{8}-[0-9a-f]{8}-[0-9a-f]{8}$`)

func ridInfo(c *call, rid string) (payload, int) {
	if !ridForm.MatchString(rid) {
		return nil, 76002
	}
	data, code := c.Record(rid)
	return payload{"request": data}, code
}

func clearQuota(c *call, appid string) (payload, int) {
	a := c.By.App
	switch {
	case appid == "":
		return nil, 41002
	case a == nil && appid != c.World.ComponentAppID, a != nil && appid != a.ID:
		return nil, 49001
	}
	return nil, clearCounts(c, a)
}

// clearQuotaBySecret needs no token.
func clearQuotaBySecret(c *call, in struct {
	Component string `in:"component_appid"`
	AppID     string `in:"appid"`
},
) (payload, int) {
	switch in.Component {
	case "":
		return nil, 41002
	case c.World.ComponentAppID:
	default:
		return nil, 40013
	}
	if code := checkSecret(c, "appsecret"); code != 0 {
		return nil, code
	}
	if in.AppID == "" || in.AppID == in.Component {
		return nil, clearCounts(c, nil)
	}
	a := c.World.App(in.AppID)
	if a == nil {
		return nil, 40013
	}
	a.Lock()
	authorized := a.Authorized
	a.Unlock()
	if !authorized {
		return nil, 43007
	}
	return nil, clearCounts(c, a)
}

// clearCounts sets the day's counts of an app's calls to zero, or those of the component if there is no app.
func clearCounts(c *call, a *app) (code int) {
	if !c.World.SpendClear(a, c.Now) {
		return 48006
	}
	c.ClearCounts(a != nil)
	return 0
}
