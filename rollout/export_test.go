package rollout

import (
	"maps"
	"slices"
)

// Causes lists the causes that are counted.
func Causes() []Cause { return slices.Sorted(maps.Keys(triesMax)) }
