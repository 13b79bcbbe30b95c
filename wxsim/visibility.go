package wxsim

import (
	"regexp"
	"strconv"
	"strings"
)

// changeVisit plays change_visitstatus.
func (c *call) changeVisit() reply {
	action, ok := c.f.text("action")
	switch {
	case !ok:
		return failure(47001)
	case action != "open" && action != "close":
		return failure(85022)
	case c.app.hidden == (action == "close"):
		return failure(85021)
	}
	c.app.hidden = action == "close"
	return success(nil)
}

// visitStatus plays getvisitstatus: 1 serving, 0 suspended.
func (c *call) visitStatus() reply {
	status := 1
	if c.app.hidden {
		status = 0
	}
	return success(payload{"status": status})
}

// Base libraries: what an app asks for until it is told otherwise, and the newest there is.
const (
	firstLibrary  = "2.0.0"
	newestLibrary = "3.8.0"
)

// libraryShares is what users have, in percent.
var libraryShares = []payload{
	{"version": newestLibrary, "percentage": 61.3}, {"version": "3.3.5", "percentage": 27.45},
	{"version": "2.32.3", "percentage": 9.75}, {"version": "2.19.4", "percentage": 1.5},
}

// supportVersion plays getweappsupportversion.
func (c *call) supportVersion() reply {
	now := c.app.library
	if now == "" {
		now = firstLibrary
	}
	return success(payload{"now_version": now, "uv_info": payload{"items": libraryShares}})
}

var libraryForm = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`)

// setSupportVersion plays setweappsupportversion: a version nobody can have is refused.
func (c *call) setSupportVersion() reply {
	version, ok := c.f.text("version")
	switch {
	case !ok:
		return failure(47001)
	case !libraryForm.MatchString(version) || newer(version, newestLibrary):
		return failure(89014)
	}
	c.app.library = version
	return success(nil)
}

// newer reports that version a of the form 1.2.3 comes after b.
func newer(a, b string) bool {
	as, bs := strings.Split(a, "."), strings.Split(b, ".")
	for i := range as {
		x, _ := strconv.Atoi(as[i]) // the form was checked
		y, _ := strconv.Atoi(bs[i])
		if x != y {
			return x > y
		}
	}
	return false
}
