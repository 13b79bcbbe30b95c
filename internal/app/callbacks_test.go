package app_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/wxrollout/wxrollout/internal/app"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxclient/callback"
	"github.com/wxrollout/wxrollout/wxsim"
)

// pushed is the environment of workers that get their tickets by push.
var pushed = []string{"COMPONENT_TICKET", "CALLBACK_TOKEN=" + wxsim.DefaultToken, "CALLBACK_AES_KEY=" + wxsim.DefaultAESKey}

// TestTicketByPush: a worker without a ticket isn't ready until the first one is
// pushed, and needs nothing else.
func TestTicketByPush(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 2, Apps: 5}, pushed...)
	a := f.worker(t)
	f.door.open(t, a)
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "token source: ")
	f.sim.PushTicket()
	answers(t, a, "/readyz", http.StatusOK, "ok")
	f.released(t, f.apply(t, 5, ""), 5)
}

// TestVerdictsByPush: nobody looks at audits by himself, and the pushes come doubled
// and out of order.
func TestVerdictsByPush(t *testing.T) {
	t.Parallel()
	const apps = 40
	f := newFleet(t, wxsim.Options{
		Seed: 4, Apps: apps, RejectRate: 0.2,
		AuditDelay: wxsim.Range{Min: 3 * time.Second, Max: 6 * time.Second},
		Push:       wxsim.PushOptions{Doubled: 0.5, OutOfOrder: 0.5, RetryAfter: 200 * time.Millisecond},
	}, append([]string{"VERDICT_POLL=0"}, pushed...)...)
	one, two := f.worker(t), f.worker(t)
	f.door.open(t, one)
	f.sim.PushTicket()
	answers(t, two, "/readyz", http.StatusOK, "ok") // it got the ticket through Redis
	id := f.apply(t, apps, "")
	r := f.finished(t, id)
	f.sound(t, id)
	b := f.sim.Books()
	if got := r.Counts.State(rollout.StateReleased); got == 0 || int64(got) != b.Audits.Passed || b.Releases != b.Audits.Passed {
		t.Errorf("%d targets released, books %+v: want as many as passed", got, b.Audits)
	}
	if got := r.Counts.State(rollout.StateRejected); got == 0 || int64(got) != b.Audits.Rejected {
		t.Errorf("%d targets rejected, books %+v", got, b.Audits)
	}
	if b.Pushes.Doubled == 0 || b.Pushes.Held == 0 {
		t.Errorf("pushes %+v: want doubled and held ones", b.Pushes)
	}
	var accepted float64
	for _, kind := range []string{callback.TypeAuditSuccess, callback.TypeAuditFail} {
		n, err := metric(t.Context(), one, fmt.Sprintf(`wxrollout_callbacks_total{result="accepted",type=%q}`, kind))
		if err != nil {
			t.Error(err)
		}
		accepted += n
	}
	if accepted < apps { // a doubled one is signed anew, so it is no replay and comes in too
		t.Errorf("%v verdicts accepted by push, want one for each of %d apps at least", accepted, apps)
	}
}

// TestVerdictsWithoutPushes: every push is lost, and polling finds every verdict.
func TestVerdictsWithoutPushes(t *testing.T) {
	t.Parallel()
	const apps = 20
	f := newFleet(t, wxsim.Options{
		Seed: 4, Apps: apps, AuditDelay: wxsim.Range{Min: time.Second, Max: 3 * time.Second}, Push: wxsim.PushOptions{Lost: 1},
	}, pushed[1:]...) // the ticket by hand
	a := f.worker(t)
	f.door.open(t, a)
	f.released(t, f.apply(t, apps, ""), apps)
	if b := f.sim.Books().Pushes; b.Made < apps || b.Lost != b.Made {
		t.Errorf("pushes %+v: want one for each app at least, and all lost", b)
	}
	if n, err := metric(t.Context(), a, `wxrollout_callbacks_total{result="accepted",type="weapp_audit_success"}`); err != nil || n != 0 {
		t.Errorf("%v pushes came in, %v", n, err)
	}
}

