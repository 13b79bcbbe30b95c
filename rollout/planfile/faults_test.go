package planfile_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/rollout/planfile"
)

// TestParseFaults puts one fault into a sound plan and wants exactly it: add is
// put after minimal's three lines, or replaces the line that begins with its key.
func TestParseFaults(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("茶", 201)
	for _, tc := range []struct {
		name, add  string
		line       int
		key, value string
		msg        string
	}{
		{"name missing", "name:", 1, "name", "", "is missing"},
		{"name with capitals", "name: Spring", 1, "name", "Spring", "lowercase"},
		{"name too long", "name: " + strings.Repeat("a", 41), 1, "name", strings.Repeat("a", 41), "at most 40"},
		{"name is a list", "name: [a]", 1, "name", "", "want one value"},
		{"template missing", "template:", 2, "template", "", "is missing"},
		{"template is text", "template: 118", 2, "template", "118", "want keys and values"},
		{"id missing", "template: {version: v}", 2, "template.id", "", "enqueue templates"},
		{"id no number", "template: {id: x1, version: v}", 2, "template.id", "x1", "whole number"},
		{"id negative", "template: {id: -1, version: v}", 2, "template.id", "-1", "whole number"},
		{"id and latest", "template: {id: 0, latest: true}", 2, "template.id", "0", "one of them"},
		{"latest no bool", "template: {latest: yes, id: 1, version: v}", 2, "template.latest", "yes", "true or false"},
		{"version missing", "template: {id: 1}", 2, "template.version", "", "is missing"},
		{"version too long", "template: {id: 1, version: " + long[:65*3] + "}", 2, "template.version", long[:65*3], "65 characters"},
		{"version with blanks", "template: {id: 1, version: ' v'}", 2, "template.version", " v", "no blanks"},
		{"desc with marker", "template: {id: 1, version: v, desc: 'a [b'}", 2, "template.desc", "a [b", "want no [ and ]"},
		{"desc too long", "template: {id: 1, version: v, desc: " + long + "}", 2, "template.desc", long, "at most 200"},
		{"desc of two lines", "template: {id: 1, version: v, desc: \"a\\nb\"}", 2, "template.desc", "a\nb", "one line"},
		{"unknown key inside", "template: {id: 1, vresion: v, version: w}", 2, "template.vresion", "", "did you mean version?"},
		{"targets missing", "targets:", 3, "targets", "", "is missing"},
		{"targets empty", "targets: {}", 3, "targets.file", "", "is missing"},
		{"file and all", "targets: {file: a, all: true}", 3, "targets.all", "true", "one of them"},
		{"all false", "targets: {all: false}", 3, "targets.file", "", "is missing"},
		{"select broken", "targets: {file: a, select: 'a=b c=d'}", 3, "targets.select", "", "want a comma"},
		{"select blank", "targets: {file: a, select: ' '}", 3, "targets.select", " ", "selects by nothing"},
		{"order empty", "targets: {file: a, order: '-'}", 3, "targets.order", "-", "want a column"},
		{"ext empty", "ext: {}", 4, "ext.file", "", "is missing"},
		{"ext both", "ext: {file: ext.tmpl, inline: '{}'}", 4, "ext.inline", "", "one of them"},
		{"ext absent", "ext: {file: none.tmpl}", 4, "ext.file", "none.tmpl", "can't be read: file does not exist"},
		{"ext inline empty", "ext: {inline: ''}", 4, "ext.inline", "", "is empty: want the JSON"},
		{"ext inline broken", "ext: {inline: '{{.x'}", 4, "ext.inline", "", "unclosed action"},
		{"ext inline block broken", "ext:\n  inline: |\n    {\n    {{range}}", 7, "ext.inline", "", "missing value for range"},
		{"configure nothing", "configure: {}", 4, "configure", "", "asks for nothing"},
		{"configure text", "configure: all", 4, "configure", "all", "want keys"},
		{"configure unknown", "configure: {domain: {request: [https://a.cn]}}", 4, "configure.domain", "", "did you mean domains?"},
		{"domain scheme", "configure:\n  domains:\n    wsrequest:\n    - https://a.cn", 7, "configure.domains.wsrequest", "https://a.cn", "want wss://"},
		{"domain port", "configure: {domains: {request: {add: ['https://a.cn:443']}}}", 4, "configure.domains.request.add", "https://a.cn:443", "leave the port"},
		{"domain template broken", "configure: {domains: {request: ['https://{{.x']}}", 4, "configure.domains.request", "https://{{.x", "no }}"},
		{"domain template loops", "configure: {domains: {request: ['{{range .x}}a{{end}}']}}", 4, "configure.domains.request", "{{range .x}}a{{end}}", "not supported"},
		{"domain blank", "configure: {domains: {request: ['']}}", 4, "configure.domains.request", "", "want a list of domains"},
		{"domains without a list", "configure: {domains: {way: direct}}", 4, "configure.domains.request", "", "is missing"},
		{"domain way", "configure: {domains: {way: dircet, request: [https://a.cn]}}", 4, "configure.domains.way", "dircet", "did you mean direct?"},
		{"add to the platform directly", "configure: {domains: {way: direct, add_to_platform: true, request: [https://a.cn]}}", 4, "configure.domains.add_to_platform", "true", "on no list of the platform"},
		{"adopt in a list", "configure: {domains: {request: {adopt: true, add: [https://a.cn]}}}", 4, "configure.domains.request.adopt", "", "unknown key"},
		{"register", "configure: {domains: {register: true, request: [https://a.cn]}}", 4, "configure.domains.register", "", "unknown key"},
		{"set and add", "configure: {domains: {request: {set: [https://a.cn], add: [https://b.cn]}}}", 4, "configure.domains.request.add", "", "whole list"},
		{"set and adopt", "configure: {domains: {adopt: true, request: {set: [https://a.cn]}}}", 4, "configure.domains.request.set", "", "can't be with adopt"},
		{"webview port", "configure: {webview: {add: ['https://a.cn:8443']}}", 4, "configure.webview.add", "https://a.cn:8443", "no port"},
		{"webview nothing", "configure: {webview: {way: direct}}", 4, "configure.webview.add", "", "is missing"},
		{"testers set", "configure: {testers: {set: [li]}}", 4, "configure.testers.set", "", "doesn't show whose"},
		{"tester with blanks", "configure: {testers: [li lei]}", 4, "configure.testers", "li lei", "WeChat id"},
		{"rule without path", "configure: {qr_rules: {add: [{prefix: https://a.cn/}]}}", 4, "configure.qr_rules.add[0].path", "", "prefix and path"},
		{"rule prefix", "configure: {qr_rules: {remove: [a.cn/t]}}", 4, "configure.qr_rules.remove", "a.cn/t", "http or https"},
		{"library", "configure: {base_library: 2.32}", 4, "configure.base_library", "2.32", "such as 2.32.0"},
		{"library both", "configure: {base_library: {at_least: 2.1.0, set: 2.2.0}}", 4, "configure.base_library.set", "2.2.0", "one of them"},
		{"visibility", "configure: {visibility: hidden}", 4, "configure.visibility", "hidden", "open or closed"},
		{"store", "configure: {privacy: {owner: {store: 30}}}", 4, "configure.privacy.owner.store", "30", "30天"},
		{"use without words", "configure: {privacy: {add: {Album: }}}", 4, "configure.privacy.add.Album", "", "in words"},
		{"items no list", "audit: {items: all}", 4, "audit.items", "all", "auto or a list"},
		{"items none", "audit: {items: []}", 4, "audit.items", "", "has 0 items"},
		{"item without class", "audit: {items: [{first_class: a, first_id: 1, second_class: b}]}", 4, "audit.items[0].second_id", "", "is missing"},
		{"item third half", "audit: {items: [{first_class: a, first_id: 1, second_class: b, second_id: 2, third_id: 3}]}", 4, "audit.items[0].third_class", "", "go together"},
		{"item title", "audit: {items: [{first_class: a, first_id: 1, second_class: b, second_id: 2, title: " + long + "}]}", 4, "audit.items[0].title", long, "at most 32"},
		{"item tags", "audit: {items: [{first_class: a, first_id: 1, second_class: b, second_id: 2, tag: a b c d e f g h i j k}]}", 4, "audit.items[0].tag", "a b c d e f g h i j k", "11 tags"},
		{"item is text", "audit: {items: [x]}", 4, "audit.items[0]", "x", "want keys"},
		{"in_audit", "audit: {in_audit: wiat}", 4, "audit.in_audit", "wiat", "want wait, withdraw or skip; did you mean wait?"},
		{"feedback", "audit: {feedback: " + long + "}", 4, "audit.feedback", long, "at most 200"},
		{"allow_privacy text", "audit: {allow_privacy: wx.x}", 4, "audit.allow_privacy", "wx.x", "want a list"},
		{"allow_privacy nested", "audit: {allow_privacy: [[a]]}", 4, "audit.allow_privacy", "", "want a list"},
		{"waves no list", "waves: {name: a}", 4, "waves", "", "want a list"},
		{"waves none", "waves: []", 4, "waves", "", "has 0 waves"},
		{"wave name missing", "waves:\n- {size: 1}", 5, "waves[0].name", "", "is missing"},
		{"wave name twice", "waves:\n- {name: a, size: 1}\n- {name: a}", 6, "waves[1].name", "a", "waves[0]"},
		{"wave rest in front", "waves:\n- name: a\n- name: b", 5, "waves[0].size", "", "only the last"},
		{"wave size 0", "waves: [{name: a, size: 0}]", 4, "waves[0].size", "0", "from 1"},
		{"wave size 101%", "waves: [{name: a, size: 101%}]", 4, "waves[0].size", "101%", "want a number"},
		{"wave size 0%", "waves: [{name: a, size: 0%}]", 4, "waves[0].size", "0%", "want a number"},
		{"wave of nothing", "waves:\n- {name: a, size: 50%}\n- {name: b, size: 50%}\n- {name: c, size: 50%}", 7, "waves[2].size", "50%", "wave c can never hold a target"},
		{"rest of nothing", "waves: [{name: a, size: 100%}, {name: b}]", 4, "waves[1].size", "rest", "wave b can never hold a target"},
		{"parallel first", "waves: [{name: a, size: 1, parallel: true}, {name: b}]", 4, "waves[0].parallel", "true", "this is the first"},
		{"parallel behind a gate", "waves: [{name: a, size: 1, hold: approve}, {name: b, parallel: true}]", 4, "waves[1].parallel", "true", "has a gate"},
		{"parallel in words", "waves: [{name: a, size: 1}, {name: b, parallel: yes}]", 4, "waves[1].parallel", "yes", "true or false"},
		{"wave hold", "waves: [{name: a, size: 1, hold: aprove}, {name: b}]", 4, "waves[0].hold", "aprove", "did you mean approve?"},
		{"wave hold last", "waves: [{name: a, hold: approve}]", 4, "waves[0].hold", "approve", "this is the last"},
		{"wave share no percent", "waves: [{name: a, reject_above: 0.08}]", 4, "waves[0].reject_above", "0.08", `such as "8%"`},
		{"wave share 100%", "waves: [{name: a, reject_above: 100%}]", 4, "waves[0].reject_above", "100%", "between"},
		{"wave delays no percent", "waves: [{name: a, delay_above: 0}]", 4, "waves[0].delay_above", "0", `such as "5%"`},
		{"wave min_judged 0", "waves: [{name: a, min_judged: 0}]", 4, "waves[0].min_judged", "0", "from 1"},
		{"wave min_judged over size", "waves: [{name: a, size: 5, min_judged: 6}]", 4, "waves[0].min_judged", "6", "size 5"},
		{"release wave", "release: {when: wave}", 4, "release.when", "wave", "not supported in this version: use approved"},
		{"release when", "release: {when: manuel}", 4, "release.when", "manuel", "approved or manual; did you mean manual?"},
		{"window", "release: {window: 2-6}", 4, "release.window", "", "HH:MM-HH:MM"},
		{"window zone", "release: {window: '02:00-06:00 Mars/Base'}", 4, "release.window", "", "unknown time zone"},
		{"gray falling", "release: {gray: [25, 5, 100], every: 1h}", 4, "release.gray", "5", "rising"},
		{"gray without 100", "release: {gray: [5, 25], every: 1h}", 4, "release.gray", "", "end with 100"},
		{"gray 0", "release: {gray: [0, 100], every: 1h}", 4, "release.gray", "0", "rising"},
		{"gray empty", "release: {gray: [], every: 1h}", 4, "release.gray", "", "rising"},
		{"gray without every", "release: {gray: [5, 100]}", 4, "release.every", "", "is missing"},
		{"every without gray", "release: {every: 1h}", 4, "release.every", "1h", "no gray"},
		{"every no duration", "release: {gray: [100], every: 1d}", 4, "release.every", "1d", "24h"},
		{"every overflows", "release: {gray: [100], every: 9999999999h}", 4, "release.every", "9999999999h", "from 1m to 8760h"},
		{"every negative", "release: {gray: [100], every: -24h}", 4, "release.every", "-24h", "from 1m to 8760h"},
		{"every for ages", "release: {gray: [100], every: 8761h}", 4, "release.every", "8761h", "from 1m to 8760h"},
		{"deadline overflows", "deadline: {gate: 9999999999h}", 4, "deadline.gate", "9999999999h", "from 10m to 8760h"},
		{"deadline negative", "deadline: {gate: -1h}", 4, "deadline.gate", "-1h", "from 10m to 8760h"},
		{"pool", "quota: {pool: Bulk}", 4, "quota.pool", "Bulk", "lowercase"},
		{"reserve", "quota: {reserve: {hotfix: many}}", 4, "quota.reserve.hotfix", "many", "whole number"},
		{"reserve nothing", "quota: {reserve: {hotfix: }}", 4, "quota.reserve.hotfix", "", "how many"},
		{"reserve pool", "quota: {reserve: {Hot Fix: 1}}", 4, "quota.reserve.Hot Fix", "", "pool's name"},
		{"start without zone", "start: 2026-12-01T02:00", 4, "start", "2026-12-01T02:00", "with its zone"},
		{"start and schedule", "start: 2026-12-01T02:00Z\nschedule: 0 2 1 * *", 5, "schedule", "0 2 1 * *", "one of them"},
		{"schedule fields", "schedule: 0 2 1 *", 4, "schedule", "0 2 1 *", "five fields"},
		{"schedule descriptor", "schedule: '@daily'", 4, "schedule", "@daily", "five fields"},
		{"schedule zone only", "schedule: CRON_TZ=UTC", 4, "schedule", "CRON_TZ=UTC", "five fields"},
		{"schedule field", "schedule: ', 2 1 * *'", 4, "schedule", ", 2 1 * *", "no number"},
		{"schedule range", "schedule: 99 2 1 * *", 4, "schedule", "99 2 1 * *", "above maximum"},
		{"schedule never", "schedule: 0 2 30 2 *", 4, "schedule", "0 2 30 2 *", "never fires"},
		{"schedule zone", "schedule: CRON_TZ=Mars 0 2 1 * *", 4, "schedule", "CRON_TZ=Mars 0 2 1 * *", "unknown time zone"},
		{"timezone", "schedule: 0 2 1 * *\ntimezone: Mars", 5, "timezone", "Mars", "unknown time zone"},
		{"timezone Local", "schedule: 0 2 1 * *\ntimezone: Local", 5, "timezone", "Local", "unknown time zone"},
		{"timezone twice", "schedule: CRON_TZ=UTC 0 2 1 * *\ntimezone: UTC", 5, "timezone", "UTC", "one of them"},
		{"timezone alone", "timezone: UTC", 4, "timezone", "UTC", "no schedule"},
		{"unknown key", "relaese: {}", 4, "relaese", "", "unknown key; did you mean release?"},
		{"unknown key far off", "color: red", 4, "color", "", "unknown key"},
		{"duplicate key", "quota: {pool: a}\nquota: {pool: b}", 5, "quota", "", "first on line 4"},
		{"anchor", "quota: &q {pool: a}", 4, "", "&", "anchors"},
		{"alias", "quota: *q", 4, "", "*", "aliases"},
		{"merge", "<<: {pool: a}", 4, "", "<<", "merge keys"},
		{"tag", "quota: !x {pool: a}", 4, "", "!x", "tags"},
		{"two documents", "---\nname: b", 5, "", "", "second document"},
		{"syntax", "quota: {pool: a", 4, "", "", "end token '}'"},
		{"tab", "quota:\n\tpool: a", 5, "", "", "cannot start any token"},
		{"UTF-8", "quota: \xff", 4, "", "", "UTF-8"},
		{"NUL", "quota: \x00", 4, "", "", "NUL"},
		{"too deep", "quota: " + strings.Repeat("[", 100), 4, "", "", "nested too deep"},
		{"too many dashes", strings.Repeat("- ", 100), 4, "", "", "nested too deep"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := planfile.Parse("plan.yaml", []byte(withLine(tc.add)), files{"ext.tmpl": "{}"}.open)
			faults := faultsOf(t, err)
			got := faults[0]
			if len(faults) != 1 || got.File != "plan.yaml" || got.Line != tc.line || got.Key != tc.key || got.Value != tc.value || !strings.Contains(got.Msg, tc.msg) {
				t.Errorf("got  %v\nwant one of line %d, %s: %q: ...%s...", err, tc.line, tc.key, tc.value, tc.msg)
			}
		})
	}
}

