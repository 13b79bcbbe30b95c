package app

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/wxrollout/wxrollout/internal/config"
	"github.com/wxrollout/wxrollout/internal/controller"
	"github.com/wxrollout/wxrollout/internal/redisserver"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/tasks/queue"
	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// httpSide serves metrics, health and WeChat's callbacks.
type httpSide struct {
	server   *http.Server
	listener net.Listener
	ready    atomic.Bool
	// failed gets the error that ended the server, unless it was shut down, or another that ends the worker.
	failed chan error
}

func (a *App) newHTTPSide() (*httpSide, error) {
	h := &httpSide{failed: make(chan error, 3)} // two sides and the heartbeats can end
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", promhttp.HandlerFor(a.reg, promhttp.HandlerOpts{Registry: a.reg}))
	mux.HandleFunc("GET /healthz", func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintln(w, "ok") })
	mux.HandleFunc("GET /readyz", a.readyz)
	if !a.cfg.CallbackToken.Empty() {
		receiver, err := callback.NewHandler(callback.Options{
			ComponentAppID: a.cfg.ComponentAppID, Token: a.cfg.CallbackToken.Reveal(),
			AESKey: a.cfg.CallbackAESKey.Reveal(), PreviousAESKey: a.cfg.CallbackAESKeyPrevious.Reveal(),
			Sink: callbacks{a}, Replay: registry.NewReplay(a.core.rdb, a.cfg.ComponentAppID), Refused: a.refused.note,
		})
		if err != nil {
			return nil, &config.Error{Faults: []string{"WXROLLOUT_CALLBACK_AES_KEY: " + err.Error()}}
		}
		mux.Handle("/wechat/", http.StripPrefix("/wechat", receiver))
	}
	h.server = &http.Server{
		Handler: cleanPaths(mux), ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 30 * time.Second, IdleTimeout: 2 * time.Minute, MaxHeaderBytes: 16 << 10,
	}
	h.server.SetKeepAlivesEnabled(false) // strictListener checks the first head of a connection
	return h, nil
}

func (h *httpSide) listen(ctx context.Context, addr string) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", addr)
	if err != nil {
		return err
	}
	h.listener = l
	go func() {
		if err := h.server.Serve(strictListener{l}); !errors.Is(err, http.ErrServerClosed) {
			h.failed <- fmt.Errorf("serve HTTP on %s: %w", l.Addr(), err)
		}
	}()
	return nil
}

func (h *httpSide) addr() net.Addr { return h.listener.Addr() }

func (h *httpSide) shutdown(ctx context.Context) error { return h.server.Shutdown(ctx) }

// readyz reports whether this worker is ready: Redis takes writes, the token source returns a token, and
// some worker leads. It names what is missing. It also names paused Asynq queues and a fault of the
// platform, but then the worker stays ready: otherwise it would lose WeChat's callbacks, and with them
// the ticket that may end the fault.
func (a *App) readyz(w http.ResponseWriter, r *http.Request) {
	ctx, cancel := context.WithTimeout(r.Context(), 5*time.Second)
	defer cancel()
	fault, paused, err := a.readiness(ctx)
	if err != nil {
		w.WriteHeader(http.StatusServiceUnavailable)
		fmt.Fprintln(w, err)
		return
	}
	if fault != nil {
		fmt.Fprintf(w, "ok, but %s\n", fault.Cause())
	} else if len(paused) == 0 {
		fmt.Fprintln(w, "ok")
	}
	for _, p := range paused {
		fmt.Fprintf(w, "ok, but %s: %s\n", p, p.Next())
	}
}

// readiness returns the first missing condition as an error, or else the fault of the platform (nil if
// there is none) and the paused queues. During a fault it requests no token.
func (a *App) readiness(ctx context.Context) (*ledger.PlatformFault, []queue.Paused, error) {
	if !a.http.ready.Load() {
		return nil, nil, errors.New("starting or draining")
	}
	if err := redisserver.Writable(ctx, a.core.rdb, a.cfg.RedisURL); err != nil {
		return nil, nil, fmt.Errorf("redis: %w", err)
	}
	fault, err := a.core.ledger.PlatformFault(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("redis: %w", err)
	}
	if fault == nil {
		if _, err := a.core.source.ComponentToken(ctx); err != nil {
			return nil, nil, fmt.Errorf("token source: %w", err)
		}
	}
	holder, _, err := controller.NewLease(a.core.rdb, a.name).Holder(ctx)
	if err != nil {
		return nil, nil, fmt.Errorf("redis: %w", err)
	}
	if holder == "" {
		return nil, nil, errors.New("no worker leads")
	}
	paused, err := queue.PausedQueues(ctx, a.core.rdb)
	if err != nil {
		return nil, nil, fmt.Errorf("redis: %w", err)
	}
	return fault, paused, nil
}
