package callback_test

import (
	"errors"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/wxclient/callback"
)

// WeChat's published test data: a callback and a reply under one set of credentials.
const (
	vectorToken     = "AAAAA"
	vectorComponent = "wx134c8103faa5a59e"
	vectorTime      = "1715943329"
	vectorNonce     = "1590219412"
	vectorSignature = "6c12a4205838198b8fa631b3220723bb07f1015c"
	vectorRandom    = "1205899eaf019bbd"
	vectorCallback  = "D7yzvUNAL930rd28wf21s4hvXhz0L6Uit/p2Di6C5DHyYGpEgdBRnKjBec34JwoQXicwaZC7fOVihW80F4VtsdvE//1vr7oAbqjDv8KenVp+ajKYpJnyQ4zMRhIC+a31fCVOMC03FfzV/QuC94kBP55a+Za3sJgvAn+ZbsNqZI5DkyuzkhQN8OBqCzFhizGmy0xpM0MEA4agpvE+RuNO1rhHTtuJB5yltw1FiYzecSXJ+y/D2r81VkRn2eYjh2ltsoyfbDR7Is6ookXIFxTfyeNyeHxMeT4KN5WpCDmSbTcUYrbBUlkGLJ9n/rU8YOywma6G7aTb7KZKOqCxgfoUlYEZPk4FUL/TK7ShriFDMVCLyjQJ15Ob++agDWtcxhfUfe6HIoIpRW8mKNBQiY/Jd1svvuskA1wLef1RTtzKfMpagSCX/laZINmdnX4zrF6kIaR9P4xQrWXbsTFHTYe0Mg=="

	replyTime      = "1713424427"
	replyNonce     = "415670741"
	replySignature = "03e0812039325c2712ef5f0f980fd14c70d6e307"
	replyRandom    = "999951349e8ee746"
	replyText      = `<xml><demo_resp>[CDATA[good luck]]</demo_resp></xml>`
	replyPush      = "hE8R6mGXHkJJjU72KxzKUd1GEkKJaEZq7vRL8XgK3o+00k8JGq6+pZJUIlTSyhsX+bxIBQ72g3GyvDdIZcr6+3HAZbSvPT9t/o11MI7d6WELwqrGd7jMnV0zv3Zc9Nq7"
)

var vectorKey = strings.Repeat("A", 43)

func codec(t *testing.T, component, key, previous string) *callback.Codec {
	t.Helper()
	c, err := callback.NewCodec(component, vectorToken, key, previous)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func random16(text string) (out [16]byte) {
	copy(out[:], text)
	return out
}

func TestOfficialVectors(t *testing.T) {
	t.Parallel()
	c := codec(t, vectorComponent, vectorKey, "")
	for _, tc := range []struct{ name, time, nonce, sealed, signature, random string }{
		{"callback", vectorTime, vectorNonce, vectorCallback, vectorSignature, vectorRandom},
		{"reply", replyTime, replyNonce, replyPush, replySignature, replyRandom},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			if got := c.Signature(tc.time, tc.nonce, tc.sealed); got != tc.signature {
				t.Errorf("signature %s, want %s", got, tc.signature)
			}
			msg, err := c.Decrypt(tc.sealed)
			if err != nil {
				t.Fatal(err)
			}
			if tc.name == "reply" && string(msg) != replyText {
				t.Errorf("message %q", msg)
			}
			if tc.name == "callback" && (len(msg) != 292 || !strings.Contains(string(msg), "debug_demo")) {
				t.Errorf("message of %d bytes: %q", len(msg), msg)
			}
			if got := c.Encrypt(msg, random16(tc.random)); got != tc.sealed {
				t.Errorf("encrypted again it is %s", got)
			}
		})
	}
}

func TestReplyEnvelope(t *testing.T) {
	t.Parallel()
	got, err := codec(t, vectorComponent, vectorKey, "").Reply([]byte(replyText), replyTime, replyNonce, random16(replyRandom))
	if err != nil {
		t.Fatal(err)
	}
	want := "<xml><Encrypt>" + replyPush + "</Encrypt><MsgSignature>" + replySignature + "</MsgSignature><TimeStamp>" +
		replyTime + "</TimeStamp><Nonce>" + replyNonce + "</Nonce></xml>"
	if string(got) != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

// TestRoundTrip: what one side encrypts, the other decrypts, for every length and with the key
// current or previous; any other component or key cannot.
func TestRoundTrip(t *testing.T) {
	t.Parallel()
	oldKey, newKey := strings.Repeat("b", 43), strings.Repeat("C", 43)
	sender := codec(t, "wxme", oldKey, "")
	receiver := codec(t, "wxme", newKey, oldKey)
	other := codec(t, "wxother", newKey, oldKey)
	forgot := codec(t, "wxme", newKey, "")
	rapid.Check(t, func(t *rapid.T) {
		msg := rapid.SliceOfN(rapid.Byte(), 0, 200).Draw(t, "message")
		sealed := sender.Encrypt(msg, random16(rapid.StringN(0, 16, 16).Draw(t, "random")))
		got, err := receiver.Decrypt(sealed)
		if err != nil || string(got) != string(msg) {
			t.Fatalf("%q became %q (%v)", msg, got, err)
		}
		if _, err := other.Decrypt(sealed); !errors.Is(err, callback.ErrForeign) {
			t.Fatalf("another component: %v", err)
		}
		if _, err := forgot.Decrypt(sealed); err == nil {
			t.Fatal("decrypted without the key")
		}
	})
}

func TestDecryptRefusesGarbage(t *testing.T) {
	t.Parallel()
	c := codec(t, vectorComponent, vectorKey, "")
	for _, sealed := range []string{"", "?", "AAAA", vectorCallback[:64], strings.Repeat("A", 64), vectorCallback[:len(vectorCallback)-8] + "AAAAAA=="} {
		if msg, err := c.Decrypt(sealed); !errors.Is(err, callback.ErrDecrypt) {
			t.Errorf("%.20q gave %q, %v", sealed, msg, err)
		}
	}
}

func TestNewCodecChecksKeys(t *testing.T) {
	t.Parallel()
	good := strings.Repeat("A", 42) + "9" // its last bits fall off
	for name, tc := range map[string]struct {
		component, token, key, previous string
		ok                              bool
	}{
		"good":           {"wx", "t", good, "", true},
		"both keys":      {"wx", "t", good, vectorKey, true},
		"no component":   {"", "t", good, "", false},
		"no token":       {"wx", "", good, "", false},
		"no key":         {"wx", "t", "", "", false},
		"short":          {"wx", "t", good[:42], "", false},
		"not base64":     {"wx", "t", strings.Repeat("!", 43), "", false},
		"short previous": {"wx", "t", good, "AAA", false},
	} {
		_, err := callback.NewCodec(tc.component, tc.token, tc.key, tc.previous)
		if (err == nil) != tc.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err != nil && tc.key != "" && strings.Contains(err.Error(), tc.key) {
			t.Errorf("%s: the key is in the error", name)
		}
	}
}
