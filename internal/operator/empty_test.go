package operator_test

import (
	"context"
	"fmt"
	"iter"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents is everything in Redis.
func (b *bench) contents() map[string]string {
	b.T.Helper()
	all := make(map[string]string)
	keys, err := b.Redis.Keys(b.Ctx, "*").Result()
	if err != nil {
		b.T.Fatal(err)
	}
	for _, key := range keys {
		all[key] = fmt.Sprint(b.Redis.Get(b.Ctx, key).Val(), b.Redis.HGetAll(b.Ctx, key).Val(), b.Redis.ZRangeWithScores(b.Ctx, key, 0, -1).Val(),
			b.Redis.LRange(b.Ctx, key, 0, -1).Val(), b.Redis.SMembers(b.Ctx, key).Val()) // all but one are of the wrong type, and empty
	}
	return all
}

// methods are the methods of the use cases.
func methods(of ...any) iter.Seq2[reflect.Value, string] {
	return func(yield func(reflect.Value, string) bool) {
		for _, v := range of {
			for i := range reflect.TypeOf(v).NumMethod() {
				if !yield(reflect.ValueOf(v).Method(i), reflect.TypeOf(v).Method(i).Name) {
					return
				}
			}
		}
	}
}

// TestEmptyNameChangesNothing calls every method that takes a name with an empty one, while one
// rollout could be meant: a new verb is covered as well.
func TestEmptyNameChangesNothing(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.Apply(waved, 6)
	b.Work()
	before := b.contents()
	// What only reads, and takes the only rollout or whichever app is at hand.
	reads := map[string]bool{"Rollout": true, "Report": true, "Pool": true, "InspectApp": true, "Live": true, "Wake": true}
	verbs := 0
	for method, name := range methods(b.Operator, b.Launcher, b.Quota, b.Archiver) {
		in := method.Type()
		if in.NumIn() < 2 || in.In(0) != reflect.TypeFor[context.Context]() || in.In(1).Kind() != reflect.String || in.NumOut() == 0 {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(b.Ctx)}
		for j := 1; j < in.NumIn(); j++ {
			args = append(args, reflect.Zero(in.In(j)))
		}
		if name == "Watch" || name == "FollowEvents" || name == "Pool" || name == "Reserve" {
			continue // an iterator of reads; they take stages and pools
		}
		verbs++
		out := method.Call(args)
		if err := out[len(out)-1]; !reads[name] && (err.Kind() != reflect.Interface || err.IsNil()) {
			t.Errorf("%s(\"\"): no error", name)
		}
		if diff := cmp.Diff(before, b.contents()); diff != "" {
			t.Errorf("%s(\"\") changed Redis", name)
			before = b.contents()
		}
	}
	if verbs < 15 {
		t.Errorf("only %d verbs were tried", verbs)
	}
}
