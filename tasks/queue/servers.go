package queue

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hibiken/asynq"
	"github.com/redis/go-redis/v9"
	"github.com/rs/zerolog"

	"github.com/wxrollout/wxrollout/rollout"
)

// Runner runs assignments; *tasks.Handler implements it.
type Runner interface {
	// Run returns nil when the delivery is done, an *Again for another delivery, and any other
	// error when the ledger was unreachable: the lease brings the assignment back.
	Run(ctx context.Context, a rollout.Assignment) error
}

// Again asks for another delivery of the same task after a delay.
type Again struct {
	Delay time.Duration
	Cause string
}

func (e *Again) Error() string { return fmt.Sprintf("again in %s: %s", e.Delay, e.Cause) }

// ServersOptions size a worker.
type ServersOptions struct {
	// Concurrency is the number of handlers per queue.
	Concurrency map[rollout.QueueName]int
	// Drain is how long Shutdown waits for running handlers; longer than the longest call.
	// Default 20 s.
	Drain time.Duration
	// Abandon is how long Shutdown waits after Drain for handlers that ignore their canceled
	// context. Default 30 s, which is longer than a handler takes to store an outcome.
	Abandon time.Duration
	// Dropped, if set, counts tasks without a readable assignment.
	Dropped func(stage rollout.Stage, why string)
	Log     zerolog.Logger
}

// Servers are one Asynq server per queue: a server dequeues serially, and no queue may wait for
// the round trips of another.
type Servers struct {
	list       []*asynq.Server
	queueNames []rollout.QueueName
	runner     Runner
	opts       ServersOptions
	stop       context.CancelFunc // of the handlers' context

	handlers sync.WaitGroup // also those that Asynq no longer waits for
	running  atomic.Int64

	ending sync.Once
	ended  chan struct{}
}

// NewServers makes the servers on a client that carries an [AckHook]; the caller closes the client
// after Shutdown.
func NewServers(rdb redis.UniversalClient, r Runner, o ServersOptions) *Servers {
	if o.Drain <= 0 {
		o.Drain = 20 * time.Second
	}
	if o.Abandon <= 0 {
		o.Abandon = 30 * time.Second
	}
	base, stop := context.WithCancel(context.Background())
	s := &Servers{runner: r, opts: o, stop: stop, ended: make(chan struct{})}
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
			TaskCheckInterval:        200 * time.Millisecond, // of an idle queue: a fifth of the cost of Asynq's minimum
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

// Shutdown stops taking tasks and waits for the running handlers. When drained ends first, it
// cancels the handlers' context: they give back what they have not begun. Shutdown returns after
// Drain and Abandon at the latest; the error counts the handlers that still run then. Their leases
// bring the assignments back. Another call waits for the same end.
func (s *Servers) Shutdown(drained context.Context) error {
	canceled := context.AfterFunc(drained, s.stop)
	defer canceled()
	s.ending.Do(func() {
		go func() {
			defer close(s.ended)
			s.end()
		}()
	})
	limit := s.opts.Drain + s.opts.Abandon
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-s.ended:
		return nil
	case <-timer.C:
		s.stop()
		return fmt.Errorf("shut down the queues: %d handlers still run after %s: their leases bring the assignments back", s.running.Load(), limit)
	}
}

// end stops the servers and waits for the handlers, without a limit.
func (s *Servers) end() {
	for _, srv := range s.list {
		srv.Stop()
	}
	var wg sync.WaitGroup
	for _, srv := range s.list {
		wg.Go(srv.Shutdown)
	}
	wg.Wait()
	s.stop()
	s.handlers.Wait()
}

// process is the Asynq handler of every task.
func (s *Servers) process(ctx context.Context, task *asynq.Task) error {
	s.handlers.Add(1)
	s.running.Add(1)
	defer s.handlers.Done()
	defer s.running.Add(-1)
	assignment, err := parseTask(task.Type(), task.Payload())
	if err != nil {
		s.opts.Log.Error().Err(err).Msg("task dropped; its lease brings the assignment back")
		if s.opts.Dropped != nil {
			s.opts.Dropped(rollout.Stage("none"), "payload")
		}
		return fmt.Errorf("%w: %w", err, asynq.RevokeTask)
	}
	err = s.runner.Run(ctx, assignment)
	if again := (*Again)(nil); err == nil || errors.As(err, &again) {
		return err
	}
	s.opts.Log.Error().Err(err).Str("rollout", assignment.Rollout).Str("target", assignment.AppID).
		Str("stage", string(assignment.Stage)).Msg("assignment left to its lease")
	return fmt.Errorf("%w: %w", err, asynq.RevokeTask)
}

// retryDelay is the delay of an *Again, in whole seconds: Asynq truncates fractions. A task whose
// Asynq lease ended is delivered at once; the fence decides whether it runs.
func retryDelay(_ int, err error, _ *asynq.Task) time.Duration {
	if again := (*Again)(nil); errors.As(err, &again) {
		return max(time.Second, (again.Delay + time.Second - 1).Truncate(time.Second))
	}
	return time.Second
}

// asynqLog passes Asynq's log lines to zerolog.
type asynqLog struct{ log zerolog.Logger }

func (l asynqLog) Debug(args ...any) { l.log.Debug().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Info(args ...any)  { l.log.Info().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Warn(args ...any)  { l.log.Warn().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Error(args ...any) { l.log.Error().Str("line", fmt.Sprint(args...)).Msg("asynq") }
func (l asynqLog) Fatal(args ...any) { l.log.Error().Str("line", fmt.Sprint(args...)).Msg("asynq") }
