package settings_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/rollout/settings"
)

func some(words ...string) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, len(words), rapid.ID[string])
}

// edits are what a plan may say of a list: add and remove apart, or set.
func edits(words ...string) *rapid.Generator[settings.Edit] {
	return rapid.Custom(func(t *rapid.T) settings.Edit {
		if rapid.Bool().Draw(t, "set") {
			return settings.Edit{Set: some(words...).Draw(t, "whole")}
		}
		add := some(words...).Draw(t, "add")
		remove := slices.DeleteFunc(some(words...).Draw(t, "remove"), func(v string) bool { return slices.Contains(add, v) })
		return settings.Edit{Add: add, Remove: remove}
	})
}

var (
	hosts    = []string{"https://a.test.cn", "https://b.test.cn", "https://c.test.cn", "https://d.test.cn"}
	prefixes = []string{"https://a.test.cn/t/", "https://b.test.cn/t/", "https://c.test.cn/t/"}
	keys     = []string{"Location", "PhoneNumber", "Album"}
	versions = []string{"2.0.0", "2.9.9", "2.10.0", "3.0.1"}
)

var ways = rapid.SampledFrom([]settings.Way{settings.Platform, settings.Direct})

var rules = rapid.Custom(func(t *rapid.T) []settings.Rule {
	var out []settings.Rule
	for _, p := range some(prefixes...).Draw(t, "prefixes") {
		out = append(out, settings.Rule{
			Prefix: p, Path: rapid.SampledFrom([]string{"pages/a", "pages/b"}).Draw(t, "path"), Published: rapid.Bool().Draw(t, "published"),
			Version: rapid.SampledFrom(append([]string{""}, settings.Versions...)).Draw(t, "version"),
		})
	}
	return out
})

var uses = rapid.Custom(func(t *rapid.T) []settings.Use {
	out := []settings.Use{}
	for _, k := range some(keys...).Draw(t, "keys") {
		out = append(out, settings.Use{Key: k, Text: rapid.SampledFrom([]string{"to deliver", "to call"}).Draw(t, "text")})
	}
	return out
})

var specs = rapid.Custom(func(t *rapid.T) settings.Spec {
	s := settings.Spec{
		Domains: &settings.DomainSpec{Way: ways.Draw(t, "way"), Lists: map[settings.List]settings.Edit{
			settings.Request: edits(hosts...).Draw(t, "request"), settings.Upload: edits(hosts...).Draw(t, "upload"),
		}},
		Webview:    &settings.WebSpec{Way: ways.Draw(t, "way"), Edit: edits(hosts...).Draw(t, "webview")},
		QRRules:    &settings.QRSpec{Publish: rapid.Bool().Draw(t, "publish")},
		Library:    &settings.LibrarySpec{},
		Visibility: rapid.SampledFrom([]string{"", settings.VisibilityOpen, settings.VisibilityClosed}).Draw(t, "visibility"),
		Privacy:    &settings.PrivacySpec{Owner: settings.Owner{Email: rapid.SampledFrom([]string{"", "x@test.cn"}).Draw(t, "email")}},
	}
	testers := edits("li", "wang").Draw(t, "testers")
	s.Testers = &settings.Edit{Add: testers.Add, Remove: testers.Remove}
	version := rapid.SampledFrom(versions).Draw(t, "library")
	if rapid.Bool().Draw(t, "exactly") {
		s.Library.Set = version
	} else {
		s.Library.AtLeast = version
	}
	q, p := s.QRRules, s.Privacy
	if q.Add = rules.Draw(t, "rules"); rapid.Bool().Draw(t, "all rules") {
		q.Set, q.Add = append([]settings.Rule{}, q.Add...), nil
	} else {
		q.Remove = slices.DeleteFunc(some(prefixes...).Draw(t, "remove"), func(v string) bool {
			return slices.ContainsFunc(q.Add, func(r settings.Rule) bool { return r.Prefix == v })
		})
	}
	if p.Add = uses.Draw(t, "uses"); rapid.Bool().Draw(t, "all uses") {
		p.Set, p.Add = p.Add, nil
	} else {
		p.Remove = slices.DeleteFunc(some(keys...).Draw(t, "remove"), func(v string) bool {
			return slices.ContainsFunc(p.Add, func(u settings.Use) bool { return u.Key == v })
		})
	}
	return s
})

