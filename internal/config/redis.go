package config

import (
	"cmp"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

// redisForms are the URLs that the setting takes.
const redisForms = "want redis://host:port/db, rediss://, redis+sentinel://h1,h2/master/db or redis+cluster://h1,h2"

// redisURL is a Redis URL in its parts.
type redisURL struct {
	kind           string // plain, sentinel or cluster
	secure         bool
	user, password string
	hosts          []string // with ports
	master         string
	db             int
}

// The kinds of Redis URLs.
const (
	redisPlain    = "plain"
	redisSentinel = "sentinel"
	redisCluster  = "cluster"
)

// parseRedisURL parses the setting. Its errors omit what is between scheme and host: the password.
func parseRedisURL(text string) (redisURL, error) {
	scheme, rest, ok := strings.Cut(text, "://")
	if !ok {
		return redisURL{}, errors.New("no scheme")
	}
	var u redisURL
	base, secure := strings.CutPrefix(scheme, "rediss")
	if u.secure = secure; !secure {
		base, ok = strings.CutPrefix(scheme, "redis")
	}
	kind, known := map[string]string{"": redisPlain, "+sentinel": redisSentinel, "+cluster": redisCluster}[base]
	if u.kind = kind; !ok || !known {
		return u, fmt.Errorf("unknown scheme %q", scheme)
	}
	place := rest
	if at := strings.LastIndex(rest, "@"); at >= 0 { // a password may hold an @
		var err error
		if u.user, u.password, err = parseUserinfo(rest[:at]); err != nil {
			return u, err
		}
		place = rest[at+1:]
	}
	hosts, path, _ := strings.Cut(place, "/")
	if err := u.parseHosts(hosts); err != nil {
		return u, err
	}
	if u.kind == redisSentinel {
		if u.master, path, _ = strings.Cut(path, "/"); u.master == "" {
			return u, errors.New("no master name")
		}
	}
	if path != "" {
		var err error
		if u.db, err = strconv.Atoi(path); err != nil || u.db < 0 || (u.kind == redisCluster && u.db != 0) {
			return u, fmt.Errorf("bad database %q", path)
		}
	}
	return u, nil
}

func parseUserinfo(text string) (user, password string, err error) {
	user, password, _ = strings.Cut(text, ":")
	if user, err = url.PathUnescape(user); err != nil {
		return "", "", errors.New("the user is not URL-encoded")
	}
	if password, err = url.PathUnescape(password); err != nil {
		return "", "", errors.New("the password is not URL-encoded")
	}
	return user, password, nil
}

func (u *redisURL) parseHosts(text string) error {
	if text == "" {
		return errors.New("no host")
	}
	port := "6379"
	if u.kind == redisSentinel {
		port = "26379"
	}
	for h := range strings.SplitSeq(text, ",") {
		if h == "" {
			return errors.New("an empty host")
		}
		if !strings.Contains(h[strings.LastIndex(h, "]")+1:], ":") { // [::1] holds colons
			h += ":" + port
		}
		if _, port, err := net.SplitHostPort(h); err != nil || !isPort(port) {
			return fmt.Errorf("bad host or port %.200q", h)
		}
		u.hosts = append(u.hosts, h)
	}
	if u.kind == redisPlain && len(u.hosts) > 1 {
		return errors.New("several hosts need redis+sentinel:// or redis+cluster://")
	}
	return nil
}

// isPort reports whether a text is the number of a port.
func isPort(text string) bool {
	n, err := strconv.Atoi(text)
	return err == nil && n > 0 && n < 1<<16
}

// redisOptions returns the options of the Redis settings. Errors name the setting and never show the
// password in the URL.
func (c *Config) redisOptions() (*redis.UniversalOptions, error) {
	u, err := parseRedisURL(c.RedisURL)
	if err != nil {
		return nil, fmt.Errorf("WXROLLOUT_REDIS_URL: %w: %s", err, redisForms)
	}
	o := &redis.UniversalOptions{
		Addrs: u.hosts, DB: u.db, MasterName: u.master, IsClusterMode: u.kind == redisCluster,
		Username: cmp.Or(c.RedisUser, u.user), Password: cmp.Or(c.RedisPassword.Reveal(), u.password),
		SentinelUsername: c.RedisSentinelUser, SentinelPassword: c.RedisSentinelPassword.Reveal(),
		ReadTimeout: 3 * time.Second, WriteTimeout: 3 * time.Second, DialTimeout: 3 * time.Second,
		ContextTimeoutEnabled: true,
	}
	if u.kind != redisSentinel && (c.RedisSentinelUser != "" || !c.RedisSentinelPassword.Empty()) {
		return nil, errors.New("WXROLLOUT_REDIS_SENTINEL_USER and _PASSWORD: need redis+sentinel:// in WXROLLOUT_REDIS_URL")
	}
	if c.RedisSentinelUser != "" && c.RedisSentinelPassword.Empty() {
		return nil, errors.New("WXROLLOUT_REDIS_SENTINEL_USER: needs WXROLLOUT_REDIS_SENTINEL_PASSWORD")
	}
	if u.secure {
		o.TLSConfig, err = c.redisTLS()
		return o, err
	}
	for name, file := range map[string]string{"CA": c.RedisCA, "CERT": c.RedisCert, "KEY": c.RedisKey} {
		if file != "" {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_%s: needs rediss:// in WXROLLOUT_REDIS_URL", name)
		}
	}
	return o, nil
}

// hideRedisPassword removes the password from the URL, so that printed settings don't show it.
func (c *Config) hideRedisPassword() {
	u, err := parseRedisURL(c.RedisURL)
	if err != nil {
		c.RedisURL = "" // it is reported; any part of it may be the password
		return
	}
	c.RedisUser = cmp.Or(c.RedisUser, u.user)
	c.RedisPassword = NewSecret(cmp.Or(c.RedisPassword.Reveal(), u.password))
	if at := strings.LastIndex(c.RedisURL, "@"); at >= 0 {
		scheme, _, _ := strings.Cut(c.RedisURL, "://")
		c.RedisURL = scheme + "://" + c.RedisURL[at+1:]
	}
}

func (c *Config) redisTLS() (*tls.Config, error) {
	t := &tls.Config{MinVersion: tls.VersionTLS12}
	if c.RedisCA != "" {
		pem, _, err := readFile(OpenFile, c.RedisCA, maxFile)
		if err != nil {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CA=%.200q: %w", c.RedisCA, err)
		}
		t.RootCAs = x509.NewCertPool()
		if !t.RootCAs.AppendCertsFromPEM(pem) {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CA=%q: no PEM certificate in it", c.RedisCA)
		}
	}
	if (c.RedisCert == "") != (c.RedisKey == "") {
		return nil, errors.New("WXROLLOUT_REDIS_CERT and WXROLLOUT_REDIS_KEY: give both or neither")
	}
	if c.RedisCert != "" {
		cert, _, err := readFile(OpenFile, c.RedisCert, maxFile)
		if err != nil {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CERT=%.200q: %w", c.RedisCert, err)
		}
		key, _, err := readFile(OpenFile, c.RedisKey, maxFile)
		if err != nil {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_KEY=%.200q: %w", c.RedisKey, err)
		}
		pair, err := tls.X509KeyPair(cert, key)
		if err != nil {
			return nil, fmt.Errorf("WXROLLOUT_REDIS_CERT and WXROLLOUT_REDIS_KEY: %w", err)
		}
		t.Certificates = []tls.Certificate{pair}
	}
	return t, nil
}

// OpenRedis returns one client. Each use needs a separate one: Asynq's servers add a hook that repeats
// acknowledgements, the queue one that batches.
func (c *Config) OpenRedis() (redis.UniversalClient, error) {
	o, err := c.redisOptions()
	if err != nil {
		return nil, err
	}
	o.PoolSize = max(10, (c.Commit+c.Audit+c.Release)/2)
	return redis.NewUniversalClient(o), nil
}
