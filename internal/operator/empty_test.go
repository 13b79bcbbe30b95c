package operator_test

import (
	"context"
	"fmt"
	"reflect"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// contents is everything in Redis.
func (b *bench) contents() map[string]string {
	b.t.Helper()
	all := make(map[string]string)
	keys, err := b.rdb.Keys(b.ctx, "*").Result()
	if err != nil {
		b.t.Fatal(err)
	}
	for _, key := range keys {
		all[key] = fmt.Sprint(b.rdb.Get(b.ctx, key).Val(), b.rdb.HGetAll(b.ctx, key).Val(), b.rdb.ZRangeWithScores(b.ctx, key, 0, -1).Val(),
			b.rdb.LRange(b.ctx, key, 0, -1).Val(), b.rdb.SMembers(b.ctx, key).Val()) // all but one are of the wrong type, and empty
	}
	return all
}

// TestEmptyNameChangesNothing calls every method of an operator that takes a name
// with an empty one, while one rollout could be meant: a new verb is covered as well.
func TestEmptyNameChangesNothing(t *testing.T) {
	t.Parallel()
	b := mini(t)
	b.apply(waved, 6)
	b.work()
	before := b.contents()
	// What only reads, and takes the only rollout or whichever app is at hand.
	reads := map[string]bool{"Rollout": true, "Check": true, "Quota": true, "InspectApp": true, "Live": true, "Wake": true}
	op := reflect.ValueOf(b.op)
	verbs := 0
	for i := range op.NumMethod() {
		name, method := op.Type().Method(i).Name, op.Method(i)
		in := method.Type()
		if in.NumIn() < 2 || in.In(0) != reflect.TypeFor[context.Context]() || in.In(1).Kind() != reflect.String || in.NumOut() == 0 {
			continue
		}
		args := []reflect.Value{reflect.ValueOf(b.ctx)}
		for j := 1; j < in.NumIn(); j++ {
			args = append(args, reflect.Zero(in.In(j)))
		}
		if name == "Watch" {
			continue // an iterator of reads
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
