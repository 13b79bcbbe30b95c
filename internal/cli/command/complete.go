package command

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/wxrollout/wxrollout/internal/fleet"
)

// The bounds of a completion that asks Redis or WeChat: a shell waits for it.
const (
	completionsMax = 100
	completionTime = 2 * time.Second
)

// Complete registers the values of a flag for shell completion.
func Complete(cmd *cobra.Command, flag string, values ...string) {
	CompleteBy(cmd, flag, cobra.FixedCompletions(values, cobra.ShellCompDirectiveNoFileComp))
}

// CompleteBy registers the completion of a flag.
func CompleteBy(cmd *cobra.Command, flag string, f cobra.CompletionFunc) {
	if err := cmd.RegisterFlagCompletionFunc(flag, f); err != nil {
		panic(err) // the flag was just added
	}
}

// add adds a completion, and reports whether more fit.
type add func(value, description string) bool

// completion completes with what list adds in time. Any failure means no completions: a shell has
// no place for an error.
func completion(env *Env, list func(ctx context.Context, t Tools, given []string, prefix string, add add) error) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
		ctx, cancel := context.WithTimeout(cmd.Context(), completionTime)
		defer cancel()
		found := make(chan string, completionsMax)
		go func() { // what ignores ctx must not keep the shell waiting
			defer close(found)
			n := 0
			_ = env.With(ctx, func(t Tools) error {
				return list(ctx, t, given, prefix, func(value, description string) bool {
					if strings.HasPrefix(value, prefix) && n < completionsMax {
						found <- cobra.CompletionWithDesc(value, description)
						n++
					}
					return n < completionsMax
				})
			})
		}()
		var out []string
		for {
			select {
			case value, more := <-found:
				if !more {
					return out, cobra.ShellCompDirectiveNoFileComp
				}
				out = append(out, value)
			case <-ctx.Done():
				return out, cobra.ShellCompDirectiveNoFileComp
			}
		}
	}
}

// Once limits a completion to the first argument.
func Once(f cobra.CompletionFunc) cobra.CompletionFunc {
	return func(cmd *cobra.Command, given []string, prefix string) ([]string, cobra.ShellCompDirective) {
		if len(given) > 0 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return f(cmd, given, prefix)
	}
}

// CompleteRollouts completes the id of one of the newest rollouts.
func CompleteRollouts(env *Env) cobra.CompletionFunc { return Once(CompleteRollout(env)) }

// CompleteRollout completes a flag that names a rollout.
func CompleteRollout(env *Env) cobra.CompletionFunc {
	return completion(env, func(ctx context.Context, t Tools, _ []string, _ string, add add) error {
		newest, err := t.Operator.Rollouts(ctx, 0, completionsMax)
		for _, r := range newest {
			add(r.ID, string(r.Status))
		}
		return err
	})
}

// CompleteWaves completes the waves of the rollout that is the first argument.
func CompleteWaves(env *Env) cobra.CompletionFunc {
	return completion(env, func(ctx context.Context, t Tools, given []string, _ string, add add) error {
		r, err := t.Operator.Rollout(ctx, First(given))
		if err != nil {
			return err
		}
		for _, w := range r.Plan.Waves {
			add(w.Name, fmt.Sprintf("%d targets", w.Size))
		}
		return nil
	})
}

// CompleteApps completes appids of the registry.
func CompleteApps(env *Env) cobra.CompletionFunc {
	return completion(env, func(ctx context.Context, t Tools, _ []string, _ string, add add) error {
		for a, err := range t.Fleet.Apps(ctx, fleet.AppFilter{Left: true}) {
			if err != nil || !add(a.AppID, a.Label) {
				return err
			}
		}
		return nil
	})
}

// CompleteTemplates completes ids of the template library.
func CompleteTemplates(env *Env) cobra.CompletionFunc {
	return completion(env, func(ctx context.Context, t Tools, _ []string, _ string, add add) error {
		l, err := t.Library.Contents(ctx)
		for _, e := range l.Entries {
			add(strconv.FormatInt(e.ID, 10), e.Version)
		}
		return err
	})
}

// CompleteDrafts completes ids of drafts.
func CompleteDrafts(env *Env) cobra.CompletionFunc {
	return completion(env, func(ctx context.Context, t Tools, _ []string, _ string, add add) error {
		drafts, err := t.Library.Drafts(ctx)
		for _, d := range drafts {
			add(strconv.FormatInt(d.ID, 10), d.Version)
		}
		return err
	})
}

// CompleteContexts completes contexts of the settings file.
func CompleteContexts(env *Env) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
		c, err := env.Contexts()
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return c.Names[:min(len(c.Names), completionsMax)], cobra.ShellCompDirectiveNoFileComp
	}
}

// CompleteSchedules completes names of schedules.
func CompleteSchedules(env *Env) cobra.CompletionFunc {
	return Once(completion(env, func(ctx context.Context, t Tools, _ []string, _ string, add add) error {
		list, err := t.Launcher.Schedules(ctx)
		for _, s := range list {
			add(s.Name, s.Spec)
		}
		return err
	}))
}
