// Package e2e runs the built programs against each other: redis-server, wxsim,
// two workers and enqueue, with kill -9 in the middle. It has only tests.
//
//	go test ./internal/e2e                      # 200 apps
//	go test ./internal/e2e -apps 2000 -v        # the size of a large platform
package e2e
