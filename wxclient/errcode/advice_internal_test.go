package errcode

import (
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
)

// Every errcode of the table but 0 has a meaning and a next step, at any endpoint and at each that has
// its own; the table has no other codes, and no step is about two things.
func TestEveryErrcodeHasANextStep(t *testing.T) {
	t.Parallel()
	for code, row := range codeTable() {
		meaning, next := Advice(code, "/anything")
		if row.class == ClassOK {
			if meaning != "" || next != "" {
				t.Errorf("%d: %q, %q", code, meaning, next)
			}
			continue
		}
		if meaning == "" || next == "" || next == noAdvice {
			t.Errorf("%d (%s): meaning %q, next %q", code, row.class, meaning, next)
		}
	}
	banned := regexp.MustCompile(`(?i)\b(shop|tenant|itself)`)
	for key, row := range adviceTable() {
		if _, known := codeTable()[key.code]; !known {
			t.Errorf("%d is in advice.csv and not in errcodes.csv", key.code)
		}
		if key.endpoint != "" && !strings.HasPrefix(key.endpoint, "/") {
			t.Errorf("%d: endpoint %q", key.code, key.endpoint)
		}
		meaning, next := Advice(key.code, key.endpoint)
		if strings.Contains(next, "{") || meaning == "" {
			t.Errorf("%d at %q: %q, %q", key.code, key.endpoint, meaning, next)
		}
		for _, text := range []string{row.meaning, next} {
			if word := banned.FindString(text); word != "" || strings.HasSuffix(text, ".") || len(text) > 220 {
				t.Errorf("%d: %q (%q)", key.code, text, word)
			}
		}
	}
}

// Each errcode that the code or the documents of this project name is in the table, with a class of
// its own.
func TestErrcodesNamedAreInTheTable(t *testing.T) {
	t.Parallel()
	errcode := regexp.MustCompile(`(?:^|[^\w.-])(-80\d{3}|-60\d{3}|4[0-9]\d{3}|6[01]\d{3}|8[0-9]\d{3}|94\d{5})\b`)
	named := make(map[int64]string)
	for _, pattern := range []string{"*.go", "*.csv", "../*.go", "../*/*.go", "../../tasks/*.go", "../../rollout/*.go", "../../internal/operator/*.go", "../../docs/*.md", "../../README.md"} {
		files, err := filepath.Glob(pattern)
		if err != nil || len(files) == 0 {
			t.Fatalf("%s: %d files, %v", pattern, len(files), err)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			text, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			for _, found := range errcode.FindAllStringSubmatch(string(text), -1) {
				code, err := strconv.ParseInt(found[1], 10, 64)
				if err != nil {
					t.Fatal(err)
				}
				if code != 86400 { // seconds of a day
					named[code] = file
				}
			}
		}
	}
	for _, code := range []int64{45009, 85085, 85301, -80082, 9402202, 9402205} {
		if named[code] == "" {
			t.Errorf("the test does not find %d", code)
		}
	}
	for code, file := range named {
		if _, known := Describe(code); !known || ClassOf(code) == ClassUnknown {
			t.Errorf("%s names %d, which errcodes.csv lacks", file, code)
		}
	}
}

func TestAdviceByEndpoint(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		code     int64
		endpoint string
		meaning  string
		next     string
	}{
		{85020, "/wxa/release", "holds no approved version", "release by hand at mp.weixin.qq.com, or retry with --recommit"},
		{40001, "/cgi-bin/component/api_component_token", "secret is wrong", "compare WXROLLOUT_COMPONENT_SECRET"},
		{40001, "/wxa/commit", "token", "try again"},
		{424242, "/wxa/commit", "", noAdvice},
		{61004, "", "this address", "the address that WeChat's message names"},
	} {
		meaning, next := Advice(tc.code, tc.endpoint)
		if !strings.Contains(meaning, tc.meaning) || !strings.Contains(next, tc.next) {
			t.Errorf("%d at %q: %q, %q", tc.code, tc.endpoint, meaning, next)
		}
	}
}

// The address that WeChat names is in the next step.
func TestAdviceNamesTheAddress(t *testing.T) {
	t.Parallel()
	for msg, want := range map[string]string{
		"access clientip is not registered requestIP: 203.0.113.7": "add 203.0.113.7 to",
		"invalid ip 2001:db8::17, not in whitelist":                "add 2001:db8::17 to",
		"not registered at 12:30:45":                               "add the address that WeChat's message names to",
		"no address":                                               "add the address that WeChat's message names to",
	} {
		e := &Error{Code: 61004, Endpoint: "/cgi-bin/component/api_component_token", Msg: msg}
		if _, next := e.Advice(); !strings.HasPrefix(next, want) {
			t.Errorf("%q: %q", msg, next)
		}
	}
}

func TestBrokenAdviceIsRefused(t *testing.T) {
	t.Parallel()
	const head = "codes,endpoint,meaning,next\n"
	for _, text := range []string{head + "x,,,n\n", head + "1,,,\n", head + "1 1,,,n\n", head + "1,,n\n"} {
		if _, err := parseAdvice(text); err == nil {
			t.Errorf("%q: no error", text)
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
