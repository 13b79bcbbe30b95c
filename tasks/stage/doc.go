// Package stage makes the calls of the stages, one file each. A stage gathers facts and returns an event
// or an error; it does not decide what a class of error means.
package stage
