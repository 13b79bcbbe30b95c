package tasks

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
)

// ServersOptions size a worker.
type ServersOptions struct {
	// Concurrency is the number of handlers per queue.
	Concurrency map[rollout.QueueName]int
	// Drain is how long Shutdown waits for running handlers; longer than the
	// longest call. Default 20 s.
	Drain time.Duration
	Log   zerolog.Logger
}

// Servers are one Asynq server per queue: a server dequeues serially, and a queue
// must not wait for another's round trips.
type Servers struct {
	list       []*asynq.Server
	queueNames []rollout.QueueName
	handler    *Handler
	stop       context.CancelFunc
	running    sync.WaitGroup // handlers, also those that Asynq no longer waits for
}

// NewServers makes the servers on a client that carries an AckHook; the caller
// closes the client after Shutdown.
func NewServers(rdb redis.UniversalClient, h *Handler, o ServersOptions) *Servers {
	if o.Drain <= 0 {
		o.Drain = 20 * time.Second
	}
	base, stop := context.WithCancel(context.Background())
	s := &Servers{handler: h, stop: stop}
	for _, queueName := range rollout.QueueNames() {
		n := o.Concurrency[queueName]
		if n <= 0 {
			continue
		}
		s.queueNames = append(s.queueNames, queueName)
		s.list = append(s.list, asynq.NewServerFromRedisClient(rdb, asynq.Config{
			Concurrency:              n,
			Queues:                   map[string]int{string(queueName): 1},
			BaseContext:              func() context.Context { return base },
			TaskCheckInterval:        200 * time.Millisecond, // of an idle queue: a fifth of what idling costs
			DelayedTaskCheckInterval: time.Second,
			ShutdownTimeout:          o.Drain,
			RetryDelayFunc:           retryDelay,
			IsFailure:                func(error) bool { return false }, // attempts are counted in the ledger
			Logger:                   asynqLog{o.Log},
			LogLevel:                 asynq.WarnLevel,
		}))
	}
	return s
}

// Start begins to take tasks.
func (s *Servers) Start() error {
	for i, srv := range s.list {
		if err := srv.Start(asynq.HandlerFunc(s.process)); err != nil {
			return fmt.Errorf("start the %s queue: %w", s.queueNames[i], err)
		}
	}
	return nil
}

// Shutdown stops taking tasks and waits for the running ones to end. When
// drained ends first, the handlers' context is canceled: they give back what
// they have not begun.
func (s *Servers) Shutdown(drained context.Context) {
	for _, srv := range s.list {
		srv.Stop()
	}
	canceled := context.AfterFunc(drained, s.stop)
	defer canceled()
	var wg sync.WaitGroup
	for _, srv := range s.list {
		wg.Go(srv.Shutdown)
	}
	wg.Wait()
	s.stop()
	s.running.Wait()
}

// process is the Asynq handler of all kinds.
func (s *Servers) process(ctx context.Context, task *asynq.Task) error {
	s.running.Add(1)
	defer s.running.Done()
	assignment, err := parseTask(task.Type(), task.Payload())
	if err != nil {
		s.handler.log.Error().Err(err).Msg("task dropped; its lease brings the assignment back")
		s.handler.dropped(rollout.Stage("none"), "payload")
		return fmt.Errorf("%w: %w", err, asynq.RevokeTask)
	}
	err = s.handler.Run(ctx, assignment)
	if ask := (*again)(nil); err == nil || errors.As(err, &ask) {
		return err
	}
	// The ledger was out of reach. The assignment comes back when its lease ends; this
	// delivery is over.
	s.handler.log.Error().Err(err).Str("rollout", assignment.Rollout).Str("target", assignment.AppID).
		Str("stage", string(assignment.Stage)).Msg("assignment left to its lease")
	return fmt.Errorf("%w: %w", err, asynq.RevokeTask)
}

// retryDelay is the delay that the handler asked for; a lease that Asynq lost is
// delivered at once, and the fence decides.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	if ask := (*again)(nil); errors.As(err, &ask) {
		return wholeSeconds(ask.delay)
	}
	return time.Second
}

// asynqLog hands Asynq's log lines to zerolog.
type asynqLog struct{ log zerolog.Logger }

func (l asynqLog) Debug(args ...any) { l.log.Debug().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Info(args ...any)  { l.log.Info().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Warn(args ...any)  { l.log.Warn().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Error(args ...any) { l.log.Error().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Fatal(args ...any) { l.log.Error().Str("line", fmt.Sprint(args...)).Msg("asynq") }
