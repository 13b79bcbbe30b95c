package callback

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/memtest"
)

func TestParseXML(t *testing.T) {
	t.Parallel()
	f, err := parseXML([]byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n<xml a='b'><A><![CDATA[ 1<2 ]]></A><B>x&amp;y</B><C/><A>second</A><D><E>deep</E></D></xml>\n"))
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"A": "1<2", "B": "x&y", "C": "", "D": "", "E": ""} {
		if f[name] != want {
			t.Errorf("%s is %q, want %q", name, f[name], want)
		}
	}
	if got := f.first("missing", "C", "B"); got != "x&y" {
		t.Errorf("first is %q", got)
	}
}

// TestParseXMLTakesAByteOrderMark: some proxies and platforms write one.
func TestParseXMLTakesAByteOrderMark(t *testing.T) {
	t.Parallel()
	if f, err := parseXML([]byte("\ufeff<xml><A>1</A></xml>")); err != nil || f["A"] != "1" {
		t.Errorf("%v, %v", f, err)
	}
	if _, err := parseXML([]byte("<xml>\ufeff</xml>\ufeff")); err == nil {
		t.Error("a mark behind the message was taken")
	}
}

func TestParseXMLRefuses(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"nothing":         "",
		"text":            "hello",
		"text after":      "<xml></xml>x",
		"other root":      "<a></a>",
		"two roots":       "<xml></xml><xml></xml>",
		"open":            "<xml><a>",
		"crossing":        "<xml><a><b></a></b></xml>",
		"closing only":    "</xml>",
		"document type":   "<!DOCTYPE xml><xml></xml>",
		"inner directive": "<xml><!ELEMENT a></xml>",
		"entity":          "<xml><a>&bomb;</a></xml>",
		"comment":         "<xml><!-- x --></xml>",
		"instruction":     "<xml><?php x?></xml>",
		"other charset":   `<?xml version="1.0" encoding="gbk"?><xml></xml>`,
		"deep":            "<xml>" + strings.Repeat("<a>", 20) + strings.Repeat("</a>", 20) + "</xml>",
	} {
		if f, err := parseXML([]byte(text)); err == nil {
			t.Errorf("%s was taken as %v", name, f)
		}
	}
}

// xmlPerByte is the memory that a byte of XML may take, freed memory included.
const xmlPerByte = 400

// FuzzParseXML checks that any text is refused or read within bounded memory, that no directive or
// entity gets through, and that what was read is read again from other XML that says the same.
func FuzzParseXML(f *testing.F) {
	for _, seed := range []string{
		"<xml><AppId><![CDATA[wx]]></AppId><Encrypt>e</Encrypt></xml>", "<!DOCTYPE x><xml/>", "<xml>&a;</xml>", "<xml><a/></xml>", "", "<xml",
		`<!DOCTYPE lolz [<!ENTITY lol "lol"><!ENTITY lol2 "&lol;&lol;">]><xml><a>&lol2;</a></xml>`,
		`<!DOCTYPE x [<!ENTITY f SYSTEM "file:///etc/passwd">]><xml><a>&f;</a></xml>`, `<?xml version="1.0" encoding="UTF-8"?><xml><a>&lt;&#x41;</a></xml>`,
		strings.Repeat("<a>", 300), "<xml>" + strings.Repeat("<a>", 20), "<xml " + strings.Repeat(`a="b" `, 100) + "/>", "<xml><x:a>1</x:a><a>2</a></xml>",
		"<xml><CreateTime>1413192760</CreateTime><InfoType><![CDATA[component_verify_ticket]]></InfoType><a><b>1</b></a></xml>",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		var got fields
		var err error
		memtest.Bounded(t, len(text), xmlPerByte, func() { got, err = parseXML(text) })
		if err != nil {
			const longest = 1024
			if got != nil || len(err.Error()) > longest {
				t.Fatalf("%q: %v beside an error of %d bytes", text, got, len(err.Error()))
			}
			return
		}
		if upper := strings.ToUpper(string(text)); (strings.Contains(upper, "<!DOCTYPE") || strings.Contains(upper, "<!ENTITY")) && !strings.Contains(string(text), "<![CDATA[") {
			t.Fatalf("%q was taken as %v", text, got)
		}
		if _, err := appEvent(got, "wx"); err == nil && got["Event"] == "" {
			t.Fatalf("%q became an event", text)
		}
		again, err := parseXML([]byte(otherXML(got)))
		if err != nil || !maps.Equal(got, again) {
			t.Fatalf("%q is %v, and written again %v (%v)", text, got, again, err)
		}
	})
}

