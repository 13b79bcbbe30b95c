package config

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"unicode"

	"github.com/spf13/pflag"
)

// Error lists everything that is wrong with the settings.
type Error struct{ Faults []string }

func (e *Error) Error() string {
	return "wrong settings:\n  " + strings.Join(e.Faults, "\n  ")
}

// EnvName is the variable of the environment for a flag.
func EnvName(flag string) string {
	return envPrefix + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
}

// Opener opens a file. OpenFile is that of the operating system.
type Opener func(name string) (fs.File, error)

// OpenFile opens a file of this machine. It does not wait for the writer of a named pipe.
func OpenFile(name string) (fs.File, error) {
	return os.OpenFile(name, os.O_RDONLY|syscall.O_NONBLOCK, 0)
}

// NoFiles is a machine without files, for settings that must depend on the environment alone.
func NoFiles(string) (fs.File, error) { return nil, fs.ErrNotExist }

// Load takes the settings that are not on the command line from the environment, else from the settings
// file, and checks all. It returns all faults at once, as a *Error.
func Load(flags *pflag.FlagSet, c *Config, role Role, environ []string, open Opener) error {
	c.origins = make(map[string]string)
	l := loader{flags: flags, config: c, role: role, env: readEnv(environ), open: open, known: make(map[string]bool)}
	l.readFile(environ)
	l.setFlags()
	for _, s := range c.secrets() {
		l.setSecret(s)
	}
	l.refuseUnknown()
	for _, fault := range c.check(role) {
		l.faults = append(l.faults, l.placed(fault))
	}
	c.hideRedisPassword()
	if len(l.faults) > 0 {
		slices.Sort(l.faults)
		return &Error{Faults: l.faults}
	}
	return nil
}

// loader is one Load.
type loader struct {
	flags  *pflag.FlagSet
	config *Config
	role   Role
	env    map[string]string
	file   settingsFile
	open   Opener
	known  map[string]bool // names in the environment
	faults []string
}

func (l *loader) faultf(format string, args ...any) {
	l.faults = append(l.faults, fmt.Sprintf(format, args...))
}

// settingName finds the setting that a fault is about.
var settingName = regexp.MustCompile(`^WXROLLOUT_[A-Z0-9_]+`)

// placed adds file and line to a fault of a value of the settings file.
func (l *loader) placed(fault string) string {
	origin := l.config.origins[settingName.FindString(fault)]
	if l.file.path == "" || !strings.HasPrefix(origin, l.file.path+":") {
		return fault
	}
	return origin + ": " + fault
}

// readFile reads the settings file. Its own flags come from the command line or the environment.
func (l *loader) readFile(environ []string) {
	file, faults := readSettingsFile(l.chosen("config"), l.chosen("context"), environ, l.open)
	l.file = file
	l.faults = append(l.faults, faults...)
}

// chosen is a flag of the settings file.
func (l *loader) chosen(flag string) string {
	if f := l.flags.Lookup(flag); f.Changed {
		return f.Value.String()
	}
	return l.env[EnvName(flag)]
}

// setFlags sets each flag that the command line omits.
func (l *loader) setFlags() {
	l.flags.VisitAll(func(f *pflag.Flag) {
		name := EnvName(f.Name)
		l.known[name] = true
		text, fromEnv := l.env[name]
		value, fromFile := l.file.values[f.Name]
		switch {
		case f.Changed:
			l.config.origins[name] = "flag"
			return
		case fromEnv:
			l.set(f, text, name)
			l.config.origins[name] = "environment"
		case fromFile:
			l.set(f, value.text, l.file.at(f.Name)+": "+f.Name)
			l.config.origins[name] = l.file.at(f.Name)
		default:
			l.config.origins[name] = "default"
		}
	})
}

func (l *loader) set(f *pflag.Flag, text, place string) {
	if strings.ContainsFunc(text, unicode.IsControl) {
		l.faultf("%s=%.80q: it holds a line break or another control character", place, text)
		return
	}
	if err := l.flags.Set(f.Name, text); err != nil {
		l.faultf("%s=%.80q: %v", place, text, errors.Unwrap(err))
		_ = f.Value.Set(f.DefValue) // checks of other settings use the default
	}
}

