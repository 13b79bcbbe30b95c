package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// workerEnv makes this program a worker of the workers row: "redis address,
// simulator's URL".
const workerEnv = "WXROLLOUT_BENCH_WORKER"

// workersRow runs one rollout by one, two and four processes.
func workersRow(ctx context.Context, b *bench) error {
	n := b.n(2000)
	var one float64
	for _, processes := range []int{1, 2, 4} {
		rate, err := runWorkers(ctx, b.redis, n, processes)
		if err != nil {
			return fmt.Errorf("%d processes: %w", processes, err)
		}
		l := line{Name: fmt.Sprintf("%d worker processes over HTTP", processes), Unit: "targets/s", Ours: rate}
		if processes == 1 {
			one = rate
		} else {
			l.against("one process", one, ">= 1")
		}
		b.add(l)
	}
	return nil
}

func runWorkers(ctx context.Context, s *server, n, processes int) (float64, error) {
	if err := s.flush(ctx); err != nil {
		return 0, err
	}
	weChat := playWeChat(n, 0)
	defer weChat.Close()
	rdb := s.client()
	defer func() { _ = rdb.Close() }()
	wx, err := connect(weChat.URL, rdb)
	if err != nil {
		return 0, err
	}
	if err := warm(ctx, wx, n); err != nil {
		return 0, err
	}
	for range processes {
		cmd := exec.CommandContext(ctx, os.Args[0])
		cmd.Env = append(os.Environ(), workerEnv+"="+s.addr+","+weChat.URL)
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			return 0, err
		}
		defer func() {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}()
	}
	var took time.Duration
	err = withEngine(ctx, s, wx, engineOptions{noServers: true, simulated: true}, func(e *engine) error {
		// Wait for workers that are still starting.
		err := poll(ctx, 10*time.Millisecond, func() (bool, error) {
			capacity, err := e.ledger.Capacity(ctx)
			return capacity["commit"] == processes*perQueue, err
		})
		if err == nil {
			took, err = e.complete(ctx, n)
		}
		return err
	})
	return perSecond(n, took), err
}

// beWorker runs handlers until it is killed.
func beWorker(addr string) error {
	redisAddr, weChat, ok := strings.Cut(addr, ",")
	if !ok {
		return errors.New(workerEnv + ": want two addresses")
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	s := &server{addr: redisAddr}
	rdb := s.client()
	defer func() { _ = rdb.Close() }()
	wx, err := connect(weChat, rdb)
	if err != nil {
		return err
	}
	return withEngine(ctx, s, wx, engineOptions{noController: true, simulated: true}, func(*engine) error {
		<-ctx.Done()
		return nil
	})
}
