package extjson

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"text/template"
	"text/template/parse"
	"unicode/utf8"
)

// cell is one value of the app list. Printed, it is escaped for the inside of a
// JSON string; compared, it is the plain value.
type cell string

// String implements fmt.Stringer, which is how a template prints a value.
func (c cell) String() string { return string(appendEscaped(nil, string(c))) }

// maybe is a cell that may be empty: what default gives back.
type maybe string

// String is as for a cell.
func (m maybe) String() string { return cell(m).String() }

// jsonText is finished JSON, quotes and all.
type jsonText string

// insertFunc is put at the end of every inserting action by prepare; templates
// can't call it themselves.
const insertFunc = "_insert"

// functions are our own functions; col is bound to the data by prepare.
var functions = template.FuncMap{
	"json":     jsonOf,
	"default":  defaultTo,
	"col":      col,
	insertFunc: insert,
}

// allowed lists the functions a template may call. The rest of
// text/template's would break the JSON (html, js, urlquery, printf %q), be loose
// about missing columns (index) or make output without bound (printf).
var allowed = []string{"and", "col", "default", "eq", "ge", "gt", "json", "le", "len", "lt", "ne", "not", "or", "slice"}

// insert is the last step of every {{...}} that prints: it refuses what must not
// reach WeChat silently. source is the action's text, such as .store_name.
func insert(source string, v any) (any, error) {
	c, ok := v.(cell)
	if !ok {
		return v, nil
	}
	name, plain := strings.CutPrefix(source, ".")
	if !plain || strings.ContainsAny(name, " .|") {
		name = ""
	}
	if c == "" {
		return nil, &Error{Column: name, Msg: fmt.Sprintf("is empty for this app; if it may be, write {{default \"\" %s}}", cmp.Or(source, ".column"))}
	}
	if !utf8.ValidString(string(c)) {
		return nil, &Error{Column: name, Value: string(c), Msg: "is not valid UTF-8"}
	}
	if i := strings.IndexFunc(string(c), unprintable); i >= 0 {
		return nil, &Error{Column: name, Value: string(c), Msg: fmt.Sprintf("has the control character %q, which WeChat does not take", c[i])}
	}
	return c, nil
}

// defaultTo is {{default "none" .col}}: the column, or the other value when it is empty.
func defaultTo(other, v any) (any, error) {
	if plainText(v) != "" {
		return v, nil
	}
	return maybe(plainText(other)), nil
}

// col is {{col "name"}} for column names that aren't words; the data comes first
// by prepare's doing.
func col(row map[string]cell, name any) (cell, error) {
	v, ok := row[plainText(name)]
	if !ok {
		return "", &Error{Column: plainText(name), Msg: "the app list has no such column"}
	}
	return v, nil
}

// jsonOf is {{json v}}: v as JSON with its quotes.
func jsonOf(v any) (jsonText, error) {
	switch v := v.(type) {
	case jsonText:
		return v, nil
	case cell, maybe, string:
		checked, err := insert("", v)
		return jsonText(appendQuoted(nil, plainText(checked))), err
	case map[string]cell:
		doc := []byte{'{'}
		for i, name := range slices.Sorted(maps.Keys(v)) {
			if i > 0 {
				doc = append(doc, ',')
			}
			doc = append(appendQuoted(doc, name), ':')
			doc = appendQuoted(doc, string(v[name]))
		}
		return jsonText(append(doc, '}')), nil
	default:
		doc, err := json.Marshal(v)
		return jsonText(doc), err
	}
}

// plainText is a string-like value without escaping.
func plainText(v any) string {
	switch v := v.(type) {
	case cell:
		return string(v)
	case maybe:
		return string(v)
	case string:
		return v
	default:
		return fmt.Sprint(v)
	}
}

// prepare checks the template, notes the columns it names and the lines of its
// literal text, and guards every printing action with insert.
func (e *Template) prepare() error {
	if len(e.tmpl.Templates()) > 1 {
		return &Error{Msg: "define, block and template are not supported"}
	}
	for i := range len(e.text) {
		if e.text[i] == '\n' {
			e.ends = append(e.ends, i)
		}
	}
	err := e.visit(e.tmpl.Root, true)
	e.ends = nil
	return err
}

