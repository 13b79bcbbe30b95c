package planfile

import (
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode"

	"github.com/goccy/go-yaml/ast"
	"github.com/goccy/go-yaml/token"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/applist"
	"github.com/wxrollout/wxrollout/rollout/extjson"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// Configure is the part of a plan that says which app configuration comes with the code.
type Configure struct {
	tmpl  *appconfig.Template
	text  string
	lines []leaf // what each line of text holds
}

// Text is what a plan keeps.
func (c *Configure) Text() string {
	if c == nil {
		return ""
	}
	return c.text
}

// Template renders it for an app; nil when the plan has none.
func (c *Configure) Template() *appconfig.Template {
	if c == nil {
		return nil
	}
	return c.tmpl
}

// leaf is one value, with its key and line in the plan.
type leaf struct {
	key, text string
	line      int
}

// pair is a key and its value in the text that a plan keeps: a leaf, a list, a
// tree or a boolean.
type pair struct {
	key   string
	value any
}

type tree []pair

// put adds a value unless there is none.
func (t *tree) put(key string, value any) {
	switch v := value.(type) {
	case nil:
		return
	case leaf:
		if v.text == "" {
			return
		}
	case bool:
		if !v {
			return
		}
	}
	*t = append(*t, pair{key, value})
}

// textMax bounds one value of configure, in characters.
const textMax = 2000

// readConfigure reads the section configure; nil when it is absent.
func readConfigure(top *object) *Configure {
	o := top.object("configure")
	if o == nil {
		return nil
	}
	doc := o.fields(appconfig.Schema(), nil)
	if len(doc) == 0 && len(o.values) == 0 && !o.broken {
		top.fault("configure", "", "asks for nothing: leave it out")
	}
	c := &Configure{}
	var b strings.Builder
	c.write(&b, doc)
	c.text = b.String()
	tmpl, err := appconfig.Parse(c.text)
	if bad := (*extjson.Error)(nil); errors.As(err, &bad) && len(o.r.faults) == 0 {
		at := c.at(bad.Line)
		o.r.add(filefault.Fault{Line: at.line, Key: at.key, Value: at.text, Msg: bad.Msg})
	}
	c.tmpl = tmpl
	return c
}

// fields reads what the schema allows in o, a mapping of parent.
func (o *object) fields(n appconfig.Object, parent *object) tree {
	var t tree
	for _, f := range n.Fields {
		if f.Required != "" && !o.has(f.Key) {
			o.missing(f.Key, f.Required)
		}
		t.put(f.Key, o.value(f.Key, f.Node))
	}
	for _, c := range n.Conflicts {
		other := o
		if c.Parent {
			other = parent
		}
		if o.has(c.Key) && other.has(c.With) && (c.Is == "" || c.Is == plain(other.get(c.With))) {
			o.fault(c.Key, plain(o.get(c.Key)), "%s", c.Why)
		}
	}
	if len(n.OneOf) > 0 && !slices.ContainsFunc(n.OneOf, o.has) {
		o.missing(n.OneOf[0], n.OneOfWant)
	}
	o.done()
	return t
}

// value reads a key as the schema says; nil when it is absent.
func (o *object) value(name string, n appconfig.Node) any {
	if choice, ok := n.(appconfig.Choice); ok {
		return leaf{text: o.choice(name, choice...)}
	}
	if !o.has(name) {
		return nil
	}
	switch n := n.(type) {
	case appconfig.Text:
		return o.checked(name, o.shortText(name, textMax), o.get(name).GetToken().Position, n.Check)
	case appconfig.Flag:
		return o.boolean(name)
	case appconfig.Texts:
		return o.each(name, n.Want, func(_ int, node ast.Node) (any, bool) { return o.oneOf(name, node, n.Want, n.Check) })
	case appconfig.Objects:
		return o.each(name, n.Want, func(i int, node ast.Node) (any, bool) { return o.item(name, i, node).fields(n.Each, o), true })
	case appconfig.Table:
		return o.table(name, n)
	case appconfig.Object:
		if bare(o.get(name), n.Node(n.Bare)) {
			return tree{{n.Bare, o.value(name, n.Node(n.Bare))}}
		}
		return o.object(name).fields(n, o)
	case appconfig.Refused:
		o.fault(name, "", "%s", string(n))
	}
	return nil
}

// bare reports whether a value is given in place of a mapping with the node's key.
func bare(value ast.Node, n appconfig.Node) bool {
	switch n.(type) {
	case appconfig.Texts:
		_, ok := value.(*ast.SequenceNode)
		return ok
	case appconfig.Text:
		_, ok := scalar(value)
		return ok
	default:
		return false
	}
}

// each reads the elements of a list; nil when it is none.
func (o *object) each(name, want string, read func(int, ast.Node) (any, bool)) any {
	nodes, ok := o.list(name, want)
	if !ok {
		return nil
	}
	list := []any{}
	for i, node := range nodes {
		if v, ok := read(i, node); ok {
			list = append(list, v)
		}
	}
	return list
}

func (o *object) table(name string, n appconfig.Table) any {
	t := o.object(name)
	list := []any{}
	for _, key := range slices.Sorted(maps.Keys(t.values)) {
		if !t.has(key) {
			t.fault(key, "", "%s", n.Want)
		}
		text, _ := t.value(key, appconfig.Text{}).(leaf)
		list = append(list, tree{{"key", leaf{text: key}}, {"text", text}})
	}
	return list
}

// checked is a text that may hold {{.column}}. One that holds none is checked at once, the others
// for each app.
func (o *object) checked(name, text string, at *token.Position, check appconfig.Check) leaf {
	l := leaf{key: o.key(name), text: text, line: at.Line}
	report := func(msg string) {
		o.r.add(filefault.Fault{Line: at.Line, Column: at.Column, Key: l.key, Value: text, Msg: msg})
	}
	if strings.LastIndex(text, "{{") > strings.LastIndex(text, "}}") {
		report("has {{ and no }} after it")
	} else if _, err := extjson.Parse(inserted(text)); err != nil {
		msg := err.Error()
		if bad := (*extjson.Error)(nil); errors.As(err, &bad) {
			msg = bad.Msg
		}
		report(msg)
	} else if check != nil && text != "" && !strings.Contains(text, "{{") {
		if msg := check(text); msg != "" {
			report(msg)
		}
	}
	return l
}

func (o *object) oneOf(name string, node ast.Node, want string, check appconfig.Check) (any, bool) {
	text, single := scalar(node)
	at := node.GetToken().Position
	if !single || strings.TrimSpace(text) == "" || strings.ContainsFunc(text, unicode.IsControl) || len(text) > textMax {
		o.r.add(filefault.Fault{Line: at.Line, Column: at.Column, Key: o.key(name), Value: plain(node), Msg: want})
		return nil, false
	}
	return o.checked(name, text, at, check), true
}

// write appends a value as JSON, each leaf on a separate line, so that a fault of
// the text shows its place in the plan.
func (c *Configure) write(b *strings.Builder, value any) {
	switch v := value.(type) {
	case leaf:
		b.WriteString(inserted(v.text) + "\n")
		c.lines = append(c.lines, v)
	case bool:
		fmt.Fprint(b, v)
	case tree:
		b.WriteString("{")
		for i, p := range v {
			if i > 0 {
				b.WriteString(",")
			}
			fmt.Fprintf(b, "%q:", p.key)
			c.write(b, p.value)
		}
		b.WriteString("}")
	case []any:
		b.WriteString("[")
		for i, e := range v {
			if i > 0 {
				b.WriteString(",")
			}
			c.write(b, e)
		}
		b.WriteString("]")
	}
}

// at is what a line of the text holds.
func (c *Configure) at(line int) leaf {
	if line < 1 || line > len(c.lines) {
		return leaf{key: "configure"}
	}
	return c.lines[line-1]
}

// inserted is a text as a JSON string in which {{...}} stays a template's.
func inserted(text string) string {
	var b strings.Builder
	b.WriteByte('"')
	for text != "" {
		plain, rest, found := strings.Cut(text, "{{")
		b.WriteString(escaped(plain))
		if !found {
			break
		}
		action, after, closed := strings.Cut(rest, "}}")
		b.WriteString("{{" + action)
		if closed {
			b.WriteString("}}")
		}
		text = after
	}
	b.WriteByte('"')
	return b.String()
}

// escaped is a text as the inside of a JSON string.
func escaped(text string) string {
	var b strings.Builder
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(text); err != nil {
		panic(fmt.Sprintf("planfile: marshal a text: %v", err)) // it is text
	}
	return b.String()[1 : b.Len()-2] // without quotes and line end
}

// checkConfigure renders the app configuration for every app and returns all faults.
func checkConfigure(c *Configure, apps *applist.Apps) filefault.Faults {
	if c.Template() == nil {
		return nil
	}
	return checkApps(apps, "the plan's configure", c.tmpl.Columns(), func(app extjson.App) ([]appconfig.Fault, error) {
		want, err := c.tmpl.Render(app)
		if err != nil {
			return nil, err
		}
		return want.Faults, nil
	}, func(line int) string {
		at := c.at(line)
		return fmt.Sprintf("%s on line %d of the plan", at.key, at.line)
	})
}
