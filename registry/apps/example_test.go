package apps_test

import (
	"context"
	"fmt"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/registry/apps"
)

// Example labels an app and reads it again.
func Example() {
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = rdb.Close() }()

	ctx, store := context.Background(), apps.New(rdb)
	_, err = store.Change(ctx, []string{"wx1"}, func(a *apps.App) bool {
		a.Label = "north"
		return true
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	app, err := store.Get(ctx, "wx1")
	fmt.Println(app.Label, err)
	// Output:
	// north <nil>
}
