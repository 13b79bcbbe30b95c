package rollout

import (
	"cmp"
	"slices"
)

// Demand is one rollout's wish for submissions.
type Demand struct {
	Rollout string
	// Pool is the plan's quota pool; a pool of its own goes before bulk.
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

// Allocate shares a budget of submissions among demands: first those of a pool
// of their own, such as hotfix, then by age. A demand gets nothing of what it
// must leave to other pools. The result lists who got some, in that order.
func Allocate(budget int64, demands []Demand) []Grant {
	bulk := func(d Demand) int {
		if d.Pool == "bulk" || d.Pool == "" {
			return 1
		}
		return 0
	}
	order := slices.Clone(demands)
	slices.SortStableFunc(order, func(a, b Demand) int {
		return cmp.Or(cmp.Compare(bulk(a), bulk(b)), cmp.Compare(a.Created, b.Created), cmp.Compare(a.Rollout, b.Rollout))
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
