package redisdb

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// NameKeys adds the key to errors about keys of the wrong type, which Redis does not name.
func NameKeys(rdb redis.UniversalClient) { rdb.AddHook(&namer{rdb: rdb}) }

const (
	// searchEvery limits the searches for keys of the wrong type, searchTime each one.
	searchEvery = 10 * time.Second
	searchTime  = 2 * time.Second
)

// namer is the hook of NameKeys.
type namer struct {
	rdb redis.UniversalClient

	mu       sync.Mutex
	searched time.Time
	found    string
}

// keyError is a WRONGTYPE error with its key.
type keyError struct {
	error
	what string
}

func (e *keyError) Error() string { return e.error.Error() + ": " + e.what + ": " + Next }
func (e *keyError) Unwrap() error { return e.error }

// name adds the key to an error.
func (n *namer) name(ctx context.Context, cmd redis.Cmder, err error) error {
	if !redis.HasErrorPrefix(err, "WRONGTYPE") || len(cmd.Args()) < 2 {
		return err
	}
	what := "key " + fmt.Sprint(cmd.Args()[1])
	if strings.HasPrefix(strings.ToLower(cmd.Name()), "eval") { // the script made the key
		what = n.search(ctx)
	}
	if what == "" {
		return err
	}
	named := &keyError{err, what}
	cmd.SetErr(named)
	return named
}

// search names the keys of the wrong type.
func (n *namer) search(ctx context.Context) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if time.Since(n.searched) < searchEvery {
		return n.found
	}
	ctx, cancel := context.WithTimeout(ctx, searchTime)
	defer cancel()
	list, _ := FindMisplaced(ctx, n.rdb) // the caller reports its own error
	names := make([]string, len(list))
	for i, m := range list {
		names[i] = m.String()
	}
	n.searched, n.found = time.Now(), strings.Join(names, ", ")
	return n.found
}

// DialHook implements redis.Hook.
func (n *namer) DialHook(next redis.DialHook) redis.DialHook {
	return next
}

// ProcessHook implements redis.Hook.
func (n *namer) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error { return n.name(ctx, cmd, next(ctx, cmd)) }
}

// ProcessPipelineHook implements redis.Hook.
func (n *namer) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		err := next(ctx, cmds)
		for _, cmd := range cmds {
			was := cmd.Err()
			if named := n.name(ctx, cmd, was); was == err { //nolint:errorlint // a pipeline returns the first error itself
				err = named
			}
		}
		return err
	}
}
