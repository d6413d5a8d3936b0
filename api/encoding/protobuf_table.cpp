// api/encoding/protobuf_table.cpp - the messages of Kubernetes' generated.proto files that request bodies may hold.
//
// `Message: number:name:type ...`; a line that starts with spaces continues the one before. A type is
//   s string · i integer · b boolean · B octets (base64 in JSON) · q resource.Quantity · t Time · m MicroTime ·
//   x IntOrString · {s} {B} {q} map of · [T] list of · Name another line
// "?": a pointer in Go, so that zero is a value and not its absence. No name: its fields are those of the message
// around. Numbers and names are those of Kubernetes 1.33. The first lines are the kinds that a body may be.
#include "api/encoding/protobuf_table.hpp"

namespace berth::api {

// clang-format off
const std::string_view kProtobufTable =
R"(Namespace: 1:metadata:ObjectMeta 2:spec:NamespaceSpec 3:status:NamespaceStatus
ServiceAccount: 1:metadata:ObjectMeta 2:secrets:[ObjectReference] 3:imagePullSecrets:[LocalObjectReference]
  4:automountServiceAccountToken:b?
ConfigMap: 1:metadata:ObjectMeta 2:data:{s} 3:binaryData:{B} 4:immutable:b?
Secret: 1:metadata:ObjectMeta 2:data:{B} 3:type:s 4:stringData:{s} 5:immutable:b?
Service: 1:metadata:ObjectMeta 2:spec:ServiceSpec 3:status:ServiceStatus
Pod: 1:metadata:ObjectMeta 2:spec:PodSpec 3:status:PodStatus
PersistentVolumeClaim: 1:metadata:ObjectMeta 2:spec:PersistentVolumeClaimSpec 3:status:PersistentVolumeClaimStatus
Event: 1:metadata:ObjectMeta 2:involvedObject:ObjectReference 3:reason:s 4:message:s 5:source:EventSource
  6:firstTimestamp:t 7:lastTimestamp:t 8:count:i 9:type:s 10:eventTime:m 11:series:EventSeries 12:action:s
  13:related:ObjectReference 14:reportingComponent:s 15:reportingInstance:s
CertificateSigningRequest: 1:metadata:ObjectMeta 2:spec:SigningSpec 3:status:SigningStatus
SigningSpec: 1:request:B 2:username:s 3:uid:s 4:groups:[s] 5:usages:[s] 7:signerName:s? 8:expirationSeconds:i?
SigningStatus: 1:conditions:[SigningCondition] 2:certificate:B
SigningCondition: 1:type:s 2:reason:s 3:message:s 4:lastUpdateTime:t 5:lastTransitionTime:t 6:status:s
Event@events.k8s.io/v1: 1:metadata:ObjectMeta 2:eventTime:m 3:series:EventSeries 4:reportingController:s
  5:reportingInstance:s 6:action:s 7:reason:s 8:regarding:ObjectReference 9:related:ObjectReference 10:note:s 11:type:s
  12:deprecatedSource:EventSource 13:deprecatedFirstTimestamp:t 14:deprecatedLastTimestamp:t 15:deprecatedCount:i
Lease: 1:metadata:ObjectMeta 2:spec:LeaseSpec
Endpoints: 1:metadata:ObjectMeta 2:subsets:[EndpointSubset]
EndpointSubset: 1:addresses:[EndpointAddress] 2:notReadyAddresses:[EndpointAddress] 3:ports:[EndpointPort]
EndpointAddress: 1:ip:s 2:targetRef:ObjectReference 3:hostname:s 4:nodeName:s?
EndpointPort: 1:name:s 2:port:i 3:protocol:s 4:appProtocol:s?
EndpointSlice: 1:metadata:ObjectMeta 2:endpoints:[SliceEndpoint] 3:ports:[SlicePort] 4:addressType:s
SliceEndpoint: 1:addresses:[s] 2:conditions:SliceConditions 3:hostname:s? 4:targetRef:ObjectReference
  5:deprecatedTopology:{s} 6:nodeName:s? 7:zone:s? 8:hints:SliceHints
SliceConditions: 1:ready:b? 2:serving:b? 3:terminating:b?
SliceHints: 1:forZones:[SliceZone]
SliceZone: 1:name:s
SlicePort: 1:name:s? 2:protocol:s? 3:port:i? 4:appProtocol:s?
Node: 1:metadata:ObjectMeta 2:spec:NodeSpec 3:status:NodeStatus
NodeSpec: 1:podCIDR:s 3:providerID:s 4:unschedulable:b 5:taints:[Taint] 7:podCIDRs:[s]
Taint: 1:key:s 2:value:s 3:effect:s 4:timeAdded:t
NodeStatus: 1:capacity:{q} 2:allocatable:{q} 3:phase:s 4:conditions:[NodeCondition] 5:addresses:[NodeAddress]
  6:daemonEndpoints:NodeDaemonEndpoints 7:nodeInfo:NodeSystemInfo 8:images:[ContainerImage] 9:volumesInUse:[s]
NodeCondition: 1:type:s 2:status:s 3:lastHeartbeatTime:t 4:lastTransitionTime:t 5:reason:s 6:message:s
NodeAddress: 1:type:s 2:address:s
NodeDaemonEndpoints: 1:kubeletEndpoint:DaemonEndpoint
DaemonEndpoint: 1:Port:i
NodeSystemInfo: 1:machineID:s 2:systemUUID:s 3:bootID:s 4:kernelVersion:s 5:osImage:s 6:containerRuntimeVersion:s
  7:kubeletVersion:s 8:kubeProxyVersion:s 9:operatingSystem:s 10:architecture:s
ContainerImage: 1:names:[s] 2:sizeBytes:i
StatefulSet: 1:metadata:ObjectMeta 2:spec:StatefulSetSpec 3:status:StatefulSetStatus
DaemonSet: 1:metadata:ObjectMeta 2:spec:DaemonSetSpec 3:status:DaemonSetStatus
Job: 1:metadata:ObjectMeta 2:spec:JobSpec 3:status:JobStatus
CronJob: 1:metadata:ObjectMeta 2:spec:CronJobSpec 3:status:CronJobStatus
Deployment: 1:metadata:ObjectMeta 2:spec:DeploymentSpec 3:status:DeploymentStatus
ReplicaSet: 1:metadata:ObjectMeta 2:spec:ReplicaSetSpec 3:status:ReplicaSetStatus
ReplicationController: 1:metadata:ObjectMeta 2:spec:ReplicationControllerSpec 3:status:ReplicaSetStatus
Role: 1:metadata:ObjectMeta 2:rules:[PolicyRule]
ClusterRole: 1:metadata:ObjectMeta 2:rules:[PolicyRule] 3:aggregationRule:AggregationRule
RoleBinding: 1:metadata:ObjectMeta 2:subjects:[Subject] 3:roleRef:RoleRef
ClusterRoleBinding: 1:metadata:ObjectMeta 2:subjects:[Subject] 3:roleRef:RoleRef
Ingress: 1:metadata:ObjectMeta 2:spec:IngressSpec 3:status:IngressStatus
IngressClass: 1:metadata:ObjectMeta 2:spec:IngressClassSpec
PriorityClass: 1:metadata:ObjectMeta 2:value:i 3:globalDefault:b 4:description:s 5:preemptionPolicy:s?
RuntimeClass: 1:metadata:ObjectMeta 2:handler:s 3:overhead:Overhead 4:scheduling:Scheduling
PodTemplate: 1:metadata:ObjectMeta 2:template:PodTemplateSpec
LimitRange: 1:metadata:ObjectMeta 2:spec:LimitRangeSpec
ResourceQuota: 1:metadata:ObjectMeta 2:spec:ResourceQuotaSpec 3:status:ResourceQuotaStatus
PodDisruptionBudget: 1:metadata:ObjectMeta 2:spec:PodDisruptionBudgetSpec 3:status:PodDisruptionBudgetStatus
NetworkPolicy: 1:metadata:ObjectMeta 2:spec:NetworkPolicySpec
HorizontalPodAutoscaler: 1:metadata:ObjectMeta 2:spec:HorizontalPodAutoscalerSpec
  3:status:HorizontalPodAutoscalerStatus
HorizontalPodAutoscaler@autoscaling/v1: 1:metadata:ObjectMeta 2:spec:PlainAutoscalerSpec
PlainAutoscalerSpec: 1:scaleTargetRef:CrossVersionObjectReference 2:minReplicas:i? 3:maxReplicas:i
  4:targetCPUUtilizationPercentage:i?
HorizontalPodAutoscaler@autoscaling/v2beta1: 1:metadata:ObjectMeta 2:spec:FlatAutoscalerSpec
FlatAutoscalerSpec: 1:scaleTargetRef:CrossVersionObjectReference 2:minReplicas:i? 3:maxReplicas:i 4:metrics:[FlatMetric]
FlatMetric: 1:type:s 2:object:FlatObjectMetric 3:pods:FlatPodsMetric 4:resource:FlatResourceMetric
  5:external:FlatExternalMetric 7:containerResource:FlatContainerMetric
FlatObjectMetric: 1:target:CrossVersionObjectReference 2:metricName:s 3:targetValue:q 4:selector:LabelSelector
  5:averageValue:q
FlatPodsMetric: 1:metricName:s 2:targetAverageValue:q 3:selector:LabelSelector
FlatResourceMetric: 1:name:s 2:targetAverageUtilization:i? 3:targetAverageValue:q
FlatExternalMetric: 1:metricName:s 2:metricSelector:LabelSelector 3:targetValue:q 4:targetAverageValue:q
FlatContainerMetric: 1:name:s 2:targetAverageUtilization:i? 3:targetAverageValue:q 4:container:s
DeleteOptions: 1:gracePeriodSeconds:i? 2:preconditions:Preconditions 3:orphanDependents:b? 4:propagationPolicy:s?
  5:dryRun:[s] 6:ignoreStoreReadErrorWithClusterBreakingPotential:b
Eviction: 1:metadata:ObjectMeta 2:deleteOptions:DeleteOptions
Scale: 1:metadata:ObjectMeta 2:spec:ScaleSpec 3:status:ScaleStatus
SelfSubjectAccessReview: 1:metadata:ObjectMeta 2:spec:SelfSubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus
SelfSubjectRulesReview: 1:metadata:ObjectMeta 2:spec:SelfSubjectRulesReviewSpec 3:status:SubjectRulesReviewStatus
SubjectAccessReview: 1:metadata:ObjectMeta 2:spec:SubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus
LocalSubjectAccessReview: 1:metadata:ObjectMeta 2:spec:SubjectAccessReviewSpec 3:status:SubjectAccessReviewStatus
SelfSubjectReview: 1:metadata:ObjectMeta 2:status:SelfSubjectReviewStatus
ObjectMeta: 1:name:s 2:generateName:s 3:namespace:s 4:selfLink:s 5:uid:s 6:resourceVersion:s 7:generation:i
  8:creationTimestamp:t 9:deletionTimestamp:t 10:deletionGracePeriodSeconds:i? 11:labels:{s} 12:annotations:{s}
  13:ownerReferences:[OwnerReference] 14:finalizers:[s]
NamespaceSpec: 1:finalizers:[s]
NamespaceStatus: 1:phase:s 2:conditions:[NamespaceCondition]
ObjectReference: 1:kind:s 2:namespace:s 3:name:s 4:uid:s 5:apiVersion:s 6:resourceVersion:s 7:fieldPath:s
LocalObjectReference: 1:name:s
ServiceSpec: 1:ports:[ServicePort] 2:selector:{s} 3:clusterIP:s 4:type:s 5:externalIPs:[s] 7:sessionAffinity:s
  8:loadBalancerIP:s 9:loadBalancerSourceRanges:[s] 10:externalName:s 11:externalTrafficPolicy:s
  12:healthCheckNodePort:i 13:publishNotReadyAddresses:b 14:sessionAffinityConfig:SessionAffinityConfig
  17:ipFamilyPolicy:s? 18:clusterIPs:[s] 19:ipFamilies:[s] 20:allocateLoadBalancerNodePorts:b? 21:loadBalancerClass:s?
  22:internalTrafficPolicy:s? 23:trafficDistribution:s?
ServiceStatus: 1:loadBalancer:LoadBalancerStatus 2:conditions:[Condition]
PodSpec: 1:volumes:[Volume] 2:containers:[Container] 3:restartPolicy:s 4:terminationGracePeriodSeconds:i?
  5:activeDeadlineSeconds:i? 6:dnsPolicy:s 7:nodeSelector:{s} 8:serviceAccountName:s 9:serviceAccount:s 10:nodeName:s
  11:hostNetwork:b 12:hostPID:b 13:hostIPC:b 14:securityContext:PodSecurityContext
  15:imagePullSecrets:[LocalObjectReference] 16:hostname:s 17:subdomain:s 18:affinity:Affinity 19:schedulerName:s
  20:initContainers:[Container] 21:automountServiceAccountToken:b? 22:tolerations:[Toleration]
  23:hostAliases:[HostAlias] 24:priorityClassName:s 25:priority:i? 26:dnsConfig:PodDNSConfig
  27:shareProcessNamespace:b? 28:readinessGates:[PodReadinessGate] 29:runtimeClassName:s? 30:enableServiceLinks:b?
  31:preemptionPolicy:s? 32:overhead:{q} 33:topologySpreadConstraints:[TopologySpreadConstraint]
  34:ephemeralContainers:[EphemeralContainer] 35:setHostnameAsFQDN:b? 36:os:PodOS 37:hostUsers:b?
  38:schedulingGates:[PodSchedulingGate] 39:resourceClaims:[PodResourceClaim] 40:resources:ResourceRequirements
PodStatus: 1:phase:s 2:conditions:[PodCondition] 3:message:s 4:reason:s 5:hostIP:s 6:podIP:s 7:startTime:t
  8:containerStatuses:[ContainerStatus] 9:qosClass:s 10:initContainerStatuses:[ContainerStatus] 11:nominatedNodeName:s
  12:podIPs:[PodIP] 13:ephemeralContainerStatuses:[ContainerStatus] 14:resize:s
  15:resourceClaimStatuses:[PodResourceClaimStatus] 16:hostIPs:[HostIP] 17:observedGeneration:i
PersistentVolumeClaimSpec: 1:accessModes:[s] 2:resources:VolumeResourceRequirements 3:volumeName:s
  4:selector:LabelSelector 5:storageClassName:s? 6:volumeMode:s? 7:dataSource:TypedLocalObjectReference
  8:dataSourceRef:TypedObjectReference 9:volumeAttributesClassName:s?
PersistentVolumeClaimStatus: 1:phase:s 2:accessModes:[s] 3:capacity:{q} 4:conditions:[PersistentVolumeClaimCondition]
  5:allocatedResources:{q} 7:allocatedResourceStatuses:{s} 8:currentVolumeAttributesClassName:s?
  9:modifyVolumeStatus:ModifyVolumeStatus
EventSource: 1:component:s 2:host:s
EventSeries: 1:count:i 2:lastObservedTime:m
LeaseSpec: 1:holderIdentity:s? 2:leaseDurationSeconds:i? 3:acquireTime:m 4:renewTime:m 5:leaseTransitions:i?
  6:strategy:s? 7:preferredHolder:s?
StatefulSetSpec: 1:replicas:i? 2:selector:LabelSelector 3:template:PodTemplateSpec
  4:volumeClaimTemplates:[PersistentVolumeClaim] 5:serviceName:s 6:podManagementPolicy:s
  7:updateStrategy:StatefulSetUpdateStrategy 8:revisionHistoryLimit:i? 9:minReadySeconds:i
  10:persistentVolumeClaimRetentionPolicy:StatefulSetPersistentVolumeClaimRetentionPolicy
  11:ordinals:StatefulSetOrdinals
StatefulSetStatus: 1:observedGeneration:i 2:replicas:i 3:readyReplicas:i 4:currentReplicas:i 5:updatedReplicas:i
  6:currentRevision:s 7:updateRevision:s 9:collisionCount:i? 10:conditions:[StatefulSetCondition]
  11:availableReplicas:i
DaemonSetSpec: 1:selector:LabelSelector 2:template:PodTemplateSpec 3:updateStrategy:DaemonSetUpdateStrategy
  4:minReadySeconds:i 6:revisionHistoryLimit:i?
DaemonSetStatus: 1:currentNumberScheduled:i 2:numberMisscheduled:i 3:desiredNumberScheduled:i 4:numberReady:i
  5:observedGeneration:i 6:updatedNumberScheduled:i 7:numberAvailable:i 8:numberUnavailable:i 9:collisionCount:i?
  10:conditions:[DaemonSetCondition]
JobSpec: 1:parallelism:i? 2:completions:i? 3:activeDeadlineSeconds:i? 4:selector:LabelSelector 5:manualSelector:b?
  6:template:PodTemplateSpec 7:backoffLimit:i? 8:ttlSecondsAfterFinished:i? 9:completionMode:s? 10:suspend:b?
  11:podFailurePolicy:PodFailurePolicy 12:backoffLimitPerIndex:i? 13:maxFailedIndexes:i? 14:podReplacementPolicy:s?
  15:managedBy:s? 16:successPolicy:SuccessPolicy
JobStatus: 1:conditions:[JobCondition] 2:startTime:t 3:completionTime:t 4:active:i 5:succeeded:i 6:failed:i
  7:completedIndexes:s 8:uncountedTerminatedPods:UncountedTerminatedPods 9:ready:i? 10:failedIndexes:s?
  11:terminating:i?
CronJobSpec: 1:schedule:s 2:startingDeadlineSeconds:i? 3:concurrencyPolicy:s 4:suspend:b? 5:jobTemplate:JobTemplateSpec
  6:successfulJobsHistoryLimit:i? 7:failedJobsHistoryLimit:i? 8:timeZone:s?
CronJobStatus: 1:active:[ObjectReference] 4:lastScheduleTime:t 5:lastSuccessfulTime:t
JobTemplateSpec: 1:metadata:ObjectMeta 2:spec:JobSpec
JobCondition: 1:type:s 2:status:s 3:lastProbeTime:t 4:lastTransitionTime:t 5:reason:s 6:message:s
UncountedTerminatedPods: 1:succeeded:[s] 2:failed:[s]
PodFailurePolicy: 1:rules:[PodFailurePolicyRule]
PodFailurePolicyRule: 1:action:s 2:onExitCodes:PodFailurePolicyOnExitCodesRequirement
  3:onPodConditions:[PodFailurePolicyOnPodConditionsPattern]
PodFailurePolicyOnExitCodesRequirement: 1:containerName:s? 2:operator:s 3:values:[i]
PodFailurePolicyOnPodConditionsPattern: 1:type:s 2:status:s
SuccessPolicy: 1:rules:[SuccessPolicyRule]
SuccessPolicyRule: 1:succeededIndexes:s? 2:succeededCount:i?
DeploymentSpec: 1:replicas:i? 2:selector:LabelSelector 3:template:PodTemplateSpec 4:strategy:DeploymentStrategy
  5:minReadySeconds:i 6:revisionHistoryLimit:i? 7:paused:b 9:progressDeadlineSeconds:i?
DeploymentStatus: 1:observedGeneration:i 2:replicas:i 3:updatedReplicas:i 4:availableReplicas:i
  5:unavailableReplicas:i 6:conditions:[DeploymentCondition] 7:readyReplicas:i 8:collisionCount:i?
  9:terminatingReplicas:i?
ReplicaSetSpec: 1:replicas:i? 2:selector:LabelSelector 3:template:PodTemplateSpec 4:minReadySeconds:i
ReplicaSetStatus: 1:replicas:i 2:fullyLabeledReplicas:i 3:observedGeneration:i 4:readyReplicas:i 5:availableReplicas:i
  6:conditions:[ReplicaSetCondition] 7:terminatingReplicas:i?
ReplicationControllerSpec: 1:replicas:i? 2:selector:{s} 3:template:PodTemplateSpec 4:minReadySeconds:i
PolicyRule: 1:verbs:[s] 2:apiGroups:[s] 3:resources:[s] 4:resourceNames:[s] 5:nonResourceURLs:[s]
AggregationRule: 1:clusterRoleSelectors:[LabelSelector]
Subject: 1:kind:s 2:apiGroup:s 3:name:s 4:namespace:s
RoleRef: 1:apiGroup:s 2:kind:s 3:name:s
IngressSpec: 1:defaultBackend:IngressBackend 2:tls:[IngressTLS] 3:rules:[IngressRule] 4:ingressClassName:s?
IngressStatus: 1:loadBalancer:LoadBalancerStatus
IngressBackend: 1:serviceName:s 2:servicePort:x 3:resource:TypedLocalObjectReference 4:service:IngressServiceBackend
IngressServiceBackend: 1:name:s 2:port:ServiceBackendPort
ServiceBackendPort: 1:name:s 2:number:i
IngressTLS: 1:hosts:[s] 2:secretName:s
IngressRule: 1:host:s 2::IngressRuleValue
IngressRuleValue: 1:http:HTTPIngressRuleValue
HTTPIngressRuleValue: 1:paths:[HTTPIngressPath]
HTTPIngressPath: 1:path:s 2:backend:IngressBackend 3:pathType:s?
IngressClassSpec: 1:controller:s 2:parameters:IngressClassParametersReference
IngressClassParametersReference: 1:apiGroup:s? 2:kind:s 3:name:s 4:scope:s? 5:namespace:s?
Overhead: 1:podFixed:{q}
Scheduling: 1:nodeSelector:{s} 2:tolerations:[Toleration]
LimitRangeSpec: 1:limits:[LimitRangeItem]
LimitRangeItem: 1:type:s 2:max:{q} 3:min:{q} 4:default:{q} 5:defaultRequest:{q} 6:maxLimitRequestRatio:{q}
ResourceQuotaSpec: 1:hard:{q} 2:scopes:[s] 3:scopeSelector:ScopeSelector
ResourceQuotaStatus: 1:hard:{q} 2:used:{q}
ScopeSelector: 1:matchExpressions:[ScopedResourceSelectorRequirement]
ScopedResourceSelectorRequirement: 1:scopeName:s 2:operator:s 3:values:[s]
PodDisruptionBudgetSpec: 1:minAvailable:x 2:selector:LabelSelector 3:maxUnavailable:x 4:unhealthyPodEvictionPolicy:s?
PodDisruptionBudgetStatus: 1:observedGeneration:i 3:disruptionsAllowed:i 4:currentHealthy:i 5:desiredHealthy:i
  6:expectedPods:i 7:conditions:[Condition]
Preconditions: 1:uid:s? 2:resourceVersion:s?
ScaleSpec: 1:replicas:i
ScaleStatus: 1:replicas:i 2:selector:s
SelfSubjectAccessReviewSpec: 1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:NonResourceAttributes
SubjectAccessReviewStatus: 1:allowed:b 2:reason:s 3:evaluationError:s 4:denied:b
SelfSubjectRulesReviewSpec: 1:namespace:s
SubjectRulesReviewStatus: 1:resourceRules:[ResourceRule] 2:nonResourceRules:[NonResourceRule] 3:incomplete:b
  4:evaluationError:s
SubjectAccessReviewSpec: 1:resourceAttributes:ResourceAttributes 2:nonResourceAttributes:NonResourceAttributes
  3:user:s 4:groups:[s] 6:uid:s
SelfSubjectReviewStatus: 1:userInfo:UserInfo
OwnerReference: 1:kind:s 3:name:s 4:uid:s 5:apiVersion:s 6:controller:b? 7:blockOwnerDeletion:b?
NamespaceCondition: 1:type:s 2:status:s 4:lastTransitionTime:t 5:reason:s 6:message:s
ServicePort: 1:name:s 2:protocol:s 3:port:i 4:targetPort:x 5:nodePort:i 6:appProtocol:s?
SessionAffinityConfig: 1:clientIP:ClientIPConfig
NetworkPolicySpec: 1:podSelector:LabelSelector 2:ingress:[NetworkPolicyIngressRule] 3:egress:[NetworkPolicyEgressRule]
  4:policyTypes:[s]
NetworkPolicyIngressRule: 1:ports:[NetworkPolicyPort] 2:from:[NetworkPolicyPeer]
NetworkPolicyEgressRule: 1:ports:[NetworkPolicyPort] 2:to:[NetworkPolicyPeer]
NetworkPolicyPort: 1:protocol:s? 2:port:x 3:endPort:i?
NetworkPolicyPeer: 1:podSelector:LabelSelector 2:namespaceSelector:LabelSelector 3:ipBlock:IPBlock
IPBlock: 1:cidr:s 2:except:[s]
HorizontalPodAutoscalerSpec: 1:scaleTargetRef:CrossVersionObjectReference 2:minReplicas:i? 3:maxReplicas:i
  4:metrics:[MetricSpec] 5:behavior:HorizontalPodAutoscalerBehavior
CrossVersionObjectReference: 1:kind:s 2:name:s 3:apiVersion:s
MetricSpec: 1:type:s 2:object:ObjectMetricSource 3:pods:PodsMetricSource 4:resource:ResourceMetricSource
  5:external:ExternalMetricSource 7:containerResource:ContainerResourceMetricSource
MetricTarget: 1:type:s 2:value:q 3:averageValue:q 4:averageUtilization:i?
MetricIdentifier: 1:name:s 2:selector:LabelSelector
ObjectMetricSource: 1:describedObject:CrossVersionObjectReference 2:target:MetricTarget 3:metric:MetricIdentifier
PodsMetricSource: 1:metric:MetricIdentifier 2:target:MetricTarget
ResourceMetricSource: 1:name:s 2:target:MetricTarget
ExternalMetricSource: 1:metric:MetricIdentifier 2:target:MetricTarget
ContainerResourceMetricSource: 1:name:s 2:target:MetricTarget 3:container:s
HorizontalPodAutoscalerBehavior: 1:scaleUp:HPAScalingRules 2:scaleDown:HPAScalingRules
HPAScalingRules: 1:selectPolicy:s? 2:policies:[HPAScalingPolicy] 3:stabilizationWindowSeconds:i? 4:tolerance:q
HPAScalingPolicy: 1:type:s 2:value:i 3:periodSeconds:i
HorizontalPodAutoscalerStatus: 1:observedGeneration:i? 2:lastScaleTime:t 3:currentReplicas:i 4:desiredReplicas:i
  6:conditions:[HorizontalPodAutoscalerCondition]
HorizontalPodAutoscalerCondition: 1:type:s 2:status:s 3:lastTransitionTime:t 4:reason:s 5:message:s
LoadBalancerStatus: 1:ingress:[LoadBalancerIngress]
Condition: 1:type:s 2:status:s 3:observedGeneration:i 4:lastTransitionTime:t 5:reason:s 6:message:s
Volume: 1:name:s 2::VolumeSource
Container: 1:name:s 2:image:s 3:command:[s] 4:args:[s] 5:workingDir:s 6:ports:[ContainerPort] 7:env:[EnvVar]
  8:resources:ResourceRequirements 9:volumeMounts:[VolumeMount] 10:livenessProbe:Probe 11:readinessProbe:Probe
  12:lifecycle:Lifecycle 13:terminationMessagePath:s 14:imagePullPolicy:s 15:securityContext:SecurityContext
  16:stdin:b 17:stdinOnce:b 18:tty:b 19:envFrom:[EnvFromSource] 20:terminationMessagePolicy:s
  21:volumeDevices:[VolumeDevice] 22:startupProbe:Probe 23:resizePolicy:[ContainerResizePolicy] 24:restartPolicy:s?
PodSecurityContext: 1:seLinuxOptions:SELinuxOptions 2:runAsUser:i? 3:runAsNonRoot:b? 4:supplementalGroups:[i]
  5:fsGroup:i? 6:runAsGroup:i? 7:sysctls:[Sysctl] 8:windowsOptions:WindowsSecurityContextOptions
  9:fsGroupChangePolicy:s? 10:seccompProfile:SeccompProfile 11:appArmorProfile:AppArmorProfile
  12:supplementalGroupsPolicy:s? 13:seLinuxChangePolicy:s?
Affinity: 1:nodeAffinity:NodeAffinity 2:podAffinity:PodAffinity 3:podAntiAffinity:PodAntiAffinity
Toleration: 1:key:s 2:operator:s 3:value:s 4:effect:s 5:tolerationSeconds:i?
HostAlias: 1:ip:s 2:hostnames:[s]
PodDNSConfig: 1:nameservers:[s] 2:searches:[s] 3:options:[PodDNSConfigOption]
PodReadinessGate: 1:conditionType:s
TopologySpreadConstraint: 1:maxSkew:i 2:topologyKey:s 3:whenUnsatisfiable:s 4:labelSelector:LabelSelector
  5:minDomains:i? 6:nodeAffinityPolicy:s? 7:nodeTaintsPolicy:s? 8:matchLabelKeys:[s]
EphemeralContainer: 1::EphemeralContainerCommon 2:targetContainerName:s
PodOS: 1:name:s
PodSchedulingGate: 1:name:s
PodResourceClaim: 1:name:s 3:resourceClaimName:s? 4:resourceClaimTemplateName:s?
ResourceRequirements: 1:limits:{q} 2:requests:{q} 3:claims:[ResourceClaim]
PodCondition: 1:type:s 2:status:s 3:lastProbeTime:t 4:lastTransitionTime:t 5:reason:s 6:message:s
  7:observedGeneration:i
ContainerStatus: 1:name:s 2:state:ContainerState 3:lastState:ContainerState 4:ready:b 5:restartCount:i 6:image:s
  7:imageID:s 8:containerID:s 9:started:b? 10:allocatedResources:{q} 11:resources:ResourceRequirements
  12:volumeMounts:[VolumeMountStatus] 13:user:ContainerUser 14:allocatedResourcesStatus:[ResourceStatus]
  15:stopSignal:s
PodIP: 1:ip:s
PodResourceClaimStatus: 1:name:s 2:resourceClaimName:s
HostIP: 1:ip:s
VolumeResourceRequirements: 1:limits:{q} 2:requests:{q}
LabelSelector: 1:matchLabels:{s} 2:matchExpressions:[LabelSelectorRequirement]
TypedLocalObjectReference: 1:apiGroup:s? 2:kind:s 3:name:s
TypedObjectReference: 1:apiGroup:s? 2:kind:s 3:name:s 4:namespace:s?
PersistentVolumeClaimCondition: 1:type:s 2:status:s 3:lastProbeTime:t 4:lastTransitionTime:t 5:reason:s 6:message:s
ModifyVolumeStatus: 1:targetVolumeAttributesClassName:s 2:status:s
PodTemplateSpec: 1:metadata:ObjectMeta 2:spec:PodSpec
StatefulSetUpdateStrategy: 1:type:s 2:rollingUpdate:RollingUpdateStatefulSetStrategy
StatefulSetPersistentVolumeClaimRetentionPolicy: 1:whenDeleted:s 2:whenScaled:s
StatefulSetOrdinals: 1:start:i
StatefulSetCondition: 1:type:s 2:status:s 3:lastTransitionTime:t 4:reason:s 5:message:s
DeploymentStrategy: 1:type:s 2:rollingUpdate:RollingUpdateDeployment
DeploymentCondition: 1:type:s 2:status:s 4:reason:s 5:message:s 6:lastUpdateTime:t 7:lastTransitionTime:t
ReplicaSetCondition: 1:type:s 2:status:s 3:lastTransitionTime:t 4:reason:s 5:message:s
DaemonSetUpdateStrategy: 1:type:s 2:rollingUpdate:RollingUpdateDaemonSet
DaemonSetCondition: 1:type:s 2:status:s 3:lastTransitionTime:t 4:reason:s 5:message:s
ResourceAttributes: 1:namespace:s 2:verb:s 3:group:s 4:version:s 5:resource:s 6:subresource:s 7:name:s
  8:fieldSelector:FieldSelectorAttributes 9:labelSelector:LabelSelectorAttributes
NonResourceAttributes: 1:path:s 2:verb:s
ResourceRule: 1:verbs:[s] 2:apiGroups:[s] 3:resources:[s] 4:resourceNames:[s]
NonResourceRule: 1:verbs:[s] 2:nonResourceURLs:[s]
UserInfo: 1:username:s 2:uid:s 3:groups:[s]
ClientIPConfig: 1:timeoutSeconds:i?
LoadBalancerIngress: 1:ip:s 2:hostname:s 3:ipMode:s 4:ports:[PortStatus]
VolumeSource: 1:hostPath:HostPathVolumeSource 2:emptyDir:EmptyDirVolumeSource
  3:gcePersistentDisk:GCEPersistentDiskVolumeSource 4:awsElasticBlockStore:AWSElasticBlockStoreVolumeSource
  5:gitRepo:GitRepoVolumeSource 6:secret:SecretVolumeSource 7:nfs:NFSVolumeSource 8:iscsi:ISCSIVolumeSource
  9:glusterfs:GlusterfsVolumeSource 10:persistentVolumeClaim:PersistentVolumeClaimVolumeSource 11:rbd:RBDVolumeSource
  12:flexVolume:FlexVolumeSource 13:cinder:CinderVolumeSource 14:cephfs:CephFSVolumeSource
  15:flocker:FlockerVolumeSource 16:downwardAPI:DownwardAPIVolumeSource 17:fc:FCVolumeSource
  18:azureFile:AzureFileVolumeSource 19:configMap:ConfigMapVolumeSource
  20:vsphereVolume:VsphereVirtualDiskVolumeSource 21:quobyte:QuobyteVolumeSource 22:azureDisk:AzureDiskVolumeSource
  23:photonPersistentDisk:PhotonPersistentDiskVolumeSource 24:portworxVolume:PortworxVolumeSource
  25:scaleIO:ScaleIOVolumeSource 26:projected:ProjectedVolumeSource 27:storageos:StorageOSVolumeSource
  28:csi:CSIVolumeSource 29:ephemeral:EphemeralVolumeSource 30:image:ImageVolumeSource
ContainerPort: 1:name:s 2:hostPort:i 3:containerPort:i 4:protocol:s 5:hostIP:s
EnvVar: 1:name:s 2:value:s 3:valueFrom:EnvVarSource
VolumeMount: 1:name:s 2:readOnly:b 3:mountPath:s 4:subPath:s 5:mountPropagation:s? 6:subPathExpr:s
  7:recursiveReadOnly:s?
Probe: 1::ProbeHandler 2:initialDelaySeconds:i 3:timeoutSeconds:i 4:periodSeconds:i 5:successThreshold:i
  6:failureThreshold:i 7:terminationGracePeriodSeconds:i?
Lifecycle: 1:postStart:LifecycleHandler 2:preStop:LifecycleHandler 3:stopSignal:s?
SecurityContext: 1:capabilities:Capabilities 2:privileged:b? 3:seLinuxOptions:SELinuxOptions 4:runAsUser:i?
  5:runAsNonRoot:b? 6:readOnlyRootFilesystem:b? 7:allowPrivilegeEscalation:b? 8:runAsGroup:i? 9:procMount:s?
  10:windowsOptions:WindowsSecurityContextOptions 11:seccompProfile:SeccompProfile 12:appArmorProfile:AppArmorProfile
EnvFromSource: 1:prefix:s 2:configMapRef:ConfigMapEnvSource 3:secretRef:SecretEnvSource
VolumeDevice: 1:name:s 2:devicePath:s
ContainerResizePolicy: 1:resourceName:s 2:restartPolicy:s
SELinuxOptions: 1:user:s 2:role:s 3:type:s 4:level:s
Sysctl: 1:name:s 2:value:s
WindowsSecurityContextOptions: 1:gmsaCredentialSpecName:s? 2:gmsaCredentialSpec:s? 3:runAsUserName:s? 4:hostProcess:b?
SeccompProfile: 1:type:s 2:localhostProfile:s?
AppArmorProfile: 1:type:s 2:localhostProfile:s?
NodeAffinity: 1:requiredDuringSchedulingIgnoredDuringExecution:NodeSelector
  2:preferredDuringSchedulingIgnoredDuringExecution:[PreferredSchedulingTerm]
PodAffinity: 1:requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
  2:preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
PodAntiAffinity: 1:requiredDuringSchedulingIgnoredDuringExecution:[PodAffinityTerm]
  2:preferredDuringSchedulingIgnoredDuringExecution:[WeightedPodAffinityTerm]
PodDNSConfigOption: 1:name:s 2:value:s?
EphemeralContainerCommon: 1:name:s 2:image:s 3:command:[s] 4:args:[s] 5:workingDir:s 6:ports:[ContainerPort]
  7:env:[EnvVar] 8:resources:ResourceRequirements 9:volumeMounts:[VolumeMount] 10:livenessProbe:Probe
  11:readinessProbe:Probe 12:lifecycle:Lifecycle 13:terminationMessagePath:s 14:imagePullPolicy:s
  15:securityContext:SecurityContext 16:stdin:b 17:stdinOnce:b 18:tty:b 19:envFrom:[EnvFromSource]
  20:terminationMessagePolicy:s 21:volumeDevices:[VolumeDevice] 22:startupProbe:Probe
  23:resizePolicy:[ContainerResizePolicy] 24:restartPolicy:s?
ResourceClaim: 1:name:s 2:request:s
ContainerState: 1:waiting:ContainerStateWaiting 2:running:ContainerStateRunning 3:terminated:ContainerStateTerminated
VolumeMountStatus: 1:name:s 2:mountPath:s 3:readOnly:b 4:recursiveReadOnly:s
ContainerUser: 1:linux:LinuxContainerUser
ResourceStatus: 1:name:s 2:resources:[ResourceHealth]
LabelSelectorRequirement: 1:key:s 2:operator:s 3:values:[s]
RollingUpdateStatefulSetStrategy: 1:partition:i? 2:maxUnavailable:x
RollingUpdateDeployment: 1:maxUnavailable:x 2:maxSurge:x
RollingUpdateDaemonSet: 1:maxUnavailable:x 2:maxSurge:x
FieldSelectorAttributes: 1:rawSelector:s 2:requirements:[FieldSelectorRequirement]
LabelSelectorAttributes: 1:rawSelector:s 2:requirements:[LabelSelectorRequirement]
PortStatus: 1:port:i 2:protocol:s 3:error:s
HostPathVolumeSource: 1:path:s 2:type:s?
EmptyDirVolumeSource: 1:medium:s 2:sizeLimit:q
GCEPersistentDiskVolumeSource: 1:pdName:s 2:fsType:s 3:partition:i 4:readOnly:b
AWSElasticBlockStoreVolumeSource: 1:volumeID:s 2:fsType:s 3:partition:i 4:readOnly:b
GitRepoVolumeSource: 1:repository:s 2:revision:s 3:directory:s
SecretVolumeSource: 1:secretName:s 2:items:[KeyToPath] 3:defaultMode:i? 4:optional:b?
NFSVolumeSource: 1:server:s 2:path:s 3:readOnly:b
ISCSIVolumeSource: 1:targetPortal:s 2:iqn:s 3:lun:i 4:iscsiInterface:s 5:fsType:s 6:readOnly:b 7:portals:[s]
  8:chapAuthDiscovery:b 10:secretRef:LocalObjectReference 11:chapAuthSession:b 12:initiatorName:s?
GlusterfsVolumeSource: 1:endpoints:s 2:path:s 3:readOnly:b
PersistentVolumeClaimVolumeSource: 1:claimName:s 2:readOnly:b
RBDVolumeSource: 1:monitors:[s] 2:image:s 3:fsType:s 4:pool:s 5:user:s 6:keyring:s 7:secretRef:LocalObjectReference
  8:readOnly:b
FlexVolumeSource: 1:driver:s 2:fsType:s 3:secretRef:LocalObjectReference 4:readOnly:b 5:options:{s}
CinderVolumeSource: 1:volumeID:s 2:fsType:s 3:readOnly:b 4:secretRef:LocalObjectReference
CephFSVolumeSource: 1:monitors:[s] 2:path:s 3:user:s 4:secretFile:s 5:secretRef:LocalObjectReference 6:readOnly:b
FlockerVolumeSource: 1:datasetName:s 2:datasetUUID:s
DownwardAPIVolumeSource: 1:items:[DownwardAPIVolumeFile] 2:defaultMode:i?
FCVolumeSource: 1:targetWWNs:[s] 2:lun:i? 3:fsType:s 4:readOnly:b 5:wwids:[s]
AzureFileVolumeSource: 1:secretName:s 2:shareName:s 3:readOnly:b
ConfigMapVolumeSource: 1::LocalObjectReference 2:items:[KeyToPath] 3:defaultMode:i? 4:optional:b?
VsphereVirtualDiskVolumeSource: 1:volumePath:s 2:fsType:s 3:storagePolicyName:s 4:storagePolicyID:s
QuobyteVolumeSource: 1:registry:s 2:volume:s 3:readOnly:b 4:user:s 5:group:s 6:tenant:s
AzureDiskVolumeSource: 1:diskName:s 2:diskURI:s 3:cachingMode:s? 4:fsType:s? 5:readOnly:b? 6:kind:s?
PhotonPersistentDiskVolumeSource: 1:pdID:s 2:fsType:s
PortworxVolumeSource: 1:volumeID:s 2:fsType:s 3:readOnly:b
ScaleIOVolumeSource: 1:gateway:s 2:system:s 3:secretRef:LocalObjectReference 4:sslEnabled:b 5:protectionDomain:s
  6:storagePool:s 7:storageMode:s 8:volumeName:s 9:fsType:s 10:readOnly:b
ProjectedVolumeSource: 1:sources:[VolumeProjection] 2:defaultMode:i?
StorageOSVolumeSource: 1:volumeName:s 2:volumeNamespace:s 3:fsType:s 4:readOnly:b 5:secretRef:LocalObjectReference
CSIVolumeSource: 1:driver:s 2:readOnly:b? 3:fsType:s? 4:volumeAttributes:{s}
  5:nodePublishSecretRef:LocalObjectReference
EphemeralVolumeSource: 1:volumeClaimTemplate:PersistentVolumeClaimTemplate
ImageVolumeSource: 1:reference:s 2:pullPolicy:s
EnvVarSource: 1:fieldRef:ObjectFieldSelector 2:resourceFieldRef:ResourceFieldSelector
  3:configMapKeyRef:ConfigMapKeySelector 4:secretKeyRef:SecretKeySelector
ProbeHandler: 1:exec:ExecAction 2:httpGet:HTTPGetAction 3:tcpSocket:TCPSocketAction 4:grpc:GRPCAction
LifecycleHandler: 1:exec:ExecAction 2:httpGet:HTTPGetAction 3:tcpSocket:TCPSocketAction 4:sleep:SleepAction
Capabilities: 1:add:[s] 2:drop:[s]
ConfigMapEnvSource: 1::LocalObjectReference 2:optional:b?
SecretEnvSource: 1::LocalObjectReference 2:optional:b?
NodeSelector: 1:nodeSelectorTerms:[NodeSelectorTerm]
PreferredSchedulingTerm: 1:weight:i 2:preference:NodeSelectorTerm
PodAffinityTerm: 1:labelSelector:LabelSelector 2:namespaces:[s] 3:topologyKey:s 4:namespaceSelector:LabelSelector
  5:matchLabelKeys:[s] 6:mismatchLabelKeys:[s]
WeightedPodAffinityTerm: 1:weight:i 2:podAffinityTerm:PodAffinityTerm
ContainerStateWaiting: 1:reason:s 2:message:s
ContainerStateRunning: 1:startedAt:t
ContainerStateTerminated: 1:exitCode:i 2:signal:i 3:reason:s 4:message:s 5:startedAt:t 6:finishedAt:t 7:containerID:s
LinuxContainerUser: 1:uid:i 2:gid:i 3:supplementalGroups:[i]
ResourceHealth: 1:resourceID:s 2:health:s
FieldSelectorRequirement: 1:key:s 2:operator:s 3:values:[s]
KeyToPath: 1:key:s 2:path:s 3:mode:i?
DownwardAPIVolumeFile: 1:path:s 2:fieldRef:ObjectFieldSelector 3:resourceFieldRef:ResourceFieldSelector 4:mode:i?
VolumeProjection: 1:secret:SecretProjection 2:downwardAPI:DownwardAPIProjection 3:configMap:ConfigMapProjection
  4:serviceAccountToken:ServiceAccountTokenProjection 5:clusterTrustBundle:ClusterTrustBundleProjection
PersistentVolumeClaimTemplate: 1:metadata:ObjectMeta 2:spec:PersistentVolumeClaimSpec
ObjectFieldSelector: 1:apiVersion:s 2:fieldPath:s
ResourceFieldSelector: 1:containerName:s 2:resource:s 3:divisor:q
ConfigMapKeySelector: 1::LocalObjectReference 2:key:s 3:optional:b?
SecretKeySelector: 1::LocalObjectReference 2:key:s 3:optional:b?
ExecAction: 1:command:[s]
HTTPGetAction: 1:path:s 2:port:x 3:host:s 4:scheme:s 5:httpHeaders:[HTTPHeader]
TCPSocketAction: 1:port:x 2:host:s
GRPCAction: 1:port:i 2:service:s?
SleepAction: 1:seconds:i
NodeSelectorTerm: 1:matchExpressions:[NodeSelectorRequirement] 2:matchFields:[NodeSelectorRequirement]
SecretProjection: 1::LocalObjectReference 2:items:[KeyToPath] 4:optional:b?
DownwardAPIProjection: 1:items:[DownwardAPIVolumeFile]
ConfigMapProjection: 1::LocalObjectReference 2:items:[KeyToPath] 4:optional:b?
ServiceAccountTokenProjection: 1:audience:s 2:expirationSeconds:i? 3:path:s
ClusterTrustBundleProjection: 1:name:s? 2:signerName:s? 3:labelSelector:LabelSelector 4:path:s 5:optional:b?
HTTPHeader: 1:name:s 2:value:s
NodeSelectorRequirement: 1:key:s 2:operator:s 3:values:[s]
)";
// clang-format on

}  // namespace berth::api
