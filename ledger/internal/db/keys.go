// Package db is what the ledger and its consistency check share: key names, the codec of records, the
// prelude of all scripts, and the errors of Redis. prelude.lua describes the layout.
package db

// Root starts every key of the ledger. The braces make all of them one Redis
// Cluster slot: claims, saves and owners of apps need one atomic step over
// several rollouts. Scripts make the same names, and some that Go never needs:
//   - n:<rollout>, HASH cell -> number of targets
//   - codes:<rollout>, HASH errcode -> failed targets since the last resume
//   - marks, HASH "rollout appid" -> fence of the assignment during which news came
//   - sd:<schedule>:<token>, HASH appid -> "rank|body": targets that a run may take
//   - wake, ZSET "rollout appid" by wake time (ms)
//   - wake:stepped, ZSET as wake: parked targets of before a step back of the clock
//   - workers, ZSET worker by end of its heartbeat (ms)
//   - capacity, HASH worker -> JSON of concurrency by queue
//   - fault:last, HASH code, at (ms), times: the fault of the platform that ended last
//   - fault:alone, HASH appid -> end (ms): apps that fail where others were proven to work
const Root = "wxr:{ledger}:"

// KeyRollout is the HASH of one rollout.
func KeyRollout(id string) string { return Root + "r:" + id }

// KeyTargets is the HASH appid -> record.
func KeyTargets(id string) string { return Root + "t:" + id }

// KeyPlans is the HASH revision -> full plan, JSON.
func KeyPlans(id string) string { return Root + "p:" + id }

// KeyLog is the LIST of operator actions, JSON; the platform's with the id "".
func KeyLog(id string) string { return Root + "log:" + id }

// KeyReady is the ZSET appid by rank; read-backs have scores below 0.
func KeyReady(id, stage string) string { return Root + "ready:" + id + ":" + stage }

// KeyLeases is the ZSET "rollout appid" by end of lease (ms).
func KeyLeases(queueName string) string { return Root + "leases:" + queueName }

// KeySchedule is the HASH of one schedule.
func KeySchedule(name string) string { return Root + "s:" + name }

// KeyPrototype is the HASH appid -> "rank|body" of a schedule.
func KeyPrototype(name string) string { return Root + "st:" + name }

// Keys that there is one of.
const (
	KeySchema    = Root + "schema"    // STRING: the version of the data, see ledger.Schema
	KeyServer    = Root + "server"    // HASH run_id, until, wait, lease: which server gave assignments, end and length of its quarantine, usual lease (ms)
	KeyLoans     = Root + "loans"     // ZSET appid by end of its loan (ms); those that ended go with the next loan
	KeyClock     = Root + "clock"     // HASH high: highest server time seen; back, at, steps: how far, when and how often it stepped back (ms)
	KeyRollouts  = Root + "rollouts"  // ZSET id by creation (ms)
	KeyActive    = Root + "active"    // ZSET id by start (ms): what the controller reconciles
	KeyNames     = Root + "names"     // HASH name -> id of its newest rollout
	KeyOwners    = Root + "owners"    // HASH appid -> rollout that works on it
	KeyReleased  = Root + "released"  // HASH appid -> lines of rollout|its creation (ms)|version: what rollouts made live, newest created first
	KeyFault     = Root + "fault"     // HASH of the current fault of the platform
	KeyArchives  = Root + "archives"  // ZSET id by when it was pruned (ms)
	KeyArchived  = Root + "archived"  // HASH id -> what stays of a pruned rollout, JSON
	KeySchedules = Root + "schedules" // ZSET name by next run (ms); +inf while it may not run
)
