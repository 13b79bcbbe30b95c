package app

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/wxrollout/wxrollout/internal/doctor"
	"github.com/wxrollout/wxrollout/internal/neterr"
)

// checkTime bounds each check of a connection.
const checkTime = 15 * time.Second

// Check tries what the worker needs before it starts: Redis's facts, commands and keys, the sealed values, the
// connection to WeChat, and the token service. It calls no endpoint of WeChat and renews no token.
func (a *App) Check(ctx context.Context) []doctor.Result {
	results := append(a.tools.Doctor.CheckStores(ctx), a.checkReach(ctx))
	if a.core.broker != nil {
		results = append(results, a.checkBroker(ctx))
	}
	return results
}

// checkReach connects to WeChat's host, through the proxy if there is one. Every HTTP status is an answer.
func (a *App) checkReach(ctx context.Context) doctor.Result {
	r := doctor.Result{Name: "wechat", Level: doctor.LevelFail}
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	req, err := http.NewRequestWithContext(ctx, http.MethodHead, a.cfg.WeChatURL, http.NoBody)
	if err != nil {
		r.Detail = err.Error()
		return r
	}
	resp, err := a.core.transport.RoundTrip(req)
	if err != nil {
		r.Detail = neterr.Explain(err, err, req.URL.Host).Error()
		return r
	}
	_ = resp.Body.Close() // HEAD has none
	r.Level, r.Detail = doctor.LevelOK, req.URL.Host+" answers"
	if resp.TLS != nil {
		r.Detail += ", its certificate is valid"
	}
	return r
}

// checkBroker gets the platform's token from the token service.
func (a *App) checkBroker(ctx context.Context) doctor.Result {
	ctx, cancel := context.WithTimeout(ctx, checkTime)
	defer cancel()
	if _, err := a.core.broker.ComponentToken(ctx); err != nil {
		return doctor.Result{Name: "token service", Level: doctor.LevelFail, Detail: fmt.Sprint(err)}
	}
	return doctor.Result{Name: "token service", Level: doctor.LevelOK, Detail: "it gave the platform's token"}
}
