//go:build !linux

package redistest

import "syscall"

// dieWithParent has no equivalent here: a test binary that dies without
// running its cleanups leaves its server behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
