//go:build !linux

package proctest

import "syscall"

// dieWithParent has no equivalent here: a test binary that dies without
// running its cleanups leaves its programs behind.
func dieWithParent() *syscall.SysProcAttr { return nil }
