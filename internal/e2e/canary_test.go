package e2e

import (
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/internal/config"
)

// canaries are the values of every secret setting, each of them found nowhere
// else, and with characters that each encoding changes.
func canaries() map[string]string {
	return map[string]string{
		"WXROLLOUT_REDIS_PASSWORD":            "Redis/p@ss+w:rd&Zk81=canary",
		"WXROLLOUT_REDIS_SENTINEL_PASSWORD":   "Guard/p@ss+w:rd&Qx27=canary",
		"WXROLLOUT_COMPONENT_SECRET":          "c0mp0nent5ecretCanary9f3a7b21d4e",
		"WXROLLOUT_COMPONENT_TICKET":          "ticket@@@Canary/Initial+Ticket=5f0c9e",
		"WXROLLOUT_SEAL_KEY":                  base64.StdEncoding.EncodeToString([]byte("sealing?canary>of~32 bytes, new!")),
		"WXROLLOUT_SEAL_KEY_PREVIOUS":         base64.StdEncoding.EncodeToString([]byte("sealing?canary>of~32 bytes, old!")),
		"WXROLLOUT_TOKEN_BEARER":              "bearer/Canary+of~the.service=71",
		"WXROLLOUT_CALLBACK_TOKEN":            "callbackTokenCanary7Hq2Vx",
		"WXROLLOUT_CALLBACK_AES_KEY":          "canaryOfTheAESKeyCanaryOfTheAESKeyCanaryOfA",
		"WXROLLOUT_CALLBACK_AES_KEY_PREVIOUS": "formerOfTheAESKeyFormerOfTheAESKeyFormerOfA",
	}
}

// TestEverySecretSettingHasACanary: whoever adds a secret setting has it looked
// for too.
func TestEverySecretSettingHasACanary(t *testing.T) {
	t.Parallel()
	want := make(map[string]bool)
	for _, name := range regexp.MustCompile(`(?m)^\s*(WXROLLOUT_\w+)`).FindAllStringSubmatch(config.SecretUsage(), -1) {
		want[name[1]] = true
	}
	if len(want) == 0 {
		t.Fatal("no secret setting at all")
	}
	have := canaries()
	for name := range want {
		if have[name] == "" {
			t.Errorf("%s is a secret without a canary: give it one in canaries, and use it in the run", name)
		}
	}
	seen := make(map[string]string)
	for name, value := range have {
		if !want[name] {
			t.Errorf("%s has a canary and is no secret setting", name)
		}
		if other := seen[value]; other != "" {
			t.Errorf("%s and %s have the same canary", name, other)
		}
		seen[value] = name
	}
}

// text is something that came out of the system, and where.
type text struct{ where, body string }

// leak is a secret that was found.
type leak struct{ secret, form, where, around string }

func (l leak) String() string {
	return fmt.Sprintf("%s (%s) is in %s: %q", l.secret, l.form, l.where, l.around)
}

// prefixes of WeChat's secrets, the same in all of them.
var prefixes = regexp.MustCompile(`^(?:ticket|refreshtoken|queryauthcode|preauthcode)@@@|^\d+_`)

// window is how much of a secret is found alone: an error that cuts a text
// short still leaks.
const window = 14

// needles are the forms in which a secret could appear, by the form's name.
func needles(secret string) map[string]string {
	quoted, _ := json.Marshal(secret) // a string always encodes
	inJSON := strings.Trim(string(quoted), `"`)
	core := prefixes.ReplaceAllString(secret, "")
	out := map[string]string{
		"plain":                     secret,
		"in a query":                url.QueryEscape(secret),
		"in a path":                 url.PathEscape(secret),
		"in JSON":                   inJSON,
		"in JSON, slashes too":      strings.ReplaceAll(inJSON, "/", `\/`),
		"in hex":                    hex.EncodeToString([]byte(secret)),
		"in capital hex":            strings.ToUpper(hex.EncodeToString([]byte(secret))),
		"its beginning":             core[:min(window, len(core))],
		"its middle":                core[max(0, len(core)/2-window/2):min(len(core), len(core)/2+window/2)],
		"its end":                   core[max(0, len(core)-window):],
		"its beginning, in a query": url.QueryEscape(core[:min(window, len(core))]),
	}
	for name, enc := range map[string]*base64.Encoding{"base64": base64.RawStdEncoding, "base64url": base64.RawURLEncoding} {
		for before := range 3 { // bytes of something else in the same group of three
			coded := enc.EncodeToString([]byte(strings.Repeat("\x00", before) + secret))
			from := []int{0, 2, 3}[before]
			out[fmt.Sprintf("in %s+%d", name, before)] = coded[from : len(coded)-2]
		}
	}
	if raw, err := base64.StdEncoding.DecodeString(secret); err == nil && len(raw) == 32 { // a key
		out["as its bytes"] = string(raw)
		out["as its bytes in hex"] = hex.EncodeToString(raw)
	}
	return out
}

