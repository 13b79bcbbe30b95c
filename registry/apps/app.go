package apps

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"time"
)

// State is the authorization state of an app.
type State string

// The states.
const (
	// StateUnknown is an app the registry has no record of.
	StateUnknown State = ""
	// StateAuthorized is an app that may be worked on.
	StateAuthorized State = "authorized"
	// StateLeft is an app whose merchant took the authorization back.
	StateLeft State = "left"
)

// App is the record of one app. Times are in whole seconds; zero means never.
type App struct {
	AppID string `json:"-"`
	// Label is what people call it, Values are its columns: both are the
	// operators', and selectors, the order and ext templates see them.
	Label  string            `json:"l,omitempty"`
	Values map[string]string `json:"v,omitempty"`
	State  State             `json:"s"`
	// Authorized is when the merchant authorized the platform, Changed when State was
	// last known to change, Listed when WeChat's list last had the app.
	Authorized Seconds `json:"a,omitempty"`
	Changed    Seconds `json:"c,omitempty"`
	Listed     Seconds `json:"i,omitempty"`
	// Sync is the number of the sync that listed it last.
	Sync int64 `json:"y,omitempty"`
	// Read is when WeChat was last asked about it. An authorized app that was never
	// read waits in the queue of apps to read.
	Read Seconds `json:"r,omitempty"`
	Facts
}

// Facts are what WeChat said of an app last.
type Facts struct {
	Name      string `json:"n,omitempty"`
	Principal string `json:"p,omitempty"`
	// MiniProgram is false for an official account.
	MiniProgram bool `json:"m,omitempty"`
	// Status is account_status (1 normal, 14 canceled, 16 banned, 18 warned, 19
	// frozen), Service service_type_info (0 ordinary, 4 mini game, 12 trial, ...).
	Status  int64 `json:"as,omitempty"`
	Service int64 `json:"st,omitempty"`
	// Sets are the permission sets it granted; 18 is needed for code.
	Sets []int64 `json:"ps,omitempty"`
	// Categories are those of the app, "first/second"; empty before any is approved.
	Categories []string `json:"cat,omitempty"`
	// Live is the version users have; "" if none, or if it was not looked at.
	Live string `json:"ver,omitempty"`
	// Privacy is what the detection of its last commit found: "ok", or the apis that
	// stop it; "" if it was not looked at.
	Privacy string `json:"pri,omitempty"`
}

// Equal reports whether two readings say the same.
func (f Facts) Equal(g Facts) bool { return reflect.DeepEqual(f, g) }

// Seconds is a time in unix seconds; 0 is none.
type Seconds int64

// At is t in whole seconds.
func At(t time.Time) Seconds {
	if t.IsZero() {
		return 0
	}
	return Seconds(t.Unix())
}

// Time is s as a time; zero for none.
func (s Seconds) Time() time.Time {
	if s == 0 {
		return time.Time{}
	}
	return time.Unix(int64(s), 0)
}

// Join records that the app authorized the platform, or changed what it grants, at a
// time. An event older than the record is ignored.
func (a *App) Join(at Seconds) bool {
	if at < a.Changed {
		return false
	}
	if a.State != StateAuthorized {
		a.State, a.Authorized = StateAuthorized, at
	}
	a.Changed, a.Read = at, 0
	return true
}

// Leave is WeChat's word that the app took its authorization back at a time. One that
// is not known is remembered too: the news of its coming may be late.
func (a *App) Leave(at Seconds) bool {
	if at <= a.Changed {
		return false // in the same second as its authorization: calls will show it
	}
	a.State, a.Changed, a.Read = StateLeft, at, 0
	return true
}

// See is a row of WeChat's list, asked for at began in the sync of a number: the app
// authorized at authTime. reread asks for a complete read.
func (a *App) See(began, authTime Seconds, number int64, reread bool) bool {
	switch {
	case a.State == StateUnknown:
		a.State, a.Authorized, a.Changed = StateAuthorized, authTime, authTime
	case a.State == StateLeft && began <= a.Changed:
		return false // it left after the list was asked for
	case a.State == StateLeft:
		a.State, a.Authorized, a.Changed = StateAuthorized, authTime, began
	case a.Authorized != authTime: // authorized again since the last read
		a.Authorized, a.Read = authTime, 0
	}
	if reread {
		a.Read = 0
	}
	a.Listed, a.Sync = began, number
	return true
}

// Learn stores what WeChat said at a time; an app that left meanwhile keeps what it has.
func (a *App) Learn(at Seconds, f Facts) bool {
	if a.State != StateAuthorized {
		return false
	}
	// What this reading did not look at stays.
	if f.Live == "" {
		f.Live = a.Live
	}
	if f.Privacy == "" {
		f.Privacy = a.Privacy
	}
	a.Facts, a.Read = f, at
	return true
}

// Has reports whether the app granted a permission set.
func (a App) Has(set int64) bool { return slices.Contains(a.Sets, set) }

// Keys of a record that are the registry's own: selectors may use them, and no
// operator's column has such a name.
const (
	OwnPrefix   = "wx."
	keyName     = OwnPrefix + "name"
	keyOwner    = OwnPrefix + "principal"
	keyLive     = OwnPrefix + "live"
	keyStatus   = OwnPrefix + "status"
	keyService  = OwnPrefix + "service"
	keyCategory = OwnPrefix + "category"
	keyPrivacy  = OwnPrefix + "privacy"
	keyState    = OwnPrefix + "state"
	keyNeeds    = OwnPrefix + "needs"
)

// OwnKeys are the keys a selector may use beside appid, label and the values.
func OwnKeys() []string {
	return []string{keyName, keyOwner, keyLive, keyStatus, keyService, keyCategory, keyPrivacy, keyState, keyNeeds}
}

// Get is what a selector sees under a key.
func (a App) Get(key string) (string, bool) {
	number := func(n int64) string { return fmt.Sprint(n) }
	switch key {
	case "appid":
		return a.AppID, true
	case "label":
		return a.Label, true
	case keyName:
		return a.Name, true
	case keyOwner:
		return a.Principal, true
	case keyLive:
		return a.Live, true
	case keyStatus:
		return number(a.Status), true
	case keyService:
		return number(a.Service), true
	case keyCategory:
		return first(a.Categories), true
	case keyPrivacy:
		return a.Privacy, true
	case keyState:
		return string(a.State), true
	case keyNeeds:
		if needs := a.Needs(); len(needs) > 0 {
			return string(needs[0]), true
		}
		return "", true
	default:
		v, ok := a.Values[key]
		return v, ok
	}
}

func first(list []string) string {
	if len(list) == 0 {
		return ""
	}
	return list[0]
}

// clone is a deep copy, so that a change is seen against what was read.
func (a App) clone() App {
	a.Values = maps.Clone(a.Values)
	a.Sets, a.Categories = slices.Clone(a.Sets), slices.Clone(a.Categories)
	return a
}

func (a App) encode() (string, error) {
	b, err := json.Marshal(a)
	return string(b), err
}

// decode reads a record; "" is an app that is not known.
func decode(appID, text string) (App, error) {
	a := App{AppID: appID}
	if text == "" {
		return a, nil
	}
	if err := json.Unmarshal([]byte(text), &a); err != nil {
		return a, fmt.Errorf("app %s in the registry: bad record %.80q: %w; redis-cli HDEL '%s' %s drops it, and enqueue apps sync reads the app again, without its label and values",
			appID, text, err, keyApps, appID)
	}
	return a, nil
}
