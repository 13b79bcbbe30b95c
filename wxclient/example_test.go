package wxclient_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"

	"github.com/wxrollout/wxrollout/wxclient"
)

// fixed is a TokenSource with one token.
type fixed string

func (f fixed) ComponentToken(context.Context) (string, error)          { return string(f), nil }
func (f fixed) AuthorizerToken(context.Context, string) (string, error) { return string(f), nil }
func (f fixed) Refused(context.Context, string, string) error           { return nil }

// Example submits a version and distinguishes the three kinds of failure.
func Example() {
	wechat := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = fmt.Fprint(w, `{"errcode":85085,"errmsg":"submit audit reach limit rid: 65a-1b-2c"}`)
	}))
	defer wechat.Close()
	client, err := wxclient.New(wxclient.Options{BaseURL: wechat.URL, Tokens: fixed("token")})
	if err != nil {
		fmt.Println(err)
		return
	}
	_, err = client.SubmitAudit(context.Background(), "wx0123456789abcdef", wxclient.SubmitRequest{})
	var answer *wxclient.Error
	switch {
	case wxclient.IsOutcomeUnknown(err):
		fmt.Println("read back with LatestAudit before anything else")
	case errors.As(err, &answer):
		fmt.Println(answer.Class)
		fmt.Println(answer)
	}
	// Output:
	// throttle-platform
	// wechat /wxa/submit_audit: errcode 85085 (throttle-platform: platform's audit submissions of this month are spent): submit audit reach limit rid=65a-1b-2c
}
