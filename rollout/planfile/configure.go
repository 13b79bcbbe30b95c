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
	"github.com/wxrollout/wxrollout/rollout/extjson"
)

// Configure is the part of a plan that says which settings travel with the code.
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

// checker says what is wrong with a value; "" for nothing.
type checker func(string) string

// readConfigure reads the section configure; nil when it is absent.
func readConfigure(top *object) *Configure {
	o := top.object("configure")
	if o == nil {
		return nil
	}
	var doc tree
	doc.put("domains", readDomains(o))
	doc.put("webview", readWebview(o))
	doc.put("testers", readTesters(o))
	doc.put("qr_rules", readQRRules(o))
	doc.put("base_library", readLibrary(o))
	if v := o.leaf("visibility", appconfig.CheckVisibility); v.text != "" {
		doc.put("visibility", v)
	}
	doc.put("privacy", readPrivacy(o))
	o.done()
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
		o.r.add(Fault{Line: at.line, Key: at.key, Value: at.text, Msg: bad.Msg})
	}
	c.tmpl = tmpl
	return c
}

// leaf reads a key's value: a text that may hold {{.column}}. What holds none is
// checked at once, the rest for each app.
func (o *object) leaf(name string, check checker) leaf {
	if !o.has(name) {
		return leaf{}
	}
	return o.checked(name, o.shortText(name, textMax), o.get(name).GetToken().Position, check)
}

