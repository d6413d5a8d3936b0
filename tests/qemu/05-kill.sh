#!/bin/bash
# tests/qemu/05-kill.sh - the agent is killed at random moments while claims are made, formatted, mounted and removed.
# Long: it waits for chance.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
rounds=20
parallel='podManagementPolicy: Parallel'

kill_soon() { # MILLISECONDS
  local pid
  sleep "$(printf '%d.%03d' $(($1 / 1000)) $(($1 % 1000)))"
  pid=$(systemctl show -P MainPID berthd)
  [ "$pid" = 0 ] || kill -9 "$pid" || true
  wait_for 90 "killed after $1 ms; the API answers again" api_answers
}
again() { wait_for 60 "$*" berth "$@"; } # an API call that the agent's end may cut off
# What there is, and what the objects say there should be.
accounts() {
  [ "$(logical_volumes pods)" = "$(claims_of_class lvm | sed 's/[^ ]*/default.&/g; s/^default\.$//')" ] &&
    [ "$(images)" = "$(claims_of_class loop)" ] && [ "$(loop_devices)" = "$1" ] && [ "$(staged)" = "$2" ]
}
tell_accounts() {
  echo "   logical volumes: $(logical_volumes pods) | claims: $(claims_of_class lvm)"
  echo "   images: $(images) | claims: $(claims_of_class loop)"
  echo "   loop devices: $(loop_devices), staged: $(staged)"
}

step "two sets whose data shall stay"
make_group pods
start_agent
{
  storage_class lvm berth.io/lvm "parameters: {volumeGroup: pods}
reclaimPolicy: Delete"
  storage_class loop berth.io/loop "reclaimPolicy: Delete"
} | put_manifest classes.yaml
{ claim_set keep 2 lvm 64Mi "$parallel"; echo ---; claim_set file 2 loop 64Mi "$parallel"; } | put_manifest keep.yaml
wait_ready 120 app=keep 2
wait_ready 120 app=file 2
keep=(keep-0 keep-1 file-0 file-1)
fill "${keep[@]}"
tell_accounts
wait_for 10 "accounts" accounts 2 4

step "$rounds times: claims come and go, pods are renewed, berthd is killed"
for ((round = 1; round <= rounds; round++)); do
  if [ $((round % 2)) = 1 ]; then
    { claim_set churn 2 lvm 48Mi "$parallel"; echo ---; claim_set whirl 2 loop 48Mi "$parallel"; } | put_manifest churn.yaml
    again delete pod "${keep[$((round / 2 % 4))]}" --wait=false
  else
    rm "$manifests/churn.yaml"
    again delete pvc data-churn-0 data-churn-1 data-whirl-0 data-whirl-1 --ignore-not-found --wait=false
  fi
  kill_soon $((RANDOM % 1500))
  # Now and then the sets get to the end, so that the next kill meets them in another state.
  if [ $((round % 8)) = 3 ]; then wait_ready 120 app=churn 2; wait_ready 120 app=whirl 2; fi
done

step "it converges: everything is there once"
{ claim_set churn 2 lvm 48Mi "$parallel"; echo ---; claim_set whirl 2 loop 48Mi "$parallel"; } | put_manifest churn.yaml
for set in keep file churn whirl; do wait_ready 180 app=$set 2; done
expect_kept "${keep[@]}"
fill churn-0 whirl-1
wait_for 60 "accounts" accounts 4 8
tell_accounts

step "killed while pods are renewed: nothing is formatted twice"
for _ in 1 2 3; do
  again delete pod churn-0 whirl-1 --wait=false
  kill_soon $((RANDOM % 800))
done
for set in churn whirl; do wait_ready 180 app=$set 2; done
expect_kept churn-0 whirl-1 "${keep[@]}"

step "removed: nothing is left but what was kept"
rm "$manifests/churn.yaml"
wait_for 120 "no pods" is "" pod_names "app in (churn, whirl)"
again delete pvc data-churn-0 data-churn-1 data-whirl-0 data-whirl-1 --wait=false
wait_for 90 "accounts" accounts 2 4
rm "$manifests/keep.yaml"
wait_for 120 "no pods" is "" pod_names "app in (keep, file)"
wait_for 60 "nothing is mounted" no_disk_mounts
expect "the claims stay" "$(claim_phases)" "data-file-0=Bound data-file-1=Bound data-keep-0=Bound data-keep-1=Bound"
again delete pvc --all --wait=false
wait_for 90 "accounts" accounts 0 0
tell_accounts
wait_for 30 "no job hangs" no_jobs
