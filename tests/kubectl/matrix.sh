#!/bin/bash
# tests/kubectl/matrix.sh - every kubectl command that makes sense here, once, and what it must print.
# shellcheck source=lib.sh
. "$(dirname "$0")/lib.sh"

start_api
cd "$work" || exit 1

step "what the server says about itself"
ok 'Server Version: .*1\.[0-9]+' version
ok '(is running at|control plane)' cluster-info
ok 'statefulsets +sts +apps/v1 +true +StatefulSet' api-resources
ok 'persistentvolumeclaims +pvc +v1 +true' api-resources --namespaced=true
ok '^(.*
)?apps/v1
(.*
)*v1$' api-versions

step "generators"
ok '^namespace/lab created$' create ns lab
refused 1 'Error from server \(AlreadyExists\): namespaces "lab" already exists' create ns lab
k config set-context --current --namespace=lab >/dev/null
ok '^configmap/colours created$' create configmap colours --from-literal=sky=blue --from-literal=grass=green
ok '^secret/login created$' create secret generic login --from-literal=user=jo --from-literal=password=s3cret
ok '^serviceaccount/robot created$' create sa robot
ok '^service/web created$' create service clusterip web --clusterip=None --tcp=80:80
ok '^blue$' get cm colours -o 'jsonpath={.data.sky}'
holds "a secret as it was made" "$(k get secret login -o jsonpath='{.data.password}' | base64 -d)" '^s3cret$'
ok '^default$' get sa default -o 'jsonpath={.metadata.name}'
ok '^None$' get svc web -o 'jsonpath={.spec.clusterIP}'
ok '^service "web" deleted' delete svc web

step "apply"
cat >web.yaml <<'END'
apiVersion: v1
kind: Service
metadata: {name: web, labels: {app: web}}
spec:
  clusterIP: None
  selector: {app: web}
  ports: [{name: http, port: 80}]
---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: web}
spec:
  serviceName: web
  replicas: 2
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec:
      terminationGracePeriodSeconds: 5
      initContainers:
      - {name: prepare, image: "busybox:1.35", command: [sh, -c, "hostname > /www/index.html"], volumeMounts: [{name: www, mountPath: /www}]}
      containers:
      - name: httpd
        image: busybox:1.35
        command: [sh, -c, "trap 'exit 0' TERM; echo serving as $(hostname); hostname > /www/index.html; httpd -f -p 80 -h /www & wait"]
        env: [{name: A, value: "1"}, {name: B, value: "2"}]
        ports: [{containerPort: 80, name: http}]
        volumeMounts: [{name: www, mountPath: /www}]
      volumes: [{name: www, emptyDir: {}}]
END
ok '^service/web created.*
statefulset.apps/web created' apply -f web.yaml --dry-run=client
newer 21 && ok 'statefulset.apps/web created \(server dry run\)' apply -f web.yaml --dry-run=server
refused 1 'NotFound' get sts web
ok '^service/web created
statefulset.apps/web created$' apply -f web.yaml
wait_ready 30 app=web 2 lab
ok '^service/web unchanged
statefulset.apps/web unchanged$' apply -f web.yaml
sed -i -e 's/{name: B, value: "2"}/{name: C, value: "3"}/' -e 's/initContainers:/initContainers: []\n      oldInit:/' -e '/oldInit:/,/prepare/d' web.yaml
ok '^service/web unchanged
statefulset.apps/web configured$' apply -f web.yaml
ok '^A C $' get sts web -o 'jsonpath={range .spec.template.spec.containers[0].env[*]}{.name}{" "}{end}'
ok '^$' get sts web -o 'jsonpath={.spec.template.spec.initContainers}'
K_SECONDS=60 ok '(roll ?out|rolling update) complete' rollout status sts/web
cat >many.yaml <<'END'
apiVersion: v1
kind: List
items:
- {apiVersion: storage.k8s.io/v1, kind: StorageClass, metadata: {name: slow}, provisioner: berth.io/directory}
- {apiVersion: v1, kind: PersistentVolume, metadata: {name: vol1}, spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce],
   storageClassName: manual, persistentVolumeReclaimPolicy: Retain, hostPath: {path: /tmp/vol1}}}
- {apiVersion: v1, kind: PersistentVolumeClaim, metadata: {name: data}, spec: {accessModes: [ReadWriteOnce], storageClassName: manual,
   resources: {requests: {storage: 1Gi}}}}
