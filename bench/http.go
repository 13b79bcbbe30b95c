package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/redis/go-redis/v9"
	"golang.org/x/sync/errgroup"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

// playWeChat serves a simulator with a latency; 0 is memory speed.
func playWeChat(apps int, latency time.Duration) *httptest.Server {
	return httptest.NewServer(wxsim.New(wxsim.Options{
		Apps: apps, Quota: wxsim.QuotaOptions{Limit: 10 * apps}, Latency: wxsim.Range{Min: latency, Max: latency},
	}))
}

// connect returns a client of WeChat with the tokens of a registry in rdb.
func connect(baseURL string, rdb redis.UniversalClient) (*wxclient.Client, error) {
	transport := http.DefaultTransport.(*http.Transport).Clone()
	transport.MaxIdleConns, transport.MaxIdleConnsPerHost = 0, 3*perQueue
	client, err := wxclient.New(wxclient.Options{
		BaseURL: baseURL, ComponentAppID: wxsim.DefaultComponentAppID,
		HTTPClient: &http.Client{Transport: transport, Timeout: 30 * time.Second},
	})
	if err != nil {
		return nil, err
	}
	sealer, err := registry.NewSealer("dGhlIGJlbmNoJ3MgdG9rZW5zIG5lZWQgYSBzZWNyZXQ=", "")
	if err != nil {
		return nil, err
	}
	tokens, err := registry.New(registry.Options{
		ComponentAppID: wxsim.DefaultComponentAppID, Secret: wxsim.DefaultSecret, Ticket: wxsim.DefaultTicket,
		Sealer: sealer, Client: client, Redis: rdb,
	})
	if err != nil {
		return nil, err
	}
	return client.WithTokens(tokens), nil
}

// warm fetches every app's token, so that neither side is measured with it.
func warm(ctx context.Context, wx *wxclient.Client, apps int) error {
	return forEach(ctx, apps, func(ctx context.Context, appid string) error {
		_, err := wx.VersionInfo(ctx, appid)
		return err
	})
}

// forEach calls fn for each of the simulator's apps, concurrently as the engine's
// handlers.
func forEach(ctx context.Context, apps int, fn func(ctx context.Context, appid string) error) error {
	g, ctx := errgroup.WithContext(ctx)
	g.SetLimit(3 * perQueue)
	for i := range apps {
		g.Go(func() error { return fn(ctx, wxsim.AppID(i)) })
	}
	return g.Wait()
}

// callTime is the shortest duration of a call to WeChat.
const callTime = 20 * time.Millisecond

// httpRow compares the pipeline over HTTP with goroutines that make the same
// calls without crash safety: at memory speed, and with a realistic latency.
func httpRow(ctx context.Context, b *bench) error {
	if err := httpPair(ctx, b, "pipeline over HTTP", b.n(1500), 0); err != nil {
		return err
	}
	return httpPair(ctx, b, fmt.Sprintf("the same, each call takes %s", callTime), b.n(1000), callTime)
}

func httpPair(ctx context.Context, b *bench, name string, n int, latency time.Duration) error {
	stage := func(run func(wx *wxclient.Client) error) (float64, error) {
		if err := b.redis.flush(ctx); err != nil {
			return 0, err
		}
		server := playWeChat(n, latency)
		defer server.Close()
		rdb := b.redis.client()
		defer func() { _ = rdb.Close() }()
		wx, err := connect(server.URL, rdb)
		if err != nil {
			return 0, err
		}
		if err := warm(ctx, wx, n); err != nil {
			return 0, err
		}
		start := time.Now()
		err = run(wx)
		return perSecond(n, time.Since(start)), err
	}
	return b.pair(line{Name: name, Unit: "targets/s", Against: "goroutines without a queue", Goal: ">= 0.7"},
		func() (float64, error) {
			return stage(func(wx *wxclient.Client) error {
				return withEngine(ctx, b.redis, wx, engineOptions{simulated: true}, func(e *engine) error {
					return second(e.complete(ctx, n))
				})
			})
		},
		func() (float64, error) {
			return stage(func(wx *wxclient.Client) error {
				return forEach(ctx, n, func(ctx context.Context, appid string) error { return byHand(ctx, wx, appid) })
			})
		})
}

// byHand makes the calls that the six stages make for an app without an error.
func byHand(ctx context.Context, wx *wxclient.Client, appid string) error {
	p := plan(1)
	steps := []func() error{
		func() error { return second(wx.AuthorizerInfo(ctx, appid)) },
		func() error { return second(wx.VersionInfo(ctx, appid)) },
		func() error { return second(wx.Categories(ctx, appid)) },
		func() error {
			return wx.Commit(ctx, appid, wxclient.CommitRequest{
				TemplateID: p.Template.ID, ExtJSON: `{"ext":{"shop":"bench"}}`, Version: p.Template.Version, Desc: p.Desc("bench", 0),
			})
		},
		func() error { return second(wx.VersionInfo(ctx, appid)) },
		func() error { return second(wx.CodePrivacyInfo(ctx, appid)) },
		func() error { return ignore(second(wx.LatestAudit(ctx, appid))) },
		func() error { return second(wx.VersionInfo(ctx, appid)) },
		func() error {
			categories, err := wx.Categories(ctx, appid)
			if err != nil {
				return err
			}
			pages, err := wx.Pages(ctx, appid)
			if err != nil {
				return err
			}
			_, err = wx.SubmitAudit(ctx, appid, wxclient.SubmitRequest{Items: []wxclient.AuditItem{categories[0].Item(pages[0], "", "")}})
			return err
		},
		func() error { return second(wx.LatestAudit(ctx, appid)) },
		func() error { return second(wx.VersionInfo(ctx, appid)) },
		func() error { return second(wx.LatestAudit(ctx, appid)) },
		func() error { return wx.Release(ctx, appid) },
		func() error { return second(wx.VersionInfo(ctx, appid)) },
	}
	for i, step := range steps {
		if err := step(); err != nil {
			return fmt.Errorf("call %d for %s: %w", i, appid, err)
		}
	}
	return nil
}

func second[T any](_ T, err error) error { return err }

// ignore drops WeChat's refusal for an app that was never submitted.
func ignore(err error) error {
	if api := (*wxclient.Error)(nil); errors.As(err, &api) {
		return nil
	}
	return err
}
