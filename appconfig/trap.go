package appconfig

import "slices"

// Trapped are the domains of a kind that the app has, as wanted, and that a
// release would drop all the same: the platform has them registered no more.
func Trapped(k Kind, want Spec, have Have) []string {
	var out []string
	switch {
	case k == Domains && want.Has(k) && want.Domains.Way == Platform:
		for _, name := range Lists() {
			e := want.Domains.edit(name, have.Domains)
			out = append(out, trapped(e, have.Domains.Platform[name], have.Domains.Effective[name])...)
		}
	case k == Webview && want.Has(k) && want.Webview.Way == Platform:
		out = trapped(want.Webview.edit(have.Webview), have.Webview.Platform, have.Webview.Effective)
	}
	return out
}

func trapped(e Edit, have, effective []string) []string {
	return without(intersect(append(slices.Clone(e.Add), e.Set...), have), effective)
}

// Dropped are the domains of a kind that were set at mp.weixin.qq.com and that
// the next release by the platform deletes, whatever the plan asks for else.
func Dropped(k Kind, want Spec, have Have) []string {
	var out []string
	switch {
	case k == Domains && want.Has(k) && !want.Domains.Adopt:
		h := have.Domains
		for _, name := range Lists() {
			next := want.Domains.edit(name, h).edited(h.by(want.Domains.Way)[name])
			out = append(out, without(without(h.Console[name], next), h.Effective[name])...)
		}
	case k == Webview && want.Has(k) && !want.Webview.Adopt:
		h := have.Webview
		next := want.Webview.edit(h).edited(h.by(want.Webview.Way))
		out = without(without(h.Console, next), h.Effective)
	}
	return out
}

// Hosts are the hosts of a kind's domains that have to be registered on the
// platform, without schemes.
func (s Spec) Hosts(k Kind) []string {
	var domains []string
	switch {
	case k == Domains && s.Has(k) && s.Domains.Way == Platform:
		for _, name := range Lists() {
			e := s.Domains.Lists[name]
			domains = append(domains, slices.Concat(e.Add, e.Set)...)
		}
	case k == Webview && s.Has(k) && s.Webview.Way == Platform:
		domains = slices.Concat(s.Webview.Add, s.Webview.Set)
	}
	var hosts []string
	for _, d := range domains {
		if h := hostOf(d); h != "" && !slices.Contains(hosts, h) {
			hosts = append(hosts, h)
		}
	}
	return hosts
}

// Registers tells whether the plan puts hosts of a kind on the platform's list.
func (s Spec) Registers(k Kind) bool {
	return k == Domains && s.Domains != nil && s.Domains.Register || k == Webview && s.Webview != nil && s.Webview.Register
}
