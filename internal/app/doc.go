// Package app is the composition root: it reads the settings, builds the Redis
// clients, the WeChat client, the ledger, the pools, the handlers and the
// controller, and starts and stops them in order.
//
//	a, err := app.New(ctx, cfg, app.Options{})
//	err = a.Run(ctx, stop) // until stop is closed, then drains
package app
