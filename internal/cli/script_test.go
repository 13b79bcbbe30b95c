package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/wxrollout/wxrollout/internal/goldentest"
	"github.com/wxrollout/wxrollout/internal/operator/operatortest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/ledger"
	"github.com/wxrollout/wxrollout/ratelimit"
	"github.com/wxrollout/wxrollout/rollout"
	"github.com/wxrollout/wxrollout/wxsim"
)

// TestScripts runs every script of testdata/script against a Redis and a
// a separate simulated WeChat.
func TestScripts(t *testing.T) {
	t.Parallel()
	files, err := filepath.Glob(filepath.Join("testdata", "script", "*.txtar"))
	if err != nil || len(files) == 0 {
		t.Fatalf("no scripts: %v", err)
	}
	for _, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			testscript.Run(t, testscript.Params{
				Files: []string{file}, Setup: s.setup, Cmds: s.commands(), UpdateScripts: goldentest.Update(),
				RequireExplicitExec: true, RequireUniqueNames: true,
			})
		})
	}
}

// stage is what one script plays on.
type stage struct {
	ctx    context.Context
	sim    *wxsim.Sim
	url    string
	addr   string
	ledger *ledger.Ledger
	rdb    *redis.Client
	worker *operatortest.Worker
}

func newStage(t *testing.T) *stage {
	t.Helper()
	srv := redistest.Start(t, redistest.AOF())
	s := &stage{ctx: t.Context(), addr: srv.Addr(), rdb: srv.Client(t), sim: wxsim.New(wxsim.Options{Apps: 80, Seed: 1, Quota: wxsim.QuotaOptions{Limit: 100}})}
	t.Cleanup(s.sim.Close)
	http := httptest.NewServer(s.sim)
	t.Cleanup(http.Close)
	s.url = http.URL
	s.ledger = ledger.New(s.rdb, ledger.Options{})
	s.worker = operatortest.New(s.ledger)
	return s
}

// setup gives a script the settings of a platform, and the first appids as APP0
// to APP9.
func (s *stage) setup(env *testscript.Env) error {
	for name, v := range map[string]string{
		"REDIS_URL": "redis://" + s.addr + "/0", "WECHAT_URL": s.url,
		"COMPONENT_APPID": wxsim.DefaultComponentAppID, "COMPONENT_SECRET": wxsim.DefaultSecret,
		"COMPONENT_TICKET": wxsim.DefaultTicket, "SEAL_KEY": "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY=",
	} {
		env.Setenv("WXROLLOUT_"+name, v)
	}
	for i := range 10 {
		env.Setenv(fmt.Sprintf("APP%d", i), wxsim.AppID(i))
	}
	env.Setenv("OPENID", "oAbCdEfGhIjKlMnOpQrStUvWxYz0")
	env.Setenv("TZ", "UTC")
	return nil
}

// commands are the words that scripts have beside testscript's own.
func (s *stage) commands() map[string]func(*testscript.TestScript, bool, []string) {
	return map[string]func(*testscript.TestScript, bool, []string){
		"await":   await,
		"exits":   exits,
		"mask":    mask,
		"applist": appList,
		"answer":  s.answer,
		"work":    s.work,
		"hire":    s.hire,
		"sim":     s.lever,
		"close":   s.closePool,
		"damage":  s.damage,
		"words":   words,
	}
}

// await FILE TEXT: waits until a program in the background has written a text to a file.
func await(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: await FILE TEXT")
	}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(time.Minute); ; {
		written, err := os.ReadFile(ts.MkAbs(args[0]))
		if err == nil && strings.Contains(string(written), args[1]) {
			return
		}
		select {
		case <-limit:
			ts.Fatalf("%s never has %q: %s %v", args[0], args[1], written, err)
		case <-tick.C:
		}
	}
}

// exits CODE PROGRAM ARGS...: the program ends with that code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits CODE PROGRAM ARGS...")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	var ended *exec.ExitError
	if err := ts.Exec(args[1], args[2:]...); errors.As(err, &ended) {
		got = ended.ExitCode()
	} else {
		ts.Check(err)
	}
	if got != want {
		ts.Fatalf("exit code %d, want %d", got, want)
	}
}

