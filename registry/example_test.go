package registry_test

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/http/httptest"
	"strings"

	"github.com/alicebob/miniredis/v2"
	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/registry"
	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

// Example gives a client the registry as its token source.
func Example() {
	sim := wxsim.New(wxsim.Options{Apps: 1})
	defer sim.Close()
	wechat := httptest.NewServer(sim)
	defer wechat.Close()
	store, err := miniredis.Run()
	if err != nil {
		fmt.Println(err)
		return
	}
	defer store.Close()
	rdb := redis.NewClient(&redis.Options{Addr: store.Addr()})
	defer func() { _ = rdb.Close() }()

	client, err := wxclient.New(wxclient.Options{BaseURL: wechat.URL, ComponentAppID: wxsim.DefaultComponentAppID})
	if err != nil {
		fmt.Println(err)
		return
	}
	sealer, err := registry.NewSealer(base64.StdEncoding.EncodeToString([]byte(strings.Repeat("k", 32))), "")
	if err != nil {
		fmt.Println(err)
		return
	}
	tokens, err := registry.New(registry.Options{
		Secret: wxsim.DefaultSecret, Ticket: wxsim.DefaultTicket, Sealer: sealer, Client: client, Redis: rdb,
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	client = client.WithTokens(tokens)
	page, err := client.AuthorizerList(context.Background(), 0, 10)
	fmt.Println(page.Total, err)
	// Output:
	// 1 <nil>
}
