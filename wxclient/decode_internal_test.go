package wxclient

import (
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// FuzzDecodeReply checks that any body becomes a result, an *Error or an *OutcomeUnknownError,
// and that "passed" never comes out of a body without a status.
func FuzzDecodeReply(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"errcode":0,"auditid":"5","status":0}`, `{"errcode":85014,"errmsg":"x rid: 1-2"}`, "\xef\xbb\xbf{}",
		"{\"errmsg\":\"a\nb\",\"status\":1,\"auditid\":1}", `<html>`, `{"errcode":"-1","hint":["a"]}`, `{"errcode":1e3}`, `{"status":null}`,
		`{"errcode":99999999999999999999}`, `{"ScreenShot":1}`, "{\"a\":\"\\\n\"}",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		var reply latestAuditReply
		err := decodeReply("/x", body, []string{"secret-token"}, &reply)
		if err == nil {
			if reply.Status == nil || reply.ID.value() == 0 {
				t.Fatalf("%q passed without status or auditid", body)
			}
			return
		}
		var answer *Error
		var unknown *OutcomeUnknownError
		if errors.As(err, &answer) == errors.As(err, &unknown) {
			t.Fatalf("got %T %v", err, err)
		}
		if answer != nil && (answer.Code == 0 || answer.Class == ClassOK || utf8.RuneCountInString(answer.Msg) > maxMsgRunes+3) {
			t.Fatalf("got %+v", answer)
		}
	})
}

// TestEncodeKeepsText: what is encoded decodes to the same value, without any \u escape.
func TestEncodeKeepsText(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		text := rapid.StringMatching(`[\x20-\x{D7FF}\x{E000}-\x{10FFFF}\n\t]*`).Draw(t, "text")
		in := map[string]string{"text": text}
		body, err := encodeJSON(in)
		if err != nil {
			return // refused: a control character outside ASCII
		}
		var out map[string]string
		if err := json.Unmarshal(body, &out); err != nil || out["text"] != text {
			t.Fatalf("%q became %q (%v)", text, out["text"], err)
		}
	})
}

// TestUnescapeIsFaithful: a text with every character escaped means the same afterwards.
func TestUnescapeIsFaithful(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		`"\u4e2d"`:       `"中"`,
		`"\\u4e2d"`:      `"\\u4e2d"`,
		`"\ud83d\ude00"`: `"😀"`,
		`"\u0022\u005c"`: `"\"\\"`,
		`"\n\t\/"`:       `"\n\t\/"`,
	} {
		got, err := unescape([]byte(in))
		if err != nil || string(got) != want {
			t.Errorf("%s became %s (%v), want %s", in, got, err, want)
		}
	}
	for _, in := range []string{`"\u0000"`, `"\u0085"`, `"\ud83d"`, `"\ud83d\u0041"`, `"\u12`, `"\u12zz"`} {
		if got, err := unescape([]byte(in)); err == nil {
			t.Errorf("%s was taken as %s", in, got)
		}
	}
}

func TestParseCodesRefusesBadTables(t *testing.T) {
	t.Parallel()
	for name, table := range map[string]string{
		"double":   "code,class,text\n1,ok,a\n1,ok,a\n",
		"no class": "code,class,text\n1,nice,a\n",
		"no text":  "code,class,text\n1,ok,\n",
		"no code":  "code,class,text\nx,ok,a\n",
		"columns":  "code,class,text\n1,ok\n",
	} {
		if _, err := parseCodes(table); err == nil {
			t.Errorf("%s was taken", name)
		}
	}
}
