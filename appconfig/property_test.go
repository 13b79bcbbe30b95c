package appconfig_test

import (
	"context"
	"reflect"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/wxclient/configapi"
)

func some(words ...string) *rapid.Generator[[]string] {
	return rapid.SliceOfNDistinct(rapid.SampledFrom(words), 0, len(words), rapid.ID[string])
}

// edit is what a plan may say of a list: add and remove apart, or set. list makes the values of what
// is added.
func edit(t *rapid.T, name string, ids []string, list func([]string) any) obj {
	if rapid.Bool().Draw(t, name+" set") {
		return obj{"set": list(some(ids...).Draw(t, name+" whole"))}
	}
	add := some(ids...).Draw(t, name+" add")
	remove := slices.DeleteFunc(some(ids...).Draw(t, name+" remove"), func(v string) bool { return slices.Contains(add, v) })
	return obj{"add": list(add), "remove": remove}
}

func plain(ids []string) any { return append([]string{}, ids...) }

var (
	hosts    = []string{"https://a.test.cn", "https://b.test.cn", "https://c.test.cn", "https://d.test.cn"}
	prefixes = []string{"https://a.test.cn/t/", "https://b.test.cn/t/", "https://c.test.cn/t/"}
	keys     = []string{"Location", "PhoneNumber", "Album"}
	versions = []string{"2.0.0", "2.9.9", "2.10.0", "3.0.1"}
)

var sections = rapid.Custom(func(t *rapid.T) obj {
	way := func() string { return rapid.SampledFrom([]string{"platform", "direct"}).Draw(t, "way") }
	domains := obj{"way": way(), "request": edit(t, "request", hosts, plain), "upload": edit(t, "upload", hosts, plain)}
	if adopt := rapid.Bool().Draw(t, "adopt"); adopt && domains["request"].(obj)["set"] == nil && domains["upload"].(obj)["set"] == nil {
		domains["adopt"] = true
	}
	webview := edit(t, "webview", hosts, plain)
	webview["way"] = way()
	rules := edit(t, "rules", prefixes, func(ids []string) any {
		out := []obj{}
		for _, id := range ids {
			out = append(out, obj{
				"prefix": id, "path": rapid.SampledFrom([]string{"pages/a", "pages/b"}).Draw(t, "path"),
				"version": rapid.SampledFrom([]string{"online", "develop", "trial"}).Draw(t, "version"),
			})
		}
		return out
	})
	rules["publish"] = rapid.Bool().Draw(t, "publish")
	privacy := edit(t, "uses", keys, func(ids []string) any {
		out := []obj{}
		for _, id := range ids {
			out = append(out, obj{"key": id, "text": rapid.SampledFrom([]string{"to deliver", "to call"}).Draw(t, "text")})
		}
		return out
	})
	privacy["owner"] = obj{"email": rapid.SampledFrom([]string{"", "x@test.cn"}).Draw(t, "email")}
	testers := edit(t, "testers", []string{"li", "wang"}, plain)
	delete(testers, "set")
	return obj{
		"domains": domains, "webview": webview, "testers": testers, "qr_rules": rules, "privacy": privacy,
		"base_library": obj{rapid.SampledFrom([]string{"set", "at_least"}).Draw(t, "library"): rapid.SampledFrom(versions).Draw(t, "version")},
		"visibility":   rapid.SampledFrom([]string{"", "open", "closed"}).Draw(t, "visibility"),
	}
})

var clouds = rapid.Custom(func(t *rapid.T) *cloud {
	lists := func(name string) configapi.ServerDomains {
		return configapi.ServerDomains{Request: some(hosts...).Draw(t, name), Upload: some(hosts...).Draw(t, name), UDP: []string{"udp://u.test.cn"}}
	}
	c := &cloud{
		domains: configapi.EffectiveServerDomains{Console: lists("console"), Third: lists("third"), Direct: lists("direct")},
		webview: configapi.EffectiveWebviewDomains{Console: some(hosts...).Draw(t, "console"), Third: some(hosts...).Draw(t, "third"), Direct: some(hosts...).Draw(t, "direct")},
		testers: some("u-li", "u-other").Draw(t, "testers"), lowest: rapid.SampledFrom(versions).Draw(t, "lowest"), serving: rapid.Bool().Draw(t, "serving"),
		draft: configapi.PrivacyGuideline{Owner: configapi.PrivacyOwner{NoticeMethod: "弹窗", Phone: "1", ExtFileID: "f"}},
	}
	for _, p := range some(prefixes...).Draw(t, "rules") {
		c.rules = append(c.rules, configapi.QRRule{
			Prefix: p, Path: rapid.SampledFrom([]string{"pages/a", "pages/b"}).Draw(t, "path"), Published: rapid.Bool().Draw(t, "published"),
			Version: configapi.QRVersion(rapid.Int64Range(0, 3).Draw(t, "version")),
		})
	}
	for _, key := range some(keys...).Draw(t, "uses") {
		c.draft.Settings = append(c.draft.Settings, configapi.PrivacySetting{Key: key, Text: rapid.SampledFrom([]string{"to deliver", "to call"}).Draw(t, "text")})
	}
	return c
})

