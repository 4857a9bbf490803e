#!/usr/bin/env bash
# From nothing to a server with two accounts, a quota that is reached, a share, a device that is revoked, another key and other settings; each
# person in a home of their own.
#
#     bash examples/server-walk.sh        (neo has to be on the PATH)
#
# The server listens on loopback, at any free port. --remove-after 0 and --grace 0 are for a walk of a minute: without them what a prune has marked
# stays for a day.
set -euo pipefail
walk=$(mktemp -d)
trap 'kill "$server" 2>/dev/null || true; wait; rm -rf "$walk"' EXIT
mkdir "$walk"/{server,ann,bob}
export NEO_PASSWORD="of the repository"
as() { HOME="$walk/$1" "${@:2}"; }
member() { sed -n "s/.*\"$1\":\"\{0,1\}\([^,\"}]*\).*/\1/p" | head -n 1; }

echo "== the server makes all that it needs"
as server neo serve --listen 127.0.0.1:0 --remove-after 0 --json > "$walk/listening" 2> "$walk/log" &
server=$!
until [ -s "$walk/listening" ]; do sleep 0.1; done
url=neo://127.0.0.1:$(member port < "$walk/listening")
fingerprint=$(member fingerprint < "$walk/listening")

echo "== ann becomes its administrator, by the code on the console, and has a repository"
as ann neo login "$url" --code "$(member adminCode < "$walk/listening")" --account ann --fingerprint "$fingerprint"
mkdir -p "$walk/ann/work/talks" "$walk/ann/work/private"
echo "slides" > "$walk/ann/work/talks/slides"
echo "secret" > "$walk/ann/work/private/diary"
as ann neo init --repo "$url/documents"
as ann neo snapshot --repo "$url/documents" "$walk/ann/work"

echo "== bob gets an account of 2 MiB, and fills it"
code=$(as ann neo admin user add bob --quota 2M --json | member code)
as bob neo login "$url" --code "$code" --fingerprint "$fingerprint"
mkdir "$walk/bob/work"
head -c 1500000 /dev/urandom > "$walk/bob/work/one"
as bob neo init --repo "$url/own"
as bob neo snapshot --repo "$url/own" "$walk/bob/work"
head -c 1500000 /dev/urandom > "$walk/bob/work/two"
if as bob neo snapshot --repo "$url/own" "$walk/bob/work"; then exit 1; else echo "exit code $?"; fi
as bob neo account show
as bob neo restore --repo "$url/own" latest --to "$walk/bob/back"
cmp "$walk/bob/work/one" "$walk/bob/back$walk/bob/work/one"

echo "== ann shares one folder with bob, who sees that and nothing else"
as ann neo share create "latest:$walk/ann/work/talks" --repo "$url/documents" --account bob --out "$walk/talks.share"
as bob neo ls --share "$walk/talks.share"
as bob neo cat --share "$walk/talks.share" /slides
if as bob neo snapshots --repo "$url/ann/documents"; then exit 1; else echo "exit code $?"; fi

echo "== what administrators do bob may not"
if as bob neo admin user list; then exit 1; else echo "exit code $?"; fi

echo "== bob's device is revoked, and is out"
device=$(as bob neo account device list --json | member id)
as bob neo account device revoke "$device"
if as bob neo cat --share "$walk/talks.share" /slides; then exit 1; else echo "exit code $?"; fi

echo "== ann exchanges the server's key: who has connected meanwhile knows the new one"
as ann neo admin key rotate
as ann neo snapshots --repo "$url/documents"
as ann neo admin key retire "$fingerprint"
as ann neo snapshots --repo "$url/documents"
as ann neo admin key list

echo "== ann lets less of a target go within a day, and ends bob's account"
as ann neo admin config set removals.most 0.25
as ann neo admin config list
as ann neo admin user set bob --disable
as ann neo admin user remove bob --yes

echo "== what the server wrote down is whole; bob's entries are still there"
as ann neo ledger verify
as ann neo ledger show

echo "== what was done is in the log; then ann ends the server"
as ann neo admin log
as ann neo admin shutdown
wait "$server"
echo "== done"
