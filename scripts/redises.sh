#!/usr/bin/env bash
# Tests on the Redis servers of Debian's other releases: the ledger, the limiters and one whole rollout on
# those that docs/redis.md supports, and the refusal of one that is too old.
#
#   scripts/redises.sh DIR
#
# The servers are unpacked below DIR with the libraries of their release; nothing is installed. It needs
# apt, and takes the mirror that apt is configured with.
set -euo pipefail
cd "$(dirname "$0")/.."
fail() {
	echo "redises: $1" >&2
	exit 1
}
dir=$(mkdir -p "$1" && cd "$1" && pwd)
mirror=$(grep -rhoE 'https?://[^ ]+/debian/?( |$)' /etc/apt/sources.list* | head -n 1 | tr -d ' ' || true)
[ -n "$mirror" ] || fail "no Debian mirror is configured: run it in a Debian container, or unpack servers as $dir/NAME/bin/redis-server"

# fetch NAME SUITE PACKAGE EXECUTABLE unpacks a server to DIR/NAME; DIR/NAME/bin/redis-server runs it.
fetch() {
	local at=$dir/$1 suite=$2 package=$3 executable=$4
	[ ! -x "$at/bin/redis-server" ] || return 0
	local apt=$dir/.apt-$suite
	mkdir -p "$apt"/{state/lists/partial,cache/archives/partial,parts} "$at"/{debs,root,bin,run}
	echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror $suite main" >"$apt/sources.list"
	: >"$apt/status"
	local options=(-qq -o Dir::State="$apt/state" -o Dir::State::status="$apt/status" -o Dir::Cache="$apt/cache"
		-o Dir::Etc::sourcelist="$apt/sources.list" -o Dir::Etc::sourceparts="$apt/parts" -o APT::Sandbox::User=root)
	compgen -G "$apt/state/lists/*Packages*" >/dev/null || apt-get "${options[@]}" update >/dev/null 2>&1 || true # the next line notices
	local packages
	packages=$(apt-cache "${options[@]}" depends --recurse --no-recommends --no-suggests --no-conflicts --no-breaks --no-replaces \
		--no-enhances "$package" 2>/dev/null | grep -E '^[a-z0-9]' | grep -vE '^(.*:.*|perl.*|.*debconf.*|dpkg|tar|adduser|passwd|libpam.*|gcc-.*-base)$' | sort -u) || true
	[ -n "$packages" ] || fail "$mirror has no $package of $suite, or cannot be reached"
	# shellcheck disable=SC2086 # a list of names
	(cd "$at/debs" && apt-get "${options[@]}" download $packages >/dev/null 2>&1) || fail "download $package of $suite from $mirror"
	for deb in "$at"/debs/*.deb; do dpkg -x "$deb" "$at/root"; done
	rm -rf "$at/debs"
	# All programs of the package are one file, which acts by its name.
	cp -L "$at/root/usr/bin/$executable" "$at/run/redis-server"
	local loader libraries
	loader=$(find "$at/root" -name 'ld-linux*.so.*' | head -n 1)
	libraries=$(find "$at/root" -name '*.so*' -printf '%h\n' | sort -u | paste -sd:)
	printf '#!/bin/sh\nexec %s --library-path %s %s "$@"\n' "$loader" "$libraries" "$at/run/redis-server" >"$at/bin/redis-server"
	chmod +x "$at/bin/redis-server"
}

# supported NAME SUITE PACKAGE EXECUTABLE runs the tests on a server.
supported() {
	fetch "$@"
	echo "=== $("$dir/$1/bin/redis-server" --version)"
	local path=$dir/$1/bin:$PATH
	(cd internal/redisserver && PATH=$path "$dir/tests/redisserver.test" | tail -n 20)
	for package in ratelimit ledger; do # neither interleavings nor miniredis depend on the server
		(cd "$package" && PATH=$path "$dir/tests/$package.test" -test.skip 'Property|/miniredis' -test.timeout 5m | tail -n 20)
	done
	(cd internal/e2e && PATH=$path "$dir/tests/e2e.test" -test.run '^TestRolloutByTwoWorkers$' -test.timeout 5m | tail -n 20)
}

# refused NAME SUITE PACKAGE EXECUTABLE wants a worker to refuse a server.
refused() {
	fetch "$@"
	echo "=== $("$dir/$1/bin/redis-server" --version)"
	(cd internal/redisserver && PATH=$dir/$1/bin:$PATH "$dir/tests/redisserver.test" -test.run '^TestOldServerIsRefused$' | tail -n 20)
}

mkdir -p "$dir/tests"
go test -c -o "$dir/tests/" ./internal/redisserver ./ratelimit ./ledger ./internal/e2e
refused redis-6.0 bullseye redis-tools redis-check-rdb
supported redis-8.0 trixie redis-tools redis-check-rdb
supported valkey-8.1 trixie valkey-tools valkey-check-rdb
supported redict-7.3 sid redict-tools redict-check-rdb
supported valkey-9 sid valkey-tools valkey-check-rdb
