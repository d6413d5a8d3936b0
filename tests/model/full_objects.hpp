// tests/model/full_objects.hpp - one sound object of every kind, with about every field that is decoded or judged.
#pragma once

#include <gtest/gtest.h>

#include <string_view>
#include <utility>
#include <vector>

#include "model/model.hpp"

namespace berth::model {

inline constexpr std::string_view kFullPodSpec = R"(
  restartPolicy: Always
  terminationGracePeriodSeconds: 20
  dnsPolicy: None
  dnsConfig: {nameservers: [10.0.0.10], searches: [example.com], options: [{name: ndots, value: "2"}]}
  nodeSelector: {disk: ssd}
  nodeName: worker
  hostNetwork: false
  hostPID: false
  hostIPC: false
  shareProcessNamespace: false
  serviceAccountName: robot
  priorityClassName: high
  preemptionPolicy: Never
  runtimeClassName: plain
  os: {name: linux}
  readinessGates: [{conditionType: example.com/ready}]
  schedulingGates: [{name: example.com/gate}]
  hostname: web
  subdomain: web
  imagePullSecrets: [{name: registry}]
  hostAliases: [{ip: 10.0.0.1, hostnames: [db.example.com]}]
  enableServiceLinks: true
  securityContext:
    runAsUser: 1000
    runAsGroup: 1000
    runAsNonRoot: true
    fsGroup: 1000
    fsGroupChangePolicy: OnRootMismatch
    supplementalGroups: [2000]
    supplementalGroupsPolicy: Merge
    sysctls: [{name: net.core.somaxconn, value: "1024"}]
    seccompProfile: {type: Localhost, localhostProfile: profiles/a.json}
    appArmorProfile: {type: Localhost, localhostProfile: mine}
  tolerations:
  - {key: example.com/a, operator: Equal, value: b, effect: NoExecute, tolerationSeconds: 30}
  topologySpreadConstraints:
  - {maxSkew: 1, minDomains: 2, topologyKey: zone, whenUnsatisfiable: DoNotSchedule, nodeAffinityPolicy: Honor,
     nodeTaintsPolicy: Ignore, labelSelector: {matchLabels: {app: web}}}
  affinity:
    nodeAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
        nodeSelectorTerms:
        - matchExpressions: [{key: disk, operator: In, values: [ssd]}, {key: cores, operator: Gt, values: ["4"]}]
          matchFields: [{key: metadata.name, operator: In, values: [worker]}]
      preferredDuringSchedulingIgnoredDuringExecution:
      - weight: 5
        preference: {matchExpressions: [{key: disk, operator: In, values: [ssd]}]}
    podAffinity:
      requiredDuringSchedulingIgnoredDuringExecution:
      - {topologyKey: zone, namespaces: [other], labelSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]},
         namespaceSelector: {matchLabels: {a: b}}}
    podAntiAffinity:
      preferredDuringSchedulingIgnoredDuringExecution:
      - {weight: 100, podAffinityTerm: {topologyKey: kubernetes.io/hostname, labelSelector: {matchLabels: {app: web}}}}
  volumes:
  - {name: scratch, emptyDir: {medium: Memory, sizeLimit: 1Gi}}
  - {name: host, hostPath: {path: /srv, type: Directory}}
  - {name: settings, configMap: {name: settings, defaultMode: 420, items: [{key: a, path: b, mode: 256}]}}
  - {name: secret, secret: {secretName: secret, defaultMode: 420, items: [{key: a, path: b, mode: 256}]}}
  - name: downward
    downwardAPI:
      defaultMode: 420
      items:
      - {path: labels, mode: 256, fieldRef: {apiVersion: v1, fieldPath: metadata.labels}}
      - {path: cpu, resourceFieldRef: {containerName: web, resource: limits.cpu, divisor: 1m}}
  - name: projected
    projected:
      defaultMode: 420
      sources:
      - configMap: {name: settings, items: [{key: a, path: c, mode: 256}]}
      - secret: {name: secret, items: [{key: a, path: d}]}
      - downwardAPI: {items: [{path: name, fieldRef: {fieldPath: metadata.name}}]}
      - serviceAccountToken: {path: token, audience: me, expirationSeconds: 3600}
  - {name: data, persistentVolumeClaim: {claimName: data, readOnly: false}}
  - {name: raw, persistentVolumeClaim: {claimName: raw}}
  - {name: nfs, nfs: {server: files, path: /srv, readOnly: true}}
  - name: iscsi
    iscsi: {targetPortal: "10.0.0.2:3260", iqn: "iqn.2001-04.com.example:disk", lun: 1, fsType: ext4,
            initiatorName: "iqn.2001-04.com.example:me", chapAuthSession: true, secretRef: {name: chap}}
  - {name: fc, fc: {targetWWNs: ["500a0982991b8dc5"], lun: 2, fsType: xfs}}
  - {name: aws, awsElasticBlockStore: {volumeID: vol-1, fsType: ext4, partition: 1}}
  - {name: gce, gcePersistentDisk: {pdName: disk, partition: 1}}
  - {name: azure, azureDisk: {diskName: d, diskURI: "https://account.blob.core.windows.net/c/d.vhd", kind: Shared,
                              cachingMode: None}}
  - {name: cinder, cinder: {volumeID: v, secretRef: {name: s}}}
  - {name: vsphere, vsphereVolume: {volumePath: "[a] b"}}
  - {name: csi, csi: {driver: example.com}}
  - {name: azurefile, azureFile: {secretName: s, shareName: t}}
  - {name: ceph, cephfs: {monitors: [a]}}
  - {name: flex, flexVolume: {driver: example.com/d}}
  - {name: git, gitRepo: {repository: "https://example.com/r"}}
  - {name: gluster, glusterfs: {endpoints: e, path: p}}
  - {name: rbd, rbd: {monitors: [a], image: i}}
  - name: ephemeral
    ephemeral:
      volumeClaimTemplate: {spec: {accessModes: [ReadWriteOnce], storageClassName: fast,
                                   resources: {requests: {storage: 1Gi}}}}
  initContainers:
  - name: sidecar
    image: example.com/sidecar:1
    restartPolicy: Always
    startupProbe: {exec: {command: ["true"]}, terminationGracePeriodSeconds: 5}
  containers:
  - name: web
    image: example.com/web:1
    command: [run]
    args: [now]
    workingDir: /srv
    imagePullPolicy: Never
    terminationMessagePath: /dev/termination-log
    terminationMessagePolicy: FallbackToLogsOnError
    stdin: false
    stdinOnce: false
    tty: false
    ports: [{name: http, containerPort: 80, hostPort: 8080, hostIP: 10.0.0.1, protocol: TCP}]
    envFrom:
    - {prefix: A_, configMapRef: {name: settings, optional: true}}
    - {secretRef: {name: secret}}
    env:
    - {name: PLAIN, value: text}
    - {name: NAME, valueFrom: {fieldRef: {apiVersion: v1, fieldPath: metadata.name}}}
    - {name: LABEL, valueFrom: {fieldRef: {fieldPath: "metadata.labels['app']"}}}
    - {name: CPU, valueFrom: {resourceFieldRef: {containerName: web, resource: requests.cpu, divisor: "1"}}}
    - {name: MAP, valueFrom: {configMapKeyRef: {name: settings, key: a, optional: true}}}
    - {name: SECRET, valueFrom: {secretKeyRef: {name: secret, key: a}}}
    resources:
      limits: {cpu: "2", memory: 1Gi, example.com/gpu: "1", hugepages-2Mi: 4Mi}
      requests: {cpu: 500m, memory: 512Mi, example.com/gpu: "1", hugepages-2Mi: 4Mi}
    resizePolicy: [{resourceName: cpu, restartPolicy: NotRequired}]
    volumeMounts:
    - {name: scratch, mountPath: /scratch, subPath: a, readOnly: true, mountPropagation: None, recursiveReadOnly: Disabled}
    - {name: data, mountPath: /data, subPathExpr: $(NAME)}
    volumeDevices: [{name: raw, devicePath: /dev/raw}]
    livenessProbe:
      httpGet: {path: /, port: http, host: example.com, scheme: HTTP, httpHeaders: [{name: X-A, value: b}]}
      initialDelaySeconds: 1
      timeoutSeconds: 2
      periodSeconds: 3
      successThreshold: 1
      failureThreshold: 4
      terminationGracePeriodSeconds: 5
    readinessProbe: {tcpSocket: {port: 80, host: example.com}, successThreshold: 2}
    startupProbe: {grpc: {port: 9000, service: s}}
    lifecycle: {postStart: {exec: {command: [a]}}, preStop: {sleep: {seconds: 2}}}
    securityContext:
      runAsUser: 1
      runAsGroup: 1
      runAsNonRoot: true
      privileged: false
      readOnlyRootFilesystem: true
      allowPrivilegeEscalation: false
      procMount: Default
      capabilities: {add: [NET_ADMIN], drop: [ALL]}
      seccompProfile: {type: RuntimeDefault}
)";

