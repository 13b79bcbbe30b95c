package registry_test

import (
	"testing"

	"go.uber.org/goleak"
)

// A renewal outlives its caller, but nothing may outlive the tests.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), // idle connections of the default transports
		goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"),
	)
}
