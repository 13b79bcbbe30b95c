package redisdb

import (
	"context"
	"iter"

	"github.com/redis/go-redis/v9"
)

// Field is one field of a hash.
type Field struct{ Name, Value string }

// fieldsPage is how many fields one HSCAN call asks for.
const fieldsPage = 500

// Fields walks over a hash in pages; each field is yielded once, as it was before or after a change
// during the walk. An error is the last.
func Fields(ctx context.Context, rdb redis.HashCmdable, key string) iter.Seq2[Field, error] {
	return func(yield func(Field, error) bool) {
		seen := make(map[string]struct{}) // HSCAN may repeat a field while the hash grows
		var cursor uint64
		for {
			page, next, err := rdb.HScan(ctx, key, cursor, "", fieldsPage).Result()
			if err != nil {
				yield(Field{}, err)
				return
			}
			for i := 0; i+1 < len(page); i += 2 {
				if _, dup := seen[page[i]]; dup {
					continue
				}
				seen[page[i]] = struct{}{}
				if !yield(Field{page[i], page[i+1]}, nil) {
					return
				}
			}
			if cursor = next; cursor == 0 {
				return
			}
		}
	}
}
