// Command bench measures the engine against what it stands on: bare Asynq, raw
// Redis writes, a plain pool of goroutines, and the platform's quota itself. It
// starts its own redis-server and simulator, runs both sides of each pair in
// assignment, several rounds, and prints medians, ratios and spread.
//
//	go run ./bench                     # the whole table, under ten minutes
//	go run ./bench -only engine,idle   # some rows
//	go run ./bench -json out.json      # for machines too
//	go run ./bench -soak 10m           # rollouts that come and go: what grows?
//
// Figures of two runs don't compare: only the ratios inside one do.
package main
