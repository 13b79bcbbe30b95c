package wxsim_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"

	"github.com/wxrollout/wxrollout/wxsim"
)

// A simulator needs nothing but net/http: a test runs its client against it and lets the books judge the client.
func Example() {
	sim := wxsim.New(wxsim.Options{Apps: 3, Seed: 1})
	defer sim.Close()
	srv := httptest.NewServer(sim)
	defer srv.Close()

	// The client under test would make this call.
	res, err := http.Post(srv.URL+"/cgi-bin/component/api_component_token", "application/json", strings.NewReader(`{
		"component_appid": "`+wxsim.DefaultComponentAppID+`",
		"component_appsecret": "`+wxsim.DefaultSecret+`",
		"component_verify_ticket": "`+wxsim.DefaultTicket+`"}`))
	if err != nil {
		fmt.Println(err)
		return
	}
	defer res.Body.Close() //nolint:errcheck // nothing was written
	var out struct {
		Token   string `json:"component_access_token"`
		Expires int    `json:"expires_in"`
	}
	if err := json.NewDecoder(res.Body).Decode(&out); err != nil {
		fmt.Println(err)
		return
	}
	fmt.Println("token:", out.Token != "", "for", out.Expires, "s")
	fmt.Println("first app:", wxsim.AppID(0))
	fmt.Println("states:", sim.Tally().States)
	fmt.Println("books:", sim.Books().Check())
	// Output:
	// token: true for 7200 s
	// first app: wxe220a8397b1dcdaf
	// states: map[idle:3]
	// books: <nil>
}
