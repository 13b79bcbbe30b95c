package clock

import "time"

// china is the time zone of every calendar rule of the platform.
var china = time.FixedZone("UTC+8", 8*3600)

// Day numbers the calendar day of t in UTC+8.
func Day(t time.Time) int64 { return (t.Unix() + 8*3600) / 86400 }

// Month numbers the calendar month of t in UTC+8.
func Month(t time.Time) int64 {
	y, m, _ := t.In(china).Date()
	return int64(y)*12 + int64(m)
}

// Monthly counts events that are limited per calendar month. The zero value is ready for use.
type Monthly struct {
	month int64
	n     int
}

// Left is the rest of a limit at the given time.
func (m *Monthly) Left(now time.Time, limit int) int {
	if month := Month(now); month != m.month {
		m.month, m.n = month, 0
	}
	return max(limit-m.n, 0)
}

// Take spends one of a limit; false means that none was left.
func (m *Monthly) Take(now time.Time, limit int) bool {
	if m.Left(now, limit) == 0 {
		return false
	}
	m.n++
	return true
}
