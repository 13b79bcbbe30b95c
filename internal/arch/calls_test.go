package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/wxclient"
	"github.com/wxrollout/wxrollout/wxsim"
)

// callRow is one row of docs/calls.md; client is "-" for a route that only the simulator plays.
type callRow struct{ method, path, client, token, users string }

var rowForm = regexp.MustCompile("(?m)^\\| `(GET|POST) (/[^`]+)` \\| (`\\w+`|-) \\| (\\w+) \\| (.+) \\|$")

// callTable is the rows of docs/calls.md; a line that looks like one and can't be read is an error.
func callTable(t *testing.T) []callRow {
	t.Helper()
	text := string(read(t, "docs/calls.md"))
	var rows []callRow
	for _, m := range rowForm.FindAllStringSubmatch(text, -1) {
		rows = append(rows, callRow{m[1], m[2], strings.Trim(m[3], "`"), m[4], m[5]})
	}
	if n := strings.Count(text, "\n| `"); n != len(rows) || n == 0 {
		t.Fatalf("docs/calls.md: %d rows read of %d", len(rows), n)
	}
	return rows
}

// clientRows are the rows of the calls that the client makes.
func clientRows(t *testing.T) []callRow {
	t.Helper()
	return slices.DeleteFunc(callTable(t), func(row callRow) bool { return row.client == "-" })
}

// notCalls are methods of the client that call nothing.
var notCalls = []string{"ComponentAppID", "WithTokens"}

func TestCallsListTheClientsMethods(t *testing.T) {
	t.Parallel()
	listed := map[string]bool{}
	for _, row := range clientRows(t) {
		if listed[row.client] {
			t.Errorf("%s is listed twice", row.client)
		}
		listed[row.client] = true
	}
	client := reflect.TypeFor[*wxclient.Client]()
	for i := range client.NumMethod() {
		name := client.Method(i).Name
		if !listed[name] && !slices.Contains(notCalls, name) {
			t.Errorf("wxclient.Client.%s is not in docs/calls.md", name)
		}
		delete(listed, name)
	}
	for name := range listed {
		t.Errorf("docs/calls.md lists %s, which the client doesn't have", name)
	}
}

func TestCallsListTheSimulatorsRoutes(t *testing.T) {
	t.Parallel()
	listed := map[wxsim.Route]bool{}
	for _, row := range callTable(t) {
		listed[wxsim.Route{Method: row.method, Path: row.path, Token: row.token}] = true
	}
	for _, route := range wxsim.Routes() {
		if !listed[route] {
			t.Errorf("wxsim plays %+v, which docs/calls.md doesn't list so", route)
		}
		delete(listed, route)
	}
	for route := range listed {
		t.Errorf("docs/calls.md lists %+v, which wxsim doesn't play so", route)
	}
}

// clientPaths are the paths that each method of the client names in its source, literally or by a constant.
func clientPaths(t *testing.T) map[string][]string {
	t.Helper()
	var files []string
	for _, folder := range []string{"wxclient", "wxclient/configapi"} {
		found, err := filepath.Glob(filepath.Join(root, folder, "*.go"))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, found...)
	}
	literal := func(n ast.Node) string {
		if lit, ok := n.(*ast.BasicLit); ok && lit.Kind == token.STRING {
			text, err := strconv.Unquote(lit.Value)
			if err == nil && (strings.HasPrefix(text, "/wxa/") || strings.HasPrefix(text, "/cgi-bin/")) {
				return text
			}
		}
		return ""
	}
	constants, methods := map[string]string{}, map[string]*ast.FuncDecl{}
	for _, file := range files {
		if strings.HasSuffix(file, "_test.go") {
			continue
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), file, nil, 0)
		if err != nil {
			t.Fatal(err)
		}
		for _, decl := range parsed.Decls {
			switch d := decl.(type) {
			case *ast.FuncDecl:
				if d.Recv != nil && d.Name.IsExported() {
					methods[d.Name.Name] = d
				}
			case *ast.GenDecl:
				for _, spec := range d.Specs {
					if v, ok := spec.(*ast.ValueSpec); ok && len(v.Values) == 1 {
						if path := literal(v.Values[0]); path != "" {
							constants[v.Names[0].Name] = path
						}
					}
				}
			}
		}
	}
	paths := map[string][]string{}
	for name, d := range methods {
		ast.Inspect(d.Body, func(n ast.Node) bool {
			path := ""
			if n != nil {
				path = literal(n)
			}
			if id, ok := n.(*ast.Ident); ok && path == "" {
				path = constants[id.Name]
			}
			if path != "" && !slices.Contains(paths[name], path) {
				paths[name] = append(paths[name], path)
			}
			return true
		})
	}
	return paths
}

func TestCallsNameWhatTheClientCalls(t *testing.T) {
	t.Parallel()
	paths := clientPaths(t)
	for _, row := range clientRows(t) {
		if !slices.Equal(paths[row.client], []string{row.path}) {
			t.Errorf("wxclient.Client.%s names %q in its source, docs/calls.md has %s", row.client, paths[row.client], row.path)
		}
	}
}

// goText is the Go files below some folders: tests or the others.
func goText(t *testing.T, tests bool, folders ...string) string {
	t.Helper()
	var all strings.Builder
	for _, folder := range folders {
		err := filepath.WalkDir(filepath.Join(root, folder), func(path string, _ fs.DirEntry, err error) error {
			if err != nil || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go") != tests {
				return err
			}
			text, err := os.ReadFile(path)
			all.Write(text)
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	return all.String()
}

// TestCallsNameTheirUsers: a call is used if and only if the page says so, and the commands that it names exist.
func TestCallsNameTheirUsers(t *testing.T) {
	t.Parallel()
	product := goText(t, false, "appconfig", "tasks", "registry", "internal", "cmd")
	commands := map[string]bool{}
	for _, m := range regexp.MustCompile(`Use:\s+"(\w+)`).FindAllStringSubmatch(goText(t, false, "internal/cli"), -1) {
		commands[m[1]] = true
	}
	calls := map[string]bool{}
	for _, m := range regexp.MustCompile(`\b(?:wx|wechat|WeChat|client|Client|\w+Port|\w+Platform)\.(\w+)\b`).FindAllStringSubmatch(product, -1) {
		calls[m[1]] = true
	}
	for _, row := range callTable(t) {
		if calls[row.client] != (row.users != "-") {
			t.Errorf("%s: docs/calls.md says it is used by %q, and the code calls it: %t", row.client, row.users, calls[row.client])
		}
		for user := range strings.SplitSeq(regexp.MustCompile(`\([^)]*\)`).ReplaceAllString(row.users, ""), ",") {
			user = strings.Trim(strings.TrimSpace(user), "`")
			name, isCommand := strings.CutPrefix(user, "enqueue ")
			if isCommand && !commands[strings.Fields(name)[0]] {
				t.Errorf("%s: there is no command %q (there are %v)", row.client, user, slices.Sorted(maps.Keys(commands)))
			}
			if !isCommand && user != "-" && user != "worker" && user != "registry" {
				t.Errorf("%s: %q is no user", row.client, user)
			}
		}
	}
}

// TestCallsAreTested: every method of the client is called by the client's tests.
func TestCallsAreTested(t *testing.T) {
	t.Parallel()
	tests := goText(t, true, "wxclient")
	for _, row := range clientRows(t) {
		if !strings.Contains(tests, "."+row.client+"(") {
			t.Errorf("no test of wxclient calls %s", row.client)
		}
	}
}
