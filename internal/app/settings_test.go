package app_test

import (
	"slices"
	"strings"

	"github.com/spf13/pflag"

	"github.com/wxrollout/wxrollout/internal/config"
)

// with changes an environment: "NAME=value" replaces, "NAME" takes away.
func with(env []string, changes ...string) []string {
	out := slices.Clone(env)
	for _, c := range changes {
		name, _, set := strings.Cut(c, "=")
		name = "WXROLLOUT_" + name
		out = slices.DeleteFunc(out, func(kv string) bool { return strings.HasPrefix(kv, name+"=") })
		if set {
			out = append(out, "WXROLLOUT_"+c)
		}
	}
	return out
}

// good is a worker's environment that is right.
func good() []string { return environment("127.0.0.1:6379", "https://wechat.example") }

// read loads settings as a program does.
func read(role config.Role, args, env []string, files config.Opener) (*config.Config, error) {
	var cfg config.Config
	set := pflag.NewFlagSet("test", pflag.ContinueOnError)
	config.Bind(set, &cfg, role)
	if err := set.Parse(args); err != nil {
		return nil, err
	}
	return &cfg, config.Load(set, &cfg, role, env, files)
}
