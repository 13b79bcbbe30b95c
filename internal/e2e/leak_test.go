package e2e

import (
	"context"
	"fmt"
	"io"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"github.com/wxrollout/wxrollout/internal/proctest"
	"github.com/wxrollout/wxrollout/internal/redistest"
	"github.com/wxrollout/wxrollout/wxsim"
)

// leakApps is how many apps the run has that is searched for secrets.
const leakApps = 20

// gallery keeps everything that came out of the system.
type gallery struct {
	mu    sync.Mutex
	texts []text
}

func (g *gallery) add(where, body string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.texts = append(g.texts, text{where, body})
}

// leakRun is a platform whose every secret is known.
type leakRun struct {
	t      *testing.T
	sim    *wxsim.Sim
	wechat *wechat
	proxy  *proxy
	redis  *redistest.Server
	rdb    *redis.Client
	env    []string
	dir    string
	given  map[string]string // the settings' secrets
	out    gallery

	mu   sync.Mutex
	door string // where pushes go: a worker's address
}

// RoundTrip implements http.RoundTripper for the simulator's pushes: they go to
// the worker that is up now, and what it answers is kept.
func (r *leakRun) RoundTrip(req *http.Request) (*http.Response, error) {
	r.mu.Lock()
	req.URL.Host = r.door
	r.mu.Unlock()
	resp, err := http.DefaultTransport.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close() // it was read, or err says why not
	resp.Body = io.NopCloser(strings.NewReader(string(body)))
	r.out.add("answer to a callback", fmt.Sprint(resp.Header, string(body)))
	return resp, err
}

func newLeakRun(t *testing.T) *leakRun {
	t.Helper()
	r := &leakRun{t: t, given: canaries(), dir: t.TempDir(), door: "127.0.0.1:1"}
	r.redis = redistest.Start(t, redistest.AOF(), redistest.Config("auto-aof-rewrite-percentage 0",
		"user wxrollout on >"+r.given["WXROLLOUT_REDIS_PASSWORD"]+" ~* &* +@all"))
	r.rdb = r.redis.Client(t)
	sentinel := redistest.Sentinel(t, r.redis, "requirepass "+r.given["WXROLLOUT_REDIS_SENTINEL_PASSWORD"], "sentinel down-after-milliseconds main 60000")
	r.sim = wxsim.New(wxsim.Options{
		Seed: 5, Apps: leakApps, BusyRate: 0.05, LostRate: 0.05, RejectRate: 0.1, RotateRefreshTokens: true,
		PrivacyDelay: wxsim.Range{Min: 200 * time.Millisecond, Max: 500 * time.Millisecond},
		AuditDelay:   wxsim.Range{Min: 500 * time.Millisecond, Max: 3 * time.Second},
		Secret:       r.given["WXROLLOUT_COMPONENT_SECRET"], Ticket: r.given["WXROLLOUT_COMPONENT_TICKET"],
		Callbacks: wxsim.CallbackOptions{
			AuthURL: "http://door/wechat/auth", AppURL: "http://door/wechat/app/$APPID$", Client: &http.Client{Transport: r},
			Token: r.given["WXROLLOUT_CALLBACK_TOKEN"], AESKey: r.given["WXROLLOUT_CALLBACK_AES_KEY"], RetryAfter: time.Second,
		},
	})
	t.Cleanup(r.sim.Close)
	r.wechat = startWeChat(t, r.sim, nil)
	r.proxy = startProxy(t, r.wechat.server.Listener.Addr().String())
	r.env = append(through(r.proxy, r.wechat.authority(t)),
		"WXROLLOUT_REDIS_URL=redis+sentinel://"+sentinel+"/main/0", "WXROLLOUT_REDIS_USER=wxrollout",
		"WXROLLOUT_COMPONENT_APPID="+wxsim.DefaultComponentAppID, "WXROLLOUT_LISTEN=127.0.0.1:0", "WXROLLOUT_LOG_LEVEL=debug",
		"WXROLLOUT_SETTLE=3s", "WXROLLOUT_PRIVACY_POLL=1s", "WXROLLOUT_VERDICT_POLL=1s", "WXROLLOUT_QUOTA_POLL=2s",
		"WXROLLOUT_BUSY_BASE=500ms", "WXROLLOUT_BUSY_CAP=2s", "WXROLLOUT_BUSY_PARK=2s", "WXROLLOUT_MERCHANT_POLL=2s", "WXROLLOUT_IN_AUDIT_POLL=2s", "WXROLLOUT_CALL_TIMEOUT=2s", "WXROLLOUT_LEASE=6s", "WXROLLOUT_OUTAGE_PROBE=2s")
	for name, secret := range r.given {
		if name != "WXROLLOUT_TOKEN_BEARER" { // which excludes the platform's own secrets
			r.env = append(r.env, name+"="+secret)
		}
	}
	r.files()
	return r
}

