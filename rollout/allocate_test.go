package rollout_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout"
)

func TestAllocate(t *testing.T) {
	t.Parallel()
	bulk := func(id string, want int, reserve, created int64) rollout.Demand {
		return rollout.Demand{Rollout: id, Pool: "bulk", Want: want, Reserve: reserve, Created: created}
	}
	hot := rollout.Demand{Rollout: "hot", Pool: "hotfix", Want: 30, Created: 99}
	type grants = []rollout.Grant
	for _, tc := range []struct {
		name    string
		budget  int64
		demands []rollout.Demand
		want    grants
	}{
		{"nobody asks", 100, nil, nil},
		{"nothing to give", 0, []rollout.Demand{bulk("a", 5, 0, 1)}, nil},
		{"enough for all, oldest first", 100, []rollout.Demand{bulk("b", 5, 0, 2), bulk("a", 7, 0, 1)}, grants{{"a", 7}, {"b", 5}}},
		{"the oldest gets the rest", 10, []rollout.Demand{bulk("b", 5, 0, 2), bulk("a", 7, 0, 1)}, grants{{"a", 7}, {"b", 3}}},
		{"same age: by name", 10, []rollout.Demand{bulk("b", 7, 0, 1), bulk("a", 7, 0, 1)}, grants{{"a", 7}, {"b", 3}}},
		{"a hotfix goes first, though youngest", 40, []rollout.Demand{bulk("a", 50, 0, 1), hot}, grants{{"hot", 30}, {"a", 10}}},
		{"the reserve stays", 100, []rollout.Demand{bulk("a", 200, 60, 1)}, grants{{"a", 40}}},
		{"nothing above the reserve", 60, []rollout.Demand{bulk("a", 200, 60, 1)}, nil},
		{"the reserve is for the hotfix", 60, []rollout.Demand{bulk("a", 200, 60, 1), hot}, grants{{"hot", 30}}},
		{"one that keeps no reserve takes it", 60, []rollout.Demand{bulk("a", 200, 60, 1), bulk("b", 10, 0, 2)}, grants{{"b", 10}}},
		{"no limit is known", rollout.Unlimited, []rollout.Demand{bulk("a", 500, 60, 1), hot}, grants{{"hot", 30}, {"a", 500}}},
		{"a demand for nothing", 10, []rollout.Demand{bulk("a", 0, 0, 1), bulk("b", 3, 0, 2)}, grants{{"b", 3}}},
		{"no pool means bulk", 10, []rollout.Demand{{Rollout: "a", Want: 7, Created: 2}, bulk("b", 7, 0, 1)}, grants{{"b", 7}, {"a", 3}}},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if diff := cmp.Diff(tc.want, rollout.Allocate(tc.budget, tc.demands)); diff != "" {
				t.Errorf("grants (-want +got):\n%s", diff)
			}
		})
	}
}

func TestAllocateProperties(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		budget := rapid.Int64Range(0, 300).Draw(t, "budget")
		demands := rapid.SliceOfNDistinct(rapid.Custom(func(t *rapid.T) rollout.Demand {
			return rollout.Demand{
				Rollout: rapid.StringMatching("[a-f]").Draw(t, "rollout"),
				Pool:    rapid.SampledFrom([]string{"", "bulk", "hotfix"}).Draw(t, "pool"),
				Want:    rapid.IntRange(0, 100).Draw(t, "want"),
				Reserve: rapid.Int64Range(0, 100).Draw(t, "reserve"),
				Created: rapid.Int64Range(0, 3).Draw(t, "created"),
			}
		}), 0, 6, func(d rollout.Demand) string { return d.Rollout }).Draw(t, "demands")
		by := make(map[string]rollout.Demand)
		for _, d := range demands {
			by[d.Rollout] = d
		}
		left := budget
		for _, g := range rollout.Allocate(budget, demands) {
			d := by[g.Rollout]
			left -= int64(g.N)
			switch {
			case g.N <= 0 || g.N > d.Want:
				t.Fatalf("%s wants %d and gets %d", d.Rollout, d.Want, g.N)
			case left < d.Reserve:
				t.Fatalf("%s must leave %d and leaves %d of %d", d.Rollout, d.Reserve, left, budget)
			}
			delete(by, g.Rollout) // a second grant would want 0
		}
	})
}
