package planfile

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// reader collects the faults of one plan.
type reader struct {
	file   string
	faults filefault.Faults
	lines  map[string]int  // line of each key
	asked  map[string]bool // keys that the reader knows
}

// add notes a fault of the plan, unless it names another file.
func (r *reader) add(f filefault.Fault) {
	if f.File == "" {
		f.File = r.file
	}
	r.faults = append(r.faults, f)
}

// object is a mapping being read. Keys that were asked for are known; done
// reports the others.
type object struct {
	r      *reader
	path   string
	at     *token.Position
	values map[string]entry
	known  []string
	// broken means that it was no mapping, which was reported: nothing is missing in it.
	broken bool
}

// entry is a key and its value.
type entry struct {
	key   *token.Token
	value ast.Node // nil for null
}

// object reads node as a mapping. at is where to report what is missing in it.
func (r *reader) object(path string, at *token.Position, node ast.Node) *object {
	o := &object{r: r, path: path, at: at, values: make(map[string]entry)}
	m, ok := node.(ast.MapNode)
	if !ok {
		o.broken = true
		value := plain(node)
		if path == "" { // this is no plan, and may be a secret
			value = ""
		}
		r.add(filefault.Fault{Line: at.Line, Column: at.Column, Key: path, Value: value, Msg: "want keys and values, such as " + example(path)})
		return o
	}
	for it := m.MapRange(); it.Next(); {
		key := it.Key().GetToken()
		if first, twice := o.values[key.Value]; twice {
			r.add(filefault.Fault{Line: key.Position.Line, Column: key.Position.Column, Key: o.key(key.Value),
				Msg: fmt.Sprintf("is there twice, first on line %d", first.key.Position.Line)})
			continue
		}
		value := it.Value()
		if _, null := value.(*ast.NullNode); null {
			value = nil
		}
		o.values[key.Value] = entry{key, value}
		r.lines[o.key(key.Value)] = key.Position.Line
	}
	return o
}

// example is what a mapping at path might look like.
func example(path string) string {
	switch path {
	case "":
		return "name: spring"
	case "template":
		return "template: {id: 118, version: 3.9.0}"
	case "targets", "ext":
		return path + ": {file: ...}"
	default:
		return "{key: value}"
	}
}

// key is the full name of one of o's keys.
func (o *object) key(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// get gives a key's value; nil when it is absent or empty.
func (o *object) get(name string) ast.Node {
	o.known = append(o.known, name)
	o.r.asked[o.key(name)] = true
	return o.values[name].value
}

// has reports whether the key is there with a value.
func (o *object) has(name string) bool { return o.get(name) != nil }

// fault reports something wrong with a key: at its value, at the key when the
// value spans lines, or where the object begins.
func (o *object) fault(name, value, format string, args ...any) {
	at := o.at
	if e, ok := o.values[name]; ok {
		at = e.key.Position
		if _, single := scalar(e.value); single {
			at = e.value.GetToken().Position
		}
	}
	o.r.add(filefault.Fault{Line: at.Line, Column: at.Column, Key: o.key(name), Value: value, Msg: fmt.Sprintf(format, args...)})
}

// missing reports a required key that is not there; of the wrong kind, it was
// reported as such.
func (o *object) missing(name, want string) {
	_, single := scalar(o.values[name].value)
	if absent := o.values[name].value == nil; !o.broken && (absent || single) {
		o.fault(name, "", "is missing: %s", want)
	}
}

// object reads a key's value as a mapping; nil when it is absent.
func (o *object) object(name string) *object {
	node := o.get(name)
	if node == nil {
		return nil
	}
	return o.r.object(o.key(name), o.values[name].key.Position, node)
}

// list reads a key's value as a sequence; ok is false when it is absent or none.
func (o *object) list(name, want string) (items []ast.Node, ok bool) {
	node := o.get(name)
	if node == nil {
		return nil, false
	}
	seq, ok := node.(*ast.SequenceNode)
	if !ok {
		o.fault(name, plain(node), "%s", want)
		return nil, false
	}
	return seq.Values, true
}

// text reads a key's value as text, exactly as written: version: 3.10 is "3.10".
func (o *object) text(name string) string {
	node := o.get(name)
	if node == nil {
		return ""
	}
	text, ok := scalar(node)
	if !ok {
		o.fault(name, "", "want one value, got a list or keys")
	}
	return text
}

// integer reads a key's value as a whole number from least to most.
func (o *object) integer(name string, least, most int64) (n int64, ok bool) {
	if !o.has(name) {
		return 0, false
	}
	text := o.text(name)
	n, err := strconv.ParseInt(text, 10, 64)
	switch {
	case err == nil && least <= n && n <= most:
		return n, true
	case most == math.MaxInt64:
		o.fault(name, text, "want a whole number, %d or more", least)
	default:
		o.fault(name, text, "want a whole number from %d to %d", least, most)
	}
	return 0, false
}

// boolean reads a key's value as true or false; absent is false.
func (o *object) boolean(name string) bool {
	if !o.has(name) {
		return false
	}
	switch text := o.text(name); text {
	case "true":
		return true
	case "false":
		return false
	default:
		o.fault(name, text, "want true or false")
		return false
	}
}

// choice reads a key's value as one of a few words; absent is the first.
func (o *object) choice(name string, words ...string) string {
	if !o.has(name) {
		return words[0]
	}
	text := o.text(name)
	if slices.Contains(words, text) {
		return text
	}
	last := len(words) - 1
	o.fault(name, text, "want %s or %s%s", strings.Join(words[:last], ", "), words[last], filefault.Suggest(text, words))
	return words[0]
}

// done reports the unread keys, in the order of the file.
func (o *object) done() {
	for name, e := range o.values {
		if !slices.Contains(o.known, name) {
			o.r.add(filefault.Fault{Line: e.key.Position.Line, Column: e.key.Position.Column, Key: o.key(name), Msg: "unknown key" + filefault.Suggest(name, o.known)})
		}
	}
}

// scalar is the text of a plain, quoted or block value.
func scalar(node ast.Node) (string, bool) {
	switch n := node.(type) {
	case *ast.LiteralNode:
		return n.Value.Value, true
	case *ast.StringNode:
		return n.Value, true
	case *ast.NullNode:
		return "", true
	case ast.ScalarNode:
		return n.GetToken().Value, true
	default:
		return "", false
	}
}

// plain is a node's value for a message; "" when it is no single value.
func plain(node ast.Node) string {
	text, _ := scalar(node)
	return strings.TrimSpace(text)
}