// files are a plan and its list.
func (r *leakRun) files() {
	var list strings.Builder
	list.WriteString("appid,label\n")
	for i := range leakApps {
		fmt.Fprintf(&list, "%s,shop %d\n", wxsim.AppID(i), i)
	}
	for name, body := range map[string]string{
		"apps.csv":  list.String(),
		"plan.yaml": "name: spring\ntemplate: {id: 1, version: 3.9.0, desc: spring sale}\ntargets: {file: apps.csv}\n",
	} {
		if err := os.WriteFile(filepath.Join(r.dir, name), []byte(body), 0o600); err != nil {
			r.t.Fatal(err)
		}
	}
}

// worker starts one; its whole output is kept when it ends.
func (r *leakRun) worker(name string, changes ...string) (*proctest.Process, string) {
	r.t.Helper()
	w := proctest.Start(r.t, program("worker"), append(slices.Clone(r.env), changes...))
	addr := w.Await(r.t, `"listen":"([^"]+)".*worker started`)[1]
	r.mu.Lock()
	r.door = addr
	r.mu.Unlock()
	return w, addr
}

// ends signals a worker, waits for its end and keeps what it said.
func (r *leakRun) ends(name string, w *proctest.Process, s syscall.Signal) {
	r.t.Helper()
	w.Signal(s)
	select {
	case <-w.Done():
	case <-time.After(2 * time.Minute):
		r.t.Fatalf("%s doesn't end by %v", name, s)
	}
	r.out.add("output of "+name, w.Text())
}

// run calls a program to its end and keeps what it said.
func (r *leakRun) run(env []string, name string, args ...string) proctest.Result {
	r.t.Helper()
	res := proctest.Call(r.t, program(name), env, r.dir, args...)
	r.out.add("stdout of "+name+" "+strings.Join(args, " "), res.Stdout)
	r.out.add("stderr of "+name+" "+strings.Join(args, " "), res.Stderr)
	return res
}

// pages keeps every answer of a worker's HTTP side.
func (r *leakRun) pages(addr string) {
	r.t.Helper()
	for _, path := range []string{
		"/metrics", "/healthz", "/readyz", "/", "/debug/pprof/", "/wechat/", "/wechat/auth?msg_signature=x&timestamp=1&nonce=y", "/wechat/app/wx1",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			req, err := http.NewRequestWithContext(r.t.Context(), method, "http://"+addr+path, strings.NewReader("<xml><Encrypt>e</Encrypt></xml>"))
			if err != nil {
				r.t.Fatal(err)
			}
			resp, err := http.DefaultClient.Do(req)
			if err != nil {
				continue // its Redis is away, and it took too long
			}
			body, _ := io.ReadAll(resp.Body) // what came is what counts
			_ = resp.Body.Close()
			r.out.add(method+" "+path, fmt.Sprint(resp.Status, resp.Header, string(body)))
		}
	}
}

// store keeps every key and value that is in Redis now.
func (r *leakRun) store(when string) {
	r.t.Helper()
	ctx := r.t.Context()
	var all strings.Builder
	keys := r.rdb.Scan(ctx, 0, "*", 1000).Iterator()
	for keys.Next(ctx) {
		fmt.Fprintf(&all, "%s = %s\n", keys.Val(), value(ctx, r.t, r.rdb, keys.Val()))
	}
	if err := keys.Err(); err != nil {
		r.t.Fatalf("read Redis: %v", err)
	}
	r.out.add("Redis "+when, all.String())
}