// words STREAM: the JSON of stdout has words as names, and times as RFC 3339.
func words(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: words stdout")
	}
	d := json.NewDecoder(strings.NewReader(ts.ReadFile(args[0])))
	values := 0
	for {
		var v any
		if err := d.Decode(&v); errors.Is(err, io.EOF) && values > 0 {
			return
		} else if err != nil {
			ts.Fatalf("value %d: %v", values, err)
		}
		values++
		inWords(ts, "", v)
	}
}

var fieldName = regexp.MustCompile(`^([a-z][a-z0-9]+)(_[a-z0-9]+)*$`)

// inWords checks a value; keys of maps with names of operators are no fields.
func inWords(ts *testscript.TestScript, path string, v any) {
	switch v := v.(type) {
	case map[string]any:
		for name, x := range v {
			maps := regexp.MustCompile(`\.(states|parked|codes|workers|values|columns|faults)$`)
			if !fieldName.MatchString(name) && !maps.MatchString(path) {
				ts.Fatalf("%s.%s: the name is no word", path, name)
			}
			inWords(ts, path+"."+name, x)
		}
	case []any:
		for _, x := range v {
			inWords(ts, path, x)
		}
	case float64:
		if v >= 1e9 && !strings.HasSuffix(path, "_id") && !strings.HasSuffix(path, ".audit.id") {
			ts.Fatalf("%s: %v looks like a time in a number", path, v)
		}
	case string:
		if _, err := time.Parse(time.RFC3339, v); err != nil && regexp.MustCompile(`^\d{4}-\d\d-\d\d[ T]`).MatchString(v) {
			ts.Fatalf("%s: %q is no time of RFC 3339", path, v)
		}
	}
}

