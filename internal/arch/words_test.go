package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"iter"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
)

// bannedWords are words that another word of docs/vocabulary.md replaced, and that word. They are
// refused in identifiers and in prose. Idioms that have nothing to do with the concept are in
// idioms.
var bannedWords = map[string]string{
	"turn": "assignment", "turns": "assignments",
	"lane": "queue", "lanes": "queues",
	"conductor": "controller", "conductors": "controllers", "conduct": "lead", "conducts": "leads", "conducting": "leading",
	"govern": "reconcile", "governs": "reconciles", "tend": "reconcile", "tends": "reconciles",
	"trouble": "last error", "troubles": "last errors",
	"seat": "lease", "seats": "leases", "resign": "step down", "resigns": "steps down", "resigned": "stepped down",
	"mend": "repair", "mends": "repairs", "mended": "repaired",
	"chore": "background job", "chores": "background jobs",
	"patience":     "backoff",
	"registration": "app creation", "registrations": "app creations",
	"nobody": "a subject", "somebody": "a subject", "someone": "a subject", "anybody": "a subject", "whatever": "a noun", "anew": "again",
	"hear": "receive", "hears": "receives", "heard": "received",
	"tell": "report", "tells": "reports", "told": "reported",
}

// bannedPhrases are phrases that the style of docs/vocabulary.md refuses.
var bannedPhrases = regexp.MustCompile(`(?i)\b(of (its|their|our|his) own\b|by (itself|themselves)|as it is([.,;:)]|$)|all the same|that is,)|` +
	`\b(a|an|the|its|this|that|each|every|no|one|another|same|lost|late|verified|WeChat's) push(es)?\b|\bpushes (that|of|are|get|come|came|alone|reach|arrive|made)\b|\bby push(es)?\b`)

// idioms are uses of banned words that are plain English.
var idioms = regexp.MustCompile(`(?i)/_sim/registrations|http\.NoBody|\bin turn\b|\bfor its turn\b|\bwhose turn\b|\b(that|it|product|none|store|build|AOF|caught|not|and|reordered|decodeReply|ConvertTrial) turns\b|` +
	`\b(operators|months|books|only|not|to) turn\b|\bturns? (on|off|up|into)\b|\btends? to\b`)

// british are parts of words that are spelled otherwise in American English.
var british = strings.Fields("authoris serialis recognis organis normalise initialis summaris minimis maximis optimis synchronis " +
	"behaviour honour favour colour neighbour labour cancelled cancelling labelled travelled modelled signalled catalogue licence defence centre grey")

// britishIn lists the British parts of words in a text.
func britishIn(text string) []string {
	var out []string
	text = strings.ToLower(text)
	for _, part := range british {
		if strings.Contains(text, part) {
			out = append(out, part)
		}
	}
	return out
}

// written is one file that people read.
type written struct{ path, text string }

// texts are the tracked files with an ending, outside of testdata.
func texts(t *testing.T, endings ...string) []written {
	t.Helper()
	var out []written
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() {
			if name := d.Name(); path != "." && (strings.HasPrefix(name, ".") || name == "testdata" || name == "out" || name == "bin" || name == "node_modules") {
				return fs.SkipDir
			}
			return nil
		}
		for _, e := range endings {
			if strings.HasSuffix(path, e) && path != "internal/arch/words_test.go" {
				text, err := os.ReadFile(filepath.Join(root, path))
				if err != nil {
					return err
				}
				out = append(out, written{path, string(text)})
			}
		}
		return nil
	})
	if err != nil || len(out) == 0 {
		t.Fatalf("no source ends in %v: %v", endings, err)
	}
	return out
}

// codeSpan is a name in Markdown.
var codeSpan = regexp.MustCompile("`[^`\n]*`")

var wordForm = regexp.MustCompile(`[A-Z]?[a-z0-9]+|[A-Z]+`)

// banned lists those of the words that the vocabulary replaced.
func banned(words []string) []string {
	var out []string
	for _, word := range words {
		if word = strings.ToLower(word); bannedWords[word] != "" {
			out = append(out, word)
		}
	}
	return out
}

// nameWords lists the banned words of an identifier.
func nameWords(name string) []string { return banned(wordForm.FindAllString(name, -1)) }

// phraseStems are parts of bannedPhrases, one of which each phrase has. Searching for them first saves most
// of the test's time.
var phraseStems = []string{" own", "itself", "themselves", "as it is", "all the same", "that is,", "push"}

func hasAny(text string, parts iter.Seq[string]) bool {
	text = strings.ToLower(text)
	for part := range parts {
		if strings.Contains(text, part) {
			return true
		}
	}
	return false
}

