package config

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path/filepath"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/goccy/go-yaml/ast"
)

// localFile is the settings file of the working folder.
const localFile = "wxrollout.yaml"

// settingsFile is the part of a settings file that applies: one context.
type settingsFile struct {
	path    string // "" without a file
	context string
	values  map[string]fileValue // by the name of a flag, or of a secret and -file
}

// maxFile bounds a settings file, in bytes.
const maxFile = 1 << 20

// fileValue is a value and where it is written.
type fileValue struct {
	text string
	line int
}

// at names the place of a value.
func (f settingsFile) at(name string) string {
	return fmt.Sprintf("%s:%d", f.path, f.values[name].line)
}

// contextsFile is the syntax of a settings file.
type contextsFile struct {
	Current  string                         `yaml:"current"`
	Contexts map[string]map[string]ast.Node `yaml:"contexts"`
}

// readSettingsFile reads the file that was named, or else the first that exists: ./wxrollout.yaml, then
// wxrollout/config.yaml in the user's folder of settings. context is the one that was named; "" means the
// file's current one.
func readSettingsFile(named, context string, environ []string, open Opener) (settingsFile, []string) {
	path, text, err := findFile(named, environ, open)
	switch {
	case err != nil:
		return settingsFile{}, []string{err.Error()}
	case path != "":
		return parseSettingsFile(path, context, text)
	case context != "":
		return settingsFile{}, []string{fmt.Sprintf("context %q: there is no settings file: looked for %s", context, strings.Join(defaultFiles(environ), ", "))}
	}
	return settingsFile{}, nil
}

// findFile reads the settings file; its path is "" if none was named and none exists.
func findFile(named string, environ []string, open Opener) (path string, text []byte, err error) {
	paths := []string{named}
	if named == "" {
		paths = defaultFiles(environ)
	}
	for _, path := range paths {
		text, _, err := readFile(open, path, maxFile)
		switch {
		case err == nil:
			return path, text, nil
		case named != "" || !errors.Is(err, fs.ErrNotExist):
			return "", nil, fmt.Errorf("config %s: %w", path, err)
		}
	}
	return "", nil, nil
}

// pathSettings are the settings that are paths, besides those of secrets.
var pathSettings = []string{"redis-ca", "redis-cert", "redis-key"}

// defaultFiles lists the files that are read if none is named, the first one that exists.
func defaultFiles(environ []string) []string {
	paths := []string{localFile}
	env := make(map[string]string)
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		env[name] = value
	}
	switch {
	case env["XDG_CONFIG_HOME"] != "":
		paths = append(paths, filepath.Join(env["XDG_CONFIG_HOME"], "wxrollout", "config.yaml"))
	case env["HOME"] != "":
		paths = append(paths, filepath.Join(env["HOME"], ".config", "wxrollout", "config.yaml"))
	}
	return paths
}

func parseSettingsFile(path, context string, text []byte) (settingsFile, []string) {
	var file contextsFile
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.DisallowUnknownField()); err != nil {
		return settingsFile{}, []string{fmt.Sprintf("config %s: %s", path, yaml.FormatError(err, false, false))}
	}
	names := slices.Sorted(maps.Keys(file.Contexts))
	if context == "" {
		context = file.Current
	}
	if context == "" && len(names) == 1 {
		context = names[0]
	}
	chosen, ok := file.Contexts[context]
	switch {
	case context == "":
		return settingsFile{}, []string{fmt.Sprintf("config %s: no context is chosen: set current, --context or WXROLLOUT_CONTEXT to one of %s", path, strings.Join(names, ", "))}
	case !ok:
		return settingsFile{}, []string{fmt.Sprintf("config %s: no context %q: it has %s", path, context, strings.Join(names, ", "))}
	}
	paths := func(name, text string) string { // are relative to the settings file
		if (strings.HasSuffix(name, "-file") || slices.Contains(pathSettings, name)) && text != "" && !filepath.IsAbs(text) {
			return filepath.Join(filepath.Dir(path), text)
		}
		return text
	}
	out := settingsFile{path: path, context: context, values: make(map[string]fileValue)}
	var faults []string
	for name, node := range chosen {
		scalar, ok := node.(ast.ScalarNode)
		if !ok || node.Type() == ast.NullType {
			faults = append(faults, fmt.Sprintf("%s:%d: %s: want one value", path, node.GetToken().Position.Line, name))
			continue
		}
		out.values[name] = fileValue{text: paths(name, fmt.Sprint(scalar.GetValue())), line: node.GetToken().Position.Line}
	}
	return out, faults
}