- {apiVersion: v1, kind: ConfigMap, metadata: {name: settings}, data: {a: "1", b: "2"}}
- {apiVersion: v1, kind: Secret, metadata: {name: keys}, stringData: {k: v}}
- {apiVersion: apps/v1, kind: DaemonSet, metadata: {name: every}, spec: {selector: {matchLabels: {app: every}}, template: {metadata: {labels: {app: every}},
   spec: {terminationGracePeriodSeconds: 1, containers: [{name: main, image: "busybox:1.35", command: [sleep, "3600"]}]}}}}
END
ok 'storageclass.storage.k8s.io/slow created
persistentvolume/vol1 created
persistentvolumeclaim/data created
configmap/settings created
secret/keys created
daemonset.apps/every created' apply -f many.yaml
sed -i 's/{a: "1", b: "2"}/{a: "9"}/' many.yaml
ok 'configmap/settings configured' apply -f many.yaml
ok '^\{"a":"9"\}$' get cm settings -o 'jsonpath={.data}'
wait_ready 20 app=every 1 lab
wait_for 10 "the claim is bound" is Bound field pvc data .status.phase lab
refused 1 'diff|DIFF|replicas: 3' diff -f <(sed 's/replicas: 2/replicas: 3/' web.yaml)
ok '^$' diff -f web.yaml
ok 'statefulset.apps/web configured \(server dry run\)' apply --dry-run=server -f <(sed 's/replicas: 2/replicas: 3/' web.yaml)
ok '^2$' get sts web -o 'jsonpath={.spec.replicas}'
cat >applied.yaml <<'END'
apiVersion: v1
kind: ConfigMap
metadata: {name: applied}
data: {x: "1", y: "2"}
END
ok '^configmap/applied serverside-applied$' apply --server-side -f applied.yaml
sed -i 's/, y: "2"//' applied.yaml
ok '^configmap/applied serverside-applied$' apply --server-side -f applied.yaml
ok '^\{"x":"1"\}$' get cm applied -o 'jsonpath={.data}'
refused 1 'conflict' apply --server-side --field-manager=other -f <(sed 's/x: "1"/x: "5"/' applied.yaml)
ok 'serverside-applied' apply --server-side --field-manager=other --force-conflicts -f <(sed 's/x: "1"/x: "5"/' applied.yaml)
ok '^5$' get cm applied -o 'jsonpath={.data.x}'
ok '^configmap/applied replaced$' replace -f <(sed 's/x: "1"/x: "7"/' applied.yaml)
sed 's/name: applied/name: made/' applied.yaml >made.yaml
ok '^configmap/made created$' create -f made.yaml
refused 1 'AlreadyExists' create -f made.yaml
refused 1 'spec.serviceName|updates to statefulset spec' apply -f <(sed 's/serviceName: web/serviceName: other/' web.yaml)
newer 25 && refused 1 'unknown field "spec.replcas"' apply -f <(sed 's/replicas: 2/replcas: 2/' web.yaml)
refused 1 'Invalid|invalid' create -f <(sed 's/name: applied/name: Not_A_Name/' applied.yaml)
refused 1 'namespaces "nowhere" not found' apply -n nowhere -f made.yaml

step "berth apply -k builds with this kubectl"
mkdir -p custom bin
ln -sf "$KUBECTL" bin/kubectl
printf 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: tuned}\n' >custom/base.yaml
printf 'namePrefix: lab-\nresources: [base.yaml]\n' >custom/kustomization.yaml
holds "its name prefix is there" "$(PATH=$PWD/bin:$PATH berth apply -n lab -k custom 2>&1)" 'configmap/lab-tuned serverside-applied'
holds "deleted with it" "$(PATH=$PWD/bin:$PATH berth delete -n lab -k custom 2>&1)" 'configmap "lab-tuned" deleted'

