// model/schema_table.cpp - the table itself; schema.cpp reads it.
//
// One line is one type: `Name: field:type field:type ...`. A type is
//   s string · t time · b boolean · i 32-bit integer · l 64-bit integer · q quantity · x integer or string · any
//   {s} {q} map of · [T] list of · Name another line.
// `-field` is stored but has no effect here. `Name*:` may have more fields than are listed. A line that starts with
// spaces continues the one before. How values merge (strategic merge patch, server-side apply), as upstream marks it:
//   [T]@key+key2 elements are told apart by these fields, the first alone in a strategic merge patch · [s]@ a set
//   [T]@key~ as well with patch strategy retainKeys · {s}! and `Name!:` one value to server-side apply
// From the Kubernetes API reference, v1.30.
#include "model/schema_table.hpp"

namespace berth::model {

// clang-format off
const std::string_view kSchemaTable =
R"(ObjectMeta: name:s generateName:s namespace:s selfLink:s uid:s resourceVersion:s generation:l creationTimestamp:t
  deletionTimestamp:t deletionGracePeriodSeconds:l labels:{s} annotations:{s} ownerReferences:[OwnerReference]@uid
  finalizers:[s]@ managedFields:any
OwnerReference!: apiVersion:s kind:s name:s uid:s controller:b blockOwnerDeletion:b
LabelSelector!: matchLabels:{s} matchExpressions:[Requirement]
Requirement: key:s operator:s values:[s]
LocalRef!: name:s
ObjectRef!: kind:s namespace:s name:s uid:s apiVersion:s resourceVersion:s fieldPath:s

Namespace: apiVersion:s kind:s metadata:ObjectMeta spec:NamespaceSpec status:NamespaceStatus
NamespaceSpec: finalizers:[s]
NamespaceStatus*: phase:s conditions:[Condition]@type
Condition*: type:s status:s observedGeneration:l lastHeartbeatTime:t lastProbeTime:t lastTransitionTime:t reason:s
  message:s
Node: apiVersion:s kind:s metadata:ObjectMeta spec:NodeSpec status:NodeStatus
NodeSpec: podCIDR:s podCIDRs:[s]@ providerID:s unschedulable:b taints:[Taint] configSource:any externalID:s
NodeStatus*: capacity:{q} allocatable:{q} phase:s conditions:[Condition]@type addresses:[NodeAddress]@type
  daemonEndpoints:any nodeInfo:NodeInfo images:[any] volumesInUse:[s] volumesAttached:[any] config:any
NodeAddress: type:s address:s
NodeInfo*: machineID:s systemUUID:s bootID:s kernelVersion:s osImage:s containerRuntimeVersion:s kubeletVersion:s
  kubeProxyVersion:s operatingSystem:s architecture:s
Taint: key:s value:s effect:s timeAdded:t
StorageClass: apiVersion:s kind:s metadata:ObjectMeta provisioner:s parameters:{s} reclaimPolicy:s mountOptions:[s]
  allowVolumeExpansion:b volumeBindingMode:s -allowedTopologies:[TopologyTerm]
TopologyTerm!: matchLabelExpressions:[TopologyLabel]
TopologyLabel: key:s values:[s]
VolumeAttachment: apiVersion:s kind:s metadata:ObjectMeta spec:AttachmentSpec status:AttachmentStatus
AttachmentSpec: attacher:s nodeName:s source:AttachmentSource
AttachmentSource: persistentVolumeName:s -inlineVolumeSpec:any
AttachmentStatus*: attached:b attachmentMetadata:{s} attachError:AttachmentError detachError:AttachmentError
AttachmentError*: time:t message:s
ConfigMap: apiVersion:s kind:s metadata:ObjectMeta data:{s} binaryData:{s} immutable:b
Secret: apiVersion:s kind:s metadata:ObjectMeta data:{s} stringData:{s} type:s immutable:b
ServiceAccount: apiVersion:s kind:s metadata:ObjectMeta secrets:[ObjectRef]@name imagePullSecrets:[LocalRef]
  automountServiceAccountToken:b
ControllerRevision: apiVersion:s kind:s metadata:ObjectMeta data:any revision:l
Endpoints: apiVersion:s kind:s metadata:ObjectMeta subsets:[EndpointSubset]
EndpointSubset: addresses:[EndpointAddress] notReadyAddresses:[EndpointAddress] ports:[EndpointPort]
EndpointAddress: ip:s hostname:s nodeName:s targetRef:ObjectRef
EndpointPort: name:s port:i protocol:s appProtocol:s
EndpointSlice: apiVersion:s kind:s metadata:ObjectMeta addressType:s endpoints:[SliceEndpoint] ports:[EndpointPort]
SliceEndpoint: addresses:[s] conditions:SliceConditions hostname:s targetRef:ObjectRef nodeName:s zone:s
  deprecatedTopology:{s} hints:any
SliceConditions: ready:b serving:b terminating:b
Lease: apiVersion:s kind:s metadata:ObjectMeta spec:LeaseSpec
LeaseSpec*: holderIdentity:s leaseDurationSeconds:i acquireTime:t renewTime:t leaseTransitions:i strategy:s
  preferredHolder:s
Event*: apiVersion:s kind:s metadata:ObjectMeta involvedObject:ObjectRef reason:s message:s source:EventSource
  firstTimestamp:t lastTimestamp:t eventTime:t count:i type:s
EventOfEvents*: apiVersion:s kind:s metadata:ObjectMeta eventTime:t series:EventSeries reportingController:s
  reportingInstance:s action:s reason:s regarding:ObjectRef related:ObjectRef note:s type:s
  deprecatedSource:EventSource deprecatedFirstTimestamp:t deprecatedLastTimestamp:t deprecatedCount:i
EventSeries*: count:i lastObservedTime:t
EventSource: component:s host:s

PersistentVolumeClaim: apiVersion:s kind:s metadata:ObjectMeta spec:ClaimSpec status:ClaimStatus
ClaimSpec: accessModes:[s] selector:LabelSelector resources:ClaimResources volumeName:s storageClassName:s volumeMode:s
  -dataSource:any -dataSourceRef:any -volumeAttributesClassName:s
ClaimStatus*: phase:s accessModes:[s] capacity:{q} conditions:[Condition]@type allocatedResources:{q}
ClaimResources: limits:{q} requests:{q}
PersistentVolume: apiVersion:s kind:s metadata:ObjectMeta spec:VolumeSpec status:VolumeStatus
VolumeStatus*: phase:s message:s reason:s lastPhaseTransitionTime:t
VolumeSpec: capacity:{q} accessModes:[s] claimRef:ClaimRef persistentVolumeReclaimPolicy:s storageClassName:s
  mountOptions:[s] volumeMode:s nodeAffinity:VolumeNodeAffinity -volumeAttributesClassName:s
  hostPath:HostPathSource local:LocalSource nfs:NfsSource iscsi:PersistentIscsiSource fc:FcSource
  awsElasticBlockStore:AwsDiskSource gcePersistentDisk:GceDiskSource azureDisk:AzureDiskSource
  cinder:PersistentCinderSource vsphereVolume:VsphereSource -csi:PersistentCsiSource
  -azureFile:PersistentAzureFileSource -cephfs:PersistentCephfsSource -flexVolume:PersistentFlexSource
  -flocker:FlockerSource -glusterfs:PersistentGlusterfsSource -photonPersistentDisk:PhotonSource
  -portworxVolume:PortworxSource -quobyte:QuobyteSource -rbd:PersistentRbdSource -scaleIO:PersistentScaleIoSource
  -storageos:PersistentStorageOsSource
PersistentAzureFileSource: secretName:s secretNamespace:s shareName:s readOnly:b
PersistentCephfsSource: monitors:[s] path:s user:s secretFile:s secretRef:SecretRef readOnly:b
PersistentFlexSource: driver:s fsType:s secretRef:SecretRef readOnly:b options:{s}
PersistentGlusterfsSource: endpoints:s path:s readOnly:b endpointsNamespace:s
PersistentRbdSource: monitors:[s] image:s fsType:s pool:s user:s keyring:s secretRef:SecretRef readOnly:b
PersistentScaleIoSource: gateway:s system:s secretRef:SecretRef sslEnabled:b protectionDomain:s storagePool:s
  storageMode:s volumeName:s fsType:s readOnly:b
PersistentStorageOsSource: volumeName:s volumeNamespace:s fsType:s readOnly:b secretRef:ObjectRef
ClaimRef: kind:s namespace:s name:s uid:s apiVersion:s resourceVersion:s fieldPath:s
VolumeNodeAffinity: required:NodeSelector
LocalSource: path:s fsType:s

Service: apiVersion:s kind:s metadata:ObjectMeta spec:ServiceSpec status:ServiceStatus
ServiceSpec: ports:[ServicePort]@port+protocol selector:{s}! clusterIP:s clusterIPs:[s] type:s
  -externalIPs:[s] sessionAffinity:s
  -loadBalancerIP:s loadBalancerSourceRanges:[s] externalName:s externalTrafficPolicy:s healthCheckNodePort:i
  publishNotReadyAddresses:b sessionAffinityConfig:SessionAffinity ipFamilies:[s] ipFamilyPolicy:s
  allocateLoadBalancerNodePorts:b loadBalancerClass:s internalTrafficPolicy:s -trafficDistribution:s
SessionAffinity: clientIP:ClientAffinity
ClientAffinity: timeoutSeconds:i
ServiceStatus*: loadBalancer:LoadBalancer conditions:[Condition]@type
LoadBalancer*: ingress:[any]
ServicePort: name:s protocol:s -appProtocol:s port:i targetPort:x nodePort:i

StatefulSet: apiVersion:s kind:s metadata:ObjectMeta spec:StatefulSetSpec status:StatefulSetStatus
StatefulSetSpec: replicas:i selector:LabelSelector template:PodTemplateSpec volumeClaimTemplates:[PersistentVolumeClaim]
  serviceName:s podManagementPolicy:s updateStrategy:StatefulSetStrategy revisionHistoryLimit:i minReadySeconds:i
  persistentVolumeClaimRetentionPolicy:ClaimRetention ordinals:Ordinals
StatefulSetStatus*: observedGeneration:l replicas:i readyReplicas:i availableReplicas:i currentReplicas:i
  updatedReplicas:i currentRevision:s updateRevision:s collisionCount:i conditions:[Condition]@type
StatefulSetStrategy: type:s rollingUpdate:StatefulSetRolling
StatefulSetRolling: partition:i maxUnavailable:x
ClaimRetention: whenDeleted:s whenScaled:s
Ordinals: start:i
ReplicationController: apiVersion:s kind:s metadata:ObjectMeta spec:ReplicationControllerSpec
  status:ReplicationControllerStatus
ReplicationControllerSpec: replicas:i minReadySeconds:i selector:{s}! template:PodTemplateSpec
ReplicationControllerStatus*: replicas:i fullyLabeledReplicas:i readyReplicas:i availableReplicas:i
  observedGeneration:l conditions:[Condition]@type
Deployment: apiVersion:s kind:s metadata:ObjectMeta spec:DeploymentSpec status:DeploymentStatus
DeploymentSpec: replicas:i selector:LabelSelector template:PodTemplateSpec strategy:DeploymentStrategy minReadySeconds:i
  revisionHistoryLimit:i paused:b progressDeadlineSeconds:i
DeploymentStrategy: type:s rollingUpdate:DeploymentRolling
DeploymentRolling: maxUnavailable:x maxSurge:x
DeploymentStatus*: observedGeneration:l replicas:i updatedReplicas:i readyReplicas:i availableReplicas:i
  unavailableReplicas:i terminatingReplicas:i conditions:[DeploymentCondition]@type collisionCount:i
DeploymentCondition*: type:s status:s lastUpdateTime:t lastTransitionTime:t reason:s message:s
ReplicaSet: apiVersion:s kind:s metadata:ObjectMeta spec:ReplicaSetSpec status:ReplicaSetStatus
ReplicaSetSpec: replicas:i minReadySeconds:i selector:LabelSelector template:PodTemplateSpec
ReplicaSetStatus*: replicas:i fullyLabeledReplicas:i readyReplicas:i availableReplicas:i terminatingReplicas:i
  observedGeneration:l conditions:[Condition]@type
DaemonSet: apiVersion:s kind:s metadata:ObjectMeta spec:DaemonSetSpec status:DaemonSetStatus
DaemonSetSpec: selector:LabelSelector template:PodTemplateSpec updateStrategy:DaemonSetStrategy minReadySeconds:i
  revisionHistoryLimit:i
DaemonSetStatus*: observedGeneration:l currentNumberScheduled:i desiredNumberScheduled:i numberMisscheduled:i
  numberReady:i numberAvailable:i numberUnavailable:i updatedNumberScheduled:i collisionCount:i
  conditions:[Condition]@type
DaemonSetStrategy: type:s rollingUpdate:DaemonSetRolling
DaemonSetRolling: maxUnavailable:x maxSurge:x

Job: apiVersion:s kind:s metadata:ObjectMeta spec:JobSpec status:JobStatus
JobSpec: parallelism:i completions:i activeDeadlineSeconds:l podFailurePolicy:PodFailurePolicy
  successPolicy:SuccessPolicy backoffLimit:i backoffLimitPerIndex:i maxFailedIndexes:i selector:LabelSelector
  manualSelector:b template:PodTemplateSpec ttlSecondsAfterFinished:i completionMode:s suspend:b podReplacementPolicy:s
  managedBy:s
PodFailurePolicy: rules:[PodFailureRule]
PodFailureRule: action:s onExitCodes:ExitCodes onPodConditions:[PodConditionPattern]
ExitCodes: containerName:s operator:s values:[i]@
PodConditionPattern: type:s status:s
SuccessPolicy: rules:[SuccessRule]
SuccessRule: succeededIndexes:s succeededCount:i
JobStatus*: conditions:[Condition] startTime:t completionTime:t active:i succeeded:i failed:i terminating:i ready:i
  completedIndexes:s failedIndexes:s uncountedTerminatedPods:UncountedPods
UncountedPods: succeeded:[s]@ failed:[s]@
CronJob: apiVersion:s kind:s metadata:ObjectMeta spec:CronJobSpec status:CronJobStatus
CronJobSpec: schedule:s timeZone:s startingDeadlineSeconds:l concurrencyPolicy:s suspend:b jobTemplate:JobTemplate
  successfulJobsHistoryLimit:i failedJobsHistoryLimit:i
CronJobStatus*: active:[ObjectRef] lastScheduleTime:t lastSuccessfulTime:t
JobTemplate: metadata:ObjectMeta spec:JobSpec

PodTemplateSpec: metadata:ObjectMeta spec:PodSpec
PodTemplate: apiVersion:s kind:s metadata:ObjectMeta template:PodTemplateSpec
PodDisruptionBudget: apiVersion:s kind:s metadata:ObjectMeta spec:DisruptionBudgetSpec status:DisruptionBudgetStatus
DisruptionBudgetSpec: minAvailable:x maxUnavailable:x selector:LabelSelector unhealthyPodEvictionPolicy:s
DisruptionBudgetStatus*: observedGeneration:l disruptedPods:any disruptionsAllowed:i currentHealthy:i desiredHealthy:i
  expectedPods:i conditions:[Condition]@type
HorizontalPodAutoscaler: apiVersion:s kind:s metadata:ObjectMeta spec:AutoscalerSpec status:AutoscalerStatus
AutoscalerSpec: scaleTargetRef:ScaleTarget minReplicas:i maxReplicas:i metrics:[Metric] behavior:ScalingBehavior
ScaleTarget: kind:s name:s apiVersion:s
Metric: type:s -object:ObjectMetric -pods:PodsMetric resource:ResourceMetric containerResource:ContainerMetric
  -external:ExternalMetric
MetricTarget: type:s value:q averageValue:q averageUtilization:i
MetricName: name:s selector:LabelSelector
ResourceMetric: name:s target:MetricTarget
ContainerMetric: name:s container:s target:MetricTarget
PodsMetric: metric:MetricName target:MetricTarget
ObjectMetric: describedObject:ScaleTarget metric:MetricName target:MetricTarget
ExternalMetric: metric:MetricName target:MetricTarget
ScalingBehavior: scaleUp:ScalingRules scaleDown:ScalingRules
ScalingRules: stabilizationWindowSeconds:i selectPolicy:s policies:[ScalingPolicy] tolerance:q
ScalingPolicy: type:s value:i periodSeconds:i
AutoscalerStatus*: observedGeneration:l lastScaleTime:t currentReplicas:i desiredReplicas:i currentMetrics:[any]
  conditions:[Condition]@type
PlainAutoscaler: apiVersion:s kind:s metadata:ObjectMeta spec:PlainAutoscalerSpec status:PlainAutoscalerStatus
PlainAutoscalerSpec: scaleTargetRef:ScaleTarget minReplicas:i maxReplicas:i targetCPUUtilizationPercentage:i
PlainAutoscalerStatus*: observedGeneration:l lastScaleTime:t currentReplicas:i desiredReplicas:i
  currentCPUUtilizationPercentage:i
FlatAutoscaler: apiVersion:s kind:s metadata:ObjectMeta spec:FlatAutoscalerSpec status:AutoscalerStatus
FlatAutoscalerSpec: scaleTargetRef:ScaleTarget minReplicas:i maxReplicas:i metrics:[FlatMetric]
FlatMetric: type:s object:FlatObjectMetric pods:FlatPodsMetric resource:FlatResourceMetric
  containerResource:FlatContainerMetric external:FlatExternalMetric
FlatResourceMetric: name:s targetAverageUtilization:i targetAverageValue:q
FlatContainerMetric: name:s container:s targetAverageUtilization:i targetAverageValue:q
FlatPodsMetric: metricName:s targetAverageValue:q selector:LabelSelector
FlatObjectMetric: target:ScaleTarget metricName:s targetValue:q selector:LabelSelector averageValue:q
FlatExternalMetric: metricName:s metricSelector:LabelSelector targetValue:q targetAverageValue:q
LimitRange: apiVersion:s kind:s metadata:ObjectMeta spec:LimitRangeSpec
LimitRangeSpec: limits:[LimitRangeItem]
LimitRangeItem: type:s max:{q} min:{q} default:{q} defaultRequest:{q} maxLimitRequestRatio:{q}
ResourceQuota: apiVersion:s kind:s metadata:ObjectMeta spec:ResourceQuotaSpec status:ResourceQuotaStatus
ResourceQuotaSpec: hard:{q} scopes:[s] scopeSelector:ScopeSelector
ScopeSelector!: matchExpressions:[ScopeRequirement]
ScopeRequirement: scopeName:s operator:s values:[s]
ResourceQuotaStatus*: hard:{q} used:{q}
PriorityClass: apiVersion:s kind:s metadata:ObjectMeta value:i globalDefault:b description:s preemptionPolicy:s
RuntimeClass: apiVersion:s kind:s metadata:ObjectMeta handler:s overhead:RuntimeOverhead scheduling:RuntimeScheduling
RuntimeOverhead: podFixed:{q}
RuntimeScheduling: nodeSelector:{s}! tolerations:[Toleration]
CustomResourceDefinition*: apiVersion:s kind:s metadata:ObjectMeta spec:any status:any

CertificateSigningRequest: apiVersion:s kind:s metadata:ObjectMeta spec:SigningSpec status:SigningStatus
SigningSpec: request:s signerName:s expirationSeconds:i usages:[s] username:s uid:s groups:[s] extra:any
SigningStatus*: conditions:[Condition]@type certificate:s
ClusterRole: apiVersion:s kind:s metadata:ObjectMeta rules:[PolicyRule] aggregationRule:AggregationRule
AggregationRule: clusterRoleSelectors:[LabelSelector]
Role: apiVersion:s kind:s metadata:ObjectMeta rules:[PolicyRule]
PolicyRule: verbs:[s] apiGroups:[s] resources:[s] resourceNames:[s] nonResourceURLs:[s]
ClusterRoleBinding: apiVersion:s kind:s metadata:ObjectMeta subjects:[Subject] roleRef:RoleRef
RoleBinding: apiVersion:s kind:s metadata:ObjectMeta subjects:[Subject] roleRef:RoleRef
Subject!: kind:s apiGroup:s name:s namespace:s
RoleRef!: apiGroup:s kind:s name:s

IngressClass: apiVersion:s kind:s metadata:ObjectMeta spec:IngressClassSpec
IngressClassSpec: controller:s parameters:IngressParameters
IngressParameters: apiGroup:s kind:s name:s scope:s namespace:s
Ingress: apiVersion:s kind:s metadata:ObjectMeta spec:IngressSpec status:IngressStatus
IngressSpec: ingressClassName:s defaultBackend:IngressBackend tls:[IngressTls] rules:[IngressRule]
IngressBackend: service:IngressService resource:IngressResource
IngressService: name:s port:IngressPort
IngressPort!: name:s number:i
IngressResource!: apiGroup:s kind:s name:s
IngressTls: hosts:[s] secretName:s
IngressRule: host:s http:IngressHttp
IngressHttp: paths:[IngressPath]
IngressPath: path:s pathType:s backend:IngressBackend
IngressStatus*: loadBalancer:LoadBalancer
NetworkPolicy: apiVersion:s kind:s metadata:ObjectMeta spec:NetworkPolicySpec
NetworkPolicySpec: podSelector:LabelSelector ingress:[PolicyIngress] egress:[PolicyEgress] policyTypes:[s]
PolicyIngress: ports:[PolicyPort] from:[PolicyPeer]
PolicyEgress: ports:[PolicyPort] to:[PolicyPeer]
PolicyPort: protocol:s port:x endPort:i
PolicyPeer: podSelector:LabelSelector namespaceSelector:LabelSelector ipBlock:IpBlock
IpBlock: cidr:s except:[s]
OldIngress: apiVersion:s kind:s metadata:ObjectMeta spec:OldIngressSpec status:IngressStatus
OldIngressSpec: ingressClassName:s backend:OldIngressBackend tls:[IngressTls] rules:[OldIngressRule]
OldIngressBackend: serviceName:s servicePort:x resource:IngressResource
OldIngressRule: host:s http:OldIngressHttp
OldIngressHttp: paths:[OldIngressPath]
OldIngressPath: path:s pathType:s backend:OldIngressBackend
Pod: apiVersion:s kind:s metadata:ObjectMeta spec:PodSpec status:PodStatus
PodSpec: volumes:[Volume]@name~ initContainers:[Container]@name containers:[Container]@name
  -ephemeralContainers:[EphemeralContainer]@name restartPolicy:s
  terminationGracePeriodSeconds:l activeDeadlineSeconds:l dnsPolicy:s nodeSelector:{s}! -serviceAccountName:s
  -serviceAccount:s automountServiceAccountToken:b nodeName:s hostNetwork:b hostPID:b hostIPC:b
  -shareProcessNamespace:b securityContext:PodSecurity imagePullSecrets:[LocalRef]@name hostname:s subdomain:s
  affinity:Affinity schedulerName:s tolerations:[Toleration] hostAliases:[HostAlias]@ip priorityClassName:s priority:i
  dnsConfig:DnsConfig -readinessGates:[ReadinessGate] -runtimeClassName:s enableServiceLinks:b preemptionPolicy:s
  overhead:{q} -topologySpreadConstraints:[TopologySpread]@topologyKey+whenUnsatisfiable -setHostnameAsFQDN:b
  -os:PodOs hostUsers:b -schedulingGates:[SchedulingGate]@name -resourceClaims:[PodResourceClaim]@name~
  -resources:Resources
TopologySpread: maxSkew:i topologyKey:s whenUnsatisfiable:s labelSelector:LabelSelector minDomains:i
  nodeAffinityPolicy:s nodeTaintsPolicy:s matchLabelKeys:[s]
SchedulingGate: name:s
ReadinessGate: conditionType:s
PodOs: name:s
PodResourceClaim: name:s resourceClaimName:s resourceClaimTemplateName:s
Affinity: nodeAffinity:NodeAffinity -podAffinity:PodAffinity -podAntiAffinity:PodAffinity
NodeAffinity: requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
  -preferredDuringSchedulingIgnoredDuringExecution:[NodeWish]
NodeWish: weight:i preference:NodeSelectorTerm
PodAffinity: requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
  preferredDuringSchedulingIgnoredDuringExecution:[PodWish]
PodWish: weight:i podAffinityTerm:PodAffinityTerm
PodAffinityTerm: labelSelector:LabelSelector namespaces:[s] topologyKey:s namespaceSelector:LabelSelector
  matchLabelKeys:[s] mismatchLabelKeys:[s]
NodeSelector!: nodeSelectorTerms:[NodeSelectorTerm]
NodeSelectorTerm!: matchExpressions:[Requirement] matchFields:[Requirement]
Toleration: key:s operator:s value:s effect:s tolerationSeconds:l
HostAlias: ip:s hostnames:[s]
DnsConfig: nameservers:[s] searches:[s] options:[DnsOption]
DnsOption: name:s value:s
PodSecurity: runAsUser:l runAsGroup:l runAsNonRoot:b fsGroup:l fsGroupChangePolicy:s supplementalGroups:[l]
  -supplementalGroupsPolicy:s sysctls:[NameValue] seccompProfile:Profile -seLinuxOptions:SeLinuxOptions -windowsOptions:WindowsOptions
  appArmorProfile:Profile -seLinuxChangePolicy:s
NameValue: name:s value:s
Profile: type:s localhostProfile:s
SeLinuxOptions: user:s role:s type:s level:s
WindowsOptions: gmsaCredentialSpecName:s gmsaCredentialSpec:s runAsUserName:s hostProcess:b

Container: name:s image:s command:[s] args:[s] workingDir:s ports:[ContainerPort]@containerPort+protocol
  envFrom:[EnvFrom] env:[EnvVar]@name
  resources:Resources -resizePolicy:[ResizePolicy] restartPolicy:s volumeMounts:[VolumeMount]@mountPath
  volumeDevices:[VolumeDevice]@devicePath
  livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:s
  terminationMessagePolicy:s imagePullPolicy:s securityContext:ContainerSecurity stdin:b stdinOnce:b tty:b
EphemeralContainer: name:s image:s command:[s] args:[s] workingDir:s ports:[ContainerPort]@containerPort+protocol
  envFrom:[EnvFrom] env:[EnvVar]@name
  resources:Resources resizePolicy:[ResizePolicy] restartPolicy:s volumeMounts:[VolumeMount]@mountPath
  volumeDevices:[VolumeDevice]@devicePath
  livenessProbe:Probe readinessProbe:Probe startupProbe:Probe lifecycle:Lifecycle terminationMessagePath:s
  terminationMessagePolicy:s imagePullPolicy:s securityContext:ContainerSecurity stdin:b stdinOnce:b tty:b
  targetContainerName:s
VolumeDevice: name:s devicePath:s
ResizePolicy: resourceName:s restartPolicy:s
ContainerPort: name:s hostPort:i containerPort:i protocol:s hostIP:s
EnvFrom: prefix:s configMapRef:OptionalRef secretRef:OptionalRef
OptionalRef: name:s optional:b
EnvVar: name:s value:s valueFrom:EnvSource
EnvSource: fieldRef:FieldRef resourceFieldRef:ResourceFieldRef configMapKeyRef:KeyRef secretKeyRef:KeyRef
FieldRef!: apiVersion:s fieldPath:s
ResourceFieldRef!: containerName:s resource:s divisor:q
KeyRef!: name:s key:s optional:b
Resources: limits:{q} requests:{q} -claims:[ResourceClaimName]@name
ResourceClaimName: name:s request:s
VolumeMount: name:s readOnly:b recursiveReadOnly:s mountPath:s subPath:s mountPropagation:s subPathExpr:s
Probe: exec:Exec httpGet:HttpGet tcpSocket:TcpSocket grpc:Grpc initialDelaySeconds:i timeoutSeconds:i periodSeconds:i
  successThreshold:i failureThreshold:i terminationGracePeriodSeconds:l
Exec: command:[s]
HttpGet: path:s port:x host:s scheme:s httpHeaders:[NameValue]
TcpSocket: port:x host:s
Grpc: port:i service:s
Lifecycle: postStart:Handler preStop:Handler -stopSignal:s
Handler: exec:Exec httpGet:HttpGet tcpSocket:TcpSocket sleep:Sleep
Sleep: seconds:l
ContainerSecurity: capabilities:Capabilities privileged:b -seLinuxOptions:SeLinuxOptions -windowsOptions:WindowsOptions runAsUser:l
  runAsGroup:l runAsNonRoot:b readOnlyRootFilesystem:b allowPrivilegeEscalation:b procMount:s seccompProfile:Profile
  appArmorProfile:Profile
Capabilities: add:[s] drop:[s]

Volume: name:s emptyDir:EmptyDirSource hostPath:HostPathSource configMap:ConfigMapSource secret:SecretSource
  downwardAPI:DownwardSource projected:ProjectedSource persistentVolumeClaim:ClaimSource nfs:NfsSource
  iscsi:IscsiSource fc:FcSource awsElasticBlockStore:AwsDiskSource gcePersistentDisk:GceDiskSource
  azureDisk:AzureDiskSource cinder:CinderSource vsphereVolume:VsphereSource
  -csi:CsiSource -ephemeral:EphemeralSource -gitRepo:GitSource -azureFile:AzureFileSource -cephfs:CephfsSource
  -flexVolume:FlexSource -flocker:FlockerSource -glusterfs:GlusterfsSource -image:ImageSource
  -photonPersistentDisk:PhotonSource -portworxVolume:PortworxSource -quobyte:QuobyteSource -rbd:RbdSource
  -scaleIO:ScaleIoSource -storageos:StorageOsSource
EphemeralSource: volumeClaimTemplate:ClaimTemplate
ClaimTemplate: metadata:ObjectMeta spec:ClaimSpec
GitSource: repository:s revision:s directory:s
AzureFileSource: secretName:s shareName:s readOnly:b
CephfsSource: monitors:[s] path:s user:s secretFile:s secretRef:LocalRef readOnly:b
FlexSource: driver:s fsType:s secretRef:LocalRef readOnly:b options:{s}
FlockerSource: datasetName:s datasetUUID:s
GlusterfsSource: endpoints:s path:s readOnly:b
ImageSource: reference:s pullPolicy:s
PhotonSource: pdID:s fsType:s
PortworxSource: volumeID:s fsType:s readOnly:b
QuobyteSource: registry:s volume:s readOnly:b user:s group:s tenant:s
RbdSource: monitors:[s] image:s fsType:s pool:s user:s keyring:s secretRef:LocalRef readOnly:b
ScaleIoSource: gateway:s system:s secretRef:LocalRef sslEnabled:b protectionDomain:s storagePool:s storageMode:s
  volumeName:s fsType:s readOnly:b
StorageOsSource: volumeName:s volumeNamespace:s fsType:s readOnly:b secretRef:LocalRef
EmptyDirSource: medium:s sizeLimit:q
HostPathSource: path:s type:s
ConfigMapSource: name:s items:[KeyToPath] defaultMode:i optional:b
SecretSource: secretName:s items:[KeyToPath] defaultMode:i optional:b
KeyToPath: key:s path:s mode:i
DownwardSource: items:[DownwardItem] defaultMode:i
DownwardItem: path:s fieldRef:FieldRef resourceFieldRef:ResourceFieldRef mode:i
ProjectedSource: sources:[Projection] defaultMode:i
Projection: configMap:ConfigMapProjection secret:ConfigMapProjection downwardAPI:DownwardProjection
  -serviceAccountToken:TokenProjection
  clusterTrustBundle:BundleProjection podCertificate:any
ConfigMapProjection: name:s items:[KeyToPath] optional:b
TokenProjection: audience:s expirationSeconds:l path:s
BundleProjection: name:s signerName:s labelSelector:LabelSelector optional:b path:s
DownwardProjection: items:[DownwardItem]
ClaimSource: claimName:s readOnly:b
NfsSource: server:s path:s readOnly:b
IscsiSource: targetPortal:s iqn:s lun:i iscsiInterface:s fsType:s readOnly:b portals:[s] chapAuthDiscovery:b
  chapAuthSession:b secretRef:LocalRef initiatorName:s
PersistentIscsiSource: targetPortal:s iqn:s lun:i iscsiInterface:s fsType:s readOnly:b portals:[s] chapAuthDiscovery:b
  chapAuthSession:b secretRef:SecretRef initiatorName:s
SecretRef!: name:s namespace:s
FcSource: targetWWNs:[s] lun:i fsType:s readOnly:b wwids:[s]
AwsDiskSource: volumeID:s fsType:s partition:i readOnly:b
GceDiskSource: pdName:s fsType:s partition:i readOnly:b
AzureDiskSource: diskName:s diskURI:s -cachingMode:s fsType:s readOnly:b -kind:s
CinderSource: volumeID:s fsType:s readOnly:b -secretRef:LocalRef
PersistentCinderSource: volumeID:s fsType:s readOnly:b -secretRef:SecretRef
VsphereSource: volumePath:s fsType:s -storagePolicyName:s -storagePolicyID:s
CsiSource: driver:s readOnly:b fsType:s volumeAttributes:{s} nodePublishSecretRef:LocalRef
PersistentCsiSource*: driver:s volumeHandle:s readOnly:b fsType:s volumeAttributes:{s}

PodStatus*: phase:s reason:s message:s hostIP:s podIP:s startTime:t qosClass:s conditions:[Condition]@type
  podIPs:[PodAddress]@ip hostIPs:[PodAddress]@ip initContainerStatuses:[ContainerStatus]
  containerStatuses:[ContainerStatus] ephemeralContainerStatuses:[ContainerStatus] nominatedNodeName:s
PodAddress: ip:s
ContainerStatus*: name:s state:State lastState:State ready:b started:b restartCount:i image:s imageID:s containerID:s
State: waiting:StateWaiting running:StateRunning terminated:StateTerminated
StateWaiting: reason:s message:s
StateRunning: startedAt:t
StateTerminated: exitCode:i signal:i reason:s message:s startedAt:t finishedAt:t containerID:s

ListMeta: selfLink:s resourceVersion:s continue:s remainingItemCount:l
Status: apiVersion:s kind:s metadata:ListMeta status:s message:s reason:s details:StatusDetails code:i
StatusDetails: name:s group:s kind:s uid:s causes:[StatusCause] retryAfterSeconds:i
StatusCause: reason:s message:s field:s
DeleteOptions: apiVersion:s kind:s gracePeriodSeconds:l preconditions:Preconditions orphanDependents:b
  propagationPolicy:s dryRun:[s]
Preconditions: uid:s resourceVersion:s
Scale: apiVersion:s kind:s metadata:ObjectMeta spec:ScaleSpec status:ScaleStatus
ScaleSpec: replicas:i
ScaleStatus: replicas:i selector:s
Eviction: apiVersion:s kind:s metadata:ObjectMeta deleteOptions:DeleteOptions
)";
// clang-format on

}  // namespace berth::model
