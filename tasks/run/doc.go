// Package run is what the stages of one assignment share: the target under its fence, the intent of each
// call with effect, the permit, the clock of Redis, and the reads that show whose a version is.
package run
