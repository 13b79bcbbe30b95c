package calendar

import (
	"fmt"
	"strings"
	"time"
)

// Window is a daily span of time in a zone, such as 02:00-06:00 Asia/Shanghai.
// It may cross midnight.
type Window struct {
	From, To time.Duration // since midnight, in [0, 24h)
	Zone     string        // IANA name
}

// ParseWindow reads "HH:MM-HH:MM Zone"; without a zone it is in DefaultZone.
func ParseWindow(s string) (Window, error) {
	span, zone, _ := strings.Cut(strings.TrimSpace(s), " ")
	if zone = strings.TrimSpace(zone); zone == "" {
		zone = DefaultZone
	}
	if _, err := time.LoadLocation(zone); err != nil {
		return Window{}, fmt.Errorf("window %q: unknown time zone %q", s, zone)
	}
	a, b, ok := strings.Cut(span, "-")
	from, err1 := time.Parse("15:04", a)
	to, err2 := time.Parse("15:04", b)
	if !ok || err1 != nil || err2 != nil || from.Equal(to) {
		return Window{}, fmt.Errorf("window %q: want \"HH:MM-HH:MM Zone\", such as \"02:00-06:00 Asia/Shanghai\"", s)
	}
	midnight := from.Truncate(24 * time.Hour)
	return Window{From: from.Sub(midnight), To: to.Sub(midnight), Zone: zone}, nil
}

// String is the window as a plan writes it.
func (w Window) String() string {
	hm := func(d time.Duration) string {
		return fmt.Sprintf("%02d:%02d", int(d.Hours()), int(d.Minutes())%60)
	}
	return fmt.Sprintf("%s-%s %s", hm(w.From), hm(w.To), w.Zone)
}

// MarshalText implements encoding.TextMarshaler.
func (w Window) MarshalText() ([]byte, error) { return []byte(w.String()), nil }

// UnmarshalText implements encoding.TextUnmarshaler.
func (w *Window) UnmarshalText(b []byte) error {
	parsed, err := ParseWindow(string(b))
	if err == nil {
		*w = parsed
	}
	return err
}

// Opens is how long from now until the window opens; 0 if it is open.
func (w Window) Opens(now time.Time) time.Duration {
	zone, err := time.LoadLocation(w.Zone)
	if err != nil { // it was parsed before: this machine has no zone data
		zone = time.UTC
	}
	local := now.In(zone)
	for day := -1; day <= 1; day++ {
		from := clockTime(local, day, w.From)
		to := clockTime(local, day, w.To)
		if w.To < w.From {
			to = clockTime(local, day+1, w.To)
		}
		if !from.Before(to) { // the clock skips all of the window but its end
			to = from.Add(w.To - w.From)
		}
		if local.Before(from) {
			return from.Sub(local)
		}
		if local.Before(to) {
			return 0
		}
	}
	return clockTime(local, 2, w.From).Sub(local)
}

// clockTime is the given time of day, some days from t's date. A time that the zone's clock skips
// counts as later by the skipped span; time.Date would take it earlier, and the window would open
// before its hour.
func clockTime(t time.Time, days int, d time.Duration) time.Time {
	at := time.Date(t.Year(), t.Month(), t.Day()+days, int(d.Hours()), int(d.Minutes())%60, 0, 0, t.Location())
	got := time.Duration(at.Hour())*time.Hour + time.Duration(at.Minute())*time.Minute
	gap := d - got
	if gap < -12*time.Hour {
		gap += 24 * time.Hour // it went back over midnight
	}
	return at.Add(max(0, gap))
}