step "get"
ok '^NAME +READY +STATUS +RESTARTS +AGE
every-[a-z0-9]+ +1/1 +Running +0 .*
web-0 +1/1 +Running +0 +[0-9a-z]+
web-1 +1/1 +Running +0 +[0-9a-z]+$' get pods
ok 'web-0 +1/1 +Running +0 +[0-9a-z]+ +10\.98\.0\.[0-9]+ +bed +<none> +<none>' get pods -o wide
ok 'NAMESPACE +NAME .*
lab +every-' get pods -A
ok '^NAME +READY +AGE +CONTAINERS +IMAGES
web +2/2 +[0-9a-z]+ +httpd +busybox:1.35$' get sts -o wide
ok 'every +1 +1 +1 +1 +1 +<none> +[0-9a-z]+ +main +busybox:1.35 +app=every' get ds -o wide
ok 'web +ClusterIP +None +<none> +80/TCP +[0-9a-z]+ +app=web' get svc -o wide
ok 'web +10\.98\.0\.[0-9]+:80,10\.98\.0\.[0-9]+:80 ' get endpoints
ok 'web-[a-z0-9]+ +IPv4 +80 +10\.98\.0\.[0-9]+,10\.98\.0\.[0-9]+ ' get endpointslices
ok 'NAME +STATUS +ROLES +AGE +VERSION +INTERNAL-IP +EXTERNAL-IP +OS-IMAGE +KERNEL-VERSION +CONTAINER-RUNTIME
bed +Ready +.*containerd://' get nodes -o wide
ok 'vol1 +1Gi +RWO +Retain +Bound +lab/data +manual ' get pv
ok 'data +Bound +vol1 +1Gi +RWO +manual ' get pvc
ok 'slow +berth.io/directory +Delete ' get sc
ok 'applied +1 ' get cm
ok 'keys +Opaque +1 ' get secret
ok 'pod/web-0 (.*
)+service/web (.*
)+daemonset.apps/every (.*
)+statefulset.apps/web ' get all
ok 'web-[a-z0-9]+ +statefulset.apps/web +[0-9]+ ' get controllerrevisions
ok '^pod/web-0
pod/web-1$' get pods -l app=web -o name
ok '^web-1$' get pods -l 'app in (web),!nope' --field-selector metadata.name=web-1 -o 'jsonpath={.items[*].metadata.name}'
ok 'web-0' get pods --field-selector status.phase=Running,spec.nodeName=bed
ok 'app=web' get pods --show-labels
ok 'APP
.*web-1 .*web' get pods -L app
ok 'kind: StatefulSet' get sts web -o yaml
ok '"kind": "Pod"' get pod web-0 -o json
ok '^NODE +IMAGE
bed +busybox:1.35$' get pod web-0 -o 'custom-columns=NODE:.spec.nodeName,IMAGE:.spec.containers[0].image'
ok 'web-[01] .*
web-[01] ' get pods -l app=web --sort-by='{.status.podIP}'
ok 'web-0' get pods/web-0 sts/web
ok '^$|No resources' get pods -n default
refused 1 'Error from server \(NotFound\): pods "nope" not found' get pod nope
refused 1 "the server doesn't have a resource type \"nopes\"" get nopes
ok '"items"' get --raw /api/v1/namespaces
ok 'LAST SEEN +TYPE +REASON +OBJECT +MESSAGE' get events
newer 23 && ok 'LAST SEEN +TYPE +REASON' events
ok 'ok' get --raw /healthz
ok 'apiserver_request_total|berth_build_info' get --raw /metrics

step "describe"
ok 'Name: +web-0.*Node: +bed/.*Status: +Running.*Controlled By: +StatefulSet/web.*Containers:.*Image: +busybox:1.35.*Conditions:.*Ready +True.*Events:' describe pod web-0
ok 'Name: +web-0.*Name: +web-1' describe pod web
ok 'Replicas: +2 desired \| 2 total.*Update Strategy: +RollingUpdate.*Pods Status: +2 Running' describe sts web
ok 'Desired Number of Nodes Scheduled: 1.*Number of Nodes Misscheduled: 0' describe ds every
ok 'Endpoints: +10\.98\.0\.[0-9]+:80,10\.98\.0\.[0-9]+:80' describe svc web
ok 'Roles:.*Conditions:.*Ready +True.*Addresses:.*Capacity:.*System Info:.*Non-terminated Pods:.*lab +web-0' describe node bed
ok 'Status: +Bound.*Used By: +<none>' describe pvc data
ok 'Claim: +lab/data' describe pv vol1
ok 'Provisioner: +berth.io/directory' describe sc slow
ok 'Status: +Active' describe ns lab
ok 'a:
----
9' describe cm settings
ok 'k: +1 bytes' describe secret keys
ok 'Name: +robot' describe sa robot
ok 'Name: +web' describe endpoints web
ok 'Name: +web-' describe controllerrevision

