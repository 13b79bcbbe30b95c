package ledger

import (
	"context"
	"embed"
	"fmt"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/lua"
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
	latchScript          = script("latch.lua")
	sweepScript          = script("sweep.lua")
	reviseScript         = script("revise.lua")
	viewScript           = script("view.lua")
	heartbeatScript      = script("heartbeat.lua")
	clockScript          = script("clock.lua")
	capacityScript       = script("capacity.lua")
	tallyScript          = script("tally.lua")
	noteScript           = script("note.lua")
	archiveReadScript    = script("archive_stamp.lua", "archive_read.lua")
	pruneScript          = script("archive_stamp.lua", "prune.lua")
	auditScript          = script("fsck.lua")
	repairTargetsScript  = script("repair_targets.lua")
	repairCountsScript   = script("repair_counts.lua")
	repairRolloutScript  = script("repair_rollout.lua")
	repairNameScript     = script("repair_name.lua")
	recountScript        = script("recount.lua")
	platformNoteScript   = script("platform_note.lua")
	faultNoteScript      = script("fault_note.lua")
	faultProbeScript     = script("fault_probe.lua")
	faultClearScript     = script("fault_clear.lua")
	scheduleLookScript   = script("schedule_look.lua")
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

// script joins an operation with the prelude that all scripts of the ledger share.
func script(names ...string) *redis.Script {
	return lua.Script(sources, append([]string{"prelude.lua"}, names...)...)
}

// run executes a script of the ledger; every key comes from the root key.
func run(ctx context.Context, rdb redis.Scripter, s *redis.Script, args ...any) *redis.Cmd {
	return s.Run(ctx, rdb, []string{root}, args...)
}

// texts reads a reply that is a list of strings and integers.
func texts(cmd *redis.Cmd) ([]string, error) {
	list, err := cmd.Slice()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprint(v)
	}
	return out, nil
}
