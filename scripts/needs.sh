#!/bin/sh
# Checks for what the tests need beside Go: redis-server, prometheus with promtool,
# and a C compiler for the race detector. It installs what is missing on Debian or
# Ubuntu as root; elsewhere it names what to install, and fails.
#
#   scripts/needs.sh
set -eu

say() { echo "needs: $*"; }
has() { command -v "$1" >/dev/null 2>&1; }

# missing PROGRAM DEBIAN-PACKAGE HOMEBREW-FORMULA
debian="" brew=""
missing() {
	if has "$1"; then
		say "$1 is $(command -v "$1")"
		return
	fi
	say "$1 is missing"
	case "$debian " in
	*" $2 "*) ;; # another program of the same package is missing too
	*) debian="$debian $2" brew="$brew $3" ;;
	esac
}
missing redis-server redis-server redis
missing prometheus prometheus prometheus
missing promtool prometheus prometheus
if [ "$(go env CGO_ENABLED)" = 1 ] && has "$(go env CC)"; then
	say "the C compiler is $(command -v "$(go env CC)")"
else
	say "a C compiler is missing"
	debian="$debian gcc libc6-dev" brew="$brew gcc"
fi
[ -n "$debian" ] || exit 0

if ! has apt-get || [ "$(id -u)" != 0 ]; then
	say "please install them, then run this again:"
	say "  Debian, Ubuntu:  sudo apt-get install --no-install-recommends$debian"
	say "  macOS:           brew install$brew    (or xcode-select --install for the compiler)"
	exit 1
fi

# The packages would start their services, but tests start their own servers on free
# ports. While this file exists, Debian starts none.
policy=/usr/sbin/policy-rc.d
if [ ! -e "$policy" ]; then
	trap 'rm -f "$policy"' EXIT INT TERM
	printf '#!/bin/sh\nexit 101\n' >"$policy"
	chmod +x "$policy"
fi
say "installing with apt-get:$debian (their services are not started)"
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
# shellcheck disable=SC2086 # a list of packages
apt-get install -q -y --no-install-recommends $debian
for program in redis-server prometheus promtool; do
	has "$program" || { say "$program is still missing after the installation"; exit 1; }
done
say "done"
