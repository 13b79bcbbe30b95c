package callback_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// FuzzCallback sends a handler arbitrary requests, and arbitrary signed messages. Nothing unsigned is
// accepted; a callback is answered "success" or refused, each reported once with a reason of the closed set.
func FuzzCallback(f *testing.F) {
	ticket := auth("<InfoType>component_verify_ticket</InfoType><ComponentVerifyTicket>x</ComponentVerifyTicket>")
	for _, message := range []string{
		ticket, auth(""), auth("<InfoType>something_new</InfoType>"), strings.Replace(ticket, ">x<", ">&bomb;<", 1),
		`<!DOCTYPE xml [<!ENTITY a "b">]>` + ticket, strings.Replace(ticket, me, "wxother", 1), "<xml></xml>", "", "{}",
		"<xml><CreateTime>1</CreateTime><MsgType>event</MsgType><Event>weapp_audit_success</Event><SuccTime>x</SuccTime></xml>",
	} {
		f.Add("/auth", message, "", "", true)
		f.Add("/app/wxa", message, "1700000000", "0", true)
		f.Add("/auth", message, "1700000000", "n1", false)
	}
	f.Add("/app/../auth", "", "-1", "", false)
	f.Fuzz(func(t *testing.T, path, message, timestamp, nonce string, signed bool) {
		target, err := url.Parse("http://us" + path)
		if err != nil || !strings.HasPrefix(path, "/") {
			return
		}
		p := setup(t)
		in := p.delivery("/auth", message)
		if !signed { // forged: the message is the body, or the signature of another time
			in.body = message
			in.query.Set("timestamp", timestamp)
			in.query.Set("nonce", nonce)
		}
		target.RawQuery = in.query.Encode()
		r, err := http.NewRequestWithContext(t.Context(), http.MethodPost, target.String(), strings.NewReader(in.body))
		if err != nil {
			return
		}
		w := httptest.NewRecorder()
		p.handler.ServeHTTP(w, r)
		if !signed && len(p.sink.events) > 0 {
			t.Fatalf("handed on unsigned: %v", p.sink.events)
		}
		for _, reason := range p.reasons {
			if !slices.Contains(callback.Reasons(), reason) {
				t.Fatalf("refused for %q", reason)
			}
		}
		switch {
		case w.Code == http.StatusOK && w.Body.String() == "success" && len(p.reasons) == 0 && len(p.sink.events) <= 1:
		case w.Code >= 400 && w.Code < 500 && len(p.sink.events) == 0 && len(p.reasons) <= 1:
			if len(p.reasons) == 0 && w.Code != http.StatusNotFound && w.Code != http.StatusMethodNotAllowed {
				t.Fatalf("refused with %d, and not counted", w.Code)
			}
		case w.Code/100 == 3: // the router cleans a path
		default:
			t.Fatalf("answer %d %q, reasons %v, events %v", w.Code, w.Body, p.reasons, p.sink.events)
		}
	})
}
