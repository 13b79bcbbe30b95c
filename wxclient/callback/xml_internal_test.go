package callback

import (
	"strings"
	"testing"
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

// FuzzParseXML checks that any text is refused or read, and that no directive gets through.
func FuzzParseXML(f *testing.F) {
	for _, seed := range []string{
		"<xml><AppId><![CDATA[wx]]></AppId><Encrypt>e</Encrypt></xml>", "<!DOCTYPE x><xml/>", "<xml>&a;</xml>", "<xml><a/></xml>", "", "<xml",
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		got, err := parseXML(text)
		if err != nil {
			return
		}
		if strings.Contains(strings.ToUpper(string(text)), "<!DOCTYPE") && !strings.Contains(string(text), "<![CDATA[") {
			t.Fatalf("%q was taken as %v", text, got)
		}
		if _, err := appEvent(got, "wx"); err == nil && got["Event"] == "" {
			t.Fatalf("%q became an event", text)
		}
	})
}
