package appconfig

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Verb is what a change does.
type Verb string

// The verbs.
const (
	VerbAdd     Verb = "add"
	VerbRemove  Verb = "remove"
	VerbSet     Verb = "set"
	VerbPublish Verb = "publish"
)

// Change is one write at WeChat.
type Change struct {
	Kind Kind
	Verb Verb
	// Name is whom or what it is about, for kinds that take several writes: a WeChat
	// id, or the prefix of a QR code rule.
	Name string
	// Lines say what would differ, each beginning with +, - or ~.
	Lines []string

	// Way and what is to be sent, by the kind.
	Way       Way
	Domains   DomainLists
	List      []string
	Rule      Rule
	Value     string
	Guideline Guideline
}

// ID names the change among those of its app: domains, or testers remove alice.
func (c Change) ID() string {
	if c.Name == "" {
		return string(c.Kind)
	}
	return fmt.Sprintf("%s %s %s", c.Kind, c.Verb, c.Name)
}

// String is the change on one line.
func (c Change) String() string { return string(c.Kind) + ": " + strings.Join(c.Lines, ", ") }

// LimitError says that an app would have more of something than WeChat takes.
type LimitError struct {
	Key       string
	Have, Max int
}

func (e *LimitError) Error() string {
	return fmt.Sprintf("configure.%s: the app would have %d, and WeChat takes at most %d", e.Key, e.Have, e.Max)
}

// MissingError says that what the plan and the app have together isn't enough.
type MissingError struct{ Key, Want string }

func (e *MissingError) Error() string {
	return fmt.Sprintf("configure.%s is missing: %s", e.Key, e.Want)
}

// Diff are the writes of a kind that lead from what an app has to what is wanted,
// in order; none when it is right already. Only the kind's part of have is looked
// at. The error is a *LimitError or a *MissingError.
func Diff(k Kind, want Spec, have Have) ([]Change, error) {
	if !want.Has(k) {
		return nil, nil
	}
	switch k {
	case Domains:
		return want.Domains.diff(have.Domains)
	case Webview:
		return want.Webview.diff(have.Webview)
	case Testers:
		return want.Testers.diffTesters(have), nil
	case QRRules:
		return want.QRRules.diff(have.Rules), nil
	case Library:
		return want.Library.diff(have.Library), nil
	case Visibility:
		return diffVisibility(want.Visibility, have.Serving), nil
	case Privacy:
		return want.Privacy.diff(have.Guideline)
	case QRPublish:
		return want.QRRules.diffPublished(have.Rules), nil
	default:
		return nil, nil
	}
}

// edit is what becomes of one list, with the console's domains that are to be kept.
func (d DomainSpec) edit(name List, h DomainsHave) Edit {
	e := d.Lists[name]
	if d.Adopt {
		e.Add = append(slices.Clone(e.Add), without(without(h.Console[name], e.Remove), e.Add)...)
	}
	return e
}

func (d DomainSpec) diff(h DomainsHave) ([]Change, error) {
	have := h.by(d.Way)
	added, removed, after := DomainLists{}, DomainLists{}, DomainLists{}
	var lines []string
	for _, name := range Lists() {
		next := d.edit(name, h).edited(have[name])
		plus, minus := without(next, have[name]), without(have[name], next)
		if len(next) > DomainsMax && len(plus) > 0 {
			return nil, &LimitError{Key: "domains." + string(name), Have: len(next), Max: DomainsMax}
		}
		added.put(name, plus)
		removed.put(name, minus)
		after.put(name, next)
		lines = append(lines, signs(string(name)+" ", plus, minus)...)
	}
	c := Change{Kind: Domains, Way: d.Way, Lines: lines}
	c.Verb, c.Domains = oneWrite(added, removed, after)
	if len(lines) == 0 {
		return nil, nil
	}
	return []Change{c}, nil
}

func (d DomainLists) put(name List, list []string) {
	if len(list) > 0 {
		d[name] = list
	}
}

// oneWrite is the one write that does it all, since an app has few a month.
func oneWrite(added, removed, after DomainLists) (Verb, DomainLists) {
	switch {
	case len(removed) == 0:
		return VerbAdd, added
	case len(added) == 0:
		return VerbRemove, removed
	default:
		return VerbSet, after
	}
}

func signs(prefix string, plus, minus []string) []string {
	var lines []string
	for _, v := range plus {
		lines = append(lines, "+ "+prefix+v)
	}
	for _, v := range minus {
		lines = append(lines, "- "+prefix+v)
	}
	return lines
}

func (w WebSpec) edit(h WebviewHave) Edit {
	e := w.Edit
	if w.Adopt {
		e.Add = append(slices.Clone(e.Add), without(without(h.Console, e.Remove), e.Add)...)
	}
	return e
}

func (w WebSpec) diff(h WebviewHave) ([]Change, error) {
	have := h.by(w.Way)
	next := w.edit(h).edited(have)
	plus, minus := without(next, have), without(have, next)
	c := Change{Kind: Webview, Way: w.Way, Verb: VerbSet, List: next, Lines: signs("", plus, minus)}
	switch {
	case len(c.Lines) == 0:
		return nil, nil
	case len(next) > DomainsMax && len(plus) > 0:
		return nil, &LimitError{Key: "webview", Have: len(next), Max: DomainsMax}
	case len(minus) == 0:
		c.Verb, c.List = VerbAdd, plus
	case len(plus) == 0:
		c.Verb, c.List = VerbRemove, minus
	}
	return []Change{c}, nil
}

