package db

import (
	"context"
	_ "embed"
	"fmt"
	"io/fs"
	"strconv"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redisdb"
)

//go:embed prelude.lua
var prelude string

// Script joins files of a package into one script, after the prelude of all scripts.
func Script(files fs.FS, names ...string) *redis.Script {
	return redisdb.Script(prelude, files, names...)
}

// Run executes a script, which makes every key from the root key.
func Run(ctx context.Context, rdb redis.Scripter, s *redis.Script, args ...any) *redis.Cmd {
	return s.Run(ctx, rdb, []string{Root}, args...)
}

// Texts reads a reply that is a list of strings and integers.
func Texts(cmd *redis.Cmd) ([]string, error) {
	list, err := cmd.Slice()
	if err != nil {
		return nil, err
	}
	out := make([]string, len(list))
	for i, v := range list {
		out[i] = fmt.Sprint(v)
	}
	return out, nil
}

// TextMap reads a list of names and values.
func TextMap(list any) map[string]string {
	flat, _ := list.([]any)
	m := make(map[string]string, len(flat)/2)
	for i := 0; i+1 < len(flat); i += 2 {
		m[fmt.Sprint(flat[i])] = fmt.Sprint(flat[i+1])
	}
	return m
}

// ParseInt reads a number of a reply; what names it in the error.
func ParseInt(what, s string) (int64, error) {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil {
		return 0, fmt.Errorf("ledger: %s %q is not a number", what, s)
	}
	return n, nil
}

// Args are the arguments of a script: some, and a list.
func Args(list []string, first ...any) []any {
	for _, s := range list {
		first = append(first, s)
	}
	return first
}
