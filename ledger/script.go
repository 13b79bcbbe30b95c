package ledger

import (
	"embed"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ledger/internal/db"
)

//go:embed *.lua
var sources embed.FS

var (
	claimScript          = script("claim.lua")
	startScript          = script("start.lua")
	markScript           = script("mark.lua")
	saveScript           = script("save.lua")
	dueScript            = script("due.lua")
	loanScript           = script("loan.lua")
	loanReturnScript     = script("loan_return.lua")
	createScript         = script("create.lua")
	addScript            = script("add.lua")
	sealScript           = script("seal.lua")
	controlScript        = script("control.lua")
	approveScript        = script("approve.lua")
	latchScript          = script("latch.lua")
	sweepScript          = script("sweep.lua")
	reviseScript         = script("revise.lua")
	heartbeatScript      = script("heartbeat.lua")
	clockScript          = script("clock.lua")
	capacityScript       = script("capacity.lua")
	noteScript           = script("note.lua")
	archiveReadScript    = script("archive_stamp.lua", "archive_read.lua")
	pruneScript          = script("archive_stamp.lua", "prune.lua")
	platformNoteScript   = script("platform_note.lua")
	faultNoteScript      = script("fault_note.lua")
	faultProbeScript     = script("fault_probe.lua")
	faultClearScript     = script("fault_clear.lua")
	schedulePutScript    = script("schedule_put.lua")
	scheduleAddScript    = script("schedule_add.lua")
	scheduleSealScript   = script("schedule_seal.lua")
	scheduleDueScript    = script("schedule_due.lua")
	scheduleFireScript   = script("schedule_fire.lua")
	schedulePauseScript  = script("schedule_pause.lua")
	scheduleDeleteScript = script("schedule_delete.lua")
	scheduleDraftScript  = script("schedule_draft.lua")
	scheduleFreezeScript = script("schedule_freeze.lua")
)

func script(names ...string) *redis.Script { return db.Script(sources, names...) }