// TestWritesLeadToTheWant: the writes of each kind lead to what is wanted, in as many writes as there
// are changes; then nothing is left. What the plan doesn't name is there as before.
func TestWritesLeadToTheWant(t *testing.T) {
	t.Parallel()
	rapid.Check(t, func(t *rapid.T) {
		section, c := sections.Draw(t, "section"), clouds.Draw(t, "cloud")
		want := wanting(t, asText(t, section), nil)
		if len(want.Faults) > 0 {
			t.Fatalf("faults %v", want.Faults)
		}
		for _, kind := range want.Kinds() {
			before := c.copy()
			w := opened(t, c, kind.Name, want)
			todo := changes(t, w)
			seen := map[string]bool{}
			for _, ch := range todo {
				if seen[ch.ID()] || len(ch.Lines) == 0 || ch.Kind != kind.Name {
					t.Fatalf("%s: change %+v", kind.Name, ch)
				}
				seen[ch.ID()] = true
				if err := w.Write(context.Background(), ch); err != nil {
					t.Fatal(err)
				}
				if err := w.Read(context.Background()); err != nil {
					t.Fatal(err)
				}
			}
			if left := changes(t, w); len(left) > 0 {
				t.Fatalf("%s: still to do after %v: %v", kind.Name, todo, left)
			}
			if len(todo) == 0 && !reflect.DeepEqual(before, c) {
				t.Fatalf("%s: changed without a change", kind.Name)
			}
			if c.writes-before.writes != len(todo) || kind.Platform != nil && len(todo) > 1 {
				t.Fatalf("%s: %d writes for %d changes", kind.Name, c.writes-before.writes, len(todo))
			}
			unnamed(t, section, before, c)
		}
		if again, err := appconfig.Compare(context.Background(), c, want, "", func(ctx context.Context, read func(context.Context) error) error { return read(ctx) }); err != nil || !again.Right() {
			t.Fatalf("a second comparison finds %+v, %v", again, err)
		}
	})
}

// unnamed: nothing is gone that the plan doesn't name under remove, or leaves out of set.
func unnamed(t *rapid.T, section obj, before, after *cloud) {
	stays := func(what string, e obj, was, is []string) {
		set, whole := e["set"].([]string)
		removed, _ := e["remove"].([]string)
		for _, v := range was {
			if !slices.Contains(removed, v) && (!whole || slices.Contains(set, v)) && !slices.Contains(is, v) {
				t.Fatalf("%s: %s is gone, and nothing asked for that", what, v)
			}
		}
	}
	domains := section["domains"].(obj)
	was, is, otherWas, otherIs := before.domains.Third, after.domains.Third, before.domains.Direct, after.domains.Direct
	if domains["way"] == "direct" {
		was, is, otherWas, otherIs = otherWas, otherIs, was, is
	}
	if diff := cmp.Diff(otherWas, otherIs); diff != "" {
		t.Fatalf("the other way's domains changed: %s", diff)
	}
	stays("request", domains["request"].(obj), was.Request, is.Request)
	stays("upload", domains["upload"].(obj), was.Upload, is.Upload)
	stays("udp", obj{}, was.UDP, is.UDP)
	named := func(key string) obj {
		e := section[key].(obj)
		if _, whole := e["set"]; whole {
			return obj{"set": []string{}}
		}
		return e
	}
	stays("uses", named("privacy"), usesOf(before), usesOf(after))
	stays("rules", named("qr_rules"), prefixesOf(before), prefixesOf(after))
	stays("testers", obj{"remove": []string{"u-li", "u-wang"}}, before.testers, after.testers)
	if after.draft.Owner.ExtFileID != "f" || after.draft.Owner.Phone != "1" {
		t.Fatalf("the owner lost %+v", after.draft.Owner)
	}
}

func usesOf(c *cloud) (out []string) {
	for _, s := range c.draft.Settings {
		out = append(out, s.Key)
	}
	return out
}

func prefixesOf(c *cloud) (out []string) {
	for _, r := range c.rules {
		out = append(out, r.Prefix)
	}
	return out
}