// gram is how many bytes of a needle the search goes by; no needle is shorter.
const gram = 12

// find looks for secrets (name to value) in texts, and gives one leak for each
// secret and place. It goes through each text once, however many secrets there
// are.
func find(secrets map[string]string, texts []text) []leak {
	type wanted struct{ secret, form, needle string }
	byGram := make(map[string][]wanted)
	for name, secret := range secrets {
		for form, needle := range needles(secret) {
			byGram[needle[:gram]] = append(byGram[needle[:gram]], wanted{name, form, needle})
		}
	}
	var maybe [1 << 16]bool // by a gram's first two bytes
	for g := range byGram {
		maybe[int(g[0])<<8|int(g[1])] = true
	}
	var leaks []leak
	for _, t := range texts {
		seen := make(map[string]bool)
		for at := 0; at+gram <= len(t.body); at++ {
			if !maybe[int(t.body[at])<<8|int(t.body[at+1])] {
				continue
			}
			for _, w := range byGram[t.body[at:at+gram]] {
				if !seen[w.secret] && strings.HasPrefix(t.body[at:], w.needle) {
					seen[w.secret] = true
					around := t.body[max(0, at-120):min(len(t.body), at+len(w.needle)+60)]
					leaks = append(leaks, leak{secret: w.secret, form: w.form, where: t.where, around: around})
				}
			}
		}
	}
	return leaks
}

// TestFindFindsEveryForm: a secret is found amid other text in each encoding, and
// when it was cut short.
func TestFindFindsEveryForm(t *testing.T) {
	t.Parallel()
	forms := map[string]func(string) string{
		"plain":     func(s string) string { return s },
		"query":     url.QueryEscape,
		"path":      url.PathEscape,
		"JSON":      func(s string) string { b, _ := json.Marshal(s); return string(b) },
		"quoted":    func(s string) string { return fmt.Sprintf("%q", s) },
		"base64":    func(s string) string { return base64.StdEncoding.EncodeToString([]byte(s)) },
		"base64url": func(s string) string { return base64.URLEncoding.EncodeToString([]byte(s)) },
		"hex":       func(s string) string { return hex.EncodeToString([]byte(s)) },
		"%X":        func(s string) string { return fmt.Sprintf("%X", s) },
	}
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`(ticket@@@|90_|)[A-Za-z0-9/+=&:@_-]{20,60}`).Draw(t, "secret")
		before := rapid.StringMatching(`[ -!#-Z]{0,9}`).Draw(t, "before")
		after := rapid.StringMatching(`[ -!#-Z]{0,9}`).Draw(t, "after")
		for _, encode := range forms {
			if len(find(map[string]string{"s": secret}, []text{{"here", "x" + encode(before+secret+after) + "y"}})) != 1 {
				t.Fatalf("%s is not found in %s", secret, encode(before+secret+after))
			}
		}
		core := prefixes.ReplaceAllString(secret, "")
		for _, part := range []string{core[:window], core[len(core)-window:]} {
			if len(find(map[string]string{"s": secret}, []text{{"here", before + part}})) != 1 {
				t.Fatalf("%s is not found by %s", secret, part)
			}
		}
		if got := find(map[string]string{"s": secret}, []text{{"here", before + after + "[redacted]"}}); len(got) != 0 {
			t.Fatalf("found %v", got)
		}
	})
}
