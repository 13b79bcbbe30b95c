package wxclient

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/memtest"
)

// replyKinds makes one of each reply that the client decodes.
var replyKinds = map[string]func() any{
	"none": func() any { return nil }, "audit": func() any { return &auditReply{} },
	"quota": func() any { return &quotaReply{} }, "version": func() any { return &versionReply{} }, "category": func() any { return &categoryReply{} },
	"authorizer": func() any { return &authorizerReply{} }, "authorizers": func() any { return &authorizersReply{} },
	"API quota": func() any { return &apiQuotaReply{} }, "component token": func() any { return &componentTokenReply{} },
	"pre-auth": func() any { return &preAuthReply{} }, "authorizer token": func() any { return &authorizerTokenReply{} },
	"query auth": func() any { return &queryAuthReply{} }, "gray": func() any { return &grayReply{} }, "submit": func() any { return &submitReply{} },
	"templates": func() any { return &templatesReply{} }, "drafts": func() any { return &draftsReply{} },
	"domains": func() any { return &domainsReply{} }, "web-view": func() any { return &webviewReply{} },
	"platform servers": func() any { return &platformServersReply{} }, "platform web-view": func() any { return &platformJumpsReply{} }, "effective domains": func() any { return &effectiveDomainsReply{} },
	"media":  func() any { return &mediaReply{} },
	"option": func() any { return &optionReply{} }, "guideline": func() any { return &guidelineReply{} },
	"qr": func() any { return &qrReply{} }, "trial": func() any { return &trialReply{} },
	"tester":  func() any { return &testerReply{} },
	"serving": func() any { return &servingReply{} }, "library": func() any { return &libraryReply{} },
	"effective webview": func() any { return &effectiveWebviewReply{} }, "confirm file": func() any { return &ConfirmFile{} },
	"picture": func() any { return &needPicture{got: new([]byte)} }, "pages": func() any { return &pagesReply{} },
	"privacy info": func() any { return &privacyInfoReply{} }, "read domains": func() any { return &readDomainsReply{} },
	"history": func() any { return &historyReply{} }, "testers": func() any { return &testersReply{} },
	"read web-view": func() any { return &readWebviewReply{} },
}

// TestEveryReplyIsFuzzed: the types named ...Reply in the source are replyKinds.
func TestEveryReplyIsFuzzed(t *testing.T) {
	t.Parallel()
	have := make(map[string]bool)
	for _, kind := range replyKinds {
		have[strings.TrimPrefix(fmt.Sprintf("%T", kind()), "*wxclient.")] = true
	}
	files, err := filepath.Glob("*.go")
	if err != nil {
		t.Fatal(err)
	}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for _, found := range regexp.MustCompile(`(?m)^type (\w+Reply) `).FindAllStringSubmatch(string(text), -1) {
			if !have[found[1]] {
				t.Errorf("%s: %s is not in replyKinds, so FuzzDecodeReply passes it by", file, found[1])
			}
		}
	}
}

// replyPerByte is the memory that a byte of a reply may take, freed memory included.
const replyPerByte = 300

// FuzzDecodeReply checks that any body becomes a result, an *Error or an *OutcomeUnknownError of
// bounded text within bounded memory, whatever reply was expected; that "passed" never comes out of a
// body without a status; and that neither the order of the keys nor the blanks between them matter.
func FuzzDecodeReply(f *testing.F) {
	for _, seed := range []string{
		``, `{}`, `{"errcode":0,"auditid":"5","status":0}`, `{"errcode":85014,"errmsg":"x rid: 1-2"}`, "\xef\xbb\xbf{}",
		"{\"errmsg\":\"a\nb\",\"status\":1,\"auditid\":1}", `<html>`, `{"errcode":"-1","hint":["a"]}`, `{"errcode":1e3}`, `{"status":null}`,
		`{"errcode":99999999999999999999}`, `{"ScreenShot":1}`, "{\"a\":\"\\\n\"}", `{"rest":` + strings.Repeat("9", 400) + `}`,
		strings.Repeat(`{"hint":`, 200), strings.Repeat(`{"list":[`, 100), `{"errcode":0,"errcode":-1}`, `{"component_access_token":"t","expires_in":7200}`,
		`{"template_list":[{"template_id":1,"user_version":"2","create_time":3}]}`, `{"total_count":2,"list":[{"authorizer_appid":"wx1","refresh_token":"r"}]}`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		for kind, fresh := range replyKinds {
			var reply any
			var err error
			memtest.Bounded(t, len(body), replyPerByte, func() { reply, err = decoded(t, fresh, body) })
			if t.Failed() {
				t.Fatalf("%q as %s", body, kind)
			}
			if strict := decodeReply(request{path: "/x"}, body, nil, fresh()); strict == nil && err == nil && !toldErrcode(body) {
				t.Fatalf("%q passed as %s without an errcode", body, kind)
			} else if strict == nil && err != nil {
				t.Fatalf("%q passed as %s, and not where an errcode may be missing: %v", body, kind, err)
			}
			turned, ok := otherWayRound(body)
			if !ok {
				continue
			}
			again, err2 := decoded(t, fresh, turned)
			if fmt.Sprint(err) != fmt.Sprint(err2) && errors.As(err, new(*Error)) != errors.As(err2, new(*Error)) || (err == nil) != (err2 == nil) {
				t.Fatalf("%s: %q gives %v, and %q gives %v", kind, body, err, turned, err2)
			}
			if err == nil && !reflect.DeepEqual(reply, again) {
				t.Fatalf("%s: %q gives %+v, and %q gives %+v", kind, body, reply, turned, again)
			}
		}
	})
}

