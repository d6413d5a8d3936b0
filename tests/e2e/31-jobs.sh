#!/bin/bash
# tests/e2e/31-jobs.sh - pods that run to their end: as many as are wanted, numbered, given up, made by a CronJob.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

# A Job of busybox: name, command, further lines of its spec.
job() { # NAME COMMAND [SPEC_YAML]
  cat <<END
apiVersion: batch/v1
kind: Job
metadata: {name: $1}
spec:
$(sed '/./s/^/  /' <<<"${3:-}")
  template:
    spec:
      restartPolicy: Never
      terminationGracePeriodSeconds: 1
      containers:
      - name: main
        image: busybox:1.35
        command: [sh, -c, '$2']
END
}
is_over() { [ "$(field job "$1" '.status.conditions[] | select(.type == "'"$2"'" and .status == "True") | .reason')" != "" ]; }
reason() { field job "$1" '.status.conditions[] | select(.type == "'"$2"'") | .reason'; }
held() { berth get pods -o json | jq '[.items[] | select(.metadata.finalizers)] | length'; }

step "six pods, three at once"
start_agent
job sum 'echo part of the sum; sleep 0.3' $'completions: 6\nparallelism: 3' | put_manifest sum.yaml
wait_for 30 "complete" is_over sum Complete
expect "succeeded" "$(field job sum .status.succeeded)" 6
expect "nothing holds its pods" "$(held)" 0
expect_match "berth get job" "$(berth get job sum)" 'sum +Complete +6/6 +[0-9]+s'
names=$(pod_names job-name=sum)
expect "its pods are there" "$(wc -w <<<"$names")" 6
for name in $names; do
  expect "what $name wrote" "$(berth logs "$name")" "part of the sum"
done
expect "never more than three at once" "$(berth get pods -l job-name=sum -o json | jq '
  [.items[].status.containerStatuses[0].state.terminated | (.startedAt | fromdate) as $b | (.finishedAt | fromdate) as $e | [$b, $e]] as $all
  | [$all[] as [$b, $e] | [$all[] | select(.[0] > $b and .[0] < $e)] | length] | max <= 2')" true

step "its file is changed, and needs no selector"
uid=$(field job sum .metadata.uid)
job sum 'echo part of the sum; sleep 0.3' $'completions: 6\nparallelism: 2' | put_manifest sum.yaml
wait_for 10 "it is known" is 2 field job sum .spec.parallelism
expect "the same job" "$(field job sum .metadata.uid) $(field job sum .status.succeeded)" "$uid 6"
expect "selector" "$(field job sum '.spec.selector.matchLabels["batch.kubernetes.io/controller-uid"]')" "$uid"

step "numbered pods"
job numbered 'echo "$JOB_COMPLETION_INDEX on $(hostname)"' $'completionMode: Indexed\ncompletions: 3\nparallelism: 3' | put_manifest numbered.yaml
wait_for 20 "complete" is_over numbered Complete
expect "indexes" "$(field job numbered .status.completedIndexes)" 0-2
for index in 0 1 2; do
  expect "index $index" "$(berth logs "$(pod_names "batch.kubernetes.io/job-completion-index=$index")")" "$index on numbered-$index"
done

step "a job that cannot succeed is given up, and one whose time is over goes"
job broken 'echo no; exit 3' 'backoffLimit: 0' | put_manifest broken.yaml
job brief 'exit 0' 'ttlSecondsAfterFinished: 2' >"$BERTH_TEST_DIR/brief.yaml"
berth apply -f "$BERTH_TEST_DIR/brief.yaml" >/dev/null
wait_for 20 "failed" is_over broken Failed
expect "why" "$(reason broken Failed)" BackoffLimitExceeded
expect "failed" "$(field job broken .status.failed)" 1
expect "its last words" "$(berth logs "$(pod_names job-name=broken)")" no
expect_match "event" "$(berth get events)" 'BackoffLimitExceeded +job/broken'
brief_has_run() { berth get events | grep -Eq 'Completed +job/brief '; } # the job itself may be gone by now
wait_for 20 "brief has run" brief_has_run
wait_for 10 "brief is gone" is_gone job brief
wait_for 10 "and its pods" is "" pod_names job-name=brief

step "suspended, its pods go; killed meanwhile, the agent counts each pod once"
job long 'trap "exit 1" TERM; sleep 300 & wait' $'parallelism: 2\ncompletions: 2\npodReplacementPolicy: Failed' | put_manifest long.yaml
wait_for 20 "two run" is 2 field job long .status.ready
stop_agent KILL
start_agent
wait_for 10 "two run" is 2 field job long .status.ready
victim=$(pod_names job-name=long | cut -d' ' -f1)
berth delete pod "$victim" >/dev/null
wait_for 10 "the one that was deleted has failed" is 1 field job long .status.failed
wait_for 10 "it is gone" is_gone pod "$victim"
wait_for 10 "two run" is 2 field job long .status.ready
berth patch job long -p '{"spec":{"suspend":true}}' >/dev/null
wait_for 10 "no pods" is "" pod_names job-name=long
expect "failed" "$(field job long .status.failed)" 1
expect "suspended" "$(reason long Suspended)" JobSuspended

step "a CronJob, asked to do it now"
cat <<END | put_manifest tidy.yaml
apiVersion: batch/v1beta1
kind: CronJob
metadata: {name: tidy}
spec:
  schedule: "$([ -n "${LONG:-}" ] && echo "* * * * *" || echo "0 0 1 1 *")"
  timeZone: Europe/Luxembourg
  jobTemplate:
    spec:
      template:
        spec:
          restartPolicy: OnFailure
          containers: [{name: main, image: busybox:1.35, command: [sh, -c, echo tidy]}]
END
wait_for 10 "known" berth get cronjob tidy
expect "create" "$(berth create job now --from=cronjob/tidy)" "job.batch/now created"
wait_for 20 "complete" is_over now Complete
expect "its owner" "$(field job now '.metadata.ownerReferences[0].kind')" CronJob
expect "what it wrote" "$(berth logs job/now)" tidy
expect_match "berth get cronjob" "$(berth get cj tidy)" 'tidy +.* +Europe/Luxembourg +False +[01] +(<none>|[0-9]+s)'
if [ -n "${LONG:-}" ]; then
  made() { [ -n "$(field cronjob tidy .status.lastSuccessfulTime)" ]; }
  wait_for 75 "the minute has come" made
fi

step "what is deleted takes its jobs with it"
rm "$manifests/tidy.yaml"
wait_for 10 "its job is gone" is_gone job now
rm "$manifests/sum.yaml"
wait_for 15 "the pods of sum are gone" is "" pod_names job-name=sum
