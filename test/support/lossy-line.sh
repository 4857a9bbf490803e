#!/bin/sh
# lossy-line.sh PROGRAM ARGUMENT…: runs it in a network of its own in which one packet of a hundred is lost, and says
# at last how many were. To be run by `unshare --net`, as root. From Debian: nftables, iproute2.
set -eu
ip link set lo up
nft add table inet loss
nft 'add chain inet loss in { type filter hook input priority 0; }'
nft add rule inet loss in meta l4proto tcp numgen random mod 100 == 0 counter drop
"$@"
nft list chain inet loss in | sed -n 's/.*counter packets \([0-9]*\) .*/lost \1/p'
