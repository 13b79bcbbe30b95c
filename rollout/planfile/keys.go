package planfile

import (
	"errors"
	"io/fs"
	"slices"
	"strings"

	"github.com/wxrollout/wxrollout/appconfig"
	"github.com/wxrollout/wxrollout/rollout/filefault"
)

// Key documents one key of a plan. docs/plan.md and `enqueue explain` print these; tests prove that
// the table has every key that Parse takes, that the examples are valid, and that the wrong ones fail.
type Key struct {
	// Path names it, such as waves[].size.
	Path string `json:"path"`
	// Type is what it holds; Default what its absence means, "" if it is required; Unit is the unit
	// of its number or text.
	Type    string `json:"type"`
	Default string `json:"default,omitempty"`
	Unit    string `json:"unit,omitempty"`
	// Doc says what it does.
	Doc string `json:"doc"`
	// Example is a line of a plan that has the key, Wrong one whose fault Error returns.
	Example string `json:"example,omitempty"`
	Wrong   string `json:"wrong,omitempty"`
}

// required is the default of a key that must be there.
const required = "(required)"

// keys are all keys but those below configure, which appconfig.Schema has.
var keys = []Key{
	{"name", "text", required, "1 to 40 of a-z, 0-9 and -", "The rollout's name. A name has at most one unfinished rollout.", "name: spring", "name: Spring"},
	{"template", "mapping", required, "", "What every target gets: an entry of the platform's template library.", "template: {id: 118, version: 3.9.0}", "template: 118"},
	{"template.id", "whole number", "(required unless latest)", "", "The template's id; `enqueue templates` lists them. It must be an ordinary template: WeChat withdrew standard ones.", "template: {id: 118, version: 3.9.0}", "template: {id: -1, version: 3.9.0}"},
	{"template.latest", "true or false", "false", "", "Takes the newest entry of the library: apply pins it, a schedule takes the newest at each run.", "template: {latest: true}", "template: {latest: yes, id: 118, version: 3.9.0}"},
	{"template.version", "text", "(required unless latest)", "up to 64 characters", "The version that users see; with latest, the library's if absent.", "template: {id: 118, version: 3.9.0}", "template: {id: 118}"},
	{"template.desc", "text", "empty; with latest, the library's", "up to 200 characters, no [ or ]", "Begins the description of the version.", "template: {id: 118, version: 3.9.0, desc: spring sale}", "template: {id: 118, version: 3.9.0, desc: '[sale]'}"},
	{"targets", "mapping", required, "", "Which apps, and in which order: file, all or select.", "targets: {file: apps.csv}", "targets: apps.csv"},
	{"targets.file", "path", "the apps of the registry", "up to 256 MiB, 200,000 rows", "A CSV list with a column appid, an optional label, and columns of your own. Relative to the plan's folder.", "targets: {file: apps.csv}", "targets: {file: [apps.csv]}"},
	{"targets.all", "true or false", "false", "", "Takes every app that has authorized the platform.", "targets: {all: true}", "targets: {all: true, file: apps.csv}"},
	{"targets.select", "selector", "every app", "", "Keeps the apps that match, by columns of the list or values of the registry.", `targets: {select: "tier in (gold, silver), region!=test"}`, "targets: {select: 'tier=gold region=north'}"},
	{"targets.order", "column, or -column", "the list's order; appids for the registry", "", "Sorts the apps, with - the highest first. The first ones go first when quota is short.", "targets: {file: apps.csv, order: -active_users}", "targets: {file: apps.csv, order: '-'}"},
	{"ext", "mapping", "an ext.json of {}", "", "The ext.json of each app, from its columns: file or inline.", "ext: {file: ext.json.tmpl}", "ext: ext.json.tmpl"},
	{"ext.file", "path", "", "up to 1 MiB", "The file of the ext.json template. Relative to the plan's folder.", "ext: {file: ext.json.tmpl}", "ext: {file: missing.tmpl}"},
	{"ext.inline", "text", "", "up to 1 MiB", "The text of the ext.json template.", `ext: {inline: '{"ext": {"shop": "{{.label}}"}}'}`, "ext: {inline: '{{.label'}"},
	{"audit", "mapping", "the defaults of its keys", "", "How apps are submitted to audit.", "audit: {in_audit: skip}", "audit: skip"},
	{"audit.items", "auto, or a list of 1 to 5 mappings", "auto", "", "WeChat's item_list. auto takes the app's first category and first page.", "audit: {items: auto}", "audit: {items: all}"},
	{"audit.items[].address", "text", "empty", "up to 1024 characters", "A page of the app.", item("address: pages/index"), item("address: \"a\\nb\"")},
	{"audit.items[].tag", "text", "empty", "up to 10 tags of 20 characters, parted by blanks", "Tags of the page.", item("tag: tea shop"), item("tag: abcdefghijklmnopqrstuvwxyz")},
	{"audit.items[].title", "text", "empty", "up to 32 characters", "The page's title.", item("title: Home"), item("title: abcdefghijklmnopqrstuvwxyz0123456789")},
	{"audit.items[].first_class", "text", required, "", "The first category.", item("title: Home"), "audit: {items: [{first_id: 1, second_class: b, second_id: 2}]}"},
	{"audit.items[].second_class", "text", required, "", "The second category.", item("title: Home"), "audit: {items: [{first_class: a, first_id: 1, second_id: 2}]}"},
	{"audit.items[].third_class", "text", "none", "", "The third category; with third_id.", item("third_class: c, third_id: 3"), item("third_id: 3")},
	{"audit.items[].first_id", "whole number", required, "", "The id of the first category.", item("title: Home"), "audit: {items: [{first_class: a, second_class: b, second_id: 2}]}"},
	{"audit.items[].second_id", "whole number", required, "", "The id of the second category.", item("title: Home"), "audit: {items: [{first_class: a, first_id: 1, second_class: b}]}"},
	{"audit.items[].third_id", "whole number", "none", "", "The id of the third category.", item("third_class: c, third_id: 3"), item("third_class: c, third_id: x")},
	{"audit.in_audit", "wait, withdraw or skip", "wait", "", "What to do about an app of which another version is in audit. WeChat allows 5 withdrawals a day and 10 a month per app.", "audit: {in_audit: skip}", "audit: {in_audit: wiat}"},
	{"audit.version_desc", "text", "empty", "", "Sent to the auditors as version_desc.", "audit: {version_desc: new checkout}", "audit: {version_desc: [a]}"},
	{"audit.feedback", "text", "empty", "up to 200 characters", "Sent as feedback_info when an app is submitted again.", "audit: {feedback: login is back}", "audit: {feedback: [a]}"},
	{"audit.privacy_api_not_use", "true or false", "false", "", "Declares that detected but undeclared privacy APIs are not used.", "audit: {privacy_api_not_use: true}", "audit: {privacy_api_not_use: 1}"},
	{"audit.allow_privacy", "list of API names", "none", "", "Detected APIs that do not stop an app at the stage check.", "audit: {allow_privacy: [wx.getLocation]}", "audit: {allow_privacy: wx.getLocation}"},
	{"audit.order_path", "text", "empty", "up to 1024 characters", "Sent as order_path.", "audit: {order_path: pages/orders/index}", "audit: {order_path: [a]}"},
	{"waves", "list of 1 to 100 mappings", "one wave, all", "", "Groups of targets that go one after the other. A wave starts when the one before is done: each of its targets has ended, or waits for its merchant, an approval or another rollout. A wave with a gate (hold, reject_above, delay_above, min_judged) lets the next one start by verdicts instead.", "waves: [{name: canary, size: 20}, {name: rest}]", "waves: []"},
	{"waves[].name", "text", required, "1 to 40 of a-z, 0-9 and -", "Unique in the plan.", "waves: [{name: canary, size: 20}, {name: rest}]", "waves: [{name: a, size: 1}, {name: a}]"},
	{"waves[].size", "number or percentage", "the rest (the last wave only)", "targets, or % of all targets, rounded up", "How many targets it takes. A wave that holds none is an error.", "waves: [{name: canary, size: 5%}, {name: rest}]", "waves: [{name: a, size: 0}, {name: b}]"},
	{"waves[].parallel", "true or false", "false", "", "Starts the wave together with the one before, which must have no gate.", "waves: [{name: a, size: 10}, {name: b, parallel: true}]", "waves: [{name: a, size: 10, hold: approve}, {name: b, parallel: true}]"},
	{"waves[].hold", "approve", "none", "", "Holds the next wave until `enqueue promote`.", "waves: [{name: a, size: 10, hold: approve}, {name: b}]", "waves: [{name: a, size: 10}, {name: b, hold: approve}]"},
	{"waves[].reject_above", "percentage", "no such rule", "% of the judged targets, above 0% and below 100%", "Fails the gate when more than this share was rejected or failed.", "waves: [{name: a, size: 10, reject_above: 8%}, {name: b}]", "waves: [{name: a, size: 10, reject_above: 8}, {name: b}]"},
	{"waves[].delay_above", "percentage", "any delayed audit fails a gate", "% of the wave's targets, above 0% and up to 100%", "Fails the gate when WeChat delays the audits of more than this share.", "waves: [{name: a, size: 10, delay_above: 5%}, {name: b}]", "waves: [{name: a, size: 10, delay_above: 0}, {name: b}]"},
	{"waves[].min_judged", "whole number", "all targets of the wave", "targets, from 1", "How many targets need a verdict before the gate decides by reject_above or passes.", "waves: [{name: a, size: 10, min_judged: 5}, {name: b}]", "waves: [{name: a, size: 10, min_judged: 11}, {name: b}]"},
	{"release", "mapping", "the defaults of its keys", "", "When and how approved apps go live.", "release: {when: manual}", "release: manual"},
	{"release.when", "approved or manual", "approved", "", "approved: each app as soon as its own audit passed; manual: after `enqueue approve`.", "release: {when: manual}", "release: {when: wave}"},
	{"release.window", "HH:MM-HH:MM zone", "any time", "", "The daily window of releases. It may span midnight.", `release: {window: "02:00-06:00 Asia/Shanghai"}`, "release: {window: 2-6}"},
	{"release.gray", "list of rising whole numbers", "all users at once", "% of users, the last is 100", "Steps of a gray release; needs every.", "release: {gray: [5, 25, 100], every: 24h}", "release: {gray: [5, 25], every: 24h}"},
	{"release.every", "duration", "(required with gray)", "from 1m to 8760h", "The wait between two steps of gray.", "release: {gray: [5, 25, 100], every: 24h}", "release: {gray: [5, 100], every: -1h}"},
	{"quota", "mapping", "the defaults of its keys", "", "The pool of the rollout's submissions (docs/quota.md).", "quota: {pool: hotfix}", "quota: hotfix"},
	{"quota.pool", "text", "bulk", "1 to 40 of a-z, 0-9 and -", "The pool that the rollout draws from.", "quota: {pool: hotfix}", "quota: {pool: Hotfix}"},
	{"quota.reserve", "mapping of pools to whole numbers", "none", "submissions of each month, 0 to 1,000,000", "Submissions that other pools are sure of.", "quota: {reserve: {hotfix: 60}}", "quota: {reserve: 60}"},
	{"quota.cap", "number or percentage", "no bound", "submissions of a month, or % of the platform's limit", "What the pool may spend in a month.", "quota: {cap: 50%}", "quota: {cap: 101%}"},
	{"quota.per_day", "whole number", "no bound", "submissions of a day (UTC+8), 1 to 1,000,000", "What the pool may spend in a day.", "quota: {per_day: 200}", "quota: {per_day: 0}"},
	{"priority", "whole number", "0 for the pool bulk, 100 for others", "0 to 1000, the higher first", "Who goes first where several rollouts want one app or share quota (docs/priority.md).", "priority: 200", "priority: 1001"},
	{"on_conflict", "wait, supersede or skip", "wait", "", "What to do about an app that another rollout works on.", "on_conflict: skip", "on_conflict: fight"},
	{"allow_downgrade", "true or false", "false", "", "Takes apps back to older versions, too.", "allow_downgrade: true", "allow_downgrade: 1"},
	{"deadline", "mapping", "the defaults of its keys", "", "How long a target may wait at a stage before it fails (docs/limits.md).", "deadline: {verdict: 504h}", "deadline: 504h"},
	deadline("commit", "168h", "to be committed"), deadline("check", "24h", "for the privacy detection"),
	deadline("submit", "720h", "to be submitted"), deadline("verdict", "504h", "for its verdict"),
	deadline("release", "168h", "to be released"), deadline("merchant", "720h", "for its merchant"),
	{"deadline.gate", "duration", "72h", "from 10m to 8760h", "When a gate that waits for `enqueue promote` asks once more.", "deadline: {gate: 24h}", "deadline: {gate: 1m}"},
	{"start", "time with its zone", "at once", "", "When the rollout begins.", `start: "2026-12-01T02:00+08:00"`, "start: 2026-12-01T02:00"},
	{"schedule", "minute hour day month weekday", "once", "", "Repeats the rollout; instead of start (docs/schedules.md).", `schedule: "0 2 1 * *"`, `schedule: "0 2 30 2 *"`},
	{"timezone", "zone", "Asia/Shanghai", "", "The schedule's zone.", "schedule: 0 2 1 * *\ntimezone: UTC", "timezone: UTC"},
	{"configure", "mapping", "nothing is changed", "", "App configuration that comes with the code; only differences are written (docs/app-configuration.md has its rules).", "configure: {testers: [qa_zhang]}", "configure: {}"},
}