// value is all that a key holds.
func value(ctx context.Context, t *testing.T, rdb *redis.Client, key string) string {
	t.Helper()
	kind, err := rdb.Type(ctx, key).Result()
	if err != nil {
		t.Fatal(err)
	}
	var v any
	switch kind {
	case "string":
		v, err = rdb.Get(ctx, key).Result()
	case "hash":
		v, err = rdb.HGetAll(ctx, key).Result()
	case "list":
		v, err = rdb.LRange(ctx, key, 0, -1).Result()
	case "set":
		v, err = rdb.SMembers(ctx, key).Result()
	case "zset":
		v, err = rdb.ZRange(ctx, key, 0, -1).Result()
	case "none": // it ended meanwhile
	default:
		t.Fatalf("key %s is a %s, which this test can't read", key, kind)
	}
	if err != nil && err != redis.Nil { //nolint:errorlint // go-redis gives it bare
		t.Fatalf("read %s: %v", key, err)
	}
	return fmt.Sprint(v)
}

// appendOnly keeps all that was ever written to Redis.
func (r *leakRun) appendOnly() {
	r.t.Helper()
	files, err := filepath.Glob(filepath.Join(r.redis.AOFPath(), "*"))
	if err != nil || len(files) == 0 {
		r.t.Fatalf("no append-only file: %v", err)
	}
	for _, name := range files {
		body, err := os.ReadFile(name)
		if err != nil {
			r.t.Fatal(err)
		}
		r.out.add("Redis's file "+filepath.Base(name), string(body))
	}
}

// secrets are those of the settings, and all that WeChat gave and was given.
func (r *leakRun) secrets() map[string]string {
	all := r.wechat.known()
	maps.Copy(all, r.given)
	return all
}

// TestNoSecretLeavesAnywhere has a whole rollout go through storms, and greps
// everything that the programs said, served and stored for every secret.
func TestNoSecretLeavesAnywhere(t *testing.T) {
	t.Parallel()
	r := newLeakRun(t)
	one, first := r.worker("worker 1")
	two, second := r.worker("worker 2")
	if res := r.run(r.env, "enqueue", "apply", "-f", "plan.yaml", "--yes", "--reason", "leaks"); res.Code != 0 {
		t.Fatalf("apply: exit %d", res.Code)
	}
	watcher := proctest.Start(t, program("enqueue"), r.env, "watch", "-o", "json", "spring")
	r.storms(first, second)
	r.reached("releases", func(b wxsim.Books) bool { return b.Releases >= leakApps/2 })
	r.ends("enqueue watch", watcher, syscall.SIGTERM)
	r.operate()
	r.pages(first)
	r.store("at the end")
	r.ends("worker 1", one, syscall.SIGTERM)
	r.ends("worker 2, with all goroutines", two, syscall.SIGQUIT)
	r.badSettings()
	r.appendOnly()
	r.out.add("what the proxy received", r.proxy.all())
	r.meaningful()
	for _, l := range find(r.secrets(), r.out.texts) {
		t.Error(l)
	}
	if hosts := r.proxy.asked(); len(hosts) != 1 || hosts[wechatName+":443"] == 0 {
		t.Errorf("the proxy was asked for %v, want %s alone", hosts, wechatName)
	}
	r.planted()
}

// reached waits for something to be true of the simulator's books.
func (r *leakRun) reached(what string, ok func(wxsim.Books) bool) {
	r.t.Helper()
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for limit := time.After(3 * time.Minute); !ok(r.sim.Books()); {
		select {
		case <-limit:
			r.t.Fatalf("never: %s; the books: %+v", what, r.sim.Books())
		case <-tick.C:
		}
	}
}

