// Package operator holds the verbs on rollouts: list them, explain where targets are, watch, hold
// and release, retry and undo, report. [launch] makes rollouts, [view] shows them.
//
// It works on the ledger, the quota and WeChat's reading calls. It must never print, read flags or
// the environment, or make a call at WeChat that changes an app: only workers do, under their leases.
package operator