func (o *object) checked(name, text string, at *token.Position, check checker) leaf {
	l := leaf{key: o.key(name), text: text, line: at.Line}
	report := func(msg string) {
		o.r.add(Fault{Line: at.Line, Column: at.Column, Key: l.key, Value: text, Msg: msg})
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

// leaves reads a list of such values; nil when it is absent.
func (o *object) leaves(name, want string, check checker) []any {
	nodes, ok := o.list(name, want)
	if !ok {
		return nil
	}
	list := []any{}
	for _, node := range nodes {
		if l, ok := o.oneOf(name, node, want, check); ok {
			list = append(list, l)
		}
	}
	return list
}

func (o *object) oneOf(name string, node ast.Node, want string, check checker) (leaf, bool) {
	text, single := scalar(node)
	at := node.GetToken().Position
	if !single || strings.TrimSpace(text) == "" || strings.ContainsFunc(text, unicode.IsControl) || len(text) > textMax {
		o.r.add(Fault{Line: at.Line, Column: at.Column, Key: o.key(name), Value: plain(node), Msg: want})
		return leaf{}, false
	}
	return o.checked(name, text, at, check), true
}

// edit reads add, remove and set of an object into its tree.
func (o *object) edit(t *tree, want string, check checker) {
	for _, name := range []string{"add", "remove", "set"} {
		if list := o.leaves(name, want, check); list != nil {
			t.put(name, list)
		}
	}
	o.setAlone()
}

// setAlone refuses set beside add, remove and adopt.
func (o *object) setAlone() {
	for _, name := range []string{"add", "remove", "adopt"} {
		if o.has("set") && o.has(name) {
			o.fault(name, "", "can't be with set, which is the whole list: want one of them")
		}
	}
}

func readWay(o *object, t *tree) {
	t.put("way", leaf{text: o.choice("way", string(appconfig.Platform), string(appconfig.Direct))})
	register := o.boolean("register")
	if register && plain(o.get("way")) == string(appconfig.Direct) {
		o.fault("register", "true", "is for way: platform; direct needs no registration")
	}
	t.put("register", register)
	t.put("adopt", o.boolean("adopt"))
}

func readDomains(top *object) any {
	o := top.object("domains")
	if o == nil {
		return nil
	}
	var t, lists tree
	readWay(o, &t)
	for _, name := range appconfig.Lists() {
		check := func(v string) string { return appconfig.CheckDomain(name, v) }
		want := fmt.Sprintf(`want a list of domains, such as ["%s://{{.host}}"], or add, remove or set with one`, name.Scheme())
		if _, isList := o.get(string(name)).(*ast.SequenceNode); isList {
			var e tree
			e.put("add", o.leaves(string(name), want, check))
			lists.put(string(name), e)
			continue
		}
		if list := o.object(string(name)); list != nil {
			var e tree
			list.edit(&e, want, check)
			if o.has("adopt") && list.has("set") {
				list.fault("set", "", "can't be with adopt: set is the whole list")
			}
			list.done()
			lists.put(string(name), e)
		}
	}
	if len(lists) == 0 && !o.has("adopt") && !o.broken {
		o.missing("request", "want a list to change: request, wsrequest, upload, download, udp or tcp")
	}
	t.put("lists", lists)
	o.done()
	return t
}

func readWebview(top *object) any {
	o := top.object("webview")
	if o == nil {
		return nil
	}
	var t tree
	readWay(o, &t)
	o.edit(&t, `want a list of domains, such as ["https://{{.host}}"]`, appconfig.CheckWebview)
	if !o.has("add") && !o.has("remove") && !o.has("set") && !o.has("adopt") {
		o.missing("add", `want add, remove or set with a list, such as ["https://{{.host}}"]`)
	}
	o.done()
	return t
}

func readTesters(top *object) any {
	const want = "want a list of WeChat ids, or add and remove with one"
	var t tree
	if _, isList := top.get("testers").(*ast.SequenceNode); isList {
		t.put("add", top.leaves("testers", want, appconfig.CheckTester))
		return t
	}
	o := top.object("testers")
	if o == nil {
		return nil
	}
	if o.has("set") {
		o.fault("set", "", "can't be: WeChat doesn't tell whose its list of testers is; use add and remove")
	}
	for _, name := range []string{"add", "remove"} {
		if list := o.leaves(name, want, appconfig.CheckTester); list != nil {
			t.put(name, list)
		}
	}
	o.done()
	return t
}

func readQRRules(top *object) any {
	o := top.object("qr_rules")
	if o == nil {
		return nil
	}
	var t tree
	for _, name := range []string{"add", "set"} {
		nodes, ok := o.list(name, "want a list of rules, such as [{prefix: https://shop.example.com/t/, path: pages/index/index}]")
		if !ok {
			continue
		}
		list := []any{}
		for i, node := range nodes {
			list = append(list, readQRRule(o.item(name, i, node)))
		}
		t.put(name, list)
	}
	if list := o.leaves("remove", "want a list of prefixes", appconfig.CheckPrefix); list != nil {
		t.put("remove", list)
	}
	o.setAlone()
	t.put("publish", o.boolean("publish"))
	o.done()
	return t
}

func readQRRule(o *object) tree {
	var t tree
	for _, name := range []string{"prefix", "path"} {
		if !o.has(name) {
			o.missing(name, "a rule wants prefix and path")
		}
	}
	t.put("prefix", o.leaf("prefix", appconfig.CheckPrefix))
	t.put("path", o.leaf("path", nil))
	t.put("exclusive", o.boolean("exclusive"))
	version := o.choice("version", "online", "develop", "trial")
	t.put("version", leaf{text: version})
	if list := o.leaves("debug", "want a list of test links below the prefix", nil); list != nil {
		t.put("debug", list)
	}
	o.done()
	return t
}

func readLibrary(top *object) any {
	if _, single := scalar(top.get("base_library")); single && top.has("base_library") {
		return tree{{"at_least", top.leaf("base_library", appconfig.CheckLibrary)}}
	}
	o := top.object("base_library")
	if o == nil {
		return nil
	}
	var t tree
	t.put("at_least", o.leaf("at_least", appconfig.CheckLibrary))
	t.put("set", o.leaf("set", appconfig.CheckLibrary))
	switch {
	case o.has("at_least") && o.has("set"):
		o.fault("set", plain(o.get("set")), "can't be with at_least: want one of them")
	case !o.has("at_least") && !o.has("set"):
		o.missing("at_least", "want a version such as 2.32.0")
	}
	o.done()
	return t
}

func readPrivacy(top *object) any {
	o := top.object("privacy")
	if o == nil {
		return nil
	}
	var t tree
	if owner := o.object("owner"); owner != nil {
		var fields tree
		for _, name := range []string{"email", "phone", "qq", "wechat", "notice", "store", "region"} {
			check := checker(nil)
			if name == "store" {
				check = appconfig.CheckStore
			}
			fields.put(name, owner.leaf(name, check))
		}
		owner.done()
		t.put("owner", fields)
	}
	for _, name := range []string{"add", "set"} {
		uses := o.object(name)
		if uses == nil {
			continue
		}
		list := []any{}
		for _, key := range slices.Sorted(maps.Keys(uses.values)) {
			if !uses.has(key) {
				uses.fault(key, "", "want the use in words")
			}
			list = append(list, tree{{"key", leaf{text: key}}, {"text", uses.leaf(key, nil)}})
		}
		uses.done()
		t.put(name, list)
	}
	if list := o.leaves("remove", "want a list of keys, such as [PhoneNumber]", nil); list != nil {
		t.put("remove", list)
	}
	o.setAlone()
	o.done()
	return t
}

// write appends a value as JSON, each leaf on a line of its own, so that a fault of
// the text tells its place in the plan.
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

// CheckConfigure renders the settings for every app and gives all faults, with the
// app's line in its list. A column the list lacks is one fault of its header.
func CheckConfigure(c *Configure, apps *Apps) Faults {
	if c.Template() == nil {
		return nil
	}
	var faults Faults
	for _, name := range c.tmpl.Columns() {
		if !slices.Contains(apps.known(), name) {
			faults = append(faults, Fault{File: apps.name, Line: apps.headerLine, Key: name,
				Msg: "the plan's configure uses this column and the list lacks it" + suggest(name, apps.known())})
		}
	}
	if faults != nil {
		return faults
	}
	for _, app := range apps.All() {
		spec, err := c.tmpl.Render(extjson.App{AppID: app.AppID, Label: app.Label, Columns: app.Columns})
		if bad := (*extjson.Error)(nil); errors.As(err, &bad) {
			at := c.at(bad.Line)
			msg := fmt.Sprintf("%s (%s, %s on line %d of the plan)", bad.Msg, app.AppID, at.key, at.line)
			faults = append(faults, Fault{File: apps.name, Line: app.Line, Key: bad.Column, Value: bad.Value, Msg: msg})
			continue
		}
		for _, f := range spec.Faults() {
			faults = append(faults, Fault{File: apps.name, Line: app.Line, Key: "configure." + f.Key, Value: f.Value, Msg: f.Msg + " (" + app.AppID + ")"})
		}
	}
	return faults
}
