package callback_test

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// TestNoPaddingOracle: the holder of the token sends changed copies of a captured ticket, signed again. No
// answer and no time distinguishes one copy from another, so it can't read the ticket byte by byte. Before, the
// answers "decrypt" and "foreign" did.
func TestNoPaddingOracle(t *testing.T) {
	t.Parallel()
	ticket := auth("<InfoType>component_verify_ticket</InfoType><ComponentVerifyTicket>secret</ComponentVerifyTicket>")
	synctest.Test(t, func(t *testing.T) {
		p := setup(t)
		timestamp := p.delivery("/auth", ticket).query.Get("timestamp")
		sealed, err := base64.StdEncoding.DecodeString(p.codec.Encrypt([]byte(ticket), random16("0123456789abcdef")))
		if err != nil {
			t.Fatal(err)
		}
		want := []string{callback.ReasonDecrypt, callback.ReasonForeign, callback.ReasonBadMessage}
		seen := map[string]int{}
		attempt := func(changed []byte) {
			encrypted := base64.StdEncoding.EncodeToString(changed)
			in := p.delivery("/auth", ticket)
			in.body = "<xml><Encrypt>" + encrypted + "</Encrypt></xml>"
			in.query.Set("msg_signature", p.codec.Signature(timestamp, "n1", encrypted))
			p.reasons = nil
			began := time.Now()
			w := p.send(t, in)
			if len(p.reasons) == 0 { // a change that no field notices
				return
			}
			seen[p.reasons[0]]++
			checkHidden(t, p.reasons[0], w, time.Since(began))
		}
		for last := range 256 { // the attack: the padding of the shortened text
			changed := slices.Clone(sealed[:len(sealed)-32])
			changed[len(changed)-17] ^= byte(last)
			attempt(changed)
		}
		for i := range sealed { // any byte, such as the owner's or the XML's
			changed := slices.Clone(sealed)
			changed[i] ^= 0x20
			attempt(changed)
		}
		for _, reason := range want {
			if seen[reason] == 0 {
				t.Errorf("no copy failed for %s: %v", reason, seen)
			}
		}
	})
}

func checkHidden(t *testing.T, reason string, w *httptest.ResponseRecorder, took time.Duration) {
	t.Helper()
	if w.Code != http.StatusForbidden || w.Body.String() != "refused\n" || took != 100*time.Millisecond {
		t.Errorf("%s: answer %d %q after %s, want the same as for any other", reason, w.Code, w.Body, took)
	}
}
