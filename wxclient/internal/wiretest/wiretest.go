// Package wiretest checks the decoding of replies, for the tests of the packages that declare them.
package wiretest

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

	"github.com/wxrollout/wxrollout/internal/memtest"
	"github.com/wxrollout/wxrollout/wxclient/errcode"
	"github.com/wxrollout/wxrollout/wxclient/internal/wire"
)

// maxMsgRunes bounds Error.Msg: 300 runes and an ellipsis.
const maxMsgRunes = 303

// EveryReplyListed checks that kinds holds each type named ...Reply in the sources of the current directory.
func EveryReplyListed(t *testing.T, kinds map[string]func() any) {
	t.Helper()
	have := make(map[string]bool)
	for _, kind := range kinds {
		have[fmt.Sprintf("%T", kind())[strings.LastIndex(fmt.Sprintf("%T", kind()), ".")+1:]] = true
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
				t.Errorf("%s: %s is not in replyKinds, so FuzzDecodeReply does not decode it", file, found[1])
			}
		}
	}
}

// replyPerByte is the memory that a byte of a reply may take, freed memory included.
const replyPerByte = 300

// FuzzReplies checks that any body becomes a result, an *errcode.Error or an *OutcomeUnknownError of
// bounded text within bounded memory, for every expected reply, and that neither the order of the keys nor the blanks between them matter.
func FuzzReplies(f *testing.F, kinds map[string]func() any) {
	f.Helper()
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
		for kind, fresh := range kinds {
			var reply any
			var err error
			memtest.Bounded(t, len(body), replyPerByte, func() { reply, err = decoded(t, fresh, body) })
			if t.Failed() {
				t.Fatalf("%q as %s", body, kind)
			}
			if strict := wire.Decode(wire.Get("/x"), body, nil, fresh()); strict == nil && err == nil && !hasErrcode(body) {
				t.Fatalf("%q passed as %s without an errcode", body, kind)
			} else if strict == nil && err != nil {
				t.Fatalf("%q passed as %s, and not where an errcode may be missing: %v", body, kind, err)
			}
			turned, ok := otherWayRound(body)
			if !ok {
				continue
			}
			again, err2 := decoded(t, fresh, turned)
			if fmt.Sprint(err) != fmt.Sprint(err2) && errors.As(err, new(*errcode.Error)) != errors.As(err2, new(*errcode.Error)) || (err == nil) != (err2 == nil) {
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
	err := wire.Decode(wire.Get("/x").WithoutErrcode(), body, []string{"secret-token"}, reply)
	if err == nil {
		return reply, nil
	}
	var answer *errcode.Error
	var unknown *errcode.OutcomeUnknownError
	if errors.As(err, &answer) == errors.As(err, &unknown) {
		t.Fatalf("got %T %v", err, err)
	}
	if answer != nil && (answer.Code == 0 || answer.Class == errcode.ClassOK || utf8.RuneCountInString(answer.Msg) > maxMsgRunes) {
		t.Fatalf("got %+v", answer)
	}
	const longest = 4 * 1024 // bytes of an error's text, for replies of any length
	if text := fmt.Sprintf("%+v", err); len(text) > longest || strings.Contains(text, "secret-token") {
		t.Fatalf("an error of %d bytes: %.200s", len(text), text)
	}
	return nil, err
}

// hasErrcode reports whether a body holds an errcode somewhere.
func hasErrcode(body []byte) bool {
	return bytes.Contains(bytes.ToLower(bytes.ReplaceAll(body, []byte(`\u`), []byte(`errcode`))), []byte("errcode"))
}

// otherWayRound is a body with the keys of its objects in another order and blanks between them; not
// ok if it is no object, or has a key twice (in any case), whose order counts.
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

// HostileReplies checks that bodies made to be expensive cost memory in proportion to their length.
func HostileReplies(t *testing.T, kind string, fresh func() any) {
	t.Helper()
	for name, h := range map[string][3]string{
		"objects": {"", `{"hint":`, ""}, "arrays": {`{"list":`, "[", ""}, "a code": {`{"errcode":`, "9", "}"}, "a quota": {`{"rest":`, "9", "}"}, "an exponent": {`{"status":1e`, "9", "}"},
		"a message": {`{"errcode":1,"errmsg":"`, "x", `"}`}, "controls": {`{"errcode":1,"errmsg":"`, "\x01", `"}`}, "lines": {`{"errmsg":"`, "\n", `"}`},
		"blanks": {"{", " ", "}"}, "keys": {"{", `"a":1,`, `"b":1}`}, "codes": {"{", `"errcode":1,`, `"b":1}`}, "an open text": {`{"errmsg":"`, "x", ""},
		"backslashes": {`{"errmsg":"`, `\\`, `"}`}, "escapes": {`{"errmsg":"`, `\u0000`, `"}`}, "a page": {"<html>", "<p>", ""}, "apps": {`{"total_count":1,"list":[`, `{},`, `{}]}`},
		"templates": {`{"template_list":[`, `{},`, `{}]}`}, "rids": {`{"errcode":1,"errmsg":"`, "rid: 1 ", `"}`}, "hints": {`{"errcode":1,"hint":[`, `"a",`, `"b"]}`},
		"secrets": {`{"errcode":1,"errmsg":"`, "secret-token ", `"}`}, "marks": {"", "\xef\xbb\xbf", "{}"}, "bad bytes": {`{"errcode":1,"errmsg":"`, "\xff", `"}`},
	} {
		body := []byte(memtest.Long(h[0], h[1], h[2], 256<<10))
		memtest.Bounded(t, len(body), replyPerByte, func() { _, _ = decoded(t, fresh, body) })
		if t.Failed() {
			t.Fatalf("by %s as %s", name, kind)
		}
	}
}
