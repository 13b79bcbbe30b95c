package app

import (
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net/url"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisOptions reads the Redis settings. Errors name the setting and never the
// password in the URL.
func (c *Config) redisOptions() (*redis.UniversalOptions, error) {
	bad := func(why string) (*redis.UniversalOptions, error) {
		return nil, fmt.Errorf("WXROLLOUT_REDIS_URL: %s: want redis://host:port/db, rediss://, redis+sentinel://h1,h2/master/db or redis+cluster://h1,h2", why)
	}
	scheme, rest, ok := strings.Cut(c.RedisURL, "://")
	if !ok {
		return bad("no scheme")
	}
	userinfo, place, ok := strings.Cut(rest, "@")
	if !ok {
		userinfo, place = "", rest
	}
	hosts, path, _ := strings.Cut(place, "/")
	if hosts == "" {
		return bad("no host")
	}
	o := &redis.UniversalOptions{
		Username: c.RedisUser, Password: c.RedisPassword.Reveal(),
		ReadTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second, DialTimeout: 3 * time.Second,
		ContextTimeoutEnabled: true,
	}
	if user, pass, found := strings.Cut(userinfo, ":"); userinfo != "" {
		if found && o.Password == "" {
			p, err := url.PathUnescape(pass)
			if err != nil {
				return bad("the password is not URL-encoded")
			}
			o.Password = p
		}
		if o.Username == "" {
			o.Username = user
		}
	}
	kind, secure := strings.TrimPrefix(strings.TrimPrefix(scheme, "rediss"), "redis"), strings.HasPrefix(scheme, "rediss")
	var defaultPort string
	switch kind {
	case "":
		defaultPort = "6379"
	case "+cluster":
		defaultPort, o.IsClusterMode = "6379", true
	case "+sentinel":
		defaultPort = "26379"
		if o.MasterName, path, _ = strings.Cut(path, "/"); o.MasterName == "" {
			return bad("no master name")
		}
	default:
		return bad(fmt.Sprintf("unknown scheme %q", scheme))
	}
	for _, h := range strings.Split(hosts, ",") {
		if !strings.Contains(h, ":") {
			h += ":" + defaultPort
		}
		o.Addrs = append(o.Addrs, h)
	}
	if kind == "" && len(o.Addrs) > 1 {
		return bad("several hosts need redis+sentinel:// or redis+cluster://")
	}
	if path != "" {
		db, err := strconv.Atoi(path)
		if err != nil || db < 0 || (o.IsClusterMode && db != 0) {
			return bad(fmt.Sprintf("bad database %q", path))
		}
		o.DB = db
	}
	if secure {
		t, err := c.redisTLS()
		if err != nil {
			return nil, err
		}
		o.TLSConfig = t
	}
	return o, nil
}

func (c *Config) redisTLS() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.RedisCA != "" {
		pem, err := os.ReadFile(c.RedisCA)
		if err != nil {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CA: %w", err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CA=%q: no PEM certificate in it", c.RedisCA)
		}
	}
	if c.RedisCert != "" || c.RedisKey != "" {
		pair, err := tls.LoadX509KeyPair(c.RedisCert, c.RedisKey)
		if err != nil {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CERT and WXROLLOUT_REDIS_KEY: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// openRedis makes one client. Each use has its own: Asynq's servers want a hook
// that repeats acknowledgements, the queue one that batches.
func (c *Config) openRedis() (redis.UniversalClient, error) {
	o, err := c.redisOptions()
	if err != nil {
		return nil, err
	}
	o.PoolSize = max(10, (c.Commit+c.Audit+c.Release)/2)
	return redis.NewUniversalClient(o), nil
}
