package ledger

// root starts every key of the ledger. The braces make all of them one Redis
// Cluster slot: claims, saves and owners of apps need one atomic step over
// several rollouts. Scripts make the same names, and some that Go never needs:
//   - n:<rollout>, HASH cell -> number of targets
//   - codes:<rollout>, HASH errcode -> failed targets since the last resume
//   - marks, HASH "rollout appid" -> fence of the assignment during which news came
//   - sd:<schedule>:<token>, HASH appid -> "rank|body": targets that a run may take
//   - wake:stepped, ZSET as keyWake: parked targets of before a step back of the clock
//   - workers, ZSET worker by end of its heartbeat (ms)
//   - capacity, HASH worker -> JSON of concurrency by queue
//   - fault:last, HASH code, at (ms), times: the fault of the platform that ended last
//   - fault:alone, HASH appid -> end (ms): apps that fail where others were proven to work
const root = "wxr:{ledger}:"

func keyRollout(id string) string       { return root + "r:" + id }                   // HASH of one rollout
func keyTargets(id string) string       { return root + "t:" + id }                   // HASH appid -> record
func keyPlans(id string) string         { return root + "p:" + id }                   // HASH revision -> full plan, JSON
func keyLog(id string) string           { return root + "log:" + id }                 // LIST of operator actions, JSON; id "" is the platform's
func keyReady(id, stage string) string  { return root + "ready:" + id + ":" + stage } // ZSET appid by rank; what is to be read back below 0
func keyLeases(queueName string) string { return root + "leases:" + queueName }       // ZSET "rollout appid" by end of lease (ms)
func keySchedule(name string) string    { return root + "s:" + name }                 // HASH of one schedule
func keyPrototype(name string) string   { return root + "st:" + name }                // HASH appid -> "rank|body" of a schedule

const (
	keyServer    = root + "server"    // HASH run_id, until, wait, lease: which server gave assignments, end and length of its quarantine, usual lease (ms)
	keyLoans     = root + "loans"     // ZSET appid by end of its loan (ms); those that ended go with the next loan
	keyClock     = root + "clock"     // HASH high: highest server time seen; back, at, steps: how far, when and how often it stepped back (ms)
	keyRollouts  = root + "rollouts"  // ZSET id by creation (ms)
	keyActive    = root + "active"    // ZSET id by start (ms): what the controller looks at
	keyNames     = root + "names"     // HASH name -> id of its newest rollout
	keyOwners    = root + "owners"    // HASH appid -> rollout that works on it
	keyReleased  = root + "released"  // HASH appid -> lines of rollout|its creation (ms)|version: what rollouts made live, newest created first
	keyWake      = root + "wake"      // ZSET "rollout appid" by wake time (ms)
	keyFault     = root + "fault"     // HASH of the fault of the platform, while it stands
	keyArchives  = root + "archives"  // ZSET id by when it was pruned (ms)
	keyArchived  = root + "archived"  // HASH id -> what stays of a pruned rollout, JSON
	keySchedules = root + "schedules" // ZSET name by next run (ms); +inf while it may not run
)
