package pace_test

import (
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"time"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxclient/pace"
	"github.com/wxrollout/wxrollout/wxsim"
)

// Example passes the calls of a client through a rate that all workers share.
func Example() {
	sim := wxsim.New(wxsim.Options{})
	defer sim.Close()
	wechat := httptest.NewServer(sim)
	defer wechat.Close()
	server, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer server.Close()
	rdb := redis.NewClient(&redis.Options{Addr: server.Addr()})
	defer func() { _ = rdb.Close() }()

	rate := ratelimit.NewThrottle(rdb, "wechat", ratelimit.Rate{Permits: 100, Per: time.Second})
	pacer := pace.New(rate, pace.Options{BaseURL: wechat.URL, Endpoints: []string{"/wxa/commit"}, Next: http.DefaultTransport})
	client, err := wxclient.New(wxclient.Options{
		BaseURL: wechat.URL, ComponentAppID: wxsim.DefaultComponentAppID, HTTPClient: &http.Client{Transport: pacer},
		Observe: func(_ context.Context, c wxclient.Call) { pacer.Observe(c) },
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, life, err := client.FetchComponentToken(context.Background(), wxsim.DefaultSecret, wxsim.DefaultTicket)
	fmt.Println(life, err)
	// Output:
	// 2h0m0s <nil>
}
