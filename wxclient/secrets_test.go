package wxclient_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
)

// TestNoSecretInErrors lets the server repeat everything it received, in every possible way.
func TestNoSecretInErrors(t *testing.T) {
	t.Parallel()
	secrets := []string{"s3cret-of-component", "ticket@@@of/push==", "refresh-of-app", "cat-of-component", "aat." + app + "-1", "code-of-auth"}
	calls := map[string]func(context.Context, *wxclient.Client) error{
		"release": func(ctx context.Context, c *wxclient.Client) error { return c.Release(ctx, app) },
		"start push": func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.StartPushTicket(ctx, secrets[0])
			return err
		},
		"component token": func(ctx context.Context, c *wxclient.Client) error {
			_, _, err := c.FetchComponentToken(ctx, secrets[0], secrets[1])
			return err
		},
		"authorizer token": func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.RefreshAuthorizerToken(ctx, secrets[3], app, secrets[2])
			return err
		},
		"query auth": func(ctx context.Context, c *wxclient.Client) error {
			_, err := c.QueryAuth(ctx, secrets[5])
			return err
		},
	}
	replies := map[string]func(w http.ResponseWriter, echo string){
		"errmsg": func(w http.ResponseWriter, echo string) {
			text, err := json.Marshal(map[string]any{"errcode": 85014, "errmsg": echo, "rid": echo})
			if err != nil {
				t.Error(err)
			}
			_, _ = w.Write(text)
		},
		"HTML":    func(w http.ResponseWriter, echo string) { _, _ = io.WriteString(w, "<p>"+echo) },
		"errcode": func(w http.ResponseWriter, echo string) { _, _ = fmt.Fprintf(w, `{"errcode":%q}`, echo) },
		"502":     func(w http.ResponseWriter, echo string) { w.WriteHeader(502); _, _ = io.WriteString(w, echo) },
		"hang up": func(w http.ResponseWriter, _ string) { hangUp(w, "") },
	}
	for callName, call := range calls {
		for replyName, reply := range replies {
			t.Run(callName+"/"+replyName, func(t *testing.T) {
				t.Parallel()
				s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					body, _ := io.ReadAll(r.Body)
					reply(w, r.URL.RawQuery+" "+r.URL.Query().Get("access_token")+" "+string(body))
				}))
				t.Cleanup(s.Close)
				err := call(t.Context(), dial(t, s.URL, &tokens{}))
				if err == nil {
					t.Fatal("want an error")
				}
				for e := err; e != nil; e = errors.Unwrap(e) {
					noSecret(t, fmt.Sprintf("%v %+v %#v", e, e, e), secrets...)
				}
			})
		}
	}
}

func TestMessageIsCutAndCleaned(t *testing.T) {
	t.Parallel()
	token := strings.Repeat("Ab9_-", 30)
	reply, err := json.Marshal(map[string]any{"errcode": -1, "errmsg": "x\n" + token + " refreshtoken@@@abc ticket: zzz9 " + strings.Repeat("字", 400)})
	if err != nil {
		t.Fatal(err)
	}
	c, _, _ := setup(t, string(reply))
	var answer *wxclient.Error
	if err := c.Release(t.Context(), app); !errors.As(err, &answer) {
		t.Fatalf("got %v", err)
	}
	const head = "x [redacted] [redacted] ticket: [redacted] "
	if want := head + strings.Repeat("字", 300-len(head)) + "..."; answer.Msg != want {
		t.Errorf("got  %q\nwant %q", answer.Msg, want)
	}
}

func TestSecretsAreNotRendered(t *testing.T) {
	t.Parallel()
	for _, v := range []any{
		wxclient.AuthorizerInfo{AppID: "a", RefreshToken: "s3cret"},
		wxclient.Authorizer{AppID: "a", RefreshToken: "s3cret"},
		wxclient.AuthorizerPage{List: []wxclient.Authorizer{{RefreshToken: "s3cret"}}},
		wxclient.AuthorizerToken{Access: "s3cret", Refresh: "s3cret"},
		wxclient.Authorization{Token: wxclient.AuthorizerToken{Access: "s3cret", Refresh: "s3cret"}},
	} {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		noSecret(t, fmt.Sprintf("%v %+v %#v %s", v, v, v, text), "s3cret")
	}
}
