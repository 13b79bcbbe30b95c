// Package calendar says when a plan acts: daily windows for releases and schedules for runs, in zones
// whose clocks may change. It is pure: the caller passes the time.
package calendar

// DefaultZone is the zone of a window or schedule that names none.
const DefaultZone = "Asia/Shanghai"