// withLine is the minimal plan with a line replaced or added.
func withLine(add string) string {
	lines := strings.SplitAfter(minimal, "\n")
	key, _, _ := strings.Cut(add, ":")
	for i, line := range lines {
		if strings.HasPrefix(line, key+":") {
			lines[i] = add + "\n"
			return strings.Join(lines, "")
		}
	}
	return minimal + add + "\n"
}

func TestParseWholeFileFaults(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ name, text, want string }{
		{"nothing", "", "plan.yaml: is empty: want a plan"},
		{"only comments", "# a\n", "plan.yaml: is empty: want a plan"},
		{"a list", "- a\n", "plan.yaml:1:1: want keys and values, such as name: spring"},
		{"a word, perhaps a secret", "spring", `plan.yaml:1:1: want keys and values, such as name: spring`},
		{"a workbook", "PK\x03\x04", "plan.yaml: is a workbook (.xlsx or .ods) or another zip file: want a plan, which is a text file (YAML)"},
		{"UTF-16", "\xff\xfen\x00", "plan.yaml:1: is UTF-16: save it as UTF-8"},
		{"UTF-16 without a mark", "n\x00a\x00", "plan.yaml:1: is UTF-16: save it as UTF-8"},
		{"large", strings.Repeat("# comment\n", 30_000), "plan.yaml: is larger than 256 KiB: put a long ext template in a separate file"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			_, err := planfile.Parse("plan.yaml", []byte(tc.text), files{}.open)
			if got := faultsOf(t, err).Error(); got != tc.want {
				t.Errorf("got  %s\nwant %s", got, tc.want)
			}
		})
	}
}

// TestParseBroken prints all faults of a plan with a mistake in nearly every line.
func TestParseBroken(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("testdata", "broken.yaml"))
	if err != nil {
		t.Fatal(err)
	}
	_, err = planfile.Parse("broken.yaml", text, files{"ext.json.tmpl": "{\n\"a\": \"{{printf .x}}\"}"}.open)
	goldentest.Compare(t, "broken.golden", faultsOf(t, err).Error()+"\n")
}
