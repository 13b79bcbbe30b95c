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

	"github.com/wxrollout/wxrollout/wxsim"
)

// workerEnv makes this program a worker of the workers row: "redis address,
// simulator's URL".
const workerEnv = "WXROLLOUT_BENCH_WORKER"

// workersRow runs one rollout by one, two and four processes.
func workersRow(ctx context.Context, b *bench) error {
	n := b.n(2000)
	var one float64
	for _, processes := range []int{1, 2, 4} {
		perSecond, err := runWorkers(ctx, b.redis, n, processes)
		if err != nil {
			return fmt.Errorf("%d processes: %w", processes, err)
		}
		l := line{Name: fmt.Sprintf("%d worker processes over HTTP", processes), Unit: "targets/s", Ours: perSecond}
		if processes == 1 {
			one = perSecond
		} else {
			l.Against, l.Base, l.Ratio, l.Low, l.High = "one process", one, perSecond/one, perSecond/one, perSecond/one
			l.Goal = ">= 1"
		}
		b.add(l, l.Ratio >= 1, l.Ratio != 0)
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
	e, err := startEngine(ctx, s, wx, engineOptions{noServers: true})
	if err != nil {
		return 0, err
	}
	defer e.close(ctx)
	for { // a worker that is still starting would be missed
		there, err := e.ledger.Capacity(ctx)
		if err != nil {
			return 0, err
		}
		if there["commit"] == processes*perQueue {
			break
		}
		if err := (wallClock{}).Sleep(ctx, 10*time.Millisecond); err != nil {
			return 0, err
		}
	}
	start := time.Now()
	if err := load(ctx, e.ledger, n, wxsim.AppID); err != nil {
		return 0, err
	}
	err = await(ctx, e.ledger)
	return float64(n) / time.Since(start).Seconds(), err
}

// beWorker runs handlers until it is killed.
func beWorker(addr string) error {
	redisAddr, weChat, ok := strings.Cut(addr, ",")
	if !ok {
		return errors.New(workerEnv + " wants two addresses")
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
	e, err := startEngine(ctx, s, wx, engineOptions{noController: true})
	if err != nil {
		return err
	}
	<-ctx.Done()
	e.close(context.WithoutCancel(ctx))
	return nil
}