// setSecret takes a secret from the environment, or from the file that a variable or the settings file names.
func (l *loader) setSecret(s secret) {
	name := envPrefix + s.name
	l.known[name], l.known[name+"_FILE"] = true, true
	text, direct := l.env[name]
	path, inFile := l.env[name+"_FILE"]
	place, origin := fmt.Sprintf("%s_FILE=%q", name, path), "environment"
	if direct && inFile {
		l.faultf("%s and %s_FILE: give one of them", name, name)
	}
	if !direct && !inFile {
		if v, ok := l.file.values[fileKey(s)]; ok {
			path, inFile = v.text, true
			origin = l.file.at(fileKey(s))
			place = fmt.Sprintf("%s: %s=%q", origin, fileKey(s), path)
		}
	}
	if inFile && !direct {
		b, open, err := readSecret(l.open, path)
		if err != nil {
			l.faultf("%s: %v", place, err)
		}
		if open {
			l.config.Warnings = append(l.config.Warnings, fmt.Sprintf("%s: every user of this machine can read the file: chmod 600", place))
		}
		if text = string(b); err == nil && strings.TrimSpace(text) == "" {
			l.faultf("%s: the file is empty", place)
		}
	}
	*s.value = NewSecret(strings.TrimSpace(text))
	if !s.value.Empty() {
		l.config.origins[name] = origin
	}
}

// refuseUnknown reports names that no program knows. Workers and operators may share an environment and
// a settings file.
func (l *loader) refuseUnknown() {
	all := pflag.NewFlagSet("all", pflag.ContinueOnError)
	Bind(all, &Config{}, RoleWorker)
	inFile := make(map[string]bool)
	all.VisitAll(func(f *pflag.Flag) {
		if l.role == RoleOperator {
			l.known[EnvName(f.Name)] = true
		}
		inFile[f.Name] = f.Name != "config" && f.Name != "context"
	})
	for name := range l.env {
		if !l.known[name] && name != pagerName {
			l.faultf("%s: no such setting", name)
		}
	}
	for _, s := range l.config.secrets() {
		inFile[fileKey(s)] = true
		direct := strings.TrimSuffix(fileKey(s), "-file")
		if _, ok := l.file.values[direct]; ok {
			l.faultf("%s: %s: a secret is not read from here: write %s and the path of its file, or set %s%s", l.file.at(direct), direct, fileKey(s), envPrefix, s.name)
			inFile[direct] = true
		}
	}
	for name := range l.file.values {
		if !inFile[name] {
			l.faultf("%s: %s: no such setting", l.file.at(name), name)
		}
	}
}

// pagerName is a variable of enqueue's output, not a setting.
const pagerName = envPrefix + "PAGER"

// fileKey is a secret's name in a settings file.
func fileKey(s secret) string { return strings.ToLower(strings.ReplaceAll(s.name, "_", "-")) + "-file" }

// kubernetes matches the variables that Kubernetes adds to every pod for a Service named wxrollout.
var kubernetes = regexp.MustCompile(`^\w+_(SERVICE_HOST|SERVICE_PORT\w*|PORT_\d+_\w+)=|^\w+_PORT=\w+://`)

// readEnv returns our settings of the environment; an empty one is unset.
func readEnv(environ []string) map[string]string {
	env := make(map[string]string)
	for _, kv := range environ {
		name, v, _ := strings.Cut(kv, "=")
		if strings.HasPrefix(name, envPrefix) && v != "" && !kubernetes.MatchString(kv) {
			env[name] = v
		}
	}
	return env
}

// maxSecret bounds the file of a secret, in bytes: a wrong path may name a huge file.
const maxSecret = 64 << 10

// mounted are the folders in which orchestrators mount secrets, readable by every user of the container.
var mounted = []string{"/run/secrets/", "/var/run/secrets/"}

// readSecret reads a secret's file. open reports that every user of the machine can.
func readSecret(open Opener, path string) (text []byte, public bool, err error) {
	text, info, err := readFile(open, path, maxSecret)
	if err != nil {
		return nil, false, err
	}
	inMount := slices.ContainsFunc(mounted, func(dir string) bool { return strings.HasPrefix(path, dir) })
	return text, info.Mode().Perm()&0o004 != 0 && !inMount, nil
}

// readFile reads a regular file of at most limit bytes.
func readFile(open Opener, path string, limit int64) ([]byte, fs.FileInfo, error) {
	f, err := open(path)
	var cause *fs.PathError
	if errors.As(err, &cause) {
		return nil, nil, cause.Err // the caller names the path
	}
	if err != nil {
		return nil, nil, err
	}
	defer func() { _ = f.Close() }() // only read
	info, err := f.Stat()
	if err != nil {
		return nil, nil, err
	}
	if !info.Mode().IsRegular() {
		return nil, nil, errors.New("want a regular file, not a folder, device or pipe")
	}
	text, err := io.ReadAll(io.LimitReader(f, limit+1))
	if err == nil && int64(len(text)) > limit {
		err = fmt.Errorf("it has more than %d bytes", limit)
	}
	return text, info, err
}
