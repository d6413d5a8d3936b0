#!/bin/bash
# tests/qemu/08-provision-nfs.sh - berth-volume alone makes and removes claims' directories on a share.
# Long: story 02 has the same through the agent.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
berth_volume_alone

step "NFS: a directory on the share, by v4 and v3, and nothing stays mounted"
mkdir -p /srv/share
echo '/srv/share 127.0.0.1(rw,no_root_squash,insecure,fsid=1)' >/etc/exports
systemctl start nfs-server
share='{"server": "127.0.0.1", "path": "/srv/share", "mode": "0770"}'
for version in 4.2 3; do
  options="[\"nfsvers=$version\", \"nolock\"]"
  [ $version = 3 ] || options="[\"nfsvers=$version\"]"
  answer=$(ask provision nfs "$share" data "{\"bytes\": $mi, \"mountOptions\": $options}")
  expect "source by v$version" "$(jq -c .result <<<"$answer")" \
    "{\"source\":{\"nfs\":{\"server\":\"127.0.0.1\",\"path\":\"/srv/share/default/data\"}},\"bytes\":$mi,\"local\":false}"
  expect "mode" "$(stat -c %a /srv/share/default/data)" 770
  source=$(source_of "$answer")
  done_well "$(publish "$source" $target "$options")"
  mkdir -p $target/deep/er
  echo content >$target/deep/er/file
  answer=$(ask reclaim nfs "$share" data "{\"source\": $source, \"mountOptions\": $options}")
  expect "in use" "$(message "$answer")" "FailedPrecondition: 127.0.0.1:/srv/share/default/data is mounted at $target"
  expect "found again" "$(ask provision nfs "$share" data "{\"bytes\": $mi, \"mountOptions\": $options}" | jq -c .result.source)" "$source"
  expect "content" "$(cat $target/deep/er/file)" content
  done_well "$(unpublish $run_dir/pods/uid-1)"
  for round in 1 2 3 4; do
    killed reclaim nfs "$share" data "{\"source\": $source, \"mountOptions\": $options}"
    expect "mounts after kill $round" "$(findmnt -rnt nfs,nfs4 | wc -l)" 0
  done
  done_well "$(ask reclaim nfs "$share" data "{\"source\": $source, \"mountOptions\": $options}")"
  expect "left on the server" "$(ls -A /srv/share/default)" ""
done
done_well "$(provision nfs "$share" data $mi)"
echo content >/srv/share/default/data/file
done_well "$(reclaim nfs "$(jq -c '. + {onDelete: "retain"}' <<<"$share")" data "$source")"
expect "retained" "$(cat /srv/share/default/data/file)" content
done_well "$(reclaim nfs "$(jq -c '. + {onDelete: "archive"}' <<<"$share")" data "$source")"
expect "archived" "$(cat /srv/share/default/archived_data/file)" content
answer=$(provision nfs '{"server": "127.0.0.1", "path": "/srv/other"}' data $mi)
echo "   $(message "$answer")"
grep -q 'mount 127.0.0.1:/srv/other: ' <<<"$(message "$answer")"
