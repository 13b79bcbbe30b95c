package ledger

import (
	"context"
	_ "embed" // the scripts
	"fmt"

	"github.com/redis/go-redis/v9"
)

var (
	//go:embed prelude.lua
	prelude string
	//go:embed claim.lua
	claimLua string
	//go:embed start.lua
	startLua string
	//go:embed mark.lua
	markLua string
	//go:embed save.lua
	saveLua string
	//go:embed due.lua
	dueLua string
	//go:embed loan.lua
	loanLua string
	//go:embed loan_return.lua
	loanReturnLua string
	//go:embed create.lua
	createLua string
	//go:embed add.lua
	addLua string
	//go:embed seal.lua
	sealLua string
	//go:embed control.lua
	controlLua string
	//go:embed latch.lua
	latchLua string
	//go:embed sweep.lua
	sweepLua string
	//go:embed revise.lua
	reviseLua string
	//go:embed view.lua
	viewLua string
	//go:embed heartbeat.lua
	heartbeatLua string
	//go:embed clock.lua
	clockLua string
	//go:embed capacity.lua
	capacityLua string
	//go:embed tally.lua
	tallyLua string
	//go:embed note.lua
	noteLua string
	//go:embed archive_stamp.lua
	archiveStampLua string
	//go:embed archive_read.lua
	archiveReadLua string
	//go:embed prune.lua
	pruneLua string
	//go:embed fsck.lua
	auditLua string
	//go:embed repair_targets.lua
	repairTargetsLua string
	//go:embed repair_counts.lua
	repairCountsLua string
	//go:embed repair_rollout.lua
	repairRolloutLua string
	//go:embed repair_name.lua
	repairNameLua string
	//go:embed recount.lua
	recountLua string
	//go:embed platform_note.lua
	platformNoteLua string
	//go:embed fault_note.lua
	faultNoteLua string
	//go:embed fault_probe.lua
	faultProbeLua string
	//go:embed fault_clear.lua
	faultClearLua string
	//go:embed schedule_look.lua
	scheduleLookLua string
	//go:embed schedule_put.lua
	schedulePutLua string
	//go:embed schedule_add.lua
	scheduleAddLua string
	//go:embed schedule_seal.lua
	scheduleSealLua string
	//go:embed schedule_due.lua
	scheduleDueLua string
	//go:embed schedule_fire.lua
	scheduleFireLua string
	//go:embed schedule_pause.lua
	schedulePauseLua string
	//go:embed schedule_delete.lua
	scheduleDeleteLua string
	//go:embed schedule_draft.lua
	scheduleDraftLua string
	//go:embed schedule_freeze.lua
	scheduleFreezeLua string
)

var (
	claimScript          = newScript(claimLua)
	startScript          = newScript(startLua)
	markScript           = newScript(markLua)
	saveScript           = newScript(saveLua)
	dueScript            = newScript(dueLua)
	loanScript           = newScript(loanLua)
	loanReturnScript     = newScript(loanReturnLua)
	createScript         = newScript(createLua)
	addScript            = newScript(addLua)
	sealScript           = newScript(sealLua)
	controlScript        = newScript(controlLua)
	latchScript          = newScript(latchLua)
	sweepScript          = newScript(sweepLua)
	reviseScript         = newScript(reviseLua)
	viewScript           = newScript(viewLua)
	heartbeatScript      = newScript(heartbeatLua)
	clockScript          = newScript(clockLua)
	capacityScript       = newScript(capacityLua)
	tallyScript          = newScript(tallyLua)
	noteScript           = newScript(noteLua)
	archiveReadScript    = newScript(archiveStampLua + archiveReadLua)
	pruneScript          = newScript(archiveStampLua + pruneLua)
	auditScript          = newScript(auditLua)
	repairTargetsScript  = newScript(repairTargetsLua)
	repairCountsScript   = newScript(repairCountsLua)
	repairRolloutScript  = newScript(repairRolloutLua)
	repairNameScript     = newScript(repairNameLua)
	recountScript        = newScript(recountLua)
	platformNoteScript   = newScript(platformNoteLua)
	faultNoteScript      = newScript(faultNoteLua)
	faultProbeScript     = newScript(faultProbeLua)
	faultClearScript     = newScript(faultClearLua)
	scheduleLookScript   = newScript(scheduleLookLua)
	schedulePutScript    = newScript(schedulePutLua)
	scheduleAddScript    = newScript(scheduleAddLua)
	scheduleSealScript   = newScript(scheduleSealLua)
	scheduleDueScript    = newScript(scheduleDueLua)
	scheduleFireScript   = newScript(scheduleFireLua)
	schedulePauseScript  = newScript(schedulePauseLua)
	scheduleDeleteScript = newScript(scheduleDeleteLua)
	scheduleDraftScript  = newScript(scheduleDraftLua)
	scheduleFreezeScript = newScript(scheduleFreezeLua)
)

// newScript joins a script with the prelude that all of them share.
func newScript(body string) *redis.Script { return redis.NewScript(prelude + body) }

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
