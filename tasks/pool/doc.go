// Package pool keeps the permits of each stage, shared by all workers through Redis, and finds
// outages of WeChat in each process.
package pool
