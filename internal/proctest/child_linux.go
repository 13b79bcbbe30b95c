package proctest

import "syscall"

// dieWithParent makes the kernel kill the program when the test binary dies
// without running its cleanups (a panic, a -timeout, a kill -9).
func dieWithParent() *syscall.SysProcAttr {
	return &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
}
