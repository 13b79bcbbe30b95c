package app

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/pprof"
	"time"
)

// PprofAddr is the address of the profiles; nil if they are not served.
func (a *App) PprofAddr() net.Addr {
	if a.pprof == nil {
		return nil
	}
	return a.pprof.addr()
}

// listenPprof serves profiles on a separate address, if one is configured.
func (a *App) listenPprof(ctx context.Context) error {
	if a.cfg.PprofListen == "" {
		return nil
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /debug/pprof/", pprof.Index)
	mux.HandleFunc("GET /debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("GET /debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("GET /debug/pprof/trace", pprof.Trace)
	side := &httpSide{failed: a.http.failed, server: &http.Server{
		Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second,
		WriteTimeout: 5 * time.Minute, IdleTimeout: time.Minute, MaxHeaderBytes: 16 << 10,
	}}
	if err := side.listen(ctx, a.cfg.PprofListen); err != nil {
		return fmt.Errorf("WXROLLOUT_PPROF_LISTEN=%q: %w", a.cfg.PprofListen, err)
	}
	a.pprof = side
	a.running.push("pprof", func(context.Context) error { return side.server.Close() }) // a profile is not worth waiting for
	a.log.Info().Str("listen", side.addr().String()).Msg("profiles are served under /debug/pprof/")
	return nil
}
