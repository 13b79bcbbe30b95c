package appconfig_test

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/appconfig"
)

func some(words ...string) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, len(words), rapid.ID[string])
}

// edits are what a plan may say of a list: add and remove apart, or set.
func edits(words ...string) *rapid.Generator[appconfig.Edit] {
	return rapid.Custom(func(t *rapid.T) appconfig.Edit {
		if rapid.Bool().Draw(t, "set") {
			return appconfig.Edit{Set: some(words...).Draw(t, "whole")}
		}
		add := some(words...).Draw(t, "add")
		remove := slices.DeleteFunc(some(words...).Draw(t, "remove"), func(v string) bool { return slices.Contains(add, v) })
		return appconfig.Edit{Add: add, Remove: remove}
	})
}

var (
	hosts    = []string{"https://a.test.cn", "https://b.test.cn", "https://c.test.cn", "https://d.test.cn"}
	prefixes = []string{"https://a.test.cn/t/", "https://b.test.cn/t/", "https://c.test.cn/t/"}
	keys     = []string{"Location", "PhoneNumber", "Album"}
	versions = []string{"2.0.0", "2.9.9", "2.10.0", "3.0.1"}
)

var ways = rapid.SampledFrom([]appconfig.Way{appconfig.Platform, appconfig.Direct})

var rules = rapid.Custom(func(t *rapid.T) []appconfig.Rule {
	var out []appconfig.Rule
	for _, p := range some(prefixes...).Draw(t, "prefixes") {
		out = append(out, appconfig.Rule{
			Prefix: p, Path: rapid.SampledFrom([]string{"pages/a", "pages/b"}).Draw(t, "path"), Published: rapid.Bool().Draw(t, "published"),
			Version: rapid.SampledFrom(append([]string{""}, appconfig.Versions...)).Draw(t, "version"),
		})
	}
	return out
})

var uses = rapid.Custom(func(t *rapid.T) []appconfig.Use {
	out := []appconfig.Use{}
	for _, k := range some(keys...).Draw(t, "keys") {
		out = append(out, appconfig.Use{Key: k, Text: rapid.SampledFrom([]string{"to deliver", "to call"}).Draw(t, "text")})
	}
	return out
})

var specs = rapid.Custom(func(t *rapid.T) appconfig.Spec {
	s := appconfig.Spec{
		Domains: &appconfig.DomainSpec{Way: ways.Draw(t, "way"), Lists: map[appconfig.List]appconfig.Edit{
			appconfig.Request: edits(hosts...).Draw(t, "request"), appconfig.Upload: edits(hosts...).Draw(t, "upload"),
		}},
		Webview:    &appconfig.WebSpec{Way: ways.Draw(t, "way"), Edit: edits(hosts...).Draw(t, "webview")},
		QRRules:    &appconfig.QRSpec{Publish: rapid.Bool().Draw(t, "publish")},
		Library:    &appconfig.LibrarySpec{},
		Visibility: rapid.SampledFrom([]string{"", appconfig.VisibilityOpen, appconfig.VisibilityClosed}).Draw(t, "visibility"),
		Privacy:    &appconfig.PrivacySpec{Owner: appconfig.Owner{Email: rapid.SampledFrom([]string{"", "x@test.cn"}).Draw(t, "email")}},
	}
	testers := edits("li", "wang").Draw(t, "testers")
	s.Testers = &appconfig.Edit{Add: testers.Add, Remove: testers.Remove}
	version := rapid.SampledFrom(versions).Draw(t, "library")
	if rapid.Bool().Draw(t, "exactly") {
		s.Library.Set = version
	} else {
		s.Library.AtLeast = version
	}
	q, p := s.QRRules, s.Privacy
	if q.Add = rules.Draw(t, "rules"); rapid.Bool().Draw(t, "all rules") {
		q.Set, q.Add = append([]appconfig.Rule{}, q.Add...), nil
	} else {
		q.Remove = slices.DeleteFunc(some(prefixes...).Draw(t, "remove"), func(v string) bool {
			return slices.ContainsFunc(q.Add, func(r appconfig.Rule) bool { return r.Prefix == v })
		})
	}
	if p.Add = uses.Draw(t, "uses"); rapid.Bool().Draw(t, "all uses") {
		p.Set, p.Add = p.Add, nil
	} else {
		p.Remove = slices.DeleteFunc(some(keys...).Draw(t, "remove"), func(v string) bool {
			return slices.ContainsFunc(p.Add, func(u appconfig.Use) bool { return u.Key == v })
		})
	}
	return s
})

