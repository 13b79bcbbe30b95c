package rollout

import (
	"cmp"
	"slices"
)

// Demand is one rollout's wish for submissions.
type Demand struct {
	Rollout string
	// Pool is the plan's quota pool; pools others keep a reserve for go first.
	Pool string
	// Want is how many targets wait for their submission.
	Want int
	// Reserve is what this rollout must leave to other pools.
	Reserve int64
	// Created orders rollouts of equal priority, oldest first (unix ms).
	Created int64
}

// Grant is what a demand got.
type Grant struct {
	Rollout string
	N       int
}

// Unlimited is a budget that is not known.
const Unlimited = int64(-1)

// Allocate shares a budget of submissions among demands: first those whose pool
// somebody keeps a reserve for, then by age. A demand gets nothing of what it
// must leave to other pools. The result lists who got some, in that order.
func Allocate(budget int64, demands []Demand) []Grant {
	reserved := make(map[string]bool)
	for _, d := range demands {
		if d.Pool != "bulk" && d.Pool != "" {
			reserved[d.Pool] = true
		}
	}
	order := slices.Clone(demands)
	slices.SortStableFunc(order, func(a, b Demand) int {
		if reserved[a.Pool] != reserved[b.Pool] {
			if reserved[a.Pool] {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(a.Created, b.Created), cmp.Compare(a.Rollout, b.Rollout))
	})
	var grants []Grant
	for _, d := range order {
		n := int64(d.Want)
		if budget != Unlimited {
			n = min(n, max(0, budget-d.Reserve))
			budget -= n
		}
		if n > 0 {
			grants = append(grants, Grant{Rollout: d.Rollout, N: int(n)})
		}
	}
	return grants
}