// storms are the faults in mid-rollout, each with its errors and its renewals.
func (r *leakRun) storms(workers ...string) {
	fault := func(endpoint string, kind wxsim.FaultKind, code, count int) {
		if err := r.sim.AddFault(wxsim.Fault{Endpoint: endpoint, Kind: kind, Code: code, Count: count}); err != nil {
			r.t.Error(err)
		}
	}
	fault("/wxa/commit", wxsim.FaultCode, 40001, 5)
	fault("/wxa/submit_audit", wxsim.FaultDropAfter, 0, 2)
	r.reached("the first submission", func(b wxsim.Books) bool { return b.Submissions >= 1 })
	r.wechat.note("pushed ticket", r.sim.SendTicket())
	r.wechat.note("auth code", r.sim.Authorize(wxsim.AppID(3)))
	fault("/cgi-bin/component/api_authorizer_token", wxsim.FaultCode, 61023, 2)
	fault("/cgi-bin/component/api_component_token", wxsim.FaultBadGateway, 0, 2) // each one doubles the wait for the next probe
	for _, endpoint := range []string{"/cgi-bin/component/api_authorizer_token", "/wxa/getversioninfo", "/wxa/get_latest_auditstatus"} {
		fault(endpoint, wxsim.FaultGarbage, 0, 2)
		fault(endpoint, wxsim.FaultHang, 0, 1)
	}
	r.sim.ExpireComponentToken()
	r.sim.ExpireToken("")
	r.store("in the thick of it")
	r.reached("submissions", func(b wxsim.Books) bool { return b.Submissions >= leakApps/2 })
	r.redis.Kill()
	for _, addr := range workers {
		r.pages(addr)
	}
	r.run(r.env, "enqueue", "get", "rollouts")
	r.redis.Restart()
	r.wechat.note("pushed ticket", r.sim.SendTicket())
	for i := range leakApps {
		r.sim.RotateRefreshToken(wxsim.AppID(i))
	}
	r.sim.ExpireToken("")
	r.store("after its restart")
}

// operate has every reading command write in every form.
func (r *leakRun) operate() {
	r.t.Helper()
	for _, args := range [][]string{
		{"get", "rollouts"}, {"get", "targets", "spring"}, {"get", "failures", "spring"}, {"get", "schedules"}, {"quota"}, {"templates"}, {"apps"},
		{"check"}, {"plan", "-f", "plan.yaml"},
	} {
		for _, form := range []string{"json", "csv", "table"} {
			r.run(r.env, "enqueue", append(args, "-o", form)...)
		}
	}
	for _, args := range [][]string{
		{"get", "targets", "spring", "-o", "wide"}, {"report", "spring", "-o", "markdown"}, {"report", "spring", "-o", "json"}, {"report", "spring"},
		{"why", wxsim.AppID(3), "--live", "-o", "json"}, {"why", wxsim.AppID(3)}, {"retry", "spring", "--state", "failed", "--yes", "--reason", "leaks"},
		{"version"}, {"--help"},
	} {
		r.run(r.env, "enqueue", args...)
	}
}

// badSettings has programs refuse settings that hold secrets, in each way they can.
func (r *leakRun) badSettings() {
	r.t.Helper()
	redisPass := r.given["WXROLLOUT_REDIS_PASSWORD"]
	set := func(name, value string) []string { return append(slices.Clone(r.env), "WXROLLOUT_"+name+"="+value) }
	bad := map[string][]string{
		"password in a URL without a database": set("REDIS_URL", "redis://wxrollout:"+redisPass+"@127.0.0.1:1/x"),
		"password in a URL of no scheme":       set("REDIS_URL", "wxrollout:"+redisPass+"@127.0.0.1"),
		"password in a URL, no server":         set("REDIS_URL", "redis://wxrollout:"+redisPass+"@127.0.0.1:1/0"),
		"password that is wrong":               set("REDIS_PASSWORD", redisPass+"x"),
		"sentinels' password that is wrong":    set("REDIS_SENTINEL_PASSWORD", r.given["WXROLLOUT_REDIS_SENTINEL_PASSWORD"]+"x"),
		"secret in WeChat's URL":               set("WECHAT_URL", "https://me:"+r.given["WXROLLOUT_COMPONENT_SECRET"]+"@example.com"),
		"seal key that is short":               set("SEAL_KEY", r.given["WXROLLOUT_SEAL_KEY"][:20]),
		"seal key that is long":                set("SEAL_KEY", r.given["WXROLLOUT_SEAL_KEY"]+r.given["WXROLLOUT_SEAL_KEY"]),
		"previous seal key that is none":       set("SEAL_KEY_PREVIOUS", "?"+r.given["WXROLLOUT_SEAL_KEY_PREVIOUS"]),
		"bearer of no token service":           set("TOKEN_BEARER", r.given["WXROLLOUT_TOKEN_BEARER"]),
		"bearer in the token service's URL":    append(set("TOKEN_BEARER", r.given["WXROLLOUT_TOKEN_BEARER"]), "WXROLLOUT_TOKEN_URL=https://me:"+r.given["WXROLLOUT_TOKEN_BEARER"]+"@example.com"),
		"bearer, and secrets of one's own":     append(set("TOKEN_BEARER", r.given["WXROLLOUT_TOKEN_BEARER"]), "WXROLLOUT_TOKEN_URL=https://example.com"),
		"AES key that is long":                 set("CALLBACK_AES_KEY", r.given["WXROLLOUT_CALLBACK_AES_KEY"]+"A"),
		"AES key that is none":                 set("CALLBACK_AES_KEY", "!"+r.given["WXROLLOUT_CALLBACK_AES_KEY"][1:]),
		"previous AES key that is long":        set("CALLBACK_AES_KEY_PREVIOUS", r.given["WXROLLOUT_CALLBACK_AES_KEY_PREVIOUS"]+"A"),
		"all keys taken by another's":          set("SEAL_KEY", "MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="),
	}
	for name, secret := range r.given {
		short := strings.TrimPrefix(name, "WXROLLOUT_")
		bad[short+" misspelt"] = set(short+"S", secret)
		bad[short+" twice"] = set(short+"_FILE", "/nowhere")
	}
	for what, env := range bad {
		worker := proctest.Call(r.t, program("worker"), env, r.dir, "--check")
		operator := proctest.Call(r.t, program("enqueue"), env, r.dir, "check")
		r.out.add("worker with "+what, worker.Stdout+worker.Stderr)
		r.out.add("enqueue with "+what, operator.Stdout+operator.Stderr)
		if worker.Code == 0 && what != "all keys taken by another's" {
			r.t.Errorf("worker --check with %s: exit 0", what)
		}
	}
}

