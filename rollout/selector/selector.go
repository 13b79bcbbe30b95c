package selector

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

// Selector chooses apps by what their columns say, the way Kubernetes' label
// selectors do. The zero Selector matches everything.
type Selector struct{ terms []term }

// term is one requirement; a selector is all of them.
type term struct {
	key string
	// not turns the requirement round.
	not bool
	// values are those it may have; none means any but the empty one.
	values []string
	// listed remembers the spelling "in (a)" as against "=a".
	listed bool
}

// Error says where a selector can't be read.
type Error struct {
	// Text is the selector.
	Text string
	// At is the byte where reading stopped.
	At int
	// Msg says what was wanted.
	Msg string
}

// Error gives the place and what was wanted.
func (e *Error) Error() string {
	if rest := e.Text[e.At:]; rest != "" {
		return fmt.Sprintf("selector %q: %s at %q", e.Text, e.Msg, rest)
	}
	return fmt.Sprintf("selector %q: %s at the end", e.Text, e.Msg)
}

// Parse reads requirements joined by commas, all of which must hold:
//
//	tier=gold  tier==gold   the column is gold
//	region!=test            it is anything else, or empty
//	tier in (gold,silver)   it is one of them
//	tier notin (a,b)        it is none of them, or empty
//	tier                    it is not empty
//	!tier                   it is empty
//
// Keys are column names, label and appid. A column that an app lacks counts as
// empty. Names and values with blanks at the ends, commas, brackets or operators
// go in double quotes. Blank text matches everything. The error is a *Error.
func Parse(text string) (Selector, error) {
	p := &parser{text: text}
	var s Selector
	for p.blank(); p.at < len(text); {
		t, err := p.term()
		if err != nil {
			return Selector{}, err
		}
		s.terms = append(s.terms, t)
		p.blank()
		if p.at == len(text) {
			break
		}
		if !p.take(",") {
			return Selector{}, p.want("want a comma between requirements")
		}
		if p.blank(); p.at == len(text) {
			return Selector{}, p.want("want a requirement after the comma")
		}
	}
	return s, nil
}

// Match reports whether an app whose values get looks up meets every requirement.
func (s Selector) Match(get func(key string) (string, bool)) bool {
	for _, t := range s.terms {
		value, ok := get(t.key)
		if !ok {
			value = ""
		}
		hit := value != ""
		if len(t.values) > 0 {
			hit = slices.Contains(t.values, value)
		}
		if hit == t.not {
			return false
		}
	}
	return true
}

// Keys are the columns the selector looks at, sorted.
func (s Selector) Keys() []string {
	var keys []string
	for _, t := range s.terms {
		keys = append(keys, t.key)
	}
	slices.Sort(keys)
	return slices.Compact(keys)
}

// Empty reports whether s has no requirement, and so matches everything.
func (s Selector) Empty() bool { return len(s.terms) == 0 }

// String is the selector in the form Parse reads.
func (s Selector) String() string {
	parts := make([]string, len(s.terms))
	for i, t := range s.terms {
		parts[i] = t.String()
	}
	return strings.Join(parts, ",")
}

// String is one requirement.
func (t term) String() string {
	key := quoteWord(t.key, isKeyRune)
	if len(t.values) == 0 {
		if t.not {
			return "!" + key
		}
		return key
	}
	values := make([]string, len(t.values))
	for i, v := range t.values {
		values[i] = quoteWord(v, isValueRune)
	}
	list := strings.Join(values, ",")
	switch {
	case t.listed && t.not:
		return key + " notin (" + list + ")"
	case t.listed:
		return key + " in (" + list + ")"
	case t.not:
		return key + "!=" + list
	default:
		return key + "=" + list
	}
}

// parser reads a selector from left to right.
type parser struct {
	text string
	at   int
}

// want is the error at the present place.
func (p *parser) want(msg string) error {
	return &Error{Text: p.text, At: p.at, Msg: msg}
}

// blank skips blanks.
func (p *parser) blank() {
	rest := p.text[p.at:]
	p.at += len(rest) - len(strings.TrimLeftFunc(rest, unicode.IsSpace))
}

// take consumes s if it is next.
func (p *parser) take(s string) bool {
	if strings.HasPrefix(p.text[p.at:], s) {
		p.at += len(s)
		return true
	}
	return false
}

// term reads one requirement.
func (p *parser) term() (term, error) {
	not := p.take("!")
	p.blank()
	key, err := p.word(isKeyRune)
	if err != nil {
		return term{}, err
	}
	if key == "" {
		return term{}, p.want("want a column name")
	}
	t := term{key: key, not: not}
	if not {
		return t, nil
	}
	p.blank()
	switch {
	case p.take("!="):
		t.not = true
	case p.take("=="), p.take("="):
	case p.take("notin"):
		t.not, t.listed = true, true
	case p.take("in"):
		t.listed = true
	default:
		return t, nil
	}
	if t.listed {
		t.values, err = p.list()
		return t, err
	}
	p.blank()
	value, err := p.word(isValueRune)
	t.values = []string{value}
	return t, err
}

// list reads (a, b).
func (p *parser) list() ([]string, error) {
	if p.blank(); !p.take("(") {
		return nil, p.want("want ( and a list of values")
	}
	var values []string
	for {
		p.blank()
		value, err := p.word(isValueRune)
		if err != nil {
			return nil, err
		}
		values = append(values, value)
		p.blank()
		if p.take(")") {
			return values, nil
		}
		if !p.take(",") {
			return nil, p.want("want a comma or )")
		}
	}
}

// word reads a quoted word, or one of the given characters with the blanks at
// its end left off; it may be empty.
func (p *parser) word(in func(rune) bool) (string, error) {
	rest := p.text[p.at:]
	if strings.HasPrefix(rest, `"`) {
		quoted, err := strconv.QuotedPrefix(rest)
		if err != nil {
			return "", p.want("want a closing quote")
		}
		p.at += len(quoted)
		return strconv.Unquote(quoted)
	}
	end := strings.IndexFunc(rest, func(r rune) bool { return !in(r) })
	if end < 0 {
		end = len(rest)
	}
	word := strings.TrimRightFunc(rest[:end], unicode.IsSpace)
	p.at += len(word)
	return word, nil
}

// isKeyRune says what a column name may hold without quotes.
func isKeyRune(r rune) bool {
	return r != utf8.RuneError && (unicode.IsLetter(r) || unicode.IsDigit(r) || unicode.IsMark(r) || strings.ContainsRune("_-./", r))
}

// isValueRune says what a value may hold without quotes.
func isValueRune(r rune) bool {
	return r != utf8.RuneError && !strings.ContainsRune(`,()"=!`, r) && (unicode.IsPrint(r) || unicode.IsSpace(r))
}

// quoteWord puts a word in quotes if it can't be read back without them.
func quoteWord(s string, in func(rune) bool) string {
	if s == "" || (strings.TrimSpace(s) == s && strings.IndexFunc(s, func(r rune) bool { return !in(r) }) < 0) {
		return s
	}
	return strconv.Quote(s)
}