// item is a line with an item of audit that has more keys.
func item(more string) string {
	return "audit: {items: [{first_class: a, first_id: 1, second_class: b, second_id: 2, " + more + "}]}"
}

// deadline is a key of deadline.
func deadline(name, def, what string) Key {
	return Key{"deadline." + name, "duration", def, "from 10m to 8760h", "How long a target may wait " + what + ".", "deadline: {" + name + ": 240h}", "deadline: {" + name + ": 240}"}
}

// Keys are all keys of a plan, in the order of the sample.
func Keys() []Key { return append(slices.Clone(keys), schemaKeys("configure", appconfig.Schema())...) }

// schemaKeys are the keys of a mapping of app configuration.
func schemaKeys(path string, o appconfig.Object) (all []Key) {
	for _, f := range o.Fields {
		k := Key{Path: path + "." + f.Key, Default: "unchanged"}
		if f.Required != "" {
			k.Default, k.Doc = required, f.Required
		}
		var below []Key
		switch n := f.Node.(type) {
		case appconfig.Refused:
			continue
		case appconfig.Text:
			k.Type = "text"
		case appconfig.Flag:
			k.Type, k.Default = "true or false", "false"
		case appconfig.Choice:
			k.Type, k.Default = strings.Join(n, " or "), n[0]
		case appconfig.Texts:
			k.Type, k.Doc = "list", n.Want
		case appconfig.Table:
			k.Type, k.Doc = "mapping", n.Want
		case appconfig.Objects:
			k.Type, k.Doc, below = "list of mappings", n.Want, schemaKeys(k.Path+"[]", n.Each)
		case appconfig.Object:
			k.Type, k.Doc, below = "mapping", n.OneOfWant, schemaKeys(k.Path, n)
			if n.Bare != "" {
				k.Doc = strings.TrimPrefix(k.Doc+"; a value alone is "+n.Bare, "; ")
			}
		}
		all = append(append(all, k), below...)
	}
	return all
}

