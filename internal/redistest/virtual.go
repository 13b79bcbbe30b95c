package redistest

import (
	"context"
	"crypto/sha1"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"
)

// Virtual is a client of the real server for which time stands still until
// advance moves it. Redis has no settable clock, so the client does it:
//
//   - it answers TIME itself;
//   - it sends each script with a prelude that answers redis.call("TIME")
//     with virtual time, handed over as one more ARGV that the prelude takes
//     off again, so the script sees its own arguments;
//   - advance shortens what every key has left to live by d, which deletes
//     those whose time has come.
//
// Everything else is the server's own. The client and what it returns end
// with t.
func (s *Server) Virtual(t testing.TB) (rdb redis.UniversalClient, advance func(d time.Duration)) {
	t.Helper()
	c := s.Client(t)
	return c, virtualize(t, c, s.Client(t))
}

// VirtualCluster is [Cluster] with a client like that of [Server.Virtual].
func VirtualCluster(t testing.TB) (rdb redis.UniversalClient, advance func(d time.Duration)) {
	t.Helper()
	c := Cluster(t)
	var nodes []*redis.Client
	for _, addr := range c.Options().Addrs {
		node := redis.NewClient(&redis.Options{Addr: addr})
		t.Cleanup(func() { closeClient(t, node) })
		nodes = append(nodes, node)
	}
	return c, virtualize(t, c, nodes...)
}

// virtualize gives c virtual time, and returns what moves it; nodes are where its
// keys are.
func virtualize(t testing.TB, c redis.UniversalClient, nodes ...*redis.Client) (advance func(d time.Duration)) {
	v := &virtual{
		now:     time.Now().UTC().Truncate(time.Second),
		scripts: map[string]string{},
	}
	c.AddHook(v)
	return func(d time.Duration) {
		t.Helper()
		v.mu.Lock()
		v.now = v.now.Add(d)
		v.mu.Unlock()
		for _, node := range nodes {
			if err := age.Run(context.Background(), node, nil, d.Milliseconds()).Err(); err != nil {
				t.Errorf("age the keys by %v: %v", d, err)
			}
		}
	}
}

// age shortens every key's time to live by ARGV[1] milliseconds. PEXPIRE
// with nothing or less than nothing left deletes the key.
var age = redis.NewScript(`
for _, k in ipairs(redis.call("KEYS", "*")) do
  local left = redis.call("PTTL", k)
  if left >= 0 then redis.call("PEXPIRE", k, left - tonumber(ARGV[1])) end
end
return 1`)

// prelude shadows the script's redis table. It stays on the script's first
// line, so that line numbers in error messages hold.
const prelude = `local redis = (function(r)
 local us = tonumber(table.remove(ARGV))
 local t = {string.format("%.0f", math.floor(us / 1000000)), string.format("%.0f", us % 1000000)}
 local function timed(f) return function(c, ...)
  if string.upper(c) == "TIME" then return {t[1], t[2]} end
  return f(c, ...)
 end end
 return setmetatable({call = timed(r.call), pcall = timed(r.pcall)}, {__index = r})
end)(redis); `

// virtual is the hook behind [Server.Virtual].
type virtual struct {
	mu      sync.Mutex
	now     time.Time
	scripts map[string]string // SHA-1 of a script as written -> its source
}

var _ redis.Hook = (*virtual)(nil)

// DialHook changes nothing.
func (v *virtual) DialHook(next redis.DialHook) redis.DialHook { return next }

// ProcessHook answers TIME and rewrites scripts.
func (v *virtual) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		if c, ok := cmd.(*redis.TimeCmd); ok {
			c.SetVal(v.time())
			return nil
		}
		sent, src := v.rewrite(ctx, cmd)
		if args := cmd.Args(); len(args) > 2 && strings.EqualFold(cmd.Name(), "script") && strings.EqualFold(fmt.Sprint(args[1]), "load") {
			// A pipeline can't send the source again: it must find the rewritten one, too.
			if err := next(ctx, redis.NewStringCmd(ctx, "script", "load", timed(fmt.Sprint(args[2])))); err != nil {
				return err
			}
		}
		err := next(ctx, sent)
		if src != "" && redis.HasErrorPrefix(err, "NOSCRIPT") {
			// The caller loaded the script as written; the server has yet
			// to see it with the prelude.
			sent = v.eval(ctx, cmd, src)
			err = next(ctx, sent)
		}
		copyResult(cmd, sent)
		return err
	}
}

