// Package launch makes stored rollouts of plan files: it previews a plan, applies a preview,
// begins the runs of schedules and gathers newcomers for the baseline. All of them write a rollout
// by one sequence, [Write].
//
// At WeChat it only reads, and adds domains to the platform's list if a plan asks for it.
package launch
