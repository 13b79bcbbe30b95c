package appconfig

import (
	"fmt"
	"slices"
	"strings"
)

// Spec is what a plan asks of one app.
type Spec struct {
	// AppID is the app's; the rendering of a template puts it in.
	AppID string `json:"extAppid"`
	// Domains to Privacy are what is asked for; nil or "" leaves a kind alone.
	Domains *DomainSpec `json:"domains,omitempty"`
	Webview *WebSpec    `json:"webview,omitempty"`
	// Testers names people by their WeChat ids. WeChat never tells whose its list
	// of testers is, so that Set can't be.
	Testers *Edit   `json:"testers,omitempty"`
	QRRules *QRSpec `json:"qr_rules,omitempty"`
	// Library is the lowest base library.
	Library *LibrarySpec `json:"base_library,omitempty"`
	// Visibility is VisibilityOpen or VisibilityClosed.
	Visibility string       `json:"visibility,omitempty"`
	Privacy    *PrivacySpec `json:"privacy,omitempty"`
}

// The two visibilities.
const (
	VisibilityOpen   = "open"
	VisibilityClosed = "closed"
)

// Way is how a domain comes to an app. WeChat's advice is not to mix them.
type Way string

const (
	// Platform takes domains that are registered on the platform; a release drops
	// those that are not any more.
	Platform Way = "platform"
	// Direct needs no registration; a domain serves the apps of 100 owners at most.
	Direct Way = "direct"
)

// List names one list of server domains by the plan's word for it.
type List string

// The lists of server domains.
const (
	Request   List = "request"
	WSRequest List = "wsrequest"
	Upload    List = "upload"
	Download  List = "download"
	UDP       List = "udp"
	TCP       List = "tcp"
)

// Lists names the lists in order.
func Lists() []List { return []List{Request, WSRequest, Upload, Download, UDP, TCP} }

// Scheme is what a list's domains begin with.
func (l List) Scheme() string {
	switch l {
	case WSRequest:
		return "wss"
	case UDP:
		return "udp"
	case TCP:
		return "tcp"
	default:
		return "https"
	}
}

// Edit says what becomes of a list. Add and Remove leave all else alone; Set is
// the whole list.
type Edit struct {
	Add    []string `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
	// Set is nil unless the plan says so; an empty one empties the list.
	Set []string `json:"set,omitzero"`
}

// DomainSpec is what is asked of the server domains.
type DomainSpec struct {
	Way Way `json:"way"`
	// Register puts domains that the platform lacks on its own list when the plan is applied.
	Register bool `json:"register,omitempty"`
	// Adopt keeps the domains that were set at mp.weixin.qq.com, which a release by the platform deletes.
	Adopt bool          `json:"adopt,omitempty"`
	Lists map[List]Edit `json:"lists"`
}

// WebSpec is what is asked of the web-view domains.
type WebSpec struct {
	Way      Way  `json:"way"`
	Register bool `json:"register,omitempty"`
	Adopt    bool `json:"adopt,omitempty"`
	Edit
}

// Rule is a QR code rule.
type Rule struct {
	// Prefix is an http or https URL; a rule is known by it.
	Prefix string `json:"prefix"`
	// Path is the page that opens.
	Path string `json:"path"`
	// Exclusive keeps prefixes below Prefix from being used by other rules.
	Exclusive bool `json:"exclusive,omitempty"`
	// Version is what test links open: develop, trial or online; "" is online.
	Version string `json:"version,omitempty"`
	// Debug are up to 5 test links below Prefix.
	Debug []string `json:"debug,omitempty"`
	// Published holds for every user; only in what an app has.
	Published bool `json:"-"`
}

// Versions of Rule.Version, in the order of WeChat's numbers 1 to 3.
var Versions = []string{"develop", "trial", "online"}

// same tells whether two rules do the same, published or not. WeChat need not keep a
// page's leading / or the order of test links.
func (r Rule) same(o Rule) bool {
	return r.Prefix == o.Prefix && strings.TrimPrefix(r.Path, "/") == strings.TrimPrefix(o.Path, "/") && r.Exclusive == o.Exclusive &&
		r.version() == o.version() && slices.Equal(slices.Sorted(slices.Values(r.Debug)), slices.Sorted(slices.Values(o.Debug)))
}

func (r Rule) version() string {
	if r.Version == "" {
		return "online"
	}
	return r.Version
}

// QRSpec is what is asked of the QR code rules.
type QRSpec struct {
	// Add adds rules, or replaces those of the same prefix; Remove names prefixes.
	Add    []Rule   `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
	Set    []Rule   `json:"set,omitzero"`
	// Publish publishes the plan's rules once the app is live.
	Publish bool `json:"publish,omitempty"`
}

// wanted are the rules that the plan names.
func (q QRSpec) wanted() []Rule {
	if q.Set != nil {
		return q.Set
	}
	return q.Add
}

// LibrarySpec is what is asked of the lowest base library: one of the two, as 2.32.0.
type LibrarySpec struct {
	// AtLeast raises it, and leaves a higher one alone.
	AtLeast string `json:"at_least,omitempty"`
	// Set is it, higher or lower.
	Set string `json:"set,omitempty"`
}

// Owner is who collects information, and how to reach them.
type Owner struct {
	Email  string `json:"email,omitempty"`
	Phone  string `json:"phone,omitempty"`
	QQ     string `json:"qq,omitempty"`
	WeChat string `json:"wechat,omitempty"`
	// Notice is how users hear of changes, such as 弹窗.
	Notice string `json:"notice,omitempty"`
	// Store is how long information is kept, as 30天; Region where.
	Store  string `json:"store,omitempty"`
	Region string `json:"region,omitempty"`
}

