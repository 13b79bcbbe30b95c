package appconfig

import (
	"context"
	"fmt"
)

// AppDiff is what would change at one app.
type AppDiff struct {
	AppID   string   `json:"appid"`
	Label   string   `json:"label,omitempty"`
	Changes []Change `json:"changes"`
	// Drops are domains set at mp.weixin.qq.com that the release deletes.
	Drops []string `json:"drops,omitempty"`
	// Error says why the app could not be read, or why it would fail.
	Error string `json:"error,omitempty"`
}

// Right reports whether the app needs no write for certain.
func (a AppDiff) Right() bool {
	for _, c := range a.Changes {
		if !c.Perhaps {
			return false
		}
	}
	return a.Error == ""
}

// Compare reads what an app has and returns what would change. call makes each read; what it refuses
// is the app's own error unless ctx has ended.
func Compare(ctx context.Context, wx Client, want *Want, label string, call func(context.Context, func(context.Context) error) error) (AppDiff, error) {
	a := AppDiff{AppID: want.AppID, Label: label, Changes: []Change{}}
	for _, kind := range want.Kinds() {
		e, err := kind.Open(wx, want)
		if err != nil {
			return a, err
		}
		if e.Reads() {
			err = call(ctx, e.Read)
		} else {
			err = e.Read(ctx)
		}
		if err != nil {
			a.Error = fmt.Sprintf("%s: %v", kind.Name, err)
			return a, ctx.Err()
		}
		e.Ahead()
		changes, err := e.Changes()
		if err != nil {
			a.Error = err.Error()
			return a, nil //nolint:nilerr // it is the app's, and in the diff
		}
		a.Changes = append(a.Changes, changes...)
		a.Drops = append(a.Drops, e.Dropped()...)
	}
	return a, nil
}

// KindDiff sums up one kind.
type KindDiff struct {
	Kind string `json:"kind"`
	// Apps is how many of the compared apps differ, Writes how many writes that takes.
	Apps   int `json:"apps"`
	Writes int `json:"writes"`
}

// Sum adds up the diffs of apps by kind, in the order of the kinds.
func Sum(diffs []AppDiff) []KindDiff {
	sums := []KindDiff{}
	for _, k := range table {
		sum := KindDiff{Kind: k.Name}
		for _, a := range diffs {
			writes := 0
			for _, c := range a.Changes {
				if c.Kind == k.Name {
					writes++
				}
			}
			sum.Writes += writes
			sum.Apps += min(writes, 1)
		}
		if sum.Writes > 0 {
			sums = append(sums, sum)
		}
	}
	return sums
}
