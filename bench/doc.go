// Command bench compares the engine with its foundations: bare Asynq, raw Redis
// writes, a plain pool of goroutines, and the platform's quota. It starts a
// redis-server and a simulator, alternates between the sides of each pair for
// several rounds, and prints medians, ratios and spread.
//
//	go run ./bench                     # the whole table, under ten minutes
//	go run ./bench -only engine,idle   # some rows
//	go run ./bench -json out.json      # also as JSON
//	go run ./bench -soak 10m           # rollouts that come and go: what grows?
//
// Compare the ratios of one run, not the figures of two.
package main
