package config

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"

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

// Load takes the settings that are not on the command line from the environment, and checks all. It
// returns all faults at once, as a *Error.
func Load(fs *pflag.FlagSet, c *Config, role Role, environ []string, readFile func(string) ([]byte, error)) error {
	env := readEnv(environ)
	var faults []string
	known := make(map[string]bool)
	fs.VisitAll(func(f *pflag.Flag) {
		name := EnvName(f.Name)
		known[name] = true
		if v, ok := env[name]; ok && !f.Changed {
			if err := fs.Set(f.Name, v); err != nil {
				faults = append(faults, fmt.Sprintf("%s=%q: %v", name, v, errors.Unwrap(err)))
				_ = f.Value.Set(f.DefValue) // checks of other settings use the default
			}
		}
	})
	for _, s := range c.secrets() {
		name := envPrefix + s.name
		known[name], known[name+"_FILE"] = true, true
		if fault := loadSecret(s, env, readFile); fault != "" {
			faults = append(faults, fault)
		}
	}
	if role == RoleOperator { // it may share the workers' environment
		worker := pflag.NewFlagSet("worker", pflag.ContinueOnError)
		bindWorker(worker, &Config{})
		worker.VisitAll(func(f *pflag.Flag) {
			known[EnvName(f.Name)] = true
		})
	}
	for name := range env {
		if !known[name] {
			faults = append(faults, fmt.Sprintf("%s: no such setting", name))
		}
	}
	faults = append(faults, c.check(role)...)
	c.hideRedisPassword()
	if len(faults) > 0 {
		slices.Sort(faults)
		return &Error{Faults: faults}
	}
	return nil
}

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

func loadSecret(s secret, env map[string]string, readFile func(string) ([]byte, error)) (fault string) {
	name := envPrefix + s.name
	text, direct := env[name]
	path, file := env[name+"_FILE"]
	switch {
	case direct && file:
		return fmt.Sprintf("%s and %s_FILE: give one of them", name, name)
	case file:
		b, err := readFile(path)
		if err != nil {
			return fmt.Sprintf("%s_FILE=%q: %v", name, path, err)
		}
		text = string(b)
	}
	*s.value = NewSecret(strings.TrimSpace(text))
	return ""
}
