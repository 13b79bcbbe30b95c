// Command enqueue is the operator's side of wxrollout: it plans and applies
// rollouts, shows their state and its cause, and holds, retries, schedules and
// checks them. The workers do the work; enqueue may go away at any time.
//
//	enqueue plan -f spring.yaml
//	enqueue apply -f spring.yaml
//	enqueue watch spring
package main

import (
	"os"

	"github.com/wxrollout/wxrollout/internal/cli"
)

// version is set when a release is built.
var version = "dev"

func main() {
	os.Exit(cli.Run(version, os.Args[1:], os.Environ(), os.Stdin, os.Stdout, os.Stderr))
}
