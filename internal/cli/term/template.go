package term

import (
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"text/template"

	"github.com/theory/jsonpath"
)

// writer writes what a template makes of a value.
type writer func(w io.Writer, value any) error

// parseTemplate parses the template of a format.
func parseTemplate(kind Format, text string) (writer, error) {
	if kind == GoTemplate {
		t, err := template.New("output").Parse(text)
		if err != nil {
			return nil, fmt.Errorf("go-template: %w", err)
		}
		return t.Execute, nil
	}
	if text == "" {
		return nil, fmt.Errorf("want a path, such as jsonpath={.id}")
	}
	if !strings.Contains(text, "{") {
		text = "{" + text + "}"
	}
	p := pathParser{rest: text}
	steps, err := p.steps(false)
	if err != nil {
		return nil, fmt.Errorf("jsonpath: %w", err)
	}
	return func(w io.Writer, value any) error {
		var b strings.Builder
		steps.write(&b, value, value)
		_, err := io.WriteString(w, b.String())
		return err
	}, nil
}

// pathStep is a part of a JSONPath template, as kubectl has it: text, the values of a path,
// or steps for each of them ({range PATH}...{end}).
type pathStep struct {
	text string
	path *jsonpath.Path
	root bool // the path begins at the whole value
	each pathSteps
}

type pathSteps []pathStep

func (steps pathSteps) write(b *strings.Builder, root, value any) {
	for _, s := range steps {
		if s.path == nil {
			b.WriteString(s.text)
			continue
		}
		from := value
		if s.root {
			from = root
		}
		for i, found := range s.path.Select(from) {
			switch {
			case s.each != nil:
				s.each.write(b, root, found)
				continue
			case i > 0:
				b.WriteByte(' ')
			}
			b.WriteString(scalar(found))
		}
	}
}

// scalar is a value as text; objects and arrays are JSON.
func scalar(v any) string {
	switch v := v.(type) {
	case string:
		return v
	default:
		text, _ := json.Marshal(v) // the value was read from JSON
		return string(text)
	}
}

type pathParser struct{ rest string }

// steps parses up to the end of the text, or inside a range up to its {end}.
func (p *pathParser) steps(inside bool) (pathSteps, error) {
	steps := pathSteps{}
	for p.rest != "" {
		text, rest, found := strings.Cut(p.rest, "{")
		if text != "" {
			steps = append(steps, pathStep{text: text})
		}
		if p.rest = rest; !found {
			break
		}
		expression, rest, found := cutBrace(rest)
		if !found {
			return nil, fmt.Errorf("a brace is not closed in %q", "{"+p.rest)
		}
		p.rest = rest
		if expression == "end" && inside {
			return steps, nil
		}
		s, err := p.step(expression)
		if err != nil {
			return nil, err
		}
		steps = append(steps, s)
	}
	if inside {
		return nil, fmt.Errorf("a range has no {end}")
	}
	return steps, nil
}

// cutBrace cuts at the closing brace that is in no quotes.
func cutBrace(s string) (expression, rest string, found bool) {
	quote := byte(0)
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case quote != 0 && c == '\\':
			i++
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '"' || c == '\''):
			quote = c
		case quote == 0 && c == '}':
			return strings.TrimSpace(s[:i]), s[i+1:], true
		}
	}
	return "", "", false
}

// step parses the text between braces.
func (p *pathParser) step(expression string) (s pathStep, err error) {
	if strings.HasPrefix(expression, `"`) {
		if s.text, err = strconv.Unquote(expression); err != nil {
			return s, fmt.Errorf("%s is no text in quotes", expression)
		}
		return s, nil
	}
	path, ranges := strings.CutPrefix(expression, "range ")
	if s.path, s.root, err = parsePath(strings.TrimSpace(path)); err != nil {
		return s, err
	}
	if ranges {
		s.each, err = p.steps(true)
	}
	return s, err
}

// parsePath parses a path, whose $ may be missing, or be an @.
func parsePath(text string) (path *jsonpath.Path, root bool, err error) {
	full := text
	switch {
	case strings.HasPrefix(text, "$"):
		root = true
	case strings.HasPrefix(text, "@"):
		full = "$" + text[1:]
	case text == ".":
		full = "$"
	case strings.HasPrefix(text, "."), strings.HasPrefix(text, "["):
		full = "$" + text
		full = strings.Replace(full, "$.[", "$[", 1)
	default:
		full = "$." + text
	}
	if path, err = jsonpath.Parse(full); err != nil {
		return nil, false, fmt.Errorf("%q: %w", text, err)
	}
	return path, root, nil
}
