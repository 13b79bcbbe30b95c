#!/bin/sh
# Rewrites the golden files of every package whose tests have the -update flag.
#
#   scripts/golden.sh
set -eu
for package in $(go list -f '{{if or .TestGoFiles .XTestGoFiles}}{{.Dir}}{{end}}' ./...); do
	if grep -qs 'flag\.Bool("update"' "$package"/*_test.go; then
		echo "golden: $package"
		go test "$package" -update
	fi
done
git status --short -- '*.golden' '*/testdata/*'
