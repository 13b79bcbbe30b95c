package appconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Node says what a plan may hold at a key. Package planfile reads a plan by it; Render checks what
// the template makes of it for each app.
//
// It is Text, Choice, Flag, Texts, Object, Objects, Table or Refused.
type Node interface{ node() }

// Check says what is wrong with a value; "" if it is right.
type Check func(string) string

type (
	// Text is one value, which may be blank.
	Text struct{ Check Check }
	// Choice is one of a few words; the first is the default.
	Choice []string
	// Flag is true or false.
	Flag struct{}
	// Texts is a list of values. A value that holds blanks is several; a blank one is none.
	Texts struct {
		// Want is what a fault says was wanted.
		Want  string
		Check Check
	}
	// Object is a mapping with fixed keys.
	Object struct {
		Fields []Field
		// Bare is the key that a value in place of the mapping stands for; "" for none.
		Bare string
		// OneOf are keys of which at least one is needed; OneOfWant says what is.
		OneOf     []string
		OneOfWant string
		Conflicts []Conflict
	}
	// Objects is a list of mappings, each identified by the key ID. One whose ID is blank is none.
	Objects struct {
		Want string
		ID   string
		Each Object
	}
	// Table is a mapping with free keys. It is stored as a list of {key, text}.
	Table struct {
		Want  string
		Check Check
	}
	// Refused is a key that can't be given, and why.
	Refused string
)

func (Text) node()    {}
func (Choice) node()  {}
func (Flag) node()    {}
func (Texts) node()   {}
func (Object) node()  {}
func (Objects) node() {}
func (Table) node()   {}
func (Refused) node() {}

// Field is one key of an Object.
type Field struct {
	Key  string
	Node Node
	// Required says what is wanted if the key is missing; "" makes it optional.
	Required string
}

// Conflict refuses a key beside another.
type Conflict struct {
	Key string
	// With is the other key; Parent means that it is in the mapping around this one.
	With   string
	Parent bool
	// Is is the value that With must have for a conflict; "" for any.
	Is  string
	Why string
}

// Node returns what the mapping may hold at a key; nil if nothing.
func (o Object) Node(key string) Node {
	for _, f := range o.Fields {
		if f.Key == key {
			return f.Node
		}
	}
	return nil
}

// The keys of an edit. They are no part of the key that a fault names.
const (
	keyAdd    = "add"
	keyRemove = "remove"
	keySet    = "set"
)

// editOf is an Object that adds to, removes from or replaces a list.
func editOf(list, removed Node, more ...Field) Object {
	return Object{
		Fields:    append(more, Field{Key: keyAdd, Node: list}, Field{Key: keyRemove, Node: removed}, Field{Key: keySet, Node: list}),
		Conflicts: []Conflict{notWithSet(keyAdd), notWithSet(keyRemove)},
	}
}

func notWithSet(key string) Conflict {
	return Conflict{Key: key, With: keySet, Why: "can't be with set, which is the whole list: want one of them"}
}

// Fault is one value that WeChat would not take.
type Fault struct {
	// Key is its place in the configure section, such as domains.request.
	Key   string
	Value string
	Msg   string
}

func (f Fault) String() string { return fmt.Sprintf("configure.%s: %q: %s", f.Key, f.Value, f.Msg) }

// settler brings a rendered section into the form that kinds decode, and collects its faults.
type settler struct{ faults []Fault }

func (s *settler) check(key, value string, check Check) {
	if check == nil {
		return
	}
	if msg := check(value); msg != "" {
		s.faults = append(s.faults, Fault{Key: key, Value: value, Msg: msg})
	}
}

// settle returns v with the values of lists split and blank ones left out.
func (s *settler) settle(key string, n Node, v any) any {
	switch n := n.(type) {
	case Text:
		if text, _ := v.(string); text != "" {
			s.check(key, text, n.Check)
		}
	case Texts:
		return s.texts(key, n, v)
	case Object:
		return s.object(key, n, v)
	case Objects:
		return s.objects(key, n, v)
	case Table:
		for _, e := range anys(v) {
			s.check(key+"."+at(e, "key"), at(e, "text"), n.Check)
		}
	}
	return v
}

func (s *settler) texts(key string, n Texts, v any) any {
	list := []any{}
	for _, e := range anys(v) {
		text, _ := e.(string)
		for word := range strings.FieldsSeq(text) {
			if !slices.Contains(list, any(word)) {
				list = append(list, word)
				s.check(key, word, n.Check)
			}
		}
	}
	return list
}

func (s *settler) object(key string, n Object, v any) any {
	m, ok := v.(map[string]any)
	if !ok {
		return v
	}
	for _, f := range n.Fields {
		if _, ok := m[f.Key]; !ok {
			continue
		}
		at := key + "." + f.Key
		if slices.Contains([]string{keyAdd, keyRemove, keySet, n.Bare}, f.Key) {
			at = key
		}
		m[f.Key] = s.settle(at, f.Node, m[f.Key])
	}
	removed := ids(n.Node(keyRemove), m[keyRemove])
	for _, id := range ids(n.Node(keyAdd), m[keyAdd]) {
		if slices.Contains(removed, id) {
			s.faults = append(s.faults, Fault{Key: key, Value: id, Msg: "is to be added and removed: want one of them"})
		}
	}
	return m
}

func (s *settler) objects(key string, n Objects, v any) any {
	list, seen := []any{}, map[string]bool{}
	for _, e := range anys(v) {
		id := strings.TrimSpace(at(e, n.ID))
		if id == "" {
			continue
		}
		if seen[id] {
			s.faults = append(s.faults, Fault{Key: key, Value: id, Msg: "is there twice: want one for each " + n.ID})
		}
		seen[id] = true
		e.(map[string]any)[n.ID] = id
		list = append(list, s.object(key, n.Each, e))
	}
	return list
}

// ids are what identifies the entries of a list.
func ids(n Node, v any) []string {
	var out []string
	for _, e := range anys(v) {
		switch n := n.(type) {
		case Texts:
			id, _ := e.(string)
			out = append(out, id)
		case Objects:
			out = append(out, at(e, n.ID))
		case Table:
			out = append(out, at(e, "key"))
		}
	}
	return out
}

func anys(v any) []any {
	list, _ := v.([]any)
	return list
}

// at is the text at a key of a mapping.
func at(v any, key string) string {
	m, _ := v.(map[string]any)
	text, _ := m[key].(string)
	return text
}