// ProcessPipelineHook does the same for each command of a pipeline.
func (v *virtual) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		sent := make([]redis.Cmder, len(cmds))
		for i, cmd := range cmds {
			sent[i], _ = v.rewrite(ctx, cmd)
		}
		err := next(ctx, sent)
		for i, cmd := range cmds {
			if c, ok := cmd.(*redis.TimeCmd); ok && c.Err() == nil {
				c.SetVal(v.time())
				continue
			}
			copyResult(cmd, sent[i])
		}
		return err
	}
}

func (v *virtual) time() time.Time {
	v.mu.Lock()
	defer v.mu.Unlock()
	return v.now
}

// rewrite is the command to send in place of cmd, which is cmd itself unless
// it runs a script. src is set if an EVALSHA was rewritten from this source.
func (v *virtual) rewrite(ctx context.Context, cmd redis.Cmder) (sent redis.Cmder, src string) {
	args := cmd.Args()
	if len(args) < 3 {
		return cmd, ""
	}
	body := fmt.Sprint(args[1])
	switch strings.ToLower(cmd.Name()) {
	case "script":
		if strings.EqualFold(body, "load") {
			v.learn(fmt.Sprint(args[2]))
		}
		return cmd, ""
	case "eval", "eval_ro":
		v.learn(body)
		return v.eval(ctx, cmd, body), ""
	case "evalsha", "evalsha_ro":
		v.mu.Lock()
		src := v.scripts[body]
		v.mu.Unlock()
		// A script never seen here may be on the server as written, where
		// it would run on real time: ask for one that does not exist, and
		// the caller gets NOSCRIPT and sends the source.
		sha := strings.Repeat("0", 40)
		if src != "" {
			sha = hash(timed(src))
		}
		return v.with(ctx, cmd, args[0], sha), src
	}
	return cmd, ""
}

// learn remembers a script's source by its hash.
func (v *virtual) learn(src string) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.scripts[hash(src)] = src
}

// eval is cmd as an EVAL (or EVAL_RO) of src with the prelude.
func (v *virtual) eval(ctx context.Context, cmd redis.Cmder, src string) redis.Cmder {
	name := strings.Replace(strings.ToLower(cmd.Name()), "evalsha", "eval", 1)
	return v.with(ctx, cmd, name, timed(src))
}

// with is cmd with another name and body and the time as its last argument.
func (v *virtual) with(ctx context.Context, cmd redis.Cmder, name, body any) redis.Cmder {
	old := cmd.Args()
	args := make([]any, 0, len(old)+1)
	args = append(args, name, body)
	args = append(args, old[2:]...)
	return redis.NewCmd(ctx, append(args, v.time().UnixMicro())...)
}

// timed is src with the prelude, after the shebang line if there is one.
func timed(src string) string {
	line := strings.ReplaceAll(prelude, "\n", "")
	if strings.HasPrefix(src, "#!") {
		if bang, rest, ok := strings.Cut(src, "\n"); ok {
			return bang + "\n" + line + rest
		}
	}
	return line + src
}

func hash(src string) string {
	sum := sha1.Sum([]byte(src))
	return hex.EncodeToString(sum[:])
}

// copyResult gives the caller's command what the one sent in its place got.
func copyResult(cmd, sent redis.Cmder) {
	from, ok := sent.(*redis.Cmd)
	if !ok || cmd == sent {
		return
	}
	if to, ok := cmd.(*redis.Cmd); ok {
		to.SetVal(from.Val())
	}
	cmd.SetErr(from.Err())
}
