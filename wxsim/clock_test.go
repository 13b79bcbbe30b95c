package wxsim

import (
	"slices"
	"testing"
	"time"
)

func TestManualClock(t *testing.T) {
	t.Parallel()
	c := NewManualClock(start)
	var ran []time.Duration
	note := func() { ran = append(ran, c.Now().Sub(start)) }
	c.AfterFunc(3*time.Second, note)
	c.AfterFunc(time.Second, func() { note(); c.AfterFunc(time.Second, note) })
	cancel := c.AfterFunc(2*time.Second, note)
	if !cancel() || cancel() {
		t.Error("canceling says the wrong thing")
	}
	c.AfterFunc(time.Hour, note)
	c.Advance(3 * time.Second)
	if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(ran, want) {
		t.Errorf("ran at %v, want %v", ran, want)
	}
	if got := c.Now().Sub(start); got != 3*time.Second {
		t.Errorf("clock stands at %v", got)
	}
	done := make(chan bool)
	c.AfterFunc(0, func() { close(done) })
	<-done
}

func TestRanges(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Range{
		"2s": {2 * time.Second, 2 * time.Second}, "1s-3s": {time.Second, 3 * time.Second}, "0s": {}, "1ms-1h": {time.Millisecond, time.Hour},
	} {
		got, err := ParseRange(text)
		if err != nil || got != want || got.String() != mustRange(t, got.String()).String() {
			t.Errorf("ParseRange(%q) = %v, %v; want %v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "2", "3s-1s", "1s-", "-1s-2s", "a-b"} {
		if got, err := ParseRange(text); err == nil {
			t.Errorf("ParseRange(%q) = %v, want an error", text, got)
		}
	}
	r := Range{time.Second, 3 * time.Second}
	if r.at(0) != time.Second || r.at(0.5) != 2*time.Second {
		t.Errorf("at(0) = %v, at(0.5) = %v", r.at(0), r.at(0.5))
	}
}

func mustRange(t *testing.T, text string) Range {
	t.Helper()
	r, err := ParseRange(text)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestCalendar: days and months turn at 16:00 UTC.
func TestCalendar(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 15, 59, 59, 0, time.UTC)
	if dayOf(at) == dayOf(at.Add(time.Second)) || monthOf(at) == monthOf(at.Add(time.Second)) {
		t.Error("the month does not turn at midnight in UTC+8")
	}
	if dayOf(at) != dayOf(at.Add(-24*time.Hour+time.Second)) {
		t.Error("a day is not a day long")
	}
}
