package config

import (
	"crypto/tls"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// reached is the part of Redis's options that the settings decide.
type reached struct {
	Addrs          []string
	User, Password string
	DB             int
	Cluster, TLS   bool
	Master         string
}

func TestRedisOptions(t *testing.T) {
	t.Parallel()
	const named = "p@ss/w:rd"
	tests := map[string]struct {
		url        string
		user, pass string // WXROLLOUT_REDIS_USER, _PASSWORD
		want       reached
	}{
		"plain":              {"redis://h:7000/3", "", "", reached{Addrs: []string{"h:7000"}, DB: 3}},
		"default port":       {"redis://h", "", "", reached{Addrs: []string{"h:6379"}}},
		"IPv6":               {"redis://[::1]/1", "", "", reached{Addrs: []string{"[::1]:6379"}, DB: 1}},
		"IPv6 with a port":   {"redis://[::1]:7000", "", "", reached{Addrs: []string{"[::1]:7000"}}},
		"TLS":                {"rediss://h", "", "", reached{Addrs: []string{"h:6379"}, TLS: true}},
		"password":           {"redis://:secret@h", "", "", reached{Addrs: []string{"h:6379"}, Password: "secret"}},
		"ACL user":           {"redis://app:p%40ss%2Fw%3Ard@h/2", "", "", reached{Addrs: []string{"h:6379"}, User: "app", Password: named, DB: 2}},
		"not quite encoded":  {"redis://app:p@ss@h", "", "", reached{Addrs: []string{"h:6379"}, User: "app", Password: "p@ss"}},
		"user is encoded":    {"redis://a%40b:x@h", "", "", reached{Addrs: []string{"h:6379"}, User: "a@b", Password: "x"}},
		"user setting":       {"redis://h", "app", named, reached{Addrs: []string{"h:6379"}, User: "app", Password: named}},
		"setting before URL": {"redis://other:old@h", "app", named, reached{Addrs: []string{"h:6379"}, User: "app", Password: named}},
		"user in the URL":    {"redis://app@h", "", named, reached{Addrs: []string{"h:6379"}, User: "app", Password: named}},
		"sentinel": {"redis+sentinel://a,b:27000/mymaster/4", "", "", reached{
			Addrs: []string{"a:26379", "b:27000"}, Master: "mymaster", DB: 4,
		}},
		"sentinel with TLS": {"rediss+sentinel://:x@a/m", "", "", reached{Addrs: []string{"a:26379"}, Master: "m", Password: "x", TLS: true}},
		"cluster":           {"redis+cluster://a:1,b:2,c", "", "", reached{Addrs: []string{"a:1", "b:2", "c:6379"}, Cluster: true}},
		"cluster, slash":    {"redis+cluster://a/", "", "", reached{Addrs: []string{"a:6379"}, Cluster: true}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{RedisURL: tt.url, RedisUser: tt.user, RedisPassword: NewSecret(tt.pass)}
			o, err := c.redisOptions()
			if err != nil {
				t.Fatal(err)
			}
			got := reached{o.Addrs, o.Username, o.Password, o.DB, o.IsClusterMode, o.TLSConfig != nil, o.MasterName}
			if o.TLSConfig != nil && (o.TLSConfig.MinVersion < tls.VersionTLS12 || o.TLSConfig.InsecureSkipVerify) {
				t.Errorf("TLS from version %x, unverified %t", o.TLSConfig.MinVersion, o.TLSConfig.InsecureSkipVerify)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("options of %s (-want +got):\n%s", tt.url, diff)
			}
		})
	}
}

func TestSentinelsOwnPassword(t *testing.T) {
	t.Parallel()
	const url = "redis+sentinel://app:pass@a/main"
	tests := map[string]struct {
		url, user, pass string
		want            string // an error; "" for none
	}{
		"neither":           {url, "", "", ""},
		"password":          {url, "", "hunter2", ""},
		"user and password": {url, "watcher", "hunter2", ""},
		"user alone":        {url, "watcher", "", "WXROLLOUT_REDIS_SENTINEL_USER: needs WXROLLOUT_REDIS_SENTINEL_PASSWORD"},
		"no sentinels":      {"redis://h", "", "hunter2", "need redis+sentinel://"},
		"a cluster":         {"redis+cluster://h", "watcher", "hunter2", "need redis+sentinel://"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{RedisURL: tt.url, RedisSentinelUser: tt.user, RedisSentinelPassword: NewSecret(tt.pass)}
			o, err := c.redisOptions()
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "hunter2") {
					t.Errorf("options: %v, want %q", err, tt.want)
				}
				return
			}
			if err != nil {
				t.Fatal(err)
			}
			want := []string{"app", "pass", tt.user, tt.pass} // the server's own are others
			if diff := cmp.Diff(want, []string{o.Username, o.Password, o.SentinelUsername, o.SentinelPassword}); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

func TestBadRedisURLs(t *testing.T) {
	t.Parallel()
	tests := map[string]struct{ url, want string }{
		"empty":                    {"", "no scheme"},
		"no scheme":                {"app:hunter2@h:6379", "no scheme"},
		"empty scheme":             {"://app:hunter2@h", "unknown scheme"},
		"another scheme":           {"http://app:hunter2@h", `unknown scheme "http"`},
		"a doubled scheme":         {"redissredis://h", "unknown scheme"},
		"half a scheme":            {"+cluster://h", "unknown scheme"},
		"no host":                  {"redis:///0", "no host"},
		"only a user":              {"redis://app:hunter2@", "no host"},
		"an empty host in a list":  {"redis+cluster://a,,b", "an empty host"},
		"a trailing comma":         {"redis+cluster://a,", "an empty host"},
		"several hosts":            {"redis://a,b", "several hosts need"},
		"a database of letters":    {"redis://app:hunter2@h/zero", `bad database "zero"`},
		"a negative database":      {"redis://h/-1", "bad database"},
		"a query":                  {"redis://h/0?pool=3", "bad database"},
		"a database in a cluster":  {"redis+cluster://h/1", "bad database"},
		"sentinel without master":  {"redis+sentinel://app:hunter2@h", "no master name"},
		"a password not encoded":   {"redis://app:hunter2%zz@h", "not URL-encoded"},
		"a user not encoded":       {"redis://app%zz:hunter2@h", "not URL-encoded"},
		"a CA without TLS":         {"redis://app:hunter2@h", "WXROLLOUT_REDIS_CA: needs rediss://"},
		"a certificate without it": {"redis://app:hunter2@h", "WXROLLOUT_REDIS_CERT: needs rediss://"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := Config{RedisURL: tt.url}
			switch name {
			case "a CA without TLS":
				c.RedisCA = "ca.pem"
			case "a certificate without it":
				c.RedisCert = "cert.pem"
			}
			_, err := c.redisOptions()
			if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.HasPrefix(err.Error(), "WXROLLOUT_REDIS_") {
				t.Fatalf("options of %q: %v, want %q", tt.url, err, tt.want)
			}
			if strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}
