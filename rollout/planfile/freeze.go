package planfile

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/rollout/applist"
)

// Freeze makes the plan that is reviewed, applied and stored, for total targets.
// tmpl is Template.Pinned(), or for a plan with latest: true the newest entry of
// the template library: the plan's own version and desc then go before the entry's.
func (f *File) Freeze(tmpl rollout.Template, total int) (rollout.Plan, error) {
	if total < 1 {
		return rollout.Plan{}, f.fault("targets", "", "there are no targets")
	}
	tmpl, err := f.Template.Pin(tmpl)
	if err != nil {
		return rollout.Plan{}, fmt.Errorf("freeze plan %s: %w", f.Name, err)
	}
	waves, left := resolve(f.Waves, total)
	if left > 0 {
		return rollout.Plan{}, f.fault("waves", "", "they take %d of %d targets and leave %d over: leave the last wave's size out to give it the rest", total-left, total, left)
	}
	plan := rollout.Plan{Name: f.Name, Template: tmpl, Audit: f.Audit, Waves: waves, Release: f.Release, Quota: f.Quota, Configure: f.Configure.Text(), Deadline: f.Deadline}
	plan.Priority, plan.OnConflict, plan.AllowDowngrade = f.Conflict.Priority, f.Conflict.OnConflict, f.Conflict.AllowDowngrade
	if f.Ext != nil {
		plan.Ext = f.Ext.Text()
	}
	return plan, nil
}

// Pin is the template to commit: tmpl with the version and desc of the plan.
func (t TemplateSpec) Pin(tmpl rollout.Template) (rollout.Template, error) {
	if !t.Latest && tmpl.ID != t.ID {
		return tmpl, fmt.Errorf("the plan names template %d, not %d", t.ID, tmpl.ID)
	}
	if t.Version != "" {
		tmpl.Version = t.Version
	}
	if t.Desc != "" {
		tmpl.Desc = t.Desc
	}
	if n := utf8.RuneCountInString(tmpl.Version); n == 0 || n > versionMax {
		return tmpl, errors.New("template " + fmt.Sprint(tmpl.ID) + " has no version of 1 to 64 characters: give template.version in the plan")
	}
	// The library's text was written by others: make it fit to carry our marker.
	tmpl.Desc = strings.Map(func(r rune) rune {
		switch {
		case r == '[':
			return '('
		case r == ']':
			return ')'
		case unicode.IsControl(r):
			return ' '
		}
		return r
	}, tmpl.Desc)
	if r := []rune(tmpl.Desc); len(r) > descMax {
		tmpl.Desc = string(r[:descMax])
	}
	return tmpl, nil
}

// digest is the hex SHA-256 of all that decides what a rollout does: the frozen
// plan with its ext template, when it starts, and the apps in order with their
// values. Comments, blanks, file names and the order of keys and columns don't
// change it.
func (f *File) digest(plan rollout.Plan, apps *applist.Apps) string {
	h := sha256.New()
	frozen, err := json.Marshal(plan)
	if err != nil {
		// Texts, numbers and a window: nothing in a plan can't be marshalled.
		panic(fmt.Sprintf("planfile: marshal plan: %v", err))
	}
	start := ""
	if !f.Start.IsZero() {
		start = f.Start.UTC().Format(time.RFC3339)
	}
	columns := slices.Sorted(slices.Values(apps.Columns()))
	buf := put(nil, "plan 1", string(frozen), start, f.Schedule)
	h.Write(put(buf, columns...))
	for record := range apps.Records(columns) {
		buf = put(buf[:0], record...)
		h.Write(buf)
	}
	return hex.EncodeToString(h.Sum(nil))
}

// put appends a row of texts so that no two rows are alike: each with its length.
func put(dst []byte, texts ...string) []byte {
	dst = append(strconv.AppendInt(dst, int64(len(texts)), 10), '\n')
	for _, t := range texts {
		dst = append(strconv.AppendInt(dst, int64(len(t)), 10), ':')
		dst = append(dst, t...)
	}
	return dst
}
