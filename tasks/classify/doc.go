// Package classify decides what an error of a handler means: whose fault it is (its [Scope]), and
// what follows for the target, its stage, its rollout and the platform (its [Outcome]).
//
// Everything here is pure: an outcome depends on the [Facts] and the error alone, and on no clock,
// random source, Redis or WeChat. The handlers gather the facts, and one place in package tasks acts
// on the outcome. The tables are testdata/scope.golden and testdata/outcome.golden.
package classify
