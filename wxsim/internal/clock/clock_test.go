package clock

import (
	"slices"
	"testing"
	"time"
)

// start is when manual clocks of tests begin: mid-month, noon in UTC+8.
var start = time.Date(2026, 11, 15, 4, 0, 0, 0, time.UTC)

func TestManualClock(t *testing.T) {
	t.Parallel()
	c := NewManual(start)
	var ran []time.Duration
	note := func() { ran = append(ran, c.Now().Sub(start)) }
	c.AfterFunc(3*time.Second, note)
	c.AfterFunc(time.Second, func() { note(); c.AfterFunc(time.Second, note) })
	cancel := c.AfterFunc(2*time.Second, note)
	if !cancel() || cancel() {
		t.Error("cancel reports the wrong result")
	}
	c.AfterFunc(time.Hour, note)
	c.Advance(3 * time.Second)
	if want := []time.Duration{time.Second, 2 * time.Second, 3 * time.Second}; !slices.Equal(ran, want) {
		t.Errorf("ran at %v, want %v", ran, want)
	}
	if got := c.Now().Sub(start); got != 3*time.Second {
		t.Errorf("the clock shows %v", got)
	}
	done := make(chan bool)
	c.AfterFunc(0, func() { close(done) })
	<-done
}

// TestCalendar: days and months begin at 16:00 UTC.
func TestCalendar(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 30, 15, 59, 59, 0, time.UTC)
	if Day(at) == Day(at.Add(time.Second)) || Month(at) == Month(at.Add(time.Second)) {
		t.Error("the month does not begin at midnight in UTC+8")
	}
	if Day(at) != Day(at.Add(-24*time.Hour+time.Second)) {
		t.Error("a day is not a day long")
	}
}
