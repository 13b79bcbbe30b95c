// Package appconfig models the app configuration that WeChat keeps: domains, QR code rules, testers, the privacy
// guideline, and visibility. Results named code are WeChat's errcodes; 0 means that the change took effect.
package appconfig

import (
	"regexp"
	"strconv"
	"strings"
	"sync"

	"github.com/wxrollout/wxrollout/wxsim/internal/clock"
)

// Config is the configuration of one app. The lock of its app guards it.
type Config struct {
	Domains Domains
	Testers []Tester
	Rules   []Rule
	Privacy Privacy
	// Hidden reports that the visit status is closed.
	Hidden bool
	// Library is the lowest base library; empty means FirstLibrary.
	Library string

	publications clock.Monthly // of QR code rules
}

// Platform is the configuration that the apps of the platform share: the component's domains, the confirm files on
// hosts, the owners of QR code prefixes, and how many apps each WeChat user tests.
type Platform struct {
	mu       sync.Mutex
	server   hostList
	jump     hostList
	files    map[string]bool            // by appid and host
	direct   map[string]map[string]bool // appids by host that was set directly
	prefixes map[string]string          // appid by prefix
	tested   map[string]int             // apps by WeChat id
}

// NewPlatform is a platform without configuration.
func NewPlatform() *Platform {
	return &Platform{
		files: map[string]bool{}, direct: map[string]map[string]bool{}, prefixes: map[string]string{}, tested: map[string]int{},
	}
}

// PlaceFile puts the confirm file of an app (of the component if appid is empty) on a host.
func (p *Platform) PlaceFile(appid, host string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.files[appid+" "+strings.ToLower(host)] = true
}

// placed reports that the confirm file of an app (of the component if appid is empty) is on a host.
func (p *Platform) placed(appid, host string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.files[appid+" "+host]
}

// SetHidden opens or closes the visit status.
func (c *Config) SetHidden(hidden bool) (code int) {
	if c.Hidden == hidden {
		return 85021
	}
	c.Hidden = hidden
	return 0
}

// Base libraries: the lowest one of an app until it is set, and the newest there is.
const (
	FirstLibrary  = "2.0.0"
	NewestLibrary = "3.8.0"
)

var libraryForm = regexp.MustCompile(`^[0-9]{1,3}\.[0-9]{1,3}\.[0-9]{1,3}$`)

// SetLibrary sets the lowest base library. A version that no user can have is refused.
func (c *Config) SetLibrary(version string) (code int) {
	if !libraryForm.MatchString(version) || newer(version, NewestLibrary) {
		return 89014
	}
	c.Library = version
	return 0
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
