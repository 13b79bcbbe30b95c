package arch_test

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// sources are the product's Go files by path below the root: no tests, and none
// of the packages that only tests import.
func sources(t *testing.T) map[string]*ast.File {
	t.Helper()
	files, forTests := make(map[string]*ast.File), testOnly(t)
	err := fs.WalkDir(os.DirFS(root), ".", func(path string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case d.IsDir() && path != "." && (strings.HasPrefix(d.Name(), ".") || d.Name() == "testdata" || slices.Contains(forTests, path)):
			return fs.SkipDir
		case d.IsDir() || !strings.HasSuffix(path, ".go") || strings.HasSuffix(path, "_test.go"):
			return nil
		}
		file, err := parser.ParseFile(token.NewFileSet(), filepath.Join(root, path), nil, parser.SkipObjectResolution)
		files[filepath.ToSlash(path)] = file
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(files) < 100 {
		t.Fatalf("found %d source files, want the whole product", len(files))
	}
	return files
}

// mentions are the qualified names (pkg.Name) that code uses, and its keys of
// composite literals and assigned fields.
func mentions(node ast.Node) []string {
	var names []string
	ast.Inspect(node, func(n ast.Node) bool {
		switch n := n.(type) {
		case *ast.SelectorExpr:
			if x, ok := n.X.(*ast.Ident); ok {
				names = append(names, x.Name+"."+n.Sel.Name)
			}
			names = append(names, n.Sel.Name)
		case *ast.KeyValueExpr:
			if key, ok := n.Key.(*ast.Ident); ok {
				names = append(names, key.Name)
			}
		}
		return true
	})
	return names
}

// TestTLSIsAlwaysVerified: nothing in the product turns a check of certificates
// off, or takes the check into its own hands.
func TestTLSIsAlwaysVerified(t *testing.T) {
	t.Parallel()
	never := []string{"InsecureSkipVerify", "VerifyPeerCertificate", "VerifyConnection", "tls.VersionTLS10", "tls.VersionTLS11", "tls.VersionSSL30"}
	for path, file := range sources(t) {
		for _, name := range mentions(file) {
			if slices.Contains(never, name) {
				t.Errorf("%s uses %s", path, name)
			}
		}
	}
}

// TestTLSHasAFloor: whoever makes TLS settings says the oldest version.
func TestTLSHasAFloor(t *testing.T) {
	t.Parallel()
	found := 0
	for path, file := range sources(t) {
		ast.Inspect(file, func(n ast.Node) bool {
			lit, ok := n.(*ast.CompositeLit)
			if !ok {
				return true
			}
			if sel, ok := lit.Type.(*ast.SelectorExpr); !ok || sel.Sel.Name != "Config" || !isIdent(sel.X, "tls") {
				return true
			}
			found++
			if !slices.Contains(mentions(lit), "MinVersion") {
				t.Errorf("%s makes a tls.Config without MinVersion", path)
			}
			return true
		})
	}
	if found == 0 {
		t.Error("found no tls.Config at all")
	}
}

func isIdent(e ast.Expr, name string) bool {
	id, ok := e.(*ast.Ident)
	return ok && id.Name == name
}

// TestWhoCallsOut: HTTP requests are made by wxclient alone, which talks to one
// host. The simulator's pushes go where its flags say.
func TestWhoCallsOut(t *testing.T) {
	t.Parallel()
	out := []string{
		"http.Get", "http.Head", "http.Post", "http.PostForm", "http.DefaultClient", "http.Client", "http.DefaultTransport", "http.Transport",
		"net.Dial", "net.DialTimeout", "net.Dialer", "net.DialTCP", "net.DialUDP", "tls.Dial", "tls.Dialer", "exec.Command", "exec.CommandContext",
	}
	allowed := map[string][]string{
		"wxclient/client.go":                {"http.Client"}, // the option
		"wxclient/internal/wire/wire.go":    {"http.Client"}, // the option
		"wxclient/internal/wire/origin.go":  {"http.Client", "http.DefaultTransport", "http.Transport", "net.Dialer"},
		"internal/app/core.go":              {"http.Client", "http.DefaultTransport", "http.Transport"}, // handed to wxclient and to the broker
		"registry/broker.go":                {"http.Client"},
		"wxsim/internal/callback/sender.go": {"http.Client"},
		// The bench runs its own redis-server and workers, and calls its own simulator.
		"bench/server.go":            {"exec.CommandContext"},
		"bench/workers.go":           {"exec.CommandContext"},
		"internal/cli/term/pager.go": {"exec.Command"}, // the pager that the operator chose
		"bench/http.go":              {"http.Client", "http.DefaultTransport", "http.Transport"},
	}
	used := make(map[string]bool)
	for path, file := range sources(t) {
		for _, name := range mentions(file) {
			if !slices.Contains(out, name) {
				continue
			}
			used[path] = true
			if !slices.Contains(allowed[path], name) {
				t.Errorf("%s uses %s: calls to WeChat go through wxclient, and there are no others", path, name)
			}
		}
	}
	for path := range allowed {
		if !used[path] {
			t.Errorf("%s is allowed to call out, and doesn't", path)
		}
	}
}