var haves = rapid.Custom(func(t *rapid.T) appconfig.Have {
	lists := func(name string) appconfig.DomainLists {
		return appconfig.DomainLists{appconfig.Request: some(hosts...).Draw(t, name), appconfig.Upload: some(hosts...).Draw(t, name), appconfig.UDP: {"udp://u.test.cn"}}
	}
	return appconfig.Have{
		Domains: appconfig.DomainsHave{Console: lists("console"), Platform: lists("platform"), Direct: lists("direct")},
		Webview: appconfig.WebviewHave{Console: some(hosts...).Draw(t, "console"), Platform: some(hosts...).Draw(t, "platform"), Direct: some(hosts...).Draw(t, "direct")},
		Rules:   rules.Draw(t, "have rules"), Library: rapid.SampledFrom(versions).Draw(t, "have library"), Serving: rapid.Bool().Draw(t, "serving"),
		Guideline: appconfig.Guideline{Owner: appconfig.Owner{Notice: "弹窗", Phone: "1"}, Uses: uses.Draw(t, "have uses"), File: "f"},
	}
})

// TestDiffProperty: the writes of a diff lead to what is wanted, in as many writes
// as there are changes; nothing is left to do then. What the plan doesn't tell of
// is there as before.
func TestDiffProperty(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		want, have := specs.Draw(t, "want"), haves.Draw(t, "have")
		if d := want.Domains; rapid.Bool().Draw(t, "adopt") && d.Lists[appconfig.Request].Set == nil && d.Lists[appconfig.Upload].Set == nil {
			d.Adopt = true
		}
		for _, kind := range appconfig.Kinds() {
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
			if (kind == appconfig.Domains || kind == appconfig.Webview) && len(changes) > 1 {
				t.Fatalf("%s: %d of the month's changes", kind, len(changes))
			}
			untold(t, want, have, after)
		}
	})
}

func diff(t *rapid.T, kind appconfig.Kind, want appconfig.Spec, have appconfig.Have) []appconfig.Change {
	changes, err := appconfig.Diff(kind, want, have)
	if err != nil {
		t.Fatal(err)
	}
	return changes
}

// untold: nothing is gone that the plan doesn't name under remove, or leaves out of set.
func untold(t *rapid.T, want appconfig.Spec, have, after appconfig.Have) {
	stays := func(what string, e appconfig.Edit, have, after []string) {
		for _, v := range have {
			told := slices.Contains(e.Remove, v) || e.Set != nil && !slices.Contains(e.Set, v)
			if !told && !slices.Contains(after, v) {
				t.Fatalf("%s: %s is gone, and nobody told it to go", what, v)
			}
		}
	}
	for _, name := range appconfig.Lists() {
		e := want.Domains.Lists[name]
		if want.Domains.Way == appconfig.Direct {
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
		if !told && !slices.ContainsFunc(after.Guideline.Uses, func(x appconfig.Use) bool { return x.Key == u.Key }) {
			t.Fatalf("the use %s is gone", u.Key)
		}
	}
	for _, r := range have.Rules {
		q := want.QRRules
		told := slices.Contains(q.Remove, r.Prefix) || q.Set != nil
		if !told && !slices.ContainsFunc(after.Rules, func(x appconfig.Rule) bool { return x.Prefix == r.Prefix }) {
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
		var got appconfig.Spec
		if err := json.Unmarshal(text, &got); err != nil {
			t.Fatal(err)
		}
		again, err := json.Marshal(got)
		if err != nil || string(again) != string(text) {
			t.Fatalf("%s became %s (%v)", text, again, err)
		}
	})
}
