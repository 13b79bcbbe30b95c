#!/usr/bin/env bash
# Runs the commands of README.md and README.zh-CN.md, top to bottom, as a newcomer would: in a copy of the tree,
# with an empty home folder and no variable but PATH. Go's module and build caches are shared, to save the download.
# A block whose commands ran before, in the other language, is not run again.
#
#   scripts/readme.sh [README...]
#
# A block of code is a run of lines indented by four spaces; those that begin with a command are run. What can't
# run here is listed below with its reason, and printed as skipped.
set -euo pipefail
cd "$(dirname "$0")/.."
[ $# -gt 0 ] || set -- README.md README.zh-CN.md
commands='^(go|make|docker|curl|redis-server|printf|bin/|enqueue|kill|\.\./)'
skipped='^(make test|make up|docker |printf .WXROLLOUT_REDIS_PASSWORD)' # a separate step of CI; no Docker engine
production='^enqueue ' # needs a platform at WeChat: section 4 shows the steps that the paste above runs

home=$(mktemp -d)
trap 'rm -rf "$home"' EXIT
mkdir "$home/wxrollout"
git ls-files -z --cached --others --exclude-standard | while IFS= read -r -d "" f; do [ ! -e "$f" ] || printf "%s\\0" "$f"; done |
	xargs -0 cp --parents -t "$home/wxrollout"
env=(env -i "HOME=$home" "PATH=$PATH" "GOMODCACHE=$(go env GOMODCACHE)" "GOCACHE=$(go env GOCACHE)" "GOFLAGS=$(go env GOFLAGS)")
declare -A done=() # blocks that ran, without their comments

for readme in "$@"; do
	blocks=$home/blocks
	rm -rf "$blocks" && mkdir "$blocks"
	# A blank line between two indented ones belongs to their block.
	awk -v dir="$blocks" '
		/^    / { if (!open) { n++; open = 1 } printf "%s%s\n", held, substr($0, 5) > sprintf("%s/%02d", dir, n); held = ""; next }
		/^$/ && open { held = held "\n"; next }
		{ open = 0; held = "" }
	' "$readme"
	ran=0
	for block in "$blocks"/*; do
		first=$(head -n 1 "$block")
		[[ $first =~ $commands ]] || continue
		if [[ $first =~ $skipped || $first =~ $production ]]; then
			echo "--- $readme: skipped: $first"
			continue
		fi
		code=$(sed 's/ *#.*//' "$block")
		ran=$((ran + 1))
		if [ -n "${done[$code]:-}" ]; then
			echo "=== $readme: ran before, as the same commands of ${done[$code]}: $first"
			continue
		fi
		done[$code]=$readme
		echo "=== $readme: $first"
		rm -rf "$home/wxrollout/out/try"
		(cd "$home/wxrollout" && "${env[@]}" timeout 6m bash "$block") 2>&1 | tee "$home/out"
		if grep -E 'command not found|No such file|wrong settings|unknown (flag|command)|Error: |panic:' "$home/out"; then
			echo "$readme: a command of this block failed" >&2
			exit 1
		fi
	done
	[ "$ran" -ge 2 ] || { echo "$readme: $ran blocks ran, want the demo and the paste" >&2; exit 1; }
	if pgrep -f "$home" >/dev/null; then
		echo "$readme: the paste leaves processes behind:" >&2
		pgrep -af "$home" >&2
		exit 1
	fi
done
# The paste is the last block.
grep -q '^| released | 500 |$' "$home/wxrollout/out/try/spring.md" ||
	{ echo "the last paste did not release 500 apps:" >&2; head -n 40 "$home/wxrollout/out/try/spring.md" >&2; exit 1; }
