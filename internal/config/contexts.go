package config

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/goccy/go-yaml"
	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/outfile"
)

// Contexts are the contexts of a settings file.
type Contexts struct {
	Path string // "" without a file
	// Current is the one in effect: named by a flag or the environment, else the file's.
	Current string
	Names   []string
}

// ReadContexts reads the contexts of the settings file that flags or environment choose.
func ReadContexts(flags *pflag.FlagSet, environ []string, open Opener) (Contexts, error) {
	l := loader{flags: flags, env: readEnv(environ)}
	path, text, err := findFile(l.chosen("config"), environ, open)
	if err != nil || path == "" {
		return Contexts{}, err
	}
	var file contextsFile
	if err := yaml.UnmarshalWithOptions(text, &file, yaml.DisallowUnknownField()); err != nil {
		return Contexts{}, fmt.Errorf("config %s: %s", path, yaml.FormatError(err, false, false))
	}
	c := Contexts{Path: path, Current: file.Current, Names: slices.Sorted(maps.Keys(file.Contexts))}
	if chosen := l.chosen("context"); chosen != "" {
		c.Current = chosen
	}
	if c.Current == "" && len(c.Names) == 1 {
		c.Current = c.Names[0]
	}
	return c, nil
}

// currentLine is the line of a settings file that chooses the context.
var currentLine = regexp.MustCompile(`(?m)^current[ \t]*:.*$`)

// Use writes the name of a context into the settings file as its current one. The rest of the
// file, comments included, stays.
func (c Contexts) Use(name string) error {
	switch {
	case c.Path == "":
		return fmt.Errorf("use context %q: there is no settings file: write %s (docs/configuration.md)", name, localFile)
	case !slices.Contains(c.Names, name):
		return fmt.Errorf("use context %q: %s has no such context: it has %s", name, c.Path, strings.Join(c.Names, ", "))
	}
	path, err := filepath.EvalSymlinks(c.Path)
	if err != nil {
		return fmt.Errorf("use context %q: %w", name, err)
	}
	text, _, err := readFile(OpenFile, path, maxFile)
	if err != nil {
		return fmt.Errorf("use context %q: %w", name, err)
	}
	quoted, err := yaml.Marshal(name)
	if err != nil {
		return fmt.Errorf("use context %q: %w", name, err)
	}
	line := append([]byte("current: "), bytes.TrimSpace(quoted)...)
	if currentLine.Match(text) {
		text = currentLine.ReplaceAllLiteral(text, line)
	} else {
		text = slices.Concat(line, []byte("\n"), text)
	}
	var file contextsFile
	if err := yaml.Unmarshal(text, &file); err != nil || file.Current != name {
		return fmt.Errorf("use context %q: the line current of %s can't be changed safely: edit it by hand", name, c.Path)
	}
	return replaceFile(path, text)
}

// replaceFile writes a file completely or not at all, with its mode.
func replaceFile(path string, text []byte) error {
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("write %s: %w", path, err)
	}
	f, err := outfile.Create(path)
	if err != nil {
		return err
	}
	_, err = f.Write(text)
	if err = errors.Join(err, f.Chmod(info.Mode().Perm())); err != nil {
		return fmt.Errorf("write %s: %w", path, errors.Join(err, f.Discard()))
	}
	return f.Commit()
}