step "deployments"
cat >deploy.yaml <<'END'
apiVersion: apps/v1
kind: Deployment
metadata: {name: front, annotations: {kubernetes.io/change-cause: the first}}
spec:
  replicas: 2
  selector: {matchLabels: {app: front}}
  template:
    metadata: {labels: {app: front}}
    spec:
      terminationGracePeriodSeconds: 1
      containers: [{name: c, image: "busybox:1.35", command: [sleep, "3600"]}]
END
ok 'deployment.apps/front created' apply -f deploy.yaml
K_SECONDS=60 ok 'deployment "front" successfully rolled out' rollout status deploy/front
ok 'NAME +READY +UP-TO-DATE +AVAILABLE +AGE
front +2/2 +2 +2 ' get deploy front
ok 'NAME +DESIRED +CURRENT +READY +AGE.*CONTAINERS +IMAGES +SELECTOR
front-[a-z0-9]+ +2 +2 +2 .*busybox:1.35 +app=front,pod-template-hash=' get rs -l app=front -o wide
ok 'deployment.apps/front .*replicaset.apps/front-' get all
ok 'Replicas: +2 desired \| 2 updated \| 2 total \| 2 available.*StrategyType: +RollingUpdate.*NewReplicaSet: +front-[a-z0-9]+ \(2/2 replicas created\).*ScalingReplicaSet' describe deploy front
ok 'Controlled By: +Deployment/front.*2 current / 2 desired' describe rs
ok 'scaled' scale deploy/front --replicas=1
ok 'deployment.apps/front image updated' set image deploy/front c=busybox:1.36-none
ok 'deployment.apps/front paused' rollout pause deploy/front
ok 'deployment.apps/front resumed' rollout resume deploy/front
ok 'REVISION +CHANGE-CAUSE
1 +the first
2 +the first' rollout history deploy/front
ok 'rolled back' rollout undo deploy/front
K_SECONDS=60 ok 'successfully rolled out' rollout status deploy/front
ok '^3$' get deploy front -o 'jsonpath={.metadata.annotations.deployment\.kubernetes\.io/revision}'
ok 'deployment.apps/front restarted' rollout restart deploy/front
ok 'maxUnavailable' explain deploy.spec.strategy.rollingUpdate
ok 'horizontalpodautoscaler.autoscaling/front autoscaled' autoscale deployment front --min=1 --max=3 --cpu-percent=50
ok 'NAME +REFERENCE +TARGETS +MINPODS +MAXPODS +REPLICAS +AGE
front +Deployment/front +cpu: [^ ]+/50% +1 +3 ' get hpa
ok 'Reference: +Deployment/front.*as a percentage of request.* / 50%.*Min replicas: +1.*Max replicas: +3' describe hpa front
ok '^50$' get horizontalpodautoscalers.v1.autoscaling front -o 'jsonpath={.spec.targetCPUUtilizationPercentage}'
ok '^50$' get horizontalpodautoscalers.v2.autoscaling front -o 'jsonpath={.spec.metrics[0].resource.target.averageUtilization}'
ok 'averageUtilization' explain hpa.spec.metrics.resource.target --api-version=autoscaling/v2
ok 'horizontalpodautoscaler.autoscaling "front" deleted' delete hpa front
refused 1 'spec.strategy.rollingUpdate: Forbidden|may not be specified when strategy' patch deploy front -p '{"spec":{"strategy":{"type":"Recreate"}}}'
ok 'deployment.apps "front" deleted' delete deploy front
ok 'deployment.apps/quick created' create deployment quick --image=busybox:1.35
ok 'quick' delete deploy quick
cat >rc.yaml <<'END'
apiVersion: v1
kind: ReplicationController
metadata: {name: older}
spec:
  replicas: 1
  template:
    metadata: {labels: {app: older}}
    spec: {terminationGracePeriodSeconds: 1, containers: [{name: c, image: "busybox:1.35", command: [sleep, "3600"]}]}
END
ok 'replicationcontroller/older created' create -f rc.yaml
ok 'NAME +DESIRED +CURRENT +READY +AGE
older +1 ' get rc older
ok 'scaled' scale rc older --replicas=2
ok 'Selector: +app=older' describe rc older
ok 'deleted' delete rc older

