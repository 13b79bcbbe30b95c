package registry

// Key names. All share one hash tag, so they lie in one slot of a Redis Cluster. The names
// are also bound into the sealed values, so a value moved to another key cannot be opened.
const prefix = "wxr:{registry}:"

// ticketKey is a hash: see ticket_put.lua.
func ticketKey(component string) string { return prefix + component + ":ticket" }

// askKey is a hash: see ticket_ask.lua.
func askKey(component string) string { return prefix + component + ":ticket-ask" }

// componentKey is a hash: see token_put.lua.
func componentKey(component string) string { return prefix + component + ":token" }

// appKey is a hash: see token_put.lua.
func appKey(component, appid string) string { return prefix + component + ":app:" + appid }

// indexKey is a sorted set of the apps that have a row, by the end of their token (ms since 1970,
// 0 = none).
func indexKey(component string) string { return prefix + component + ":apps" }

// replayKey is a string that exists while a callback is remembered.
func replayKey(component, callback string) string {
	return prefix + component + ":callback:" + callback
}

// refusalsKey is a hash of REASON:count, REASON:last (ms since 1970) and REASON:path.
func refusalsKey(component string) string { return prefix + component + ":refused" }

// leaseName names the lease on renewing the token under key.
func leaseName(key string) string { return "renew " + key }