// visit walks the parse tree. root reports whether the dot is the app's row, which
// it is not inside a with.
func (e *Template) visit(node parse.Node, root bool) error {
	switch n := node.(type) {
	case *parse.ListNode:
		if n == nil {
			return nil
		}
		for _, child := range n.Nodes {
			if err := e.visit(child, root); err != nil {
				return err
			}
		}
	case *parse.TextNode:
		if len(n.Text) > 0 {
			e.literal[&n.Text[0]] = e.line(n.Pos)
		}
	case *parse.ActionNode:
		source := n.Pipe.String()
		if err := e.visitPipe(n.Pipe, root); err != nil {
			return err
		}
		if len(n.Pipe.Decl) == 0 {
			n.Pipe.Cmds = append(n.Pipe.Cmds, e.guard(n.Pos, source))
		}
	case *parse.IfNode:
		return e.visitBranch(n.Pipe, n.List, n.ElseList, root, root)
	case *parse.WithNode:
		return e.visitBranch(n.Pipe, n.List, n.ElseList, false, root)
	case *parse.CommentNode:
	default:
		word, _, _ := strings.Cut(strings.Trim(node.String(), "{} "), " ")
		return &Error{Line: e.line(node.Position()), Msg: word + " is not supported: every app has one row of plain values"}
	}
	return nil
}

// visitBranch walks the parts of an if or with.
func (e *Template) visitBranch(pipe *parse.PipeNode, then, otherwise *parse.ListNode, rootThen, root bool) error {
	if err := e.visitPipe(pipe, root); err != nil {
		return err
	}
	if err := e.visit(then, rootThen); err != nil {
		return err
	}
	return e.visit(otherwise, root)
}

// visitPipe checks the functions of a pipeline and notes its columns.
func (e *Template) visitPipe(pipe *parse.PipeNode, root bool) error {
	for _, cmd := range pipe.Cmds {
		for i, arg := range cmd.Args {
			if err := e.visitArg(arg, root); err != nil {
				return err
			}
			if id, ok := arg.(*parse.IdentifierNode); ok && id.Ident == "col" {
				if i != 0 || len(cmd.Args) < 2 {
					return &Error{Line: e.line(id.Pos), Msg: `write (col "name")`}
				}
				if name, ok := cmd.Args[1].(*parse.StringNode); ok {
					e.refs = append(e.refs, columnRef{name.Text, e.line(id.Pos)})
				}
			}
		}
		if id, ok := cmd.Args[0].(*parse.IdentifierNode); ok && id.Ident == "col" {
			row := &parse.VariableNode{NodeType: parse.NodeVariable, Pos: id.Pos, Ident: []string{"$"}}
			cmd.Args = slices.Insert(cmd.Args, 1, parse.Node(row))
		}
	}
	return nil
}

// visitArg handles one word of a command.
func (e *Template) visitArg(arg parse.Node, root bool) error {
	line := e.line(arg.Position())
	switch n := arg.(type) {
	case *parse.IdentifierNode:
		if !slices.Contains(allowed, n.Ident) {
			return &Error{Line: line, Msg: fmt.Sprintf("the function %s is not supported here: there are %s", n.Ident, strings.Join(allowed, ", "))}
		}
	case *parse.FieldNode:
		if root {
			e.refs = append(e.refs, columnRef{n.Ident[0], line})
		}
	case *parse.VariableNode:
		if n.Ident[0] == "$" && len(n.Ident) > 1 {
			e.refs = append(e.refs, columnRef{n.Ident[1], line})
		}
	case *parse.PipeNode:
		return e.visitPipe(n, root)
	case *parse.ChainNode:
		return e.visitArg(n.Node, root)
	}
	return nil
}

// guard is the command "_insert <source>", which gets the value from the pipe.
func (e *Template) guard(pos parse.Pos, source string) *parse.CommandNode {
	return &parse.CommandNode{NodeType: parse.NodeCommand, Pos: pos, Args: []parse.Node{
		parse.NewIdentifier(insertFunc).SetTree(e.tmpl.Tree).SetPos(pos),
		&parse.StringNode{NodeType: parse.NodeString, Pos: pos, Quoted: fmt.Sprintf("%q", source), Text: source},
	}}
}

// line is the line of a place in the template.
func (e *Template) line(pos parse.Pos) int {
	before, _ := slices.BinarySearch(e.ends, int(pos))
	return 1 + before
}
