#!/bin/bash
# tests/kubectl/seeds.sh - the labs people learn DaemonSets and StatefulSets from, typed as they stand there.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"
data=$root/tests/data/manifests

step "a host like the lab's worker1"
write_config 'nodeLabels: {arch: x86, proc: gpu, node-role.kubernetes.io/worker: "true"}' \
  'nodeTaints: [{key: gpu, value: "yes", effect: NoSchedule}]'
sed -i 's/^nodeName: .*/nodeName: worker1/' "$config"
start_api
cd "$work" || exit 1
cp "$data/agent-daemonset.yaml" daemon.yaml
cp "$data/agent-lux-daemonset.yaml" agent.yaml

step "DaemonSet"
ok '^daemonset.apps/agent created$' apply -f daemon.yaml
wait_ready 30 app=agent 1
ok '^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE
agent +1 +1 +1 +1 +1 +<none> +[0-9]+m?s$' get ds
ok '^NAME +READY +STATUS +RESTARTS +AGE +IP +NODE +NOMINATED NODE +READINESS GATES
agent-[a-z0-9]{5} +1/1 +Running +0 +[0-9]+s +10\.98\.0\.[0-9]+ +worker1 +<none> +<none>$' get po -o wide

step "DaemonSet with a node selector"
ok '^daemonset.apps/agent-lux created$' apply -f agent.yaml
ok 'agent-lux +0 +0 +0 +0 +0 +dc=luxembourg +' get ds/agent-lux
ok '^node/worker1 labeled$' label node worker1 dc=luxembourg
wait_ready 30 app=agent-lux 1
ok '^NAME +DESIRED +CURRENT +READY +UP-TO-DATE +AVAILABLE +NODE SELECTOR +AGE
agent-lux +1 +1 +1 +1 +1 +dc=luxembourg +[0-9]+m?s$' get ds/agent-lux
ok 'agent-lux-[a-z0-9]{5} +1/1 +Running +0 +[0-9]+s +10\.98\.0\.[0-9]+ +worker1 ' get pod -o wide
ok '^NAME +STATUS +ROLES +AGE +VERSION +LABELS
worker1 +Ready +worker +[0-9a-z]+ +v[0-9.]+[^ ]* +arch=x86,.*dc=luxembourg,kubernetes.io/arch=[a-z0-9]+,kubernetes.io/hostname=worker1,.*node-role.kubernetes.io/worker=true,proc=gpu$' \
  get node/worker1 --show-labels

step "StatefulSet: a namespace, a headless service, MongoDB in three replicas"
ok '^node/worker1 untainted$' taint node worker1 gpu- # the lab has a worker without
ok '^namespace/mongo created$' create ns mongo
cat >mongo-svc.yaml <<'END'
apiVersion: v1
kind: Service
metadata:
  name: mongo
  namespace: mongo
  labels:
    name: mongo
spec:
  ports:
  - port: 27017
    targetPort: 27017
  clusterIP: None
  selector:
    run: mongo
END
ok '^service/mongo created$' apply -f mongo-svc.yaml
ok '^NAME +TYPE +CLUSTER-IP +EXTERNAL-IP +PORT\(S\) +AGE
mongo +ClusterIP +None +<none> +27017/TCP +[0-9]+m?s$' get svc -n mongo
sed -n '/^apiVersion: apps\/v1beta1/,$p' "$root/examples/mongo.yaml" >mongo.yaml
ok '^statefulset.apps/mongo created$' apply -f mongo.yaml
wait_ready 30 run=mongo 3 mongo
# The lab's DESIRED and CURRENT columns are those of Kubernetes 1.11; today's are READY and AGE.
ok '^NAME +READY +AGE
mongo +3/3 +[0-9]+m?s$' get sts -n mongo
ok '^NAME +READY +STATUS +RESTARTS +AGE
mongo-0 +1/1 +Running +0 +[0-9]+m?s
mongo-1 +1/1 +Running +0 +[0-9]+m?s
mongo-2 +1/1 +Running +0 +[0-9]+m?s$' get pods -n mongo
if newer 30; then dashes=(--); else dashes=(); fi # 1.33 wants the dashes; the lab has none
typed=$(printf 'echo $((40+2)) $(hostname)\nexit\n' | in_terminal -n mongo exec -ti mongo-0 "${dashes[@]}" bash)
holds "exec -ti mongo-0 bash: a shell in a terminal" "$typed" '# .*42 mongo-0'
ok '' exec -n mongo mongo-1 -- getent hosts mongo-0.mongo
ok 'waiting for connections on port 27017' -n mongo logs mongo-2

step "and away again"
ok '^statefulset.apps "mongo" deleted' delete -f mongo.yaml
ok '^service "mongo" deleted' -n mongo delete svc mongo
ok '^daemonset.apps "agent" deleted' delete -f daemon.yaml
ok '^daemonset.apps "agent-lux" deleted' delete ds agent-lux
K_SECONDS=60 ok '^namespace "mongo" deleted' delete ns mongo
refused 1 'namespaces "mongo" not found' get ns mongo
ok 'No resources found|^$' get pods
finish