inline constexpr std::string_view kFullMeta =
    "metadata: {name: web, labels: {app: web}, annotations: {note: text}, finalizers: [example.com/keep], "
    "ownerReferences: [{apiVersion: v1, kind: Node, name: worker, uid: u, controller: true}]}\n";

/// `text` with two more blanks before every line.
inline std::string indented(std::string_view text, std::string_view blanks) {
  std::string out;
  for (const auto c : text) {
    out += c;
    if (c == '\n') out += blanks;
  }
  return out;
}

/// The object of `kind`, defaulted and valid.
inline json::object full_object(Kind kind) {
  const std::string pod_spec(kFullPodSpec);
  auto set_spec = pod_spec;
  const std::string set_template =
      "  selector: {matchLabels: {app: web}}\n  template:\n    metadata: {labels: {app: web}, annotations: {note: "
      "text}}\n"
      "    spec:" +
      indented(kFullPodSpec, "    ") + "\n";
  auto job_pod = pod_spec;
  constexpr std::string_view kAlways = "restartPolicy: Always";
  job_pod.replace(job_pod.find(kAlways), kAlways.size(), "restartPolicy: Never");
  const std::string job_spec =
      "  completionMode: Indexed\n  completions: 3\n  parallelism: 2\n  suspend: true\n  manualSelector: false\n"
      "  activeDeadlineSeconds: 60\n  backoffLimit: 3\n  backoffLimitPerIndex: 1\n  maxFailedIndexes: 2\n"
      "  ttlSecondsAfterFinished: 60\n  podReplacementPolicy: Failed\n  managedBy: example.com/other\n"
      "  successPolicy: {rules: [{succeededIndexes: 0-1, succeededCount: 1}]}\n"
      "  podFailurePolicy:\n    rules:\n"
      "    - {action: FailIndex, onExitCodes: {containerName: web, operator: In, values: [1, 42]}}\n"
      "    - {action: Ignore, onPodConditions: [{type: DisruptionTarget, status: \"True\"}]}\n"
      "  template:\n    metadata: {labels: {app: web}, annotations: {note: text}}\n    spec:" +
      indented(job_pod, "    ") + "\n";
  static constexpr std::string_view kClaimSpec =
      "spec: {accessModes: [ReadWriteOnce], volumeMode: Filesystem, storageClassName: fast, volumeName: pv, "
      "volumeAttributesClassName: gold, selector: {matchLabels: {a: b}}, resources: {requests: {storage: 1Gi}}}";
  const auto body = [&]() -> std::string {
    switch (kind) {
      case Kind::Namespace: return "spec: {finalizers: [kubernetes]}";
      case Kind::Node:
        return "spec: {unschedulable: true, taints: [{key: example.com/a, value: b, effect: NoSchedule}]}";
      case Kind::CustomResourceDefinition: return "spec: {group: example.com}";
      case Kind::PriorityClass: return "value: 1000\nglobalDefault: true\ndescription: text\npreemptionPolicy: Never";
      case Kind::RuntimeClass:
        return "handler: runc\noverhead: {podFixed: {cpu: 100m}}\nscheduling: {nodeSelector: {a: b}, tolerations: "
               "[{key: a, operator: Exists, effect: NoSchedule}]}";
      case Kind::IngressClass:
        return "spec: {controller: example.com/ingress, parameters: {apiGroup: k8s.example.com, kind: Parameters, "
               "name: "
               "a, scope: Namespace, namespace: default}}";
      case Kind::CertificateSigningRequest:
        return "spec: {request: "
               "LS0tLS1CRUdJTiBDRVJUSUZJQ0FURSBSRVFVRVNULS0tLS0KQUE9PQotLS0tLUVORCBDRVJUSUZJQ0FURSBSRVFV"
               "RVNULS0tLS0K, signerName: example.com/signer, expirationSeconds: 3600, usages: [digital signature, "
               "server "
               "auth], username: jo, uid: u, groups: [a]}";
      case Kind::ClusterRole:
        return "rules: [{verbs: [get], apiGroups: [\"\"], resources: [pods], resourceNames: [a]}, "
               "{verbs: [get], nonResourceURLs: [/healthz]}]\n"
               "aggregationRule: {clusterRoleSelectors: [{matchLabels: {a: b}}]}";
      case Kind::ClusterRoleBinding:
        return "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: reader}\n"
               "subjects: [{kind: ServiceAccount, name: builder, namespace: default}, {kind: User, name: Jane}]";
      case Kind::Role: return "rules: [{verbs: [get], apiGroups: [apps], resources: [deployments]}]";
      case Kind::RoleBinding:
        return "roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: reader}\n"
               "subjects: [{kind: ServiceAccount, name: builder, namespace: default}, {kind: Group, name: Jane}]";
      case Kind::LimitRange:
        return "spec: {limits: [{type: Container, max: {cpu: 2}, min: {cpu: 100m}, default: {cpu: 1}, defaultRequest: "
               "{cpu: 500m}, maxLimitRequestRatio: {cpu: 4}}, {type: PersistentVolumeClaim, max: {storage: 1Gi}}]}";
      case Kind::ResourceQuota:
        return "spec: {hard: {pods: 4, requests.cpu: 2}, scopes: [NotTerminating], scopeSelector: {matchExpressions: "
               "[{scopeName: PriorityClass, operator: In, values: [high]}]}}";
      case Kind::Ingress:
        return "spec:\n  ingressClassName: web\n  defaultBackend: {resource: {apiGroup: example.com, kind: Bucket, "
               "name: "
               "a}}\n  tls: [{hosts: [example.com], secretName: cert}]\n  rules:\n  - host: \"*.example.com\"\n    "
               "http: "
               "{paths: [{path: /, pathType: Prefix, backend: {service: {name: web, port: {number: 80}}}}]}\n"
               "  - http: {paths: [{path: /, pathType: Exact, backend: {service: {name: web, port: {name: http}}}}]}";
      case Kind::NetworkPolicy:
        return "spec: {podSelector: {matchLabels: {app: web}}, policyTypes: [Ingress, Egress], ingress: [{from: "
               "[{podSelector: {matchLabels: {app: a}}, namespaceSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8, except: "
               "[10.1.0.0/16]}}], ports: [{protocol: TCP, port: 80, endPort: 90}, {port: http}]}], egress: [{to: "
               "[{podSelector: {}}], ports: [{protocol: UDP, port: 53}]}]}";
      case Kind::HorizontalPodAutoscaler:
        return "spec:\n  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: web}\n  minReplicas: 1\n"
               "  maxReplicas: 4\n  metrics:\n"
               "  - {type: Resource, resource: {name: cpu, target: {type: Utilization, averageUtilization: 50}}}\n"
               "  - {type: ContainerResource, containerResource: {name: memory, container: web, target: {type: "
               "AverageValue, averageValue: 10Mi}}}\n"
               "  - {type: Pods, pods: {metric: {name: m, selector: {matchLabels: {a: b}}}, target: {type: "
               "AverageValue, averageValue: 10}}}\n"
               "  - {type: Object, object: {describedObject: {apiVersion: v1, kind: Service, name: web}, metric: "
               "{name: "
               "m}, target: {type: Value, value: 10}}}\n"
               "  - {type: External, external: {metric: {name: m}, target: {type: Value, value: 10}}}\n"
               "  behavior:\n"
               "    scaleUp: {stabilizationWindowSeconds: 0, selectPolicy: Max, tolerance: 100m, policies: [{type: "
               "Pods, "
               "value: 4, periodSeconds: 15}]}\n"
               "    scaleDown: {stabilizationWindowSeconds: 300, selectPolicy: Min, policies: [{type: Percent, value: "
               "100, periodSeconds: 15}]}";
      case Kind::PodTemplate:
        return "template:\n  metadata: {labels: {app: web}, annotations: {note: text}}\n  spec:" +
               indented(kFullPodSpec, "  ");
      case Kind::PodDisruptionBudget:
        return "spec: {maxUnavailable: 10%, selector: {matchLabels: {app: web}}, unhealthyPodEvictionPolicy: "
               "AlwaysAllow}";
      case Kind::StorageClass:
        return "provisioner: example.com/p\nparameters: {a: b}\nreclaimPolicy: Delete\nvolumeBindingMode: Immediate\n"
               "allowVolumeExpansion: true\nmountOptions: [ro]";
      case Kind::PersistentVolume:
        return "spec: {capacity: {storage: 1Gi}, accessModes: [ReadWriteOnce], persistentVolumeReclaimPolicy: Retain, "
               "storageClassName: fast, volumeMode: Filesystem, mountOptions: [ro], claimRef: {name: a, namespace: b}, "
               "local: {path: /srv, fsType: ext4}, nodeAffinity: {required: {nodeSelectorTerms: [{matchExpressions: "
               "[{key: a, operator: In, values: [b]}]}]}}}";
      case Kind::VolumeAttachment:
        return "spec: {attacher: berth.io, nodeName: worker1, source: {persistentVolumeName: pv}}";
      case Kind::ConfigMap: return "data: {a: b}\nbinaryData: {c: YQ==}\nimmutable: true";
      case Kind::Secret:
        return "type: kubernetes.io/dockerconfigjson\ndata: {.dockerconfigjson: e30=}\nimmutable: true";
      case Kind::ServiceAccount: return "imagePullSecrets: [{name: a}]";
      case Kind::PersistentVolumeClaim: return std::string(kClaimSpec);
      case Kind::Service:
        return "spec: {type: LoadBalancer, clusterIP: 10.0.0.9, selector: {app: web}, sessionAffinity: ClientIP, "
               "externalIPs: [192.0.2.1], loadBalancerSourceRanges: [10.0.0.0/8], externalTrafficPolicy: Local, "
               "internalTrafficPolicy: Local, publishNotReadyAddresses: true, loadBalancerClass: example.com/lb, "
               "trafficDistribution: PreferClose, healthCheckNodePort: 30000, "
               "ports: [{name: http, port: 80, targetPort: http, protocol: TCP, nodePort: 30080, appProtocol: http}]}";
      case Kind::ReplicationController:
        return "spec:\n  replicas: 2\n  minReadySeconds: 1\n" +
               std::string(set_template)
                   .replace(set_template.find("{matchLabels: {app: web}}"),
                            std::string_view("{matchLabels: {app: web}}").size(), "{app: web}");
      case Kind::Deployment:
        return "spec:\n  replicas: 2\n  minReadySeconds: 1\n  revisionHistoryLimit: 2\n  paused: true\n"
               "  progressDeadlineSeconds: 60\n  strategy: {type: RollingUpdate, rollingUpdate: {maxUnavailable: 10%, "
               "maxSurge: 1}}\n" +
               set_template;
      case Kind::ReplicaSet: return "spec:\n  replicas: 2\n  minReadySeconds: 1\n" + set_template;
      case Kind::DaemonSet:
        return "spec:\n  minReadySeconds: 1\n  revisionHistoryLimit: 2\n  updateStrategy: {type: RollingUpdate, "
               "rollingUpdate: {maxUnavailable: 10%, maxSurge: 0}}\n" +
               set_template;
      case Kind::StatefulSet:
        return "spec:\n  replicas: 2\n  serviceName: web\n  minReadySeconds: 1\n  revisionHistoryLimit: 2\n"
               "  podManagementPolicy: Parallel\n  ordinals: {start: 1}\n"
               "  persistentVolumeClaimRetentionPolicy: {whenDeleted: Delete, whenScaled: Retain}\n"
               "  updateStrategy: {type: RollingUpdate, rollingUpdate: {partition: 1}}\n"
               "  volumeClaimTemplates:\n  - metadata: {name: mine, labels: {a: b}}\n    " +
               std::string(kClaimSpec) + "\n" + set_template;
      case Kind::Job: return "spec:\n" + job_spec;
      case Kind::CronJob:
        return "spec:\n  schedule: \"*/5 8-17 * jan mon-fri\"\n  timeZone: UTC\n  concurrencyPolicy: Forbid\n"
               "  startingDeadlineSeconds: 60\n  suspend: true\n  successfulJobsHistoryLimit: 2\n"
               "  failedJobsHistoryLimit: 2\n  jobTemplate:\n    metadata: {labels: {app: web}}\n    spec:\n" +
               indented("    " + job_spec, "    ");
      case Kind::ControllerRevision: return "revision: 3\ndata: {spec: {}}";
      case Kind::Pod: return "spec:" + pod_spec;
      case Kind::Endpoints:
        return "subsets: [{addresses: [{ip: 10.0.0.1, hostname: a, nodeName: worker}], notReadyAddresses: "
               "[{ip: 10.0.0.2}], ports: [{name: http, port: 80, protocol: TCP, appProtocol: http}]}]";
      case Kind::EndpointSlice:
        return "addressType: IPv4\nendpoints: [{addresses: [10.0.0.1], hostname: a, nodeName: worker}]\n"
               "ports: [{name: http, port: 80, protocol: TCP, appProtocol: http}]";
      case Kind::Lease: return "spec: {holderIdentity: me, leaseDurationSeconds: 40, leaseTransitions: 1}";
      case Kind::Event:
        return "involvedObject: {kind: Pod, namespace: default, name: web}\nreason: Started\nmessage: text\n"
               "type: Normal\ncount: 1";
    }
    return {};
  }();
  const auto value = parse_yaml(std::string(kFullMeta) + body);
  EXPECT_TRUE(value.ok()) << info(kind).name << (value ? "" : value.error().message());
  auto raw = value ? value->get_object() : json::object();
  raw["apiVersion"] = info(kind).api_version();
  raw["kind"] = info(kind).name;
  if (info(kind).namespaced) raw["metadata"].get_object()["namespace"] = "default";
  apply_defaults(kind, raw);
  return raw;
}

}  // namespace berth::model
