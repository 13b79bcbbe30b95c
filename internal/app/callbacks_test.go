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

// byCallback is the environment of workers that get their tickets by callback.
var byCallback = []string{"COMPONENT_TICKET", "CALLBACK_TOKEN=" + wxsim.DefaultToken, "CALLBACK_AES_KEY=" + wxsim.DefaultAESKey}

// TestTicketByCallback: a worker without a ticket isn't ready until the first one is
// sent, and needs nothing else.
func TestTicketByCallback(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 2, Apps: 5}, byCallback...)
	a := f.worker(t)
	f.door.open(t, a)
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "token source: ")
	f.sim.SendTicket()
	answers(t, a, "/readyz", http.StatusOK, "ok")
	f.released(t, f.apply(t, 5, ""), 5)
}

// TestVerdictsByCallback: no audit is polled, and callbacks arrive doubled
// and out of order.
func TestVerdictsByCallback(t *testing.T) {
	t.Parallel()
	const apps = 40
	f := newFleet(t, wxsim.Options{
		Seed: 4, Apps: apps, RejectRate: 0.2,
		AuditDelay: wxsim.Range{Min: 3 * time.Second, Max: 6 * time.Second},
		Callbacks:  wxsim.CallbackOptions{Doubled: 0.5, OutOfOrder: 0.5, RetryAfter: 200 * time.Millisecond},
	}, append([]string{"VERDICT_POLL=0"}, byCallback...)...)
	one, two := f.worker(t), f.worker(t)
	f.door.open(t, one)
	f.sim.SendTicket()
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
	if b.Callbacks.Doubled == 0 || b.Callbacks.Held == 0 {
		t.Errorf("callbacks %+v: want doubled and held ones", b.Callbacks)
	}
	var accepted float64
	for _, kind := range []string{callback.TypeAuditSuccess, callback.TypeAuditFail} {
		n, err := metric(t.Context(), one, fmt.Sprintf(`wxrollout_callbacks_total{result="accepted",type=%q}`, kind))
		if err != nil {
			t.Error(err)
		}
		accepted += n
	}
	if accepted < apps { // a doubled one has another signature, so it is no replay and is accepted too
		t.Errorf("%v verdicts accepted by callback, want one for each of %d apps at least", accepted, apps)
	}
}

// TestVerdictsWithoutCallbacks: every callback is lost, and polling finds every verdict.
func TestVerdictsWithoutCallbacks(t *testing.T) {
	t.Parallel()
	const apps = 20
	f := newFleet(t, wxsim.Options{
		Seed: 4, Apps: apps, AuditDelay: wxsim.Range{Min: time.Second, Max: 3 * time.Second}, Callbacks: wxsim.CallbackOptions{Lost: 1},
	}, byCallback[1:]...) // the ticket by hand
	a := f.worker(t)
	f.door.open(t, a)
	f.released(t, f.apply(t, apps, ""), apps)
	if b := f.sim.Books().Callbacks; b.Made < apps || b.Lost != b.Made {
		t.Errorf("callbacks %+v: want one for each app at least, and all lost", b)
	}
	if n, err := metric(t.Context(), a, `wxrollout_callbacks_total{result="accepted",type="weapp_audit_success"}`); err != nil || n != 0 {
		t.Errorf("%v callbacks arrived, %v", n, err)
	}
}

// TestAuthorizationIsAnsweredAtOnce: trading the code takes WeChat longer than it waits for an answer, and
// the tokens are there anyway.
func TestAuthorizationIsAnsweredAtOnce(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{Seed: 2, Apps: 3}, byCallback[1:]...)
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
	if b := f.sim.Books().Callbacks; b.Refused != 0 || b.Accepted != 1 {
		t.Errorf("callbacks %+v: want it accepted at its first attempt", b)
	}
}

// forge posts a ticket callback that is signed with a token.
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

// TestForgedCallback is refused, counted, and changes nothing.
func TestForgedCallback(t *testing.T) {
	t.Parallel()
	f := newFleet(t, wxsim.Options{}, byCallback...)
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
			t.Errorf("%v callbacks counted as refused for their %s, want 1: %v", n, reason, err)
		}
	}
	answers(t, a, "/readyz", http.StatusServiceUnavailable, "token source: ") // the forged ticket wasn't taken
	f.sim.SendTicket()
	answers(t, a, "/readyz", http.StatusOK, "ok")
}

// TestNoCallbacksWithoutToken: the path doesn't exist then.
func TestNoCallbacksWithoutToken(t *testing.T) {
	t.Parallel()
	a := newFleet(t, wxsim.Options{}).worker(t)
	if code := forge(t, a, wxsim.DefaultToken, wxsim.DefaultAESKey); code != http.StatusNotFound {
		t.Errorf("a callback to a worker without a callback token: status %d, want 404", code)
	}
}
