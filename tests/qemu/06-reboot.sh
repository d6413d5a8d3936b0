#!/bin/bash
# tests/qemu/06-reboot.sh - the host loses power in the middle of provisioning, of reclaiming and of going down: it converges,
# data is kept.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
parallel='podManagementPolicy: Parallel'
keep=(keep-0 file-0)

soon() { local ms=$((RANDOM % $1)); echo "   in $ms ms"; sleep "$(printf '%d.%03d' $((ms / 1000)) $((ms % 1000)))"; }
# Ready, and not only since before the boot.
wait_all() {
  local set
  for set in keep file churn whirl; do
    wait_for 240 "$set-0 runs" berth exec $set-0 -- true
    wait_ready 240 app=$set "$(field sts $set .spec.replicas)"
  done
}

case $boot in
  1)
    step "two sets with data; then three claims of each kind, and no more power"
    make_group pods
    start_agent
    {
      storage_class lvm berth.io/lvm "parameters: {volumeGroup: pods, fsType: xfs}
reclaimPolicy: Delete"
      storage_class loop berth.io/loop "reclaimPolicy: Delete"
    } | put_manifest classes.yaml
    { claim_set keep 1 lvm 320Mi; echo ---; claim_set file 1 loop 64Mi; } | put_manifest keep.yaml
    wait_ready 120 app=keep 1
    wait_ready 120 app=file 1
    fill "${keep[@]}"
    { claim_set churn 3 lvm 320Mi "$parallel"; echo ---; claim_set whirl 3 loop 64Mi "$parallel"; } | put_manifest churn.yaml
    sync "$manifests"/* "$manifests"
    wait_for 30 "the first claim is there" field pvc data-churn-0 .metadata.name
    soon 2500
    reset_machine
    ;;
  2)
    step "it converges by itself"
    wait_for 60 "berthd runs" active berthd
    wait_all
    expect_kept "${keep[@]}"
    fill churn-0 whirl-0
    expect "logical volumes" "$(logical_volumes pods)" "default.data-churn-0 default.data-churn-1 default.data-churn-2 default.data-keep-0"
    expect "loop devices" "$(loop_devices)" 4

    step "claims are deleted; no more power"
    berth scale sts churn whirl --replicas=1 >/dev/null
    wait_for 90 "two pods of them" is "churn-0 whirl-0" pod_names "app in (churn, whirl)"
    berth delete pvc data-churn-1 data-churn-2 data-whirl-1 data-whirl-2 --wait=false >/dev/null
    soon 800
    reset_machine
    ;;
  3)
    step "what was deleted goes, what was not stays"
    wait_for 60 "berthd runs" active berthd
    wait_all
    expect_kept "${keep[@]}" churn-0 whirl-0
    reclaimed() { [ "$(logical_volumes pods)" = "default.data-churn-0 default.data-keep-0" ] && [ "$(images)" = "data-file-0 data-whirl-0" ]; }
    wait_for 60 "the volumes of the deleted claims are gone" reclaimed
    expect "claims" "$(claim_phases)" "data-churn-0=Bound data-file-0=Bound data-keep-0=Bound data-whirl-0=Bound"
    expect "loop devices" "$(loop_devices)" 2
    wait_for 30 "no job hangs" no_jobs
    expect "failed units" "$(systemctl --failed --no-legend --plain)" ""

    step "the host goes down; while the pods end in order there is no more power"
    claim_set slow 3 loop 64Mi | sed "s/trap 'exit 0' TERM/trap 'sleep 6; exit 0' TERM/; s/GracePeriodSeconds: 5/GracePeriodSeconds: 30/" |
      put_manifest slow.yaml
    wait_ready 120 app=slow 3
    fill slow-0 slow-2
    systemctl reboot --no-block
    going() { journalctl -q -b -u berthd | grep -q 'the host goes down: pods are stopped in order'; }
    wait_for 60 "the agent stops the pods" going
    soon 12000
    reset_machine
    ;;
  4)
    step "it converges once more, the set in order"
    wait_for 60 "berthd runs" active berthd
    wait_all
    wait_ready 240 app=slow 3
    expect_kept "${keep[@]}" churn-0 whirl-0 slow-0 slow-2
    started() { pod "$1" '.status.containerStatuses[0].state.running.startedAt'; }
    expect "the order of the starts" "$(for each in slow-0 slow-1 slow-2; do echo "$(started $each) $each"; done | sort -s -k1,1 | awk '{ print $2 }' | tr '\n' ' ')" \
      "slow-0 slow-1 slow-2 "
    expect "claims" "$(claim_phases)" "data-churn-0=Bound data-file-0=Bound data-keep-0=Bound data-slow-0=Bound data-slow-1=Bound data-slow-2=Bound data-whirl-0=Bound"
    wait_for 30 "no job hangs" no_jobs
    expect "failed units" "$(systemctl --failed --no-legend --plain)" ""
    ;;
esac
