package redistest_test

import (
	"context"
	"errors"
	"os"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/redistest"
)

func TestStart(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t, redistest.Password("pa ss"), redistest.Config("maxmemory 64mb"))
	rdb := srv.Client(t)
	if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
		t.Fatal(err)
	}
	got, err := rdb.ConfigGet(t.Context(), "maxmemory").Result()
	if err != nil || got["maxmemory"] != "67108864" {
		t.Fatalf("maxmemory = %v, %v; want the extra line's 64 MiB", got, err)
	}
	open := redis.NewClient(&redis.Options{Addr: srv.Addr()})
	defer func() { _ = open.Close() }()
	if err := open.Ping(t.Context()).Err(); err == nil {
		t.Error("a client without the password was let in")
	}
}

// With the append-only file the data outlive a crash, on the same address.
func TestKillRestart(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name string
		opts []redistest.Option
		want error
	}{
		// always: the test is about Kill and Restart, not about the lost second
		{"aof", []redistest.Option{redistest.AOF(), redistest.Config("appendfsync always")}, nil},
		{"memory only", nil, redis.Nil},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			srv := redistest.Start(t, tc.opts...)
			rdb := srv.Client(t)
			if err := rdb.Set(t.Context(), "k", "v", 0).Err(); err != nil {
				t.Fatal(err)
			}
			old, addr := srv.PID(), srv.Addr()
			srv.Kill()
			if srv.PID() != 0 {
				t.Errorf("PID = %d after Kill, want 0", srv.PID())
			}
			if err := rdb.Ping(t.Context()).Err(); err == nil {
				t.Error("a killed server answered")
			}
			srv.Restart()
			if srv.PID() == old || srv.Addr() != addr {
				t.Errorf("after Restart: pid %d (was %d), addr %s (was %s)", srv.PID(), old, srv.Addr(), addr)
			}
			if err := rdb.Get(t.Context(), "k").Err(); !errors.Is(err, tc.want) {
				t.Errorf("read back: %v, want %v", err, tc.want)
			}
			if _, err := os.Stat(srv.AOFPath()); (err == nil) != (tc.want == nil) {
				t.Errorf("stat AOFPath: %v", err)
			}
		})
	}
}

func TestStopCont(t *testing.T) {
	t.Parallel()
	srv := redistest.Start(t)
	rdb := srv.Client(t)
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Fatal(err)
	}
	srv.Stop()
	o := srv.Options()
	o.ContextTimeoutEnabled, o.MaxRetries = true, -1
	frozen := redis.NewClient(o)
	defer func() { _ = frozen.Close() }()
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if err := frozen.Ping(ctx).Err(); err == nil {
		t.Error("a frozen server answered")
	}
	srv.Cont()
	if err := rdb.Ping(t.Context()).Err(); err != nil {
		t.Errorf("after Cont: %v", err)
	}
}

func TestAdvanceMovesBothHalves(t *testing.T) {
	t.Parallel()
	m, rdb := redistest.Mini(t)
	rdb.Set(t.Context(), "k", "v", time.Minute)
	before := rdb.Time(t.Context()).Val()
	redistest.Advance(m, 59*time.Second)
	if got := rdb.Time(t.Context()).Val().Sub(before); got != 59*time.Second {
		t.Errorf("TIME moved by %v, want 59s", got)
	}
	if got := rdb.PTTL(t.Context(), "k").Val(); got != time.Second {
		t.Errorf("PTTL = %v, want 1s", got)
	}
	redistest.Advance(m, time.Second)
	if n := rdb.Exists(t.Context(), "k").Val(); n != 0 {
		t.Error("the key outlived its time")
	}
}