// with is the owner with those fields of another that say something.
func (o Owner) with(other Owner) Owner {
	from, to := other.fields(), o.fields()
	for i, v := range from {
		if *v != "" {
			*to[i] = *v
		}
	}
	return Owner{*to[0], *to[1], *to[2], *to[3], *to[4], *to[5], *to[6]}
}

func (o *Owner) fields() []*string {
	return []*string{&o.Email, &o.Phone, &o.QQ, &o.WeChat, &o.Notice, &o.Store, &o.Region}
}

// Use says what one kind of user information is used for.
type Use struct {
	Key  string `json:"key"`
	Text string `json:"text"`
}

// PrivacySpec is what is asked of the privacy guideline.
type PrivacySpec struct {
	// Owner's empty fields are left as they are.
	Owner  Owner    `json:"owner,omitzero"`
	Add    []Use    `json:"add,omitempty"`
	Remove []string `json:"remove,omitempty"`
	Set    []Use    `json:"set,omitzero"`
}

// words splits the values of a list: one of a column may hold several, with blanks
// between, or none.
func words(list []string) []string {
	if list == nil {
		return nil
	}
	out := []string{}
	for _, v := range list {
		for _, w := range strings.Fields(v) {
			if !slices.Contains(out, w) {
				out = append(out, w)
			}
		}
	}
	return out
}

func (e *Edit) split() { e.Add, e.Remove, e.Set = words(e.Add), words(e.Remove), words(e.Set) }

// split makes the lists of a rendered spec plain.
func (s *Spec) split() {
	if s.Domains != nil {
		for name, e := range s.Domains.Lists {
			e.split()
			s.Domains.Lists[name] = e
		}
	}
	if s.Webview != nil {
		s.Webview.split()
	}
	if s.Testers != nil {
		s.Testers.split()
	}
	if q := s.QRRules; q != nil {
		q.Remove = words(q.Remove)
		q.Add, q.Set = q.given(q.Add), q.given(q.Set)
	}
	if s.Privacy != nil {
		s.Privacy.Remove = words(s.Privacy.Remove)
	}
}

// given are the rules that have a prefix: one that a column leaves blank isn't asked for.
func (QRSpec) given(rules []Rule) []Rule {
	for i := range rules {
		rules[i].Prefix, rules[i].Debug = strings.TrimSpace(rules[i].Prefix), words(rules[i].Debug)
	}
	return slices.DeleteFunc(rules, func(r Rule) bool { return r.Prefix == "" })
}

// Fault is one value of a spec that WeChat would not take.
type Fault struct {
	// Key is its place, such as domains.request.
	Key   string
	Value string
	Msg   string
}

func (f Fault) String() string { return fmt.Sprintf("configure.%s: %q: %s", f.Key, f.Value, f.Msg) }

// Faults are all values of the spec that WeChat would not take, in order.
func (s Spec) Faults() []Fault {
	var faults []Fault
	check := func(key string, why func(string) string, values ...string) {
		for _, v := range values {
			if msg := why(v); msg != "" {
				faults = append(faults, Fault{Key: key, Value: v, Msg: msg})
			}
		}
	}
	if d := s.Domains; d != nil {
		for _, name := range Lists() {
			e, why := d.Lists[name], func(v string) string { return CheckDomain(name, v) }
			check("domains."+string(name), why, slices.Concat(e.Add, e.Remove, e.Set)...)
			check("domains."+string(name), inBoth(e), e.Add...)
		}
	}
	if w := s.Webview; w != nil {
		check("webview", CheckWebview, slices.Concat(w.Add, w.Remove, w.Set)...)
		check("webview", inBoth(w.Edit), w.Add...)
	}
	if t := s.Testers; t != nil {
		check("testers", CheckTester, slices.Concat(t.Add, t.Remove)...)
		check("testers", inBoth(*t), t.Add...)
	}
	if q := s.QRRules; q != nil {
		faults = append(faults, q.faults()...)
	}
	if s.Has(Library) {
		check("base_library", CheckLibrary, s.Library.AtLeast+s.Library.Set)
	}
	if s.Visibility != "" {
		check("visibility", CheckVisibility, s.Visibility)
	}
	if p := s.Privacy; p != nil {
		if p.Owner.Store != "" {
			check("privacy.owner.store", CheckStore, p.Owner.Store)
		}
		for _, u := range slices.Concat(p.Add, p.Set) {
			check("privacy."+u.Key, notBlank, u.Text)
		}
	}
	return faults
}

// inBoth refuses what is to be added and removed.
func inBoth(e Edit) func(string) string {
	return func(v string) string {
		if slices.Contains(e.Remove, v) {
			return "is to be added and removed: want one of them"
		}
		return ""
	}
}

func (q QRSpec) faults() []Fault {
	var faults []Fault
	add := func(value, msg string) {
		if msg != "" {
			faults = append(faults, Fault{Key: "qr_rules", Value: value, Msg: msg})
		}
	}
	seen := map[string]bool{}
	for _, r := range q.wanted() {
		add(r.Prefix, CheckPrefix(r.Prefix))
		if seen[r.Prefix] {
			add(r.Prefix, "has two rules: want one for each prefix")
		}
		seen[r.Prefix] = true
		if r.Path == "" {
			add(r.Prefix, "opens no page: want path, such as pages/index/index")
		}
		for _, link := range r.Debug {
			if !strings.HasPrefix(link, r.Prefix) {
				add(link, "is no link below the prefix "+r.Prefix)
			}
		}
		if len(r.Debug) > debugMax {
			add(r.Prefix, fmt.Sprintf("has %d test links, want at most %d", len(r.Debug), debugMax))
		}
	}
	for _, p := range q.Remove {
		add(p, CheckPrefix(p))
		if seen[p] {
			add(p, "is to be added and removed: want one of them")
		}
	}
	return faults
}
