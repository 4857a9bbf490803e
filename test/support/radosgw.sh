#!/usr/bin/env bash
# radosgw.sh FOLDER PORT MONITOR_PORT STORE_PORT ACCESS_KEY SECRET_KEY
# Ceph's S3 gateway on 127.0.0.1:PORT, with one monitor and one store in memory; from Debian: radosgw ceph-mon ceph-osd ceph-common.
# Says "ready" when it answers. Ends, with all that it started, when its standard input does.
set -eu
folder=$1 port=$2 monitor=$3 store=$4 access=$5 secret=$6
mkdir -p "$folder"/{mon,osd,run,log,rgw}
id=$(cat /proc/sys/kernel/random/uuid)
cat > "$folder/ceph.conf" <<C
[global]
fsid = $id
mon host = [v2:127.0.0.1:$monitor]
mon initial members = a
public addr = 127.0.0.1
cluster addr = 127.0.0.1
ms bind ipv6 = false
ms bind msgr1 = false
ms bind port min = $store
ms bind port max = $((store + 40))
auth cluster required = none
auth service required = none
auth client required = none
run dir = $folder/run
admin socket = $folder/run/\$name.asok
crash dir = $folder/run
log file = $folder/log/\$name.log
log to stderr = false
err to stderr = true
debug none = 0
debug rgw = 0
debug ms = 0
osd pool default size = 1
osd pool default min size = 1
osd pool default pg num = 4
osd pool default pgp num = 4
osd pool default pg autoscale mode = off
osd crush chooseleaf type = 0
mon allow pool size one = true
mon data avail crit = 1
mon data avail warn = 2
mon max pg per osd = 2000
paxos propose interval = 0.02
paxos min wait = 0.01
[mon]
mon data = $folder/mon
[osd]
osd data = $folder/osd
osd objectstore = memstore
memstore device bytes = 8589934592
osd class update on start = false
osd fast shutdown notify mon = false
osd memory target = 939524096
[client.rgw]
# Without that it holds back the rest of each answer until the beginning is acknowledged: 40 ms for a list.
rgw frontends = beast endpoint=127.0.0.1:$port tcp_nodelay=1
rgw data = $folder/rgw
rgw thread pool size = 64
rgw enable usage log = false
rgw enable ops log = false
rgw lc debug interval = 0
rgw dynamic resharding = false
# Buckets as parts of a host name, and keys for a while.
rgw dns name = s3.test
rgw sts key = neotestneotestab
rgw s3 auth use sts = true
# Not so for radosgw-admin: "secure" is the default here, which the lack of authentication cannot give, and it hangs.
ms mon client mode = crc secure
C
conf=(-c "$folder/ceph.conf")
running=()
# The gateway goes first, or it waits two minutes for its store.
stop() {
  trap - EXIT TERM INT
  if [[ -n ${running[2]:-} ]]; then
    kill "${running[2]}" || true
    for _ in $(seq 30); do kill -0 "${running[2]}" || break; sleep 0.1; done
  fi 2> /dev/null
  kill -9 "${running[@]}" 2> /dev/null || true
}
trap stop EXIT TERM INT
alive() { kill -0 "${running[@]}" || exit 1; }

monmaptool --create --fsid "$id" --addv a "[v2:127.0.0.1:$monitor]" "$folder/monmap" > /dev/null
ceph-mon "${conf[@]}" --mkfs -i a --monmap "$folder/monmap"
ceph-mon "${conf[@]}" -f -i a < /dev/null > /dev/null & running+=($!)
until timeout 5 ceph "${conf[@]}" -s > /dev/null 2>&1; do alive; sleep 0.1; done
store_id=$(cat /proc/sys/kernel/random/uuid)
ceph "${conf[@]}" osd new "$store_id" > /dev/null
ceph-osd "${conf[@]}" -i 0 --mkfs --osd-uuid "$store_id" > /dev/null 2>> "$folder/log/mkfs"
ceph-osd "${conf[@]}" -f -i 0 < /dev/null > /dev/null 2>> "$folder/log/osd" & running+=($!)
radosgw-admin "${conf[@]}" -n client.rgw user create --uid=neo --display-name=neo \
  --access-key="$access" --secret="$secret" > /dev/null 2>> "$folder/log/user"
radosgw "${conf[@]}" -f -n client.rgw < /dev/null > /dev/null 2>> "$folder/log/rgw" & running+=($!)
until (exec 3<> "/dev/tcp/127.0.0.1/$port") 2> /dev/null; do alive; sleep 0.1; done
echo ready
cat > /dev/null
