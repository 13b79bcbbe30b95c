#!/bin/sh
# Runs each fuzz test for a given time. Go writes failing inputs to testdata/fuzz:
# commit them with the fix.
#
#   scripts/fuzz.sh 10s
set -eu
time=${1:-10s} found=0
for package in $(go list ./...); do
	for name in $(go test -list '^Fuzz' "$package" | grep '^Fuzz' || true); do
		found=$((found + 1))
		echo "fuzz: $package $name for $time"
		# Tests that measure memory make some inputs interesting by chance. Minimizing
		# each for the default minute would leave no time to find others.
		go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" -fuzzminimizetime 20x "$package"
	done
done
[ "$found" -gt 0 ] || { echo "fuzz: no fuzz test found"; exit 1; }
