#!/bin/sh
# Rewrites the golden files of every package whose tests use them, and removes those
# that no test writes any more.
#
#   scripts/golden.sh
set -eu
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
	if grep -qs 'goldentest\.' "$package"/*_test.go; then
		echo "golden: $package"
		find "$package" -path '*/testdata/*' -name '*.golden' -delete
		go test "$package" -count=1 -update
	fi
done
git status --short -- '*.golden' '*/testdata/*'