// meaningful fails the test if it looked at too little to prove anything.
func (r *leakRun) meaningful() {
	r.t.Helper()
	b := r.sim.Books()
	if b.Submissions < leakApps/2 || b.Releases == 0 || r.wechat.echoed < leakApps {
		r.t.Errorf("%d submissions, %d releases, %d echoes: too little has happened", b.Submissions, b.Releases, r.wechat.echoed)
	}
	kinds := make(map[string]int)
	for name := range r.wechat.known() {
		kind, _, _ := strings.Cut(name, " ")
		kinds[kind]++
	}
	for kind, n := range map[string]int{
		"component_appsecret": 1, "component_verify_ticket": 2, "component_access_token": 2, "authorizer_access_token": leakApps,
		"authorizer_refresh_token": leakApps, "access_token": leakApps, "authorization_code": 1,
	} {
		if kinds[kind] < n {
			r.t.Errorf("%d secrets of kind %s went over the wire, want %d or more: %v", kinds[kind], kind, n, kinds)
		}
	}
	size := make(map[string]int)
	for _, x := range r.out.texts {
		word, _, _ := strings.Cut(x.where, " ")
		size[word] += len(x.body)
	}
	for kind, n := range map[string]int{"output": 10_000, "GET": 10_000, "POST": 100, "Redis": 10_000, "Redis's": 10_000, "stdout": 10_000, "answer": 100, "what": 100} {
		if size[kind] < n {
			r.t.Errorf("%d bytes of kind %q were looked at, want %d or more: %v", size[kind], kind, n, size)
		}
	}
	r.t.Logf("looked for %d secrets in %v bytes", len(r.secrets()), size)
}

// planted puts a token into Redis as if it had not been sealed, and looks again:
// a search that can't find it has proved nothing.
func (r *leakRun) planted() {
	r.t.Helper()
	var token string
	for name, secret := range r.wechat.known() {
		if strings.HasPrefix(name, "authorizer_refresh_token ") {
			token = secret
		}
	}
	before := len(r.out.texts)
	if err := r.rdb.HSet(r.t.Context(), "wxr:{registry}:planted", "refresh", token).Err(); err != nil {
		r.t.Fatal(err)
	}
	r.store("with an unsealed token")
	r.out.add("a log line", `{"level":"debug","error":"Get \"/x?component_appsecret=`+r.given["WXROLLOUT_COMPONENT_SECRET"][:20]+`"}`)
	if found := find(r.secrets(), r.out.texts[before:]); len(found) < 2 {
		r.t.Errorf("an unsealed token and half a secret in a log line were planted, and only this was found: %v", found)
	}
}