// Error is the fault of the key's wrong example; "" if it has none.
func (k Key) Error() string {
	if k.Wrong == "" {
		return ""
	}
	_, err := newReader("plan.yaml").readLine(k.Wrong)
	var faults filefault.Faults
	if !errors.As(err, &faults) {
		return ""
	}
	f := faults[0]
	f.File, f.Line, f.Column = "plan.yaml", 0, 0
	return strings.TrimPrefix(f.String(), "plan.yaml: ")
}

// readLine reads a small plan in which a line replaces the one of its key, or is added.
func (r *reader) readLine(line string) (*File, error) {
	text := line + "\n"
	for _, base := range []string{"name: spring", "template: {id: 118, version: 3.9.0}", "targets: {file: apps.csv}"} {
		if key, _, _ := strings.Cut(base, ":"); !strings.HasPrefix(line, key+":") {
			text += base + "\n"
		}
	}
	return r.read([]byte(text), func(name string) ([]byte, error) {
		if name == "missing.tmpl" {
			return nil, fs.ErrNotExist
		}
		return []byte("{}"), nil
	})
}

// Explain returns the key at a path such as waves.size, the keys directly and indirectly below it, and
// for "" all keys. The brackets of lists may be left out.
func Explain(path string) ([]Key, error) {
	bare := func(p string) string { return strings.ReplaceAll(p, "[]", "") }
	path = bare(path)
	var found []Key
	var known []string
	for _, k := range Keys() {
		p := bare(k.Path)
		known = append(known, p)
		if path == "" || p == path || strings.HasPrefix(p, path+".") {
			found = append(found, k)
		}
	}
	if len(found) == 0 {
		return nil, errors.New("a plan has no key " + path + suggestPath(path, known))
	}
	return found, nil
}

// suggestPath suggests the known path that a mistyped one is nearest to: as a whole, or by its last
// word.
func suggestPath(path string, known []string) string {
	if s := filefault.Suggest(path, known); s != "" {
		return s
	}
	last := path[strings.LastIndexByte(path, '.')+1:]
	for _, k := range known {
		if k == last || strings.HasSuffix(k, "."+last) {
			return "; did you mean " + k + "?"
		}
	}
	return ""
}