// otherXML says the same as some XML did that was read: other order, CDATA for text, a prefix to each
// name (without one a name might begin with what no name does).
func otherXML(f fields) string {
	var b strings.Builder
	b.WriteString("<xml>\n")
	names := slices.Sorted(maps.Keys(f))
	for _, name := range slices.Backward(names) {
		text := strings.ReplaceAll(f[name], "]]>", "]]]]><![CDATA[>")
		text = strings.ReplaceAll(text, "\r", "]]>&#13;<![CDATA[") // a bare one becomes a line end
		fmt.Fprintf(&b, "  <x:%s><![CDATA[%s]]></x:%s>\n", name, text, name)
	}
	b.WriteString("</xml>")
	return b.String()
}

// TestHostileXML: callbacks made to be expensive are refused, or cost in proportion.
func TestHostileXML(t *testing.T) { //nolint:paralleltest // it measures memory
	for name, h := range map[string][3]string{
		"depth": {"<xml>", "<a>", "</xml>"}, "elements": {"<xml>", "<a/>", "</xml>"}, "attributes": {"<xml ", `a="b" `, "/>"}, "comments": {"<xml>", "<!-- -->", "</xml>"},
		"entities": {"<xml>", "&lt;", "</xml>"}, "unknown entities": {"<xml>", "&lol;", "</xml>"}, "characters": {"<xml>", "&#65;", "</xml>"}, "CDATA": {"<xml><a>", "<![CDATA[]]>", "</a></xml>"},
		"an open CDATA": {"<xml><![CDATA[", "x", ""}, "a name": {"<xml><", "a", "/></xml>"}, "an open tag": {"<xml><a ", "x ", ""}, "text": {"<xml><a>", "x", "</a></xml>"},
		"document types": {"", "<!DOCTYPE x>", "<xml/>"}, "a document type": {"<!DOCTYPE x [", `<!ENTITY a "b">`, "]><xml/>"}, "instructions": {"", "<?xml?>", "<xml/>"},
		"an open instruction": {"<?xml ", "x", ""}, "brackets": {"", "<", ""}, "bad bytes": {"<xml>", "\xff", "</xml>"}, "colons": {"<xml><a", ":a", "/></xml>"},
	} {
		text := []byte(memtest.Long(h[0], h[1], h[2], 8*MaxBody)) // more than the handler lets in
		memtest.Bounded(t, len(text), xmlPerByte, func() { _, _ = parseXML(text) })
		if t.Failed() {
			t.Fatalf("by %s", name)
		}
	}
}

// FuzzDecrypt checks that any text is refused or decrypted within bounded memory, and that a message
// that was encrypted comes back.
func FuzzDecrypt(f *testing.F) {
	codec, err := NewCodec("wx0000000000000001", "token", strings.Repeat("abcd", 10)+"abc", "")
	if err != nil {
		f.Fatal(err)
	}
	f.Add("", []byte(""))
	f.Add("AAAA", []byte("<xml/>"))
	f.Add(strings.Repeat("A", 64), []byte("x"))
	f.Add(codec.Encrypt([]byte("<xml/>"), [16]byte{1}), []byte(strings.Repeat("\x20", 32)))
	f.Fuzz(func(t *testing.T, sealed string, msg []byte) {
		const perByte = 10
		memtest.Bounded(t, len(sealed)+len(msg), perByte, func() {
			if _, err := codec.Decrypt(sealed); err != nil && !errors.Is(err, ErrDecrypt) && !errors.Is(err, ErrForeign) {
				t.Fatalf("%q: %v", sealed, err)
			}
			got, err := codec.Decrypt(codec.Encrypt(msg, [16]byte{7}))
			if err != nil || !bytes.Equal(got, msg) {
				t.Fatalf("%q came back as %q, %v", msg, got, err)
			}
		})
	})
}
