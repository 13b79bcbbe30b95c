// Package redisserver decides whether a Redis server can hold the ledger: Check by its facts, Probe by
// running every command of the scripts.
package redisserver