// masks hide what differs from run to run.
var masks = []struct {
	what *regexp.Regexp
	with string
}{
	{regexp.MustCompile(`\b(spring|winter)-[0-9a-f]{8}\b`), "$1-ID"},
	{regexp.MustCompile(`\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:\d\d| UTC)?`), "TIME"},
	{regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d `), "TIME "},
	{regexp.MustCompile(`(?m)\b\d+(s|m|h\d\dm)( |,|$) *`), "AGE$2 "},
	{regexp.MustCompile(`(?m) +$`), ""},
	{regexp.MustCompile(`version [\d.]+ answers in \S+`), "version V answers in D"},
	{regexp.MustCompile(`=\d{13}\b`), "=MS"},
	{regexp.MustCompile(`127\.0\.0\.1:\d+`), "ADDR"},
	{regexp.MustCompile(`[\w.-]+@[\w.-]+`), "WHO"},
}

// mask STREAM FILE: writes stdout or stderr with ids, times and ages hidden.
func mask(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: mask stdout|stderr FILE")
	}
	text := ts.ReadFile(args[0])
	for _, m := range masks {
		text = m.what.ReplaceAllString(text, m.with)
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(text), 0o600))
}

// appList N FILE: writes a list of the simulator's first N apps.
func appList(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: applist N FILE")
	}
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	var b strings.Builder
	b.WriteString("appid,label,tier\n")
	for i := range n {
		fmt.Fprintf(&b, "%s,店铺 %d,%s\n", wxsim.AppID(i), i, []string{"gold", "tin"}[i%2])
	}
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), []byte(b.String()), 0o600))
}

// answer APPID OUTCOME: what comes of the app's next assignment at the stage that the
// outcome is about.
func (s *stage) answer(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: answer APPID OUTCOME")
	}
	outcomes := map[string]struct {
		stage rollout.Stage
		reply operatortest.Reply
	}{
		"rejected": {rollout.StageVerdict, operatortest.Rejected("1: no login page")},
		"failed":   {rollout.StageCommit, operatortest.Failed(rollout.StageCommit, "fatal-app", 85013, "custom version wrong")},
		"merchant": {rollout.StagePreflight, operatortest.Parked(rollout.StagePreflight, rollout.ReasonMerchant, 61007, "permission set 18 is not granted")},
		"window":   {rollout.StageRelease, operatortest.Parked(rollout.StageRelease, rollout.ReasonWindow, 0, "opens at night")},
		"approval": {rollout.StageRelease, operatortest.Parked(rollout.StageRelease, rollout.ReasonApproval, 0, "waits for enqueue approve")},
	}
	o, ok := outcomes[args[1]]
	if !ok {
		ts.Fatalf("answer: no outcome %q", args[1])
	}
	s.worker.Answer(args[0], o.stage, o.reply)
}

// work: everything that can move without help moves.
func (s *stage) work(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(s.worker.Work(s.ctx))
}

// hire: workers are alive from here on.
func (s *stage) hire(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Check(s.ledger.Heartbeat(s.ctx, "w1", map[rollout.QueueName]int{rollout.QueueCommit: 4, rollout.QueueAudit: 4, rollout.QueueRelease: 4}, time.Hour))
}

// lever quota REST LIMIT, code PATH ERRCODE, lost PATH (its next reply), draft VERSION,
// templates N (with versions 4.0.N), console APPID DOMAINS..., or
// leave|join|withhold APPID (the authorization, or permission set 18): pulls a lever of the simulator.
func (s *stage) lever(ts *testscript.TestScript, _ bool, args []string) {
	number := func(i int) int {
		n, err := strconv.Atoi(args[i])
		ts.Check(err)
		return n
	}
	switch args[0] {
	case "quota":
		s.sim.SetQuota(number(1), number(2))
	case "code":
		ts.Check(s.sim.AddFault(wxsim.Fault{Endpoint: args[1], Kind: wxsim.FaultCode, Code: number(2), Count: -1}))
	case "lost":
		ts.Check(s.sim.AddFault(wxsim.Fault{Endpoint: args[1], Kind: wxsim.FaultDropAfter, Count: 1}))
	case "draft":
		s.sim.PutDraft(wxsim.Template{Version: args[1], Desc: "uploaded"})
	case "templates":
		for n := range number(1) {
			s.sim.PutTemplate(wxsim.Template{ID: -1, Version: fmt.Sprintf("4.0.%d", n)})
		}
	case "leave", "join":
		on := args[0] == "join"
		ts.Check(s.sim.ChangeApp(args[1], wxsim.AppChange{Authorized: &on}))
	case "console":
		ts.Check(s.sim.ChangeApp(args[1], wxsim.AppChange{Console: args[2:]}))
	case "withhold":
		off := false
		ts.Check(s.sim.ChangeApp(args[1], wxsim.AppChange{Set18: &off}))
	default:
		ts.Fatalf("sim: no lever %q", args[0])
	}
}

// close STAGE ERRCODE: closes a stage's pool, as a refusal of WeChat's does.
func (s *stage) closePool(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: close STAGE ERRCODE")
	}
	ts.Check(ratelimit.NewQuota(s.rdb, args[0], ratelimit.QuotaOptions{}).Close(s.ctx, args[1], time.Hour))
}

// damage [APPID]: breaks the ledger in four ways that a repair fixes, or the app's
// record, which none can.
func (s *stage) damage(ts *testscript.TestScript, _ bool, args []string) {
	const root = "wxr:{ledger}:"
	id, err := s.ledger.ByName(s.ctx, "spring")
	ts.Check(err)
	if len(args) == 1 {
		ts.Check(s.rdb.HSet(s.ctx, root+"t:"+id, args[0], "broken").Err())
		return
	}
	parked := id + " " + ts.Getenv("APP1")
	ts.Check(s.rdb.ZRem(s.ctx, root+"wake", parked).Err())
	ts.Check(s.rdb.HSet(s.ctx, root+"owners", ts.Getenv("APP2"), id).Err())
	ts.Check(s.rdb.ZRem(s.ctx, root+"active", id).Err())
	ts.Check(s.rdb.HSet(s.ctx, root+"names", "summer", "summer-gone").Err())
}
