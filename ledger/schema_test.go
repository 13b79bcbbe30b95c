package ledger_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/ledger"
)

// TestSchema: data of another version is refused; data without a version has version 1.
func TestSchema(t *testing.T) {
	t.Parallel()
	both(t, func(b *bench) {
		ctx := b.Context()
		for range 2 {
			b.must(ledger.CheckSchema(ctx, b.rdb))
		}
		if got := b.rdb.Get(ctx, root+"schema").Val(); got != "1" {
			b.Errorf("the version is %q, want it stored at first use", got)
		}
		for have, want := range map[string]string{
			"2":    "run the version of wxrollout that wrote it, or a newer one",
			"0":    "restore the key",
			"":     "restore the key",
			"many": "restore the key",
		} {
			b.must(b.rdb.Set(ctx, root+"schema", have, 0).Err())
			var other *ledger.SchemaError
			if err := ledger.CheckSchema(ctx, b.rdb); !errors.As(err, &other) || !strings.Contains(err.Error(), want) || !strings.Contains(err.Error(), root+"schema") {
				b.Errorf("%q: %v, want %q", have, err, want)
			}
		}
		b.must(b.rdb.Del(ctx, root+"schema").Err())
		b.must(b.rdb.HSet(ctx, root+"schema", "a", 1).Err())
		if err := ledger.CheckSchema(ctx, b.rdb); !errors.As(err, new(*ledger.SchemaError)) {
			b.Errorf("a hash: %v", err)
		}
	})
}