var haves = rapid.Custom(func(t *rapid.T) settings.Have {
	lists := func(name string) settings.DomainLists {
		return settings.DomainLists{settings.Request: some(hosts...).Draw(t, name), settings.Upload: some(hosts...).Draw(t, name), settings.UDP: {"udp://u.test.cn"}}
	}
	return settings.Have{
		Domains: settings.DomainsHave{Console: lists("console"), Platform: lists("platform"), Direct: lists("direct")},
		Webview: settings.WebviewHave{Console: some(hosts...).Draw(t, "console"), Platform: some(hosts...).Draw(t, "platform"), Direct: some(hosts...).Draw(t, "direct")},
		Rules:   rules.Draw(t, "have rules"), Library: rapid.SampledFrom(versions).Draw(t, "have library"), Serving: rapid.Bool().Draw(t, "serving"),
		Guideline: settings.Guideline{Owner: settings.Owner{Notice: "弹窗", Phone: "1"}, Uses: uses.Draw(t, "have uses"), File: "f"},
	}
})

// TestDiffProperty: the writes of a diff lead to what is wanted, in as many writes
// as there are changes; nothing is left to do then. What the plan doesn't tell of
// is there as before.
func TestDiffProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want, have := specs.Draw(t, "want"), haves.Draw(t, "have")
		if d := want.Domains; rapid.Bool().Draw(t, "adopt") && d.Lists[settings.Request].Set == nil && d.Lists[settings.Upload].Set == nil {
			d.Adopt = true
		}
		for _, kind := range settings.Kinds() {
			after := have
			changes := diff(t, kind, want, have)
			seen := map[string]bool{}
			for _, c := range changes {
				if seen[c.ID()] || len(c.Lines) == 0 || c.Kind != kind {
					t.Fatalf("%s: change %+v", kind, c)
				}
				seen[c.ID()] = true
				after = wrote(after, c)
			}
			if left := diff(t, kind, want, after); len(left) > 0 {
				t.Fatalf("%s: still to do after %v: %v", kind, changes, left)
			}
			if len(changes) == 0 && !reflect.DeepEqual(after, have) {
				t.Fatalf("%s: changed without a change", kind)
			}
			if (kind == settings.Domains || kind == settings.Webview) && len(changes) > 1 {
				t.Fatalf("%s: %d of the month's changes", kind, len(changes))
			}
			untold(t, want, have, after)
		}
	})
}

func diff(t *rapid.T, kind settings.Kind, want settings.Spec, have settings.Have) []settings.Change {
	changes, err := settings.Diff(kind, want, have)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// untold: nothing is gone that the plan doesn't name under remove, or leaves out of set.
func untold(t *rapid.T, want settings.Spec, have, after settings.Have) {
	stays := func(what string, e settings.Edit, have, after []string) {
		for _, v := range have {
			told := slices.Contains(e.Remove, v) || e.Set != nil && !slices.Contains(e.Set, v)
			if !told && !slices.Contains(after, v) {
				t.Fatalf("%s: %s is gone, and nobody told it to go", what, v)
			}
		}
	}
	for _, name := range settings.Lists() {
		e := want.Domains.Lists[name]
		if want.Domains.Way == settings.Direct {
			stays("direct "+string(name), e, have.Domains.Direct[name], after.Domains.Direct[name])
			if diff := cmp.Diff(have.Domains.Platform, after.Domains.Platform); diff != "" {
				t.Fatalf("the other way's domains changed: %s", diff)
			}
		} else {
			stays("platform "+string(name), e, have.Domains.Platform[name], after.Domains.Platform[name])
		}
	}
	for _, u := range have.Guideline.Uses {
		p := want.Privacy
		told := slices.Contains(p.Remove, u.Key) || p.Set != nil
		if !told && !slices.ContainsFunc(after.Guideline.Uses, func(x settings.Use) bool { return x.Key == u.Key }) {
			t.Fatalf("the use %s is gone", u.Key)
		}
	}
	for _, r := range have.Rules {
		q := want.QRRules
		told := slices.Contains(q.Remove, r.Prefix) || q.Set != nil
		if !told && !slices.ContainsFunc(after.Rules, func(x settings.Rule) bool { return x.Prefix == r.Prefix }) {
			t.Fatalf("the rule %s is gone", r.Prefix)
		}
	}
}

// TestSpecRoundTrip: a spec survives being kept as text.
func TestSpecRoundTrip(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want := specs.Draw(t, "spec")
		for i := range want.QRRules.Add {
			want.QRRules.Add[i].Published = false
		}
		for i := range want.QRRules.Set {
			want.QRRules.Set[i].Published = false
		}
		text, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		var got settings.Spec
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%s became %s (%v)", text, again, err)
		}
	})
}