step "logs"
ok '^serving as web-0$' logs web-0
ok 'serving as web-[01]' logs sts/web --tail=1
ok '^serving as web-0$' logs web-0 -c httpd --tail=5 --since=1h
ok '^[0-9]{4}-[0-9-]+T[0-9:.]+Z serving as web-0$' logs web-0 --timestamps
ok 'serving as web-0.*serving as web-1|serving as web-1.*serving as web-0' logs -l app=web --prefix
refused 1 'previous terminated container "httpd" in pod "web-0" not found' logs web-0 --previous
refused 1 'container nope is not valid for pod web-0' logs web-0 -c nope

step "exec, cp, attach, port-forward"
ok '^web-0$' exec web-0 -- hostname
refused 3 'command terminated with exit code 3' exec web-0 -- sh -c 'exit 3'
holds "exec -i" "$(printf 'a\nb\n' | k exec -i web-0 -- wc -l)" '^2$'
holds "exec -ti" "$(printf 'tty; exit 5\n' | in_terminal exec -ti web-0 -- sh; true)" '/dev/pts/'
code=0; printf 'exit 5\n' | in_terminal exec -ti web-0 -- sh >/dev/null || code=$?
holds "exec -ti, exit code" "$code" '^5$'
refused 1 'pods "nope" not found' exec nope -- true
refused 1 'container not found|container nope is not valid|not found' exec web-0 -c nope -- true
head -c 3000000 /dev/urandom >blob
ok '' cp blob web-0:/tmp/blob
ok '' cp web-0:/tmp/blob back
holds "cp there and back" "$(sha256sum <blob)" "^$(sha256sum <back)$"
k port-forward web-0 18080:80 >pf.out 2>&1 &
forward=$!
wait_for 10 "port-forward answers" curl -sf -m 2 http://127.0.0.1:18080/
holds "port-forward" "$(curl -s -m 5 http://127.0.0.1:18080/)$(cat pf.out)" 'web-0.*Forwarding from 127.0.0.1:18080 -> 80'
kill "$forward"; wait "$forward" 2>/dev/null || true
k port-forward svc/web 18081:80 >pf2.out 2>&1 &
forward=$!
wait_for 10 "port-forward to a service answers" curl -sf -m 2 http://127.0.0.1:18081/
kill "$forward"; wait "$forward" 2>/dev/null || true

step "run"
ok '^pod/once created$' run once --image=busybox:1.35 --restart=Never -- echo all is well
wait_for 20 "it ends" is Succeeded pod once .status.phase lab
ok '^all is well$' logs once
ok 'once +0/1 +Completed +0 ' get pod once
holds "run -i --rm" "$(echo hello | k run inner --image=busybox:1.35 --restart=Never -i --rm --quiet -- cat)" 'hello'
holds "run -it --rm" "$(printf 'expr 6 \* 7\nexit\n' | in_terminal run shell --image=busybox:1.35 --restart=Never -it --rm -- sh)" '42'
ok '^pod/cat created$' run cat --image=busybox:1.35 --restart=Never -i --attach=false -- cat
wait_for 20 "it runs" is Running pod cat .status.phase lab
holds "attach -i" "$( (echo ping; sleep 1) | timeout 5 "$KUBECTL" attach -i cat 2>/dev/null; true)" 'ping'

