package planfile

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/lexer"
	"github.com/goccy/go-yaml/parser"
	"github.com/goccy/go-yaml/token"

	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// Limits of a plan's text. The YAML parser takes time with the square of the
// depth, and of the number of keys, so both are bounded before it sees the text.
const (
	planMax   = 256 << 10 // bytes
	depthMax  = 16
	tokensMax = 10_000 // words and signs
)

// encodingFault says why data isn't UTF-8 text, or "" if it is.
func encodingFault(data []byte) (line int, msg string) {
	switch {
	case filefault.Workbook(data) != "":
		return 0, filefault.Workbook(data) + ": want a plan, which is a text file (YAML)"
	case filefault.IsUTF16(data):
		return 1, "is UTF-16: save it as UTF-8"
	case bytes.IndexByte(data, 0) >= 0:
		return 1 + bytes.Count(data[:bytes.IndexByte(data, 0)], []byte("\n")), "has a NUL byte: it is no text file"
	case !utf8.Valid(data):
		good := 0
		for good < len(data) {
			r, n := utf8.DecodeRune(data[good:])
			if r == utf8.RuneError && n == 1 {
				break
			}
			good += n
		}
		return 1 + bytes.Count(data[:good], []byte("\n")), "is not valid UTF-8: save it as UTF-8"
	}
	return 0, ""
}

// parseYAML gives the body of the only document in data. It refuses what a plan
// has no use for and reviewers overlook: anchors, aliases, merges, tags, several
// documents.
func (r *reader) parseYAML(data []byte) ast.Node {
	if len(data) > planMax {
		r.add(filefault.Fault{Msg: "is larger than 256 KiB: put a long ext template in a separate file"})
		return nil
	}
	if line, msg := encodingFault(data); msg != "" {
		r.add(filefault.Fault{Line: line, Msg: msg})
		return nil
	}
	text := strings.ReplaceAll(strings.TrimPrefix(string(data), "\ufeff"), "\r\n", "\n")
	tokens := lexer.Tokenize(text)
	if !r.checkTokens(tokens) {
		return nil
	}
	file, err := parser.Parse(tokens, 0, parser.AllowDuplicateMapKey())
	if syntax := (*yaml.SyntaxError)(nil); errors.As(err, &syntax) {
		at := syntax.Token.Position
		r.add(filefault.Fault{Line: at.Line, Column: at.Column, Msg: syntax.Message})
		return nil
	}
	if err != nil {
		r.add(filefault.Fault{Msg: err.Error()})
		return nil
	}
	var body ast.Node
	for _, doc := range file.Docs {
		if doc.Body == nil {
			continue
		}
		if body != nil {
			r.add(filefault.Fault{Line: doc.Body.GetToken().Position.Line, Msg: "a second document begins: want one plan per file"})
			return nil
		}
		body = doc.Body
	}
	if body == nil {
		r.add(filefault.Fault{Msg: "is empty: want a plan"})
	}
	return body
}

// checkTokens refuses unwanted YAML and nesting deeper than any plan's.
func (r *reader) checkTokens(tokens token.Tokens) bool {
	refused := map[token.Type]string{
		token.AnchorType:     "anchors are not supported",
		token.AliasType:      "aliases are not supported",
		token.MergeKeyType:   "merge keys are not supported",
		token.TagType:        "tags are not supported: quote the value if it begins with !",
		token.DirectiveType:  "directives are not supported",
		token.MappingKeyType: "complex keys are not supported",
	}
	if len(tokens) > tokensMax {
		r.add(filefault.Fault{Msg: fmt.Sprintf("has %d words and signs, want at most %d: is it a plan?", len(tokens), tokensMax)})
		return false
	}
	before := len(r.faults)
	depth, dashes, dashLine := 0, 0, 0
	for _, tk := range tokens {
		at := tk.Position
		if msg := refused[tk.Type]; msg != "" {
			r.add(filefault.Fault{Line: at.Line, Column: at.Column, Value: tk.Value, Msg: msg})
		}
		switch tk.Type {
		case token.MappingStartType, token.SequenceStartType:
			depth++
		case token.MappingEndType, token.SequenceEndType:
			depth--
		case token.SequenceEntryType:
			if at.Line != dashLine {
				dashes, dashLine = 0, at.Line
			}
			dashes++
		}
		if depth > depthMax || dashes > depthMax || at.Column > planMax/4 {
			r.add(filefault.Fault{Line: at.Line, Column: at.Column, Msg: "is nested too deep for a plan"})
			return false
		}
	}
	return len(r.faults) == before
}
