package planfile

import (
	"math"
	"regexp"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/rollout/selector"
)

// nameRule is the rule for names of rollouts, waves and pools: they appear in
// keys, in paths of the console and in metrics.
var nameRule = regexp.MustCompile(`^[a-z0-9-]{1,40}$`)

const nameWant = "want at most 40 lowercase letters, digits and dashes"

// Limits of texts, in characters. WeChat documents those of the version, the
// feedback and the audit items; the rest are ours.
const (
	versionMax  = 64
	descMax     = 200
	feedbackMax = 200
)

// shortText reads a text of one line with at most limit characters.
func (o *object) shortText(name string, limit int) string {
	text := o.text(name)
	if n := utf8.RuneCountInString(text); n > limit {
		o.fault(name, text, "has %d characters, want at most %d", n, limit)
	}
	if strings.ContainsFunc(text, unicode.IsControl) {
		o.fault(name, text, "has a line end or another control character: want one line")
	}
	return text
}

// readTemplate reads the section template.
func readTemplate(top *object) (t TemplateSpec) {
	o := top.object("template")
	if o == nil {
		top.missing("template", "want {id: 118, version: 3.9.0} or {latest: true}")
		return t
	}
	t.Latest = o.boolean("latest")
	id, _ := o.integer("id", 0, math.MaxInt64)
	switch t.ID = id; {
	case t.Latest && o.has("id"):
		o.fault("id", plain(o.get("id")), "can't be with latest: true: want one of them")
	case !t.Latest && !o.has("id"):
		o.missing("id", "want the template's id (enqueue templates lists them), or latest: true")
	}
	t.Version = o.shortText("version", versionMax)
	if strings.TrimSpace(t.Version) != t.Version {
		o.fault("version", t.Version, "want no blanks around it")
	}
	if t.Version == "" && !t.Latest {
		o.missing("version", "want what users see, such as 3.9.0")
	}
	t.Desc = o.shortText("desc", descMax)
	if strings.ContainsAny(t.Desc, "[]") {
		o.fault("desc", t.Desc, "want no [ and ]: they mark the rollout's own versions")
	}
	o.done()
	return t
}

// readTargets reads the section targets.
func readTargets(top *object) (t TargetsSpec) {
	o := top.object("targets")
	if o == nil {
		top.missing("targets", "want {file: apps.csv}, {all: true} or {select: tier=gold}")
		return t
	}
	t.File, t.All, t.Order = o.text("file"), o.boolean("all"), o.text("order")
	switch {
	case t.File != "" && t.All:
		o.fault("all", "true", "can't be with file: want one of them")
	case t.File == "" && !t.All && !o.has("select"):
		o.missing("file", "want file: apps.csv, or all: true or select: tier=gold for the apps of the registry")
	}
	if o.has("select") {
		text := o.text("select")
		selector, err := selector.Parse(text)
		switch {
		case err != nil:
			o.fault("select", "", "%v", err)
		case selector.Empty():
			o.fault("select", text, "selects by nothing: leave it out to take the whole file, or say all: true")
		}
		t.Select = selector
	}
	if strings.TrimPrefix(t.Order, "-") == "" && o.has("order") {
		o.fault("order", t.Order, "want a column, or -column for the highest first")
	}
	o.done()
	return t
}