step "changes"
ok 'statefulset.apps/web scaled' scale sts web --replicas=3
wait_ready 30 app=web 3 lab
ok 'scaled' scale sts/web --current-replicas=3 --replicas=2
refused 1 '[Ee]xpected replicas to be 9, was 2|replicas' scale sts/web --current-replicas=9 --replicas=1
wait_for 20 "web-2 is gone" is_gone pod web-2 lab
ok 'restarted' rollout restart sts/web
K_SECONDS=60 ok 'complete' rollout status sts/web
ok 'REVISION' rollout history sts/web
ok 'Pod Template' rollout history sts/web --revision=1
ok 'image updated' set image sts/web httpd=docker.io/library/busybox:1.35
K_SECONDS=60 ok 'complete' rollout status sts/web
ok '^docker.io/library/busybox:1.35$' get sts web -o 'jsonpath={.spec.template.spec.containers[0].image}'
ok 'rolled back' rollout undo sts/web
ok '^busybox:1.35$' get sts web -o 'jsonpath={.spec.template.spec.containers[0].image}'
K_SECONDS=60 ok 'complete' rollout status sts/web
ok 'daemonset.apps/every restarted' rollout restart ds/every
K_SECONDS=60 ok 'successfully rolled out' rollout status ds/every
ok 'env updated' set env ds/every X=y
ok 'resource requirements updated' set resources sts/web -c httpd --limits=memory=64Mi
K_SECONDS=60 ok 'complete' rollout status sts/web
ok 'labeled' label pod web-0 colour=red
refused 1 "already has a value" label pod web-0 colour=blue
ok 'labeled' label pod web-0 colour=blue --overwrite
ok 'labeled|unlabeled' label pod web-0 colour-
ok 'annotated' annotate sts web note='some words'
ok 'tainted' taint node bed a=b:PreferNoSchedule
ok 'untainted' taint node bed a-
ok 'patched' patch sts web -p '{"spec":{"template":{"spec":{"containers":[{"name":"httpd","env":[{"name":"Z","value":"26"}]}]}}}}'
ok '^Z A C $' get sts web -o 'jsonpath={range .spec.template.spec.containers[0].env[*]}{.name}{" "}{end}'
ok 'patched' patch cm settings --type=merge -p '{"data":{"c":"3"}}'
ok 'patched' patch cm settings --type=json -p '[{"op":"remove","path":"/data/c"}]'
newer 24 && ok 'patched' patch sts web --subresource=scale --type=merge -p '{"spec":{"replicas":2}}'
refused 1 'Invalid|invalid' patch sts web --type=merge -p '{"spec":{"serviceName":"other"}}'
holds "edit" "$(EDITOR='sed -i /a:/s/9/10/' k edit cm settings 2>&1)" 'configmap/settings edited'
ok '^\{"a":"10"\}$' get cm settings -o 'jsonpath={.data}'
ok 'service/every exposed' expose pod once --name=every --port=80

step "waiting"
K_SECONDS=60 ok 'condition met' wait --for=condition=Ready pod/web-0 --timeout=40s
refused 1 'timed out waiting' wait --for=condition=Nope pod/web-0 --timeout=1s
newer 23 && ok 'condition met' wait '--for=jsonpath={.status.phase}=Running' pod/web-0 --timeout=20s
timeout 20 "$KUBECTL" get pods -w >watched 2>&1 &
watcher=$!
wait_for 10 "get -w shows what is there" grep -q web-0 watched
k delete pod web-1 --wait=false >/dev/null
wait_for 20 "get -w shows what happens" grep -qE 'web-1 +.*(Terminating|Completed)' watched
kill "$watcher" 2>/dev/null; wait "$watcher" 2>/dev/null || true
wait_for 10 "the set makes it anew" k get pod web-1
K_SECONDS=60 ok 'condition met' wait --for=condition=Ready pod/web-1 --timeout=40s
before=$(pod_uid web-0 lab)
K_SECONDS=60 ok '^pod "web-0" deleted' delete pod web-0
holds "delete waited for the pod's end" "$(pod_uid web-0 lab || true)" "^$|^[^${before:0:1}]|-"
(sleep 2; k delete pod once >/dev/null) &
ok 'condition met' wait --for=delete pod/once --timeout=20s

step "nodes"
ok 'cordoned' cordon bed
ok 'SchedulingDisabled' get node bed
ok 'uncordoned' uncordon bed
wait_ready 30 app=web 2 lab
K_SECONDS=90 ok 'drained|evicted' drain bed --ignore-daemonsets --force --delete-emptydir-data --timeout=60s
wait_for 20 "nothing but the DaemonSet's pod runs" is "" pod_names app=web lab-running-none
ok 'uncordoned' uncordon bed
wait_ready 40 app=web 2 lab
sleep 1
ok 'web-0 ' top pod
ok 'bed +[0-9]+m +[0-9]+% +[0-9]+Mi' top node
ok 'httpd' top pod --containers

step "who may what, and what is what"
ok '^yes$' auth can-i create pods
newer 28 && ok 'Username' auth whoami
ok 'KIND: +StatefulSet.*FIELDS:.*replicas' explain sts.spec
ok 'containers' explain pod.spec
ok 'FIELD: +image' explain pods.spec.containers.image

