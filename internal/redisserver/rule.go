package redisserver

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Accepted are the words with which an operator vouches for what a server does not disclose, as given to
// the setting redis-accept.
type Accepted []string

// The words of Accepted.
const (
	// AcceptEviction vouches that maxmemory-policy is noeviction.
	AcceptEviction = "unknown-eviction"
	// AcceptVersion vouches for a server that hides its version.
	AcceptVersion = "unknown-version"
	// AcceptRestarts accepts that a restart of the server cannot be recognized: assignments may then
	// overlap for one lease.
	AcceptRestarts = "unknown-restarts"
	// AcceptProduct accepts a Redis-compatible server that was never tested.
	AcceptProduct = "untested-product"
)

// AcceptWords lists the words of Accepted.
func AcceptWords() []string {
	return []string{AcceptEviction, AcceptVersion, AcceptRestarts, AcceptProduct}
}

// Fault is one reason against a server.
type Fault struct {
	// Server is the host and port, or a URL.
	Server string
	// What is wrong, and Next is what to do.
	What, Next string
}

func (f Fault) String() string {
	server := f.Server
	if !strings.Contains(server, "://") {
		server = strings.TrimSpace("redis " + server)
	}
	return fmt.Sprintf("%s: %s: %s", server, f.What, f.Next)
}

// oldest are the tested products with the oldest version that passes the tests.
var oldest = map[string]string{"redis": "7.0", "valkey": "7.2", "redict": "7.3"}

// numbers parses a version such as 7.0.15 or 8.0-rc1.
func numbers(version string) []int {
	var out []int
	for part := range strings.SplitSeq(version, ".") {
		digits, _, _ := strings.Cut(part, "-")
		n, err := strconv.Atoi(digits)
		if err != nil {
			break
		}
		out = append(out, n)
	}
	return out
}

// Faults lists the reasons against a server; none if it can hold the ledger.
func (f Facts) Faults(accepted Accepted) []Fault {
	var faults []Fault
	add := func(next, format string, args ...any) {
		faults = append(faults, Fault{Server: f.Addr, What: fmt.Sprintf(format, args...), Next: next})
	}
	vouched := func(word string) bool { return slices.Contains(accepted, word) }

	floor, tested := oldest[f.Product]
	switch {
	case f.Version == "" && !vouched(AcceptVersion):
		add("let the Redis user run INFO, or check in your provider's console that it is Redis 7.0 or newer with the policy noeviction, then set "+acceptSetting(AcceptVersion),
			"the version cannot be read")
	case f.Version == "":
	case !tested && !vouched(AcceptProduct):
		add("use "+supported()+"; to try it, set "+acceptSetting(AcceptProduct),
			"it is %s %s, on which wxrollout is not tested", f.Product, f.Version)
	case tested && slices.Compare(numbers(f.Version), numbers(floor)) < 0:
		add("upgrade it to "+floor+" or newer", "%s %s is too old: commands of the ledger's scripts are missing", f.Product, f.Version)
	}
	if f.Role != "" && f.Role != "master" {
		add("connect to the primary, or through Sentinel", "it is a replica (role %s)", f.Role)
	}
	switch {
	case f.Eviction == "" && !vouched(AcceptEviction):
		add("check in your provider's console that maxmemory-policy is noeviction, then set "+acceptSetting(AcceptEviction),
			"maxmemory-policy cannot be read: INFO omits it, and CONFIG is not available")
	case f.Eviction != "" && f.Eviction != "noeviction":
		add("set noeviction in redis.conf or in your provider's console", "maxmemory-policy is %s, so Redis deletes targets when memory runs short", f.Eviction)
	}
	if f.RunID == "" && !vouched(AcceptRestarts) {
		add("let the Redis user run INFO, or accept it with "+acceptSetting(AcceptRestarts),
			"run_id cannot be read, so a restart that lost writes is not recognized and two workers may call for one app")
	}
	return faults
}

// Unknown lists the facts that an operator vouched for, in words; empty if everything was read.
func (f Facts) Unknown() []string {
	var out []string
	for _, fact := range []struct{ value, what string }{
		{f.Version, "version"}, {f.Eviction, "maxmemory-policy"}, {f.RunID, "run_id"},
	} {
		if fact.value == "" {
			out = append(out, fact.what)
		}
	}
	return out
}

func acceptSetting(word string) string { return "WXROLLOUT_REDIS_ACCEPT=" + word }

// supported lists the tested products.
func supported() string {
	var names []string
	for name, version := range oldest {
		names = append(names, name+" "+version)
	}
	slices.Sort(names)
	return strings.Join(names, ", ") + " or newer"
}
