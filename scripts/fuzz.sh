#!/bin/sh
# Runs each fuzz test for a while: what it finds goes to its testdata/fuzz, to be
# committed with the fix.
#
#   scripts/fuzz.sh 10s
set -eu
time=${1:-10s} found=0
for package in $(go list ./...); do
	for name in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		found=$((found + 1))
		echo "fuzz: $package $name for $time"
		# Inputs are interesting by chance too, as memory is measured: minimizing each
		# for its usual minute would leave no time to look for others.
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 20x "$package"
	done
done
[ "$found" -gt 0 ] || { echo "fuzz: no fuzz test found"; exit 1; }
