#!/usr/bin/env bash
# swift.sh FOLDER PROXY_PORT ACCOUNT_PORT CONTAINER_PORT OBJECT_PORT USER SECRET_KEY
# OpenStack's Swift with its S3 door on 127.0.0.1:PROXY_PORT, one device and one copy of everything; its access key is
# neo:USER. From Debian: swift-proxy swift-account swift-container swift-object. FOLDER: on a file system with xattrs.
# Says "ready" when it answers. Ends, with all that it started, when its standard input does.
set -eu
folder=$1 user=$6 secret=$7
declare -A port=([proxy]=$2 [account]=$3 [container]=$4 [object]=$5)
mkdir -p "$folder"/{etc,dev/d1,log}
cd "$folder/etc"
cat > swift.conf << C
[swift-hash]
swift_hash_path_suffix = neo
swift_hash_path_prefix = neo
[storage-policy:0]
name = Policy-0
default = yes
C
# Where, how and by whom a server runs.
common() {
  cat << C
[DEFAULT]
swift_dir = $folder/etc
devices = $folder/dev
mount_check = false
disable_fallocate = true
fallocate_reserve = 0
bind_ip = 127.0.0.1
bind_port = ${port[$1]}
user = $(id -un)
workers = 0
log_level = WARNING
log_address = $folder/log/none
C
}
for server in account container object; do
  { common "$server"; printf '[pipeline:main]\npipeline = %s-server\n[app:%s-server]\nuse = egg:swift#%s\n' "$server" "$server" "$server"; } > "$server-server.conf"
  {
    swift-ring-builder "$server.builder" create 4 1 1
    swift-ring-builder "$server.builder" add "r1z1-127.0.0.1:${port[$server]}/d1" 1
    swift-ring-builder "$server.builder" rebalance
  } > "$folder/log/ring" 2>&1 || [[ -e $server.ring.gz ]] || { cat "$folder/log/ring" >&2; exit 1; }
done
{
  common proxy
  cat << C
[pipeline:main]
pipeline = catch_errors cache listing_formats s3api tempauth proxy-server
[app:proxy-server]
use = egg:swift#proxy
account_autocreate = true
[filter:tempauth]
use = egg:swift#tempauth
user_neo_$user = $secret .admin
[filter:s3api]
use = egg:swift#s3api
location = us-east-1
[filter:cache]
use = egg:swift#memcache
memcache_servers = 127.0.0.1:1
[filter:catch_errors]
use = egg:swift#catch_errors
[filter:listing_formats]
use = egg:swift#listing_formats
C
} > proxy-server.conf
# Its own launchers read /etc/swift/swift.conf, whatever they are told.
cat > "$folder/run.py" << 'P'
import importlib, sys
kind, etc = sys.argv[1:]
from swift.common import utils
utils.set_swift_dir(etc)
utils.validate_hash_conf()
from swift.common import storage_policy
storage_policy.reload_storage_policies()
from swift.common.wsgi import run_wsgi
module = importlib.import_module({'object': 'swift.obj', 'container': 'swift.container', 'account': 'swift.account', 'proxy': 'swift.proxy'}[kind] + '.server')
callback = getattr(module, 'global_conf_callback', None)
more = {'global_conf_callback': callback} if callback else {}
sys.exit(run_wsgi('%s/%s-server.conf' % (etc, kind), kind + '-server', verbose=False, once=False, **more))
P
running=()
answers() {
  until [[ $(curl -s -o /dev/null -w '%{http_code}' "http://127.0.0.1:${port[$1]}/") != 000 ]]; do
    kill -0 "${running[@]}" || { tail -n 5 "$folder"/log/* >&2; exit 1; }
    sleep 0.1
  done
}
stop() { trap - EXIT TERM INT; kill -9 "${running[@]}" 2> /dev/null || true; }
trap stop EXIT TERM INT
# The proxy last: one that is asked before the others answer does without them for a minute.
for server in account container object proxy; do
  if [[ $server == proxy ]]; then for other in account container object; do answers "$other"; done; fi
  /usr/bin/python3 "$folder/run.py" "$server" "$folder/etc" < /dev/null > "$folder/log/$server" 2>&1 & running+=($!)
done
answers proxy
echo ready
cat > /dev/null
