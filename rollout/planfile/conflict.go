package planfile

import "github.com/wxrollout/wxrollout/rollout"

// Conflict sets the precedence among rollouts that target the same app (docs/priority.md).
type Conflict struct {
	// Priority is nil for the default of the plan's pool.
	Priority *int
	// OnConflict is "" for wait, so that plans from before there was a choice keep their digest.
	OnConflict rollout.OnConflict
	// AllowDowngrade takes apps back to older versions too.
	AllowDowngrade bool
}

// readConflict reads the keys priority, on_conflict and allow_downgrade.
func readConflict(top *object) Conflict {
	var c Conflict
	if n, ok := top.integer("priority", 0, rollout.MaxPriority); ok {
		p := int(n)
		c.Priority = &p
	}
	word := top.choice("on_conflict", string(rollout.OnConflictWait), string(rollout.OnConflictSupersede), string(rollout.OnConflictSkip))
	if word != string(rollout.OnConflictWait) {
		c.OnConflict = rollout.OnConflict(word)
	}
	c.AllowDowngrade = top.boolean("allow_downgrade")
	return c
}
