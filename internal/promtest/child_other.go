//go:build !linux

package promtest

import "syscall"

// dieWithParent has no equivalent here: a test binary that dies without
// running its cleanups leaves its Prometheus behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