step "jobs"
ok 'job.batch/once created' create job once --image=busybox:1.35 -- sh -c 'echo done once'
K_SECONDS=40 ok 'condition met' wait --for=condition=complete job/once --timeout=30s
ok '^done once$' logs job/once
ok 'once +(Complete +)?1/1 +[0-9]+s +' get jobs
ok '^cronjob.batch/tick created' create cronjob tick --image=busybox:1.35 --schedule='0 0 1 1 *' -- echo tick
ok 'tick +0 0 1 1 \* +.*False +0 +<none> ' get cj
# Before 1.21 kubectl knows only the CronJobs of batch/v1beta1, which Kubernetes served until 1.24.
if k version --client 2>/dev/null | grep -qE 'v?1\.(1[0-9]|20)[^0-9]|Minor:"(1[0-9]|20)'; then
  ok 'job.batch/now created' create job now --image=busybox:1.35 -- echo tick
else
  ok 'job.batch/now created' create job now --from=cronjob/tick
fi
K_SECONDS=40 ok 'condition met' wait --for=condition=complete job/now --timeout=30s
ok '^tick$' logs job/now
ok '(Schedule: +0 0 1 1 \*)' describe cronjob tick
ok '(1 Succeeded / 0 Failed)' describe job now
ok 'FIELD: +schedule' explain cronjob.spec.schedule
refused 1 'restartPolicy' create -f <(k create job never --image=busybox:1.35 --dry-run=client -o yaml | sed 's/restartPolicy: Never/restartPolicy: Always/')
ok 'deleted' delete cronjob tick
K_SECONDS=40 ok 'deleted' delete job once

step "kinds that whole files hold"
ok 'role.rbac.authorization.k8s.io/reader created' create role reader --verb=get --resource=pods
ok 'rolebinding.rbac.authorization.k8s.io/readers created' create rolebinding readers --role=reader --user=jane
ok 'clusterrole.rbac.authorization.k8s.io/all:pods created' create clusterrole all:pods --verb=get,list --resource=pods
ok 'readers +Role/reader +' get rolebindings
ok '(PolicyRule|Rules)' describe role reader
ok 'KIND: +ClusterRole' explain clusterrole
ok 'quota/few created' create quota few --hard=pods=100,configmaps=200
K_SECONDS=20 ok 'few +.*pods: [0-9]+/100' get quota
ok 'Resource +Used +Hard' describe quota few
ok 'poddisruptionbudget.policy/web created' create pdb web --selector=app=web --min-available=1
ok 'web +1 +N/A +[0-9]+ +' get pdb
ok 'priorityclass.scheduling.k8s.io/urgent created' create priorityclass urgent --value=1000
ok 'system-node-critical +2000001000 +false' get pc
newer 19 && ok 'ingress.networking.k8s.io/web created' create ingress web --rule=example.com/=web:80
newer 19 && ok 'web +<none> +example.com +' get ing
ok 'No resources found|^$' get crd
refused 1 'forbidden: no PriorityClass with name none was found' run never --image=busybox:1.35 --overrides='{"spec":{"priorityClassName":"none"}}'
ok 'deleted' delete pdb/web quota/few role/reader rolebinding/readers

step "delete"
ok '^configmap "made" deleted' delete -f made.yaml
ok 'deleted' delete cm settings applied
refused 1 'NotFound' delete cm settings
ok '^$' delete cm settings --ignore-not-found
ok 'created' run cat2 --image=busybox:1.35 --labels=run=cat -- sleep 1000
ok 'pod "cat2" deleted' delete pods -l run=cat --now
ok 'deleted' delete pod web-1 --grace-period=0 --force
ok 'deleted \(server dry run\)' delete sts web --dry-run=server
ok 'statefulset' get sts web -o name
ok '^statefulset.apps "web" deleted' delete sts web --cascade=orphan
wait_for 10 "the orphans live" is "web-0 web-1" pod_names app=web lab
ok '^statefulset.apps/web created' apply -f <(sed -n '/^apiVersion: apps/,$p' web.yaml)
wait_ready 30 app=web 2 lab
K_SECONDS=60 ok 'statefulset.apps "web" deleted' delete sts web --cascade=foreground
ok 'daemonset.apps "every" deleted' delete all --all
ok 'persistentvolumeclaim "data" deleted' delete pvc data
ok 'persistentvolume "vol1" deleted' delete pv/vol1
ok 'storageclass.storage.k8s.io "slow" deleted' delete sc slow
K_SECONDS=60 ok '^namespace "lab" deleted' delete ns lab
finish