// TestAuthorizationIsAnsweredAtOnce: trading the code takes WeChat longer than it waits for an answer, and
// the tokens are there all the same.
func TestAuthorizationIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 2, Apps: 3}, pushed[1:]...)
	a := f.worker(t)
	f.door.open(t, a)
	answers(t, a, "/readyz", http.StatusOK, "ok")
	if err := f.sim.AddFault(wxsim.Fault{Endpoint: "/cgi-bin/component/api_query_auth", Kind: wxsim.FaultSlow, Count: 1, Delay: wxsim.Duration(6 * time.Second)}); err != nil {
		t.Fatal(err)
	}
	f.sim.Authorize(wxsim.AppID(1))
	eventually(t, "the tokens that the code was worth are stored", func(ctx context.Context) (bool, string) {
		n, err := metric(ctx, a, "wxrollout_app_tokens")
		return n == 1, fmt.Sprint(n, err)
	})
	if b := f.sim.Books().Pushes; b.Refused != 0 || b.Accepted != 1 {
		t.Errorf("pushes %+v: want it accepted at its first attempt", b)
	}
}

// forge posts a push of a ticket that is signed with a token.
func forge(t *testing.T, a *app.App, token, key string) int {
	t.Helper()
	codec, err := callback.NewCodec(wxsim.DefaultComponentAppID, token, key, "")
	if err != nil {
		t.Fatal(err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	message := fmt.Sprintf("<xml><AppId>%s</AppId><CreateTime>%s</CreateTime><InfoType>component_verify_ticket</InfoType>"+
		"<ComponentVerifyTicket>ticket@@@forged</ComponentVerifyTicket></xml>", wxsim.DefaultComponentAppID, at)
	secret := codec.Encrypt([]byte(message), [16]byte{1})
	body := fmt.Sprintf("<xml><AppId>%s</AppId><Encrypt>%s</Encrypt></xml>", wxsim.DefaultComponentAppID, secret)
	target := fmt.Sprintf("http://%s/wechat/auth?timestamp=%s&nonce=7&encrypt_type=aes&msg_signature=%s",
		a.Addr(), at, codec.Signature(at, "7", secret))
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target, bytes.NewReader([]byte(body)))
	if err != nil {
		t.Fatal(err)
	}
	resp, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(req)
	if err != nil {
		t.Fatal(err)
	}
	if err := resp.Body.Close(); err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode
}

// TestForgedPush is refused, counted, and changes nothing.
func TestForgedPush(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{}, pushed...)
	a := f.worker(t)
	f.door.open(t, a)
	if code := forge(t, a, "another token", wxsim.DefaultAESKey); code != http.StatusForbidden {
		t.Errorf("forged signature: status %d, want 403", code)
	}
	if code := forge(t, a, wxsim.DefaultToken, "QPONMLKJIHGFEDCBAzyxwvutsrqponmlkjihgfedcba"); code != http.StatusForbidden {
		t.Errorf("another key: status %d, want 403", code)
	}
	for _, reason := range []string{callback.ReasonSignature, callback.ReasonDecrypt} {
		n, err := metric(t.Context(), a, fmt.Sprintf(`wxrollout_callbacks_total{result=%q,type="none"}`, reason))
		if err != nil || n != 1 {
			t.Errorf("%v pushes counted as refused for their %s, want 1: %v", n, reason, err)
		}
	}
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "token source: ") // the forged ticket wasn't taken
	f.sim.PushTicket()
	answers(t, a, "/readyz", http.StatusOK, "ok")
}

// TestNoCallbacksWithoutToken: the path doesn't exist then.
func TestNoCallbacksWithoutToken(t *testing.T) {
	t.Parallel()
	a := newFleet(t, wxsim.Options{}).worker(t)
	if code := forge(t, a, wxsim.DefaultToken, wxsim.DefaultAESKey); code != http.StatusNotFound {
		t.Errorf("a push to a worker without a callback token: status %d, want 404", code)
	}
}