// decoded reads a body as one kind of reply, and checks what doesn't depend on the kind.
func decoded(t *testing.T, fresh func() any, body []byte) (any, error) {
	t.Helper()
	reply := fresh()
	err := decodeReply(request{path: "/x", bare: true}, body, []string{"secret-token"}, reply)
	if err == nil {
		if latest, ok := reply.(*auditReply); ok && latest.Status == nil {
			t.Fatalf("%q passed without status", body)
		}
		return reply, nil
	}
	var answer *Error
	var unknown *OutcomeUnknownError
	if errors.As(err, &answer) == errors.As(err, &unknown) {
		t.Fatalf("got %T %v", err, err)
	}
	if answer != nil && (answer.Code == 0 || answer.Class == ClassOK || utf8.RuneCountInString(answer.Msg) > maxMsgRunes+3) {
		t.Fatalf("got %+v", answer)
	}
	const longest = 4 * 1024 // bytes of an error's text, whatever the reply's
	if text := fmt.Sprintf("%+v", err); len(text) > longest || strings.Contains(text, "secret-token") {
		t.Fatalf("an error of %d bytes: %.200s", len(text), text)
	}
	return nil, err
}

// toldErrcode reports whether a body says an errcode somewhere.
func toldErrcode(body []byte) bool {
	return bytes.Contains(bytes.ToLower(bytes.ReplaceAll(body, []byte(`\u`), []byte(`errcode`))), []byte("errcode"))
}

// otherWayRound is a body with the keys of its objects in another order and blanks between them; not
// ok if it is no object, or has a key twice (whatever the letters' case), whose order counts.
func otherWayRound(body []byte) (turned []byte, ok bool) {
	trimmed := bytes.TrimSpace(body)
	var keys map[string]json.RawMessage
	if len(trimmed) == 0 || trimmed[0] != '{' || json.Unmarshal(trimmed, &keys) != nil {
		return nil, false
	}
	folded := make(map[string]bool)
	for key := range keys {
		folded[strings.ToLower(strings.ToUpper(key))] = true
	}
	if len(folded) != len(keys) || topKeys(trimmed) != len(keys) {
		return nil, false
	}
	out := []byte("{ ")
	names := slices.Sorted(maps.Keys(keys))
	for i, key := range slices.Backward(names) {
		name, err := json.Marshal(key)
		if err != nil {
			return nil, false
		}
		out = append(append(append(out, name...), " :\t"...), keys[key]...)
		if i > 0 {
			out = append(out, " ,\r\n"...)
		}
	}
	return append(out, '}'), true
}

// topKeys counts the keys of an object, doubled ones twice.
func topKeys(object []byte) int {
	d := json.NewDecoder(bytes.NewReader(object))
	if _, err := d.Token(); err != nil {
		return 0
	}
	n := 0
	for d.More() {
		if _, err := d.Token(); err != nil { // the key
			return 0
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return 0
		}
		n++
	}
	return n
}

// TestHostileReplies: bodies made to cost cost in proportion.
func TestHostileReplies(t *testing.T) { //nolint:paralleltest // it measures memory
	for name, h := range map[string][3]string{
		"objects": {"", `{"hint":`, ""}, "arrays": {`{"list":`, "[", ""}, "a code": {`{"errcode":`, "9", "}"}, "a quota": {`{"rest":`, "9", "}"}, "an exponent": {`{"status":1e`, "9", "}"},
		"a message": {`{"errcode":1,"errmsg":"`, "x", `"}`}, "controls": {`{"errcode":1,"errmsg":"`, "\x01", `"}`}, "lines": {`{"errmsg":"`, "\n", `"}`},
		"blanks": {"{", " ", "}"}, "keys": {"{", `"a":1,`, `"b":1}`}, "codes": {"{", `"errcode":1,`, `"b":1}`}, "an open text": {`{"errmsg":"`, "x", ""},
		"backslashes": {`{"errmsg":"`, `\\`, `"}`}, "escapes": {`{"errmsg":"`, `\u0000`, `"}`}, "a page": {"<html>", "<p>", ""}, "apps": {`{"total_count":1,"list":[`, `{},`, `{}]}`},
		"templates": {`{"template_list":[`, `{},`, `{}]}`}, "rids": {`{"errcode":1,"errmsg":"`, "rid: 1 ", `"}`}, "hints": {`{"errcode":1,"hint":[`, `"a",`, `"b"]}`},
		"secrets": {`{"errcode":1,"errmsg":"`, "secret-token ", `"}`}, "marks": {"", "\xef\xbb\xbf", "{}"}, "bad bytes": {`{"errcode":1,"errmsg":"`, "\xff", `"}`},
	} {
		body := []byte(memtest.Long(h[0], h[1], h[2], 256<<10))
		for _, kind := range []string{"quota", "templates", "authorizers"} { // a number, and the lists
			memtest.Bounded(t, len(body), replyPerByte, func() { _, _ = decoded(t, replyKinds[kind], body) })
			if t.Failed() {
				t.Fatalf("by %s as %s", name, kind)
			}
		}
	}
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