// proseWords lists the banned words of prose, without idioms.
func proseWords(text string) []string {
	if !hasAny(text, maps.Keys(bannedWords)) {
		return nil
	}
	split := func(text string) []string {
		words := strings.FieldsFunc(text, func(r rune) bool { return !unicode.IsLetter(r) })
		for _, word := range words { // names, such as those of alerts
			if parts := wordForm.FindAllString(word, -1); len(parts) > 1 {
				words = append(words, parts...)
			}
		}
		return words
	}
	if len(banned(split(text))) == 0 {
		return nil
	}
	return banned(split(idioms.ReplaceAllString(text, "")))
}

// TestWordsOfIdentifiers: a name in the code uses the words of the vocabulary.
func TestWordsOfIdentifiers(t *testing.T) {
	t.Parallel()
	known := map[string][]string{} // by name: most names occur often
	eachNode(t, func(n ast.Node, at func(token.Pos) token.Position) {
		id, ok := n.(*ast.Ident)
		if !ok {
			return
		}
		words, seen := known[id.Name]
		if !seen {
			words = nameWords(id.Name)
			known[id.Name] = words
		}
		for _, word := range words {
			t.Errorf("%s: %s: %q is called %q", at(id.Pos()), id.Name, word, bannedWords[word])
		}
	})
}

// eachNode visits the syntax of every Go file; at resolves positions.
func eachNode(t *testing.T, visit func(n ast.Node, at func(token.Pos) token.Position)) {
	t.Helper()
	for _, s := range texts(t, ".go") {
		set := token.NewFileSet()
		file, err := parser.ParseFile(set, s.path, s.text, 0)
		if err != nil {
			t.Fatal(err)
		}
		for n := range ast.Preorder(file) {
			visit(n, set.Position)
		}
	}
}

// TestWordsOfTexts: strings, comments, scripts, rules and docs use them too, spelled the American
// way.
func TestWordsOfTexts(t *testing.T) {
	t.Parallel()
	for _, s := range texts(t, ".go", ".lua", ".md", ".csv", ".yaml", ".yml", ".js", ".sh", "Makefile", "dashboards/fleet.json", "dashboards/rollout.json", "dashboards/quota.json", "dashboards/wechat.json", "dashboards/workers.json") {
		if s.path == "CHANGELOG.md" { // it names what was removed
			s.text = codeSpan.ReplaceAllString(s.text, "")
		}
		for i, line := range strings.Split(s.text, "\n") {
			for _, word := range proseWords(line) {
				t.Errorf("%s:%d: %q is called %q: %s", s.path, i+1, word, bannedWords[word], strings.TrimSpace(line))
			}
			for _, word := range britishIn(line) {
				t.Errorf("%s:%d: %q is British spelling", s.path, i+1, word)
			}
			if !hasAny(line, slices.Values(phraseStems)) {
				continue
			}
			for _, phrase := range bannedPhrases.FindAllString(line, -1) {
				t.Errorf("%s:%d: %q is not the style of docs/vocabulary.md: %s", s.path, i+1, phrase, strings.TrimSpace(line))
			}
		}
	}
}

// TestLogMessagesAreConstant: a message of a log is one text, and values are its fields.
func TestLogMessagesAreConstant(t *testing.T) {
	t.Parallel()
	eachNode(t, func(n ast.Node, at func(token.Pos) token.Position) {
		call, ok := n.(*ast.CallExpr)
		if !ok {
			return
		}
		fun, ok := call.Fun.(*ast.SelectorExpr)
		switch {
		case !ok:
		case fun.Sel.Name == "Msgf":
			t.Errorf("%s: a formatted log message", at(call.Pos()))
		case fun.Sel.Name == "Msg" && len(call.Args) == 1 && formatted(call.Args[0]):
			t.Errorf("%s: a log message that is not one constant text", at(call.Pos()))
		}
	})
}

// formatted reports whether a message is put together when it is logged.
func formatted(message ast.Expr) bool {
	switch m := message.(type) {
	case *ast.BinaryExpr, *ast.CallExpr:
		return true
	case *ast.ParenExpr:
		return formatted(m.X)
	}
	return false
}

// TestWordsAreFound: the tests above can fail.
func TestWordsAreFound(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"the turn ended": 1, "Lanes of the conductor": 2, "it waits for its turn": 0, "each in turn": 0, "returns": 0, "assignments": 0,
	} {
		if got := proseWords(text); len(got) != want {
			t.Errorf("%q: %v, want %d", text, got, want)
		}
	}
	for text, want := range map[string]bool{"a push arrives": true, "pushes that repeat": true, "git push": false, "an index of its own": true, "Pull, not push.": false, "it reopens by itself": true} {
		if bannedPhrases.MatchString(text) != want {
			t.Errorf("%q: want refused %t", text, want)
		}
	}
	if got := proseWords("WxrolloutLaneBlocked: nobody"); len(got) != 2 {
		t.Errorf("alert name: %v", got)
	}
	if got := nameWords("sameTurnsOfLane"); len(got) != 2 {
		t.Errorf("identifier: %v", got)
	}
	if len(britishIn("unauthorised")) != 1 || len(britishIn("authorized")) != 0 {
		t.Error("British spelling is not distinguished from American spelling")
	}
}
