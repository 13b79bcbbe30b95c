package appconfig

import (
	"context"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

// Platform is a list of the platform that must have the hosts of a kind's domains. What a plan wants
// of the kind names them with a method needs.
type Platform struct {
	// Errcode is WeChat's answer to a domain that the list lacks.
	Errcode int64
	// Call reads or changes the list.
	Call func(ctx context.Context, wx Client, action configapi.DomainAction, hosts []string) (configapi.PlatformDomains, error)
	// Covers reports whether the list's entry own is enough for host.
	Covers func(own, host string) bool
	// File reads the check file that each domain must serve; nil if none is needed.
	File func(ctx context.Context, wx Client) (configapi.ConfirmFile, error)
}

// platformCall is a call of a port as Platform.Call.
func platformCall[P any](call func(P, context.Context, configapi.DomainAction, []string, bool) (configapi.PlatformDomains, error)) func(context.Context, Client, configapi.DomainAction, []string) (configapi.PlatformDomains, error) {
	return func(ctx context.Context, wx Client, action configapi.DomainAction, hosts []string) (configapi.PlatformDomains, error) {
		p, err := port[P](wx)
		if err != nil {
			return configapi.PlatformDomains{}, err
		}
		return call(p, ctx, action, hosts, action != configapi.DomainGet)
	}
}

// Missing are hosts that a list of the platform lacks.
type Missing struct {
	Kind  string   `json:"kind"`
	Hosts []string `json:"hosts"`
	// Add means that applying the plan adds them.
	Add bool `json:"add_to_platform"`
}

// Warning says what to do about hosts that applying the plan does not add.
func (m Missing) Warning() string {
	return fmt.Sprintf("the platform's list lacks %s: apps stop at errcode %d; add them, or set configure.%s.add_to_platform: true",
		shortList(m.Hosts), KindOf(m.Kind).Platform.Errcode, m.Kind)
}

// shortList names the first few.
func shortList(list []string) string {
	const most = 5
	if len(list) <= most {
		return strings.Join(list, ", ")
	}
	return fmt.Sprintf("%s and %d more domains", strings.Join(list[:most], ", "), len(list)-most)
}

// FindMissing reads which hosts of the wants the platform's lists lack. It reads only the lists that
// some want needs.
func FindMissing(ctx context.Context, wx Client, wants iter.Seq2[*Want, error]) ([]Missing, error) {
	needed, missing := map[*Kind]map[string]bool{}, []Missing(nil)
	adds := map[*Kind]bool{}
	for want, err := range wants {
		if err != nil {
			return nil, err
		}
		for _, k := range want.Kinds() {
			if w, ok := want.asked[k.Name].(interface{ needs() ([]Edit, Route) }); ok {
				edits, route := w.needs()
				for _, host := range route.hosts(edits...) {
					if needed[k] == nil {
						needed[k] = map[string]bool{}
					}
					needed[k][host] = true
				}
				adds[k] = adds[k] || route.AddToPlatform
			}
		}
	}
	for _, k := range table {
		if needed[k] == nil {
			continue
		}
		have, err := k.Platform.Call(ctx, wx, configapi.DomainGet, nil)
		if err != nil {
			return nil, fmt.Errorf("read the platform's list of %s: %w", k.Title, err)
		}
		maps.DeleteFunc(needed[k], func(host string, _ bool) bool {
			return slices.ContainsFunc(have.Published, func(own string) bool { return k.Platform.Covers(own, host) })
		})
		if len(needed[k]) > 0 {
			missing = append(missing, Missing{Kind: k.Name, Hosts: slices.Sorted(maps.Keys(needed[k])), Add: adds[k]})
		}
	}
	return missing, nil
}

// AddsToPlatform reports whether the configure text of a plan may add domains to the platform's lists.
func AddsToPlatform(configure string) bool {
	return strings.Contains(configure, `"`+keyAddToPlatform+`"`)
}

// AddMissing adds to the platform's lists what the plan says: one write for each list. It is safe
// to repeat after FindMissing.
func AddMissing(ctx context.Context, wx Client, missing []Missing) error {
	for _, m := range missing {
		if !m.Add {
			continue
		}
		p := KindOf(m.Kind).Platform
		after, err := p.Call(ctx, wx, configapi.DomainAdd, m.Hosts)
		if err == nil && len(after.Refused) > 0 {
			err = &RefusedError{Items: after.Refused}
			if p.File != nil {
				if f, ferr := p.File(ctx, wx); ferr == nil {
					err = fmt.Errorf("%w: the file %s must lie at the root of each, byte for byte", err, f.Name)
				}
			}
		}
		if err != nil {
			return fmt.Errorf("add domains to the platform: %w", err)
		}
	}
	return nil
}
