package calendar_test

import (
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout/calendar"
)

var t0 = time.Date(2026, 3, 1, 9, 0, 0, 0, time.UTC)

func mustWindow(t testing.TB, s string) calendar.Window {
	t.Helper()
	w, err := calendar.ParseWindow(s)
	if err != nil {
		t.Fatal(err)
	}
	return w
}

func TestWindowOpens(t *testing.T) {
	t.Parallel()
	const (
		day   = "02:00-06:00 Asia/Shanghai"
		night = "22:30-04:00 Asia/Shanghai"
		york  = "02:00-04:00 America/New_York"
		lost  = "02:10-02:50 America/New_York"
	)
	for _, tc := range []struct {
		window, now string
		want        time.Duration
	}{
		{day, "2026-03-01T01:59:59+08:00", time.Second},
		{day, "2026-03-01T02:00:00+08:00", 0},
		{day, "2026-03-01T05:59:59.999+08:00", 0},
		{day, "2026-03-01T06:00:00+08:00", 20 * time.Hour},
		{day, "2026-02-28T20:00:00Z", 0}, // 04:00 in Shanghai
		{day, "2026-03-01T00:00:00Z", 18 * time.Hour},
		{night, "2026-03-01T22:29:00+08:00", time.Minute},
		{night, "2026-03-01T23:59:59+08:00", 0},
		{night, "2026-03-02T00:00:00+08:00", 0},
		{night, "2026-03-02T03:59:00+08:00", 0},
		{night, "2026-03-02T04:00:00+08:00", 18*time.Hour + 30*time.Minute},
		{night, "2025-12-31T23:00:00+08:00", 0},
		// New York skips 02:00-03:00 on 8 March 2026 and repeats 01:00-02:00 on 1 November.
		{york, "2026-03-08T01:00:00-05:00", time.Hour},
		{york, "2026-03-08T03:30:00-04:00", 0},
		{york, "2026-03-08T04:00:00-04:00", 22 * time.Hour},
		{york, "2026-03-07T04:00:00-05:00", 22 * time.Hour},
		{york, "2026-10-31T04:00:00-04:00", 23 * time.Hour},
		{york, "2026-11-01T01:30:00-04:00", 90 * time.Minute},
		{york, "2026-11-01T01:30:00-05:00", 30 * time.Minute},
		// Beirut skips the first hour of 29 March 2026.
		{"00:10-02:00 Asia/Beirut", "2026-03-28T23:00:00+02:00", 70 * time.Minute},
		// A window that the clock skips wholly opens that much later that night.
		{lost, "2026-03-08T01:00:00-05:00", time.Hour + 10*time.Minute},
		// So does one of which it leaves the end.
		{"00:00-01:00 Asia/Beirut", "2026-03-28T01:00:00+02:00", 23 * time.Hour},
		{"00:00-01:00 Asia/Beirut", "2026-03-29T01:00:00+03:00", 0},
		{"02:10-03:00 America/New_York", "2026-03-08T03:10:00-04:00", 0},
		{"02:10-03:00 America/New_York", "2026-03-08T04:00:00-04:00", 22*time.Hour + 10*time.Minute},
		{lost, "2026-03-08T12:00:00-04:00", 14*time.Hour + 10*time.Minute},
	} {
		now, err := time.Parse(time.RFC3339Nano, tc.now)
		if err != nil {
			t.Fatal(err)
		}
		if got := mustWindow(t, tc.window).Opens(now); got != tc.want {
			t.Errorf("%s at %s opens in %v, want %v", tc.window, tc.now, got, tc.want)
		}
	}
}

// Opens says exactly when: it is closed until then and open at that instant.
func TestWindowOpensExactly(t *testing.T) {
	t.Parallel()
	zones := []string{"Asia/Shanghai", "America/New_York", "Australia/Lord_Howe", "Asia/Beirut", "UTC"}
	rapid.Check(t, func(t *rapid.T) {
		minute := rapid.IntRange(0, 24*60-1)
		from := minute.Draw(t, "from")
		to := minute.Filter(func(m int) bool { return m != from }).Draw(t, "to")
		w := calendar.Window{
			From: time.Duration(from) * time.Minute, To: time.Duration(to) * time.Minute,
			Zone: rapid.SampledFrom(zones).Draw(t, "zone"),
		}
		now := t0.Add(time.Duration(rapid.Int64Range(0, 366*24*3600).Draw(t, "now")) * time.Second)
		d := w.Opens(now)
		if d < 0 || d > 49*time.Hour {
			t.Fatalf("%s at %v opens in %v", w, now, d)
		}
		if again := w.Opens(now.Add(d)); again != 0 {
			t.Fatalf("%s at %v opens in %v, and then again in %v", w, now, d, again)
		}
		if d > 0 {
			half := d / 2
			if got := w.Opens(now.Add(half)); got != d-half {
				t.Fatalf("%s at %v opens in %v, half-way there in %v", w, now, d, got)
			}
		}
		back, err := calendar.ParseWindow(w.String())
		if err != nil || back != w {
			t.Fatalf("ParseWindow(%q) = %+v, %v", w, back, err)
		}
	})
}

func TestParseWindow(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"02:00-06:00":                 "02:00-06:00 Asia/Shanghai",
		"  22:30-04:05  UTC ":         "22:30-04:05 UTC",
		"2:00-6:00 America/New_York":  "02:00-06:00 America/New_York",
		"00:00-23:59 Asia/Shanghai":   "00:00-23:59 Asia/Shanghai",
		"23:59-00:00 Europe/Zurich":   "23:59-00:00 Europe/Zurich",
		"02:00-02:00":                 "",
		"02:00":                       "",
		"24:00-06:00":                 "",
		"02:00-06:60":                 "",
		"":                            "",
		"02:00-06:00 Asia/Shangrila":  "",
		"02:00 - 06:00 Asia/Shanghai": "",
	} {
		w, err := calendar.ParseWindow(in)
		if (err == nil) != (want != "") || (err == nil && w.String() != want) {
			t.Errorf("ParseWindow(%q) = %s, %v; want %q", in, w, err, want)
		}
	}
}

func TestWindowJSON(t *testing.T) {
	t.Parallel()
	w := mustWindow(t, "22:30-04:00 UTC")
	b, err := json.Marshal(map[string]*calendar.Window{"window": &w})
	if err != nil {
		t.Fatal(err)
	}
	var back map[string]*calendar.Window
	if err := json.Unmarshal(b, &back); err != nil || *back["window"] != w {
		t.Errorf("%s came back as %+v, %v", b, back, err)
	}
	if err := json.Unmarshal([]byte(`{"window":"noon"}`), &back); err == nil {
		t.Error("a window of nonsense was read")
	}
}

func ExampleWindow_Opens() {
	w, err := calendar.ParseWindow("02:00-06:00 Asia/Shanghai")
	if err != nil {
		fmt.Println(err)
		return
	}
	noon := time.Date(2026, 3, 1, 4, 0, 0, 0, time.UTC) // 12:00 in Shanghai
	fmt.Println(w.Opens(noon))
	// Output: 14h0m0s
}