func (e Edit) diffTesters(h Have) []Change {
	var changes []Change
	for _, id := range e.Remove {
		if bound, known := h.Testers[id]; !h.NoTesters && (bound || !known) {
			changes = append(changes, Change{Kind: Testers, Verb: VerbRemove, Name: id, Lines: []string{"- " + id}})
		}
	}
	for _, id := range e.Add {
		if !h.Testers[id] {
			changes = append(changes, Change{Kind: Testers, Verb: VerbAdd, Name: id, Lines: []string{"+ " + id}})
		}
	}
	return changes
}

func (q QRSpec) diff(have []Rule) []Change {
	var changes []Change
	wanted := q.wanted()
	find := func(rules []Rule, prefix string) (Rule, bool) {
		i := slices.IndexFunc(rules, func(r Rule) bool { return r.Prefix == prefix })
		if i < 0 {
			return Rule{}, false
		}
		return rules[i], true
	}
	for _, r := range have {
		_, named := find(wanted, r.Prefix)
		if slices.Contains(q.Remove, r.Prefix) || q.Set != nil && !named {
			changes = append(changes, Change{Kind: QRRules, Verb: VerbRemove, Name: r.Prefix, Rule: r, Lines: []string{"- " + r.Prefix}})
		}
	}
	for _, r := range wanted {
		was, there := find(have, r.Prefix)
		c := Change{Kind: QRRules, Verb: VerbAdd, Name: r.Prefix, Rule: r, Lines: []string{"+ " + r.Prefix + " opens " + r.Path}}
		switch {
		case there && was.same(r):
			continue
		case there:
			c.Verb, c.Lines = VerbSet, []string{fmt.Sprintf("~ %s opens %s, not %s", r.Prefix, r.Path, was.Path)}
			if was.Published && !q.Publish {
				c.Lines[0] += " (it stops for users until it is published: say publish: true)"
			}
		}
		changes = append(changes, c)
	}
	return changes
}

func (q QRSpec) diffPublished(have []Rule) []Change {
	var changes []Change
	for _, r := range have {
		if !r.Published && slices.ContainsFunc(q.wanted(), func(w Rule) bool { return w.Prefix == r.Prefix }) {
			changes = append(changes, Change{Kind: QRPublish, Verb: VerbPublish, Name: r.Prefix, Rule: r, Lines: []string{"~ " + r.Prefix + " published"}})
		}
	}
	return changes
}

func (l LibrarySpec) diff(have string) []Change {
	want := l.Set
	if want == "" {
		want = l.AtLeast
	}
	if have == want || l.Set == "" && have != "" && !below(have, want) {
		return nil
	}
	line := "~ " + want
	if have != "" {
		line += ", not " + have
	}
	return []Change{{Kind: Library, Verb: VerbSet, Value: want, Lines: []string{line}}}
}

func diffVisibility(want string, serving bool) []Change {
	if serving == (want == VisibilityOpen) {
		return nil
	}
	return []Change{{Kind: Visibility, Verb: VerbSet, Value: want, Lines: []string{"~ " + want}}}
}

func (p PrivacySpec) diff(have Guideline) ([]Change, error) {
	next := Guideline{Owner: have.Owner.with(p.Owner), File: have.File, Uses: p.uses(have.Uses)}
	if next.same(have) {
		return nil, nil
	}
	switch o := next.Owner; {
	case o.Notice == "":
		return nil, &MissingError{"privacy.owner.notice", "neither plan nor app says how users hear of changes"}
	case o.Email == "" && o.Phone == "" && o.QQ == "" && o.WeChat == "":
		return nil, &MissingError{"privacy.owner", "neither plan nor app has a contact: want email, phone, qq or wechat"}
	}
	var lines []string
	if next.Owner != have.Owner {
		lines = append(lines, "~ owner")
	}
	was, will := texts(have.Uses), texts(next.Uses)
	for _, key := range slices.Sorted(maps.Keys(will)) {
		if old, there := was[key]; !there {
			lines = append(lines, "+ "+key)
		} else if old != will[key] {
			lines = append(lines, "~ "+key)
		}
	}
	for _, key := range slices.Sorted(maps.Keys(was)) {
		if _, stays := will[key]; !stays {
			lines = append(lines, "- "+key)
		}
	}
	return []Change{{Kind: Privacy, Verb: VerbSet, Guideline: next, Lines: lines}}, nil
}

// uses are the declared uses after the edit: what stays in its order, then what is new.
func (p PrivacySpec) uses(have []Use) []Use {
	told := p.Add
	if p.Set != nil {
		told = p.Set
	}
	will := texts(told)
	var out []Use
	for _, u := range have {
		text, said := will[u.Key]
		switch {
		case said:
			out = append(out, Use{u.Key, text})
		case p.Set == nil && !slices.Contains(p.Remove, u.Key):
			out = append(out, u)
		}
	}
	was := texts(have)
	for _, u := range told {
		if _, there := was[u.Key]; !there {
			out = append(out, u)
		}
	}
	return out
}
