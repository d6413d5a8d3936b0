// model/schema_words.cpp - what `kubectl explain` says; schema_words_reader.cpp reads it.
//
// A line is a type of schema_table.cpp, its name upstream and what it is; or, with a dot, one of its fields:
// `.name! =other.Type What it is for.` ("!": required, "=": upstream has a type of its own there). Fields without a
// line are served without a description. "(stored; has no effect here)" is added to fields that are not honoured.
#include "model/schema_words_table.hpp"

namespace berth::model {

// clang-format off
const std::string_view kSchemaWords =
R"(ObjectMeta meta.v1.ObjectMeta What every stored object has: its name, its labels, and what the server notes about it.
.name Name of the object, unique for its kind in its namespace. It cannot be changed.
.generateName Prefix of a name that the server completes with five random characters when name is empty.
.namespace Namespace the object lives in; empty means "default". Cluster-wide kinds have none.
.selfLink Not used any more.
.uid Unique in time and space; set by the server. An object that is made again under the same name has another.
.resourceVersion Opaque version of the object; it changes with every write. A write that names an old one is refused.
.generation Counts changes of the wanted state (spec).
.creationTimestamp When the object was stored first.
.deletionTimestamp When a requested deletion is due; set by the server. The object goes when its work and finalizers are done.
.deletionGracePeriodSeconds Seconds the object was given to end, counted from the request to delete it.
.labels Short words to find and group objects by; selectors match them.
.annotations Any text that tools keep with the object; not used to select.
.ownerReferences Objects this one depends on. When all of them are gone it is removed too.
.finalizers Names of tasks to do before the object may go. Each is removed by whoever did the task.
.managedFields Which manager set which fields by server-side apply.
OwnerReference meta.v1.OwnerReference Names an object that this one depends on.
.apiVersion! API version of the owner.
.kind! Kind of the owner.
.name! Name of the owner.
.uid! UID of the owner: another object of the same name is not meant.
.controller Whether the owner manages this object. There is one such owner at most.
.blockOwnerDeletion Whether a foreground deletion of the owner waits for this object.
LabelSelector meta.v1.LabelSelector Which labels an object must have. All conditions must hold; an empty selector takes every object.
.matchLabels Labels that must be there with exactly these values.
.matchExpressions More conditions on labels.
Requirement meta.v1.LabelSelectorRequirement One condition on a label.
.key! The label's key.
.operator! In, NotIn, Exists or DoesNotExist (and, for nodes, Gt and Lt).
.values Values for In and NotIn; empty for Exists and DoesNotExist.
LocalRef core.v1.LocalObjectReference Names an object in the same namespace.
.name Name of the object.
ObjectRef core.v1.ObjectReference Names an object anywhere.
.fieldPath Part of the object that is meant, for example spec.containers{web}.
ListMeta meta.v1.ListMeta What every list has.
.resourceVersion Version of the whole list: a watch goes on from here.
.continue Token for the next page when the list was limited.
.remainingItemCount How many objects follow on later pages, when that is known.
Status meta.v1.Status The answer to a request that does not return an object.
.status Success or Failure.
.message What happened, for people.
.reason What happened, in one word for programs.
.code HTTP code of the answer.
.details What the answer is about.
StatusDetails meta.v1.StatusDetails What a Status is about.
.causes Why the request failed, field by field.
.retryAfterSeconds Seconds to wait before trying again.
StatusCause meta.v1.StatusCause One reason why a request failed.
DeleteOptions meta.v1.DeleteOptions How to delete an object.
.gracePeriodSeconds Seconds a pod is given to end; 0 ends it at once. Unset: what the pod itself says.
.propagationPolicy What becomes of dependents: Orphan, Background or Foreground.
.preconditions What must hold for the deletion to happen.
.dryRun "All": check everything, change nothing.
.orphanDependents Old form of propagationPolicy: true means Orphan.
Preconditions meta.v1.Preconditions What must hold for a deletion to happen.
.uid The object must have this UID.
.resourceVersion The object must have this version.
Scale autoscaling.v1.Scale How many replicas a set has and should have.
ScaleSpec autoscaling.v1.ScaleSpec How many replicas are wanted.
.replicas How many pods are wanted.
ScaleStatus autoscaling.v1.ScaleStatus How many replicas there are.
.replicas! How many pods there are.
.selector Selector of the pods that are counted, as text.
Eviction policy.v1.Eviction A request to end a pod gently, as kubectl drain makes it.
.deleteOptions How to delete the pod.

Namespace core.v1.Namespace A room for names: two objects may share a name when they live in different namespaces.
NamespaceSpec core.v1.NamespaceSpec How a namespace behaves.
.finalizers Tasks to do before the namespace may go.
NamespaceStatus core.v1.NamespaceStatus What is known of a namespace.
.phase Active, or Terminating while what lives in it is removed.
Condition meta.v1.Condition One aspect of an object's state.
.type! Name of the aspect, for example Ready.
.status! True, False or Unknown.
.reason Why it is so, in one word.
.message Why it is so, for people.
.lastTransitionTime When the status changed last.
.lastProbeTime When it was checked last.
.lastHeartbeatTime When it was reported last.
Node core.v1.Node A host on which pods run. The agent there reports it.
NodeSpec core.v1.NodeSpec How a node should be used.
.podCIDR Address range from which this node's pods get their addresses.
.unschedulable True keeps new pods away: kubectl cordon.
.taints Marks that keep pods away which do not tolerate them.
NodeStatus core.v1.NodeStatus What the agent reports of its host.
.capacity All the resources of the host.
.allocatable The resources that pods may use.
.conditions Ready, and what presses the host.
.addresses Addresses at which the host is reached.
.nodeInfo Kernel, operating system and versions.
.images Images that are on the host.
NodeAddress core.v1.NodeAddress One address of a node.
.type! Hostname, InternalIP, ExternalIP, ...
.address! The address or name.
NodeInfo core.v1.NodeSystemInfo What runs on the host.
Taint core.v1.Taint Keeps pods away that do not tolerate it.
.key! Key of the taint.
.effect! NoSchedule, PreferNoSchedule or NoExecute.
.value Value of the taint.
.timeAdded When it was added.
StorageClass storage.v1.StorageClass A way to make volumes for claims that name it.
.provisioner! Who makes the volumes, for example a built-in provisioner or a CSI driver.
.parameters What the provisioner wants to know.
.reclaimPolicy Delete (the default) or Retain: what becomes of a volume whose claim is gone.
.allowVolumeExpansion Whether claims may grow.
.volumeBindingMode Immediate, or WaitForFirstConsumer: when a volume is found or made for a claim.
.mountOptions Mount options that the volumes are made with.
ConfigMap core.v1.ConfigMap Settings for pods: text under keys.
.data Text by key.
.binaryData Octets by key, in base64.
.immutable True: contents can no longer be changed, only deleted.
Secret core.v1.Secret Settings for pods that not everybody should read.
.data Values by key, in base64.
.stringData Values as plain text; merged into data when written, never read back.
.type What kind of secret it is; Opaque when not said. Some types ask for certain keys.
.immutable True: contents can no longer be changed, only deleted.
ServiceAccount core.v1.ServiceAccount An identity for what runs in pods.
.imagePullSecrets Secrets for pulling images of pods that use this account.
.secrets Secrets that pods of this account may use.
.automountServiceAccountToken Whether pods get a token mounted.
ControllerRevision apps.v1.ControllerRevision A remembered version of a set's pod template; kubectl rollout undo goes back to one.
.revision! Number of the version; the highest is the newest.
.data What to patch into the set to have this version.
Endpoints core.v1.Endpoints Addresses behind a service. Made by the agent.
.subsets Groups of addresses and the ports they serve.
EndpointSubset core.v1.EndpointSubset Addresses that serve the same ports.
.addresses Addresses of pods that are ready.
.notReadyAddresses Addresses of pods that are not.
.ports Ports served at all of these addresses.
EndpointAddress core.v1.EndpointAddress One address.
.ip! The address.
.hostname Name of the pod within its service.
.nodeName Node on which it is.
.targetRef The pod behind it.
EndpointPort core.v1.EndpointPort One port.
.port The number.
.name Name of the service's port.
.protocol TCP, UDP or SCTP.
EndpointSlice discovery.v1.EndpointSlice Addresses behind a service, in pieces. Made by the agent.
.addressType! IPv4, IPv6 or FQDN.
.endpoints! The addresses.
.ports =discovery.v1.EndpointPort Ports that every address serves.
SliceEndpoint discovery.v1.Endpoint One backend of a service.
.addresses! Its addresses; the first is used.
.conditions Whether it can be used now.
SliceConditions discovery.v1.EndpointConditions Whether a backend can be used.
.ready It takes new connections.
.serving It answers, even if it is ending.
.terminating It is ending.
Lease coordination.v1.Lease A sign of life: who holds something, and when it was renewed.
LeaseSpec coordination.v1.LeaseSpec Who holds a lease, and for how long.
.holderIdentity Who holds it.
.leaseDurationSeconds Seconds after renewTime when others may take it.
.renewTime =meta.v1.MicroTime When the holder was last heard of.
.acquireTime =meta.v1.MicroTime When the holder took it.
Event core.v1.Event Something that happened to an object, kept for a while.
.involvedObject! What it happened to.
.reason Short word for what happened, for example Started or BackOff.
.message What happened, in a sentence.
.source Who noticed.
.type Normal or Warning.
.count How often it happened.
.firstTimestamp When it happened first.
.lastTimestamp When it happened last.
EventSource core.v1.EventSource Who noticed an event.

PersistentVolumeClaim core.v1.PersistentVolumeClaim A wish for storage. Bound to one PersistentVolume, and used by pods in its namespace.
ClaimSpec core.v1.PersistentVolumeClaimSpec What storage is wanted.
.accessModes ReadWriteOnce, ReadOnlyMany, ReadWriteMany, ReadWriteOncePod.
.resources Size that is wanted: requests.storage.
.storageClassName Class that makes or owns the volume; "" takes only volumes without a class; unset takes the default class.
.volumeName The volume to bind to, when one is meant.
.selector Labels the volume must have.
.volumeMode Filesystem or Block.
ClaimResources core.v1.VolumeResourceRequirements Least and most storage.
.requests What is needed at least, for example storage: 10Gi.
.limits What is allowed at most.
ClaimStatus core.v1.PersistentVolumeClaimStatus What a claim got.
.phase Pending, Bound or Lost.
.capacity Size of the volume it is bound to.
.accessModes Modes of the volume it is bound to.
PersistentVolume core.v1.PersistentVolume A piece of storage: a directory, a disk, an export of a file server.
VolumeSpec core.v1.PersistentVolumeSpec Where the storage is and how it may be used. Exactly one source must be set.
.capacity How much it holds: storage.
.accessModes Ways in which it may be mounted.
.claimRef Claim that has it, or for which it is reserved.
.persistentVolumeReclaimPolicy Retain, Delete or Recycle: what becomes of it when its claim is gone.
.storageClassName Class it belongs to; empty for none.
.mountOptions Mount options, for example nfsvers=4.1; not checked.
.volumeMode Filesystem or Block.
.nodeAffinity Nodes from which it can be reached.
.hostPath A directory of the host.
.local A disk or directory of one node.
.nfs An export of an NFS server.
.iscsi A disk of an iSCSI target.
.fc A disk behind a Fibre Channel adapter.
.awsElasticBlockStore A disk of AWS, attached to the host, found by its id.
.gcePersistentDisk A disk of Google's cloud, attached to the host, found by its name.
.azureDisk A disk of Azure, attached to the host, found by its name.
.cinder A disk of OpenStack, attached to the host, found by its id.
.vsphereVolume A disk of vSphere, attached to the host, found by its path.
.csi A volume of a CSI driver.
ClaimRef core.v1.ObjectReference The claim that a volume is bound to.
VolumeStatus core.v1.PersistentVolumeStatus What is known of a volume.
.phase Pending, Available, Bound, Released or Failed.
VolumeNodeAffinity core.v1.VolumeNodeAffinity Nodes from which a volume can be reached.
.required Conditions on the node.
LocalSource core.v1.LocalVolumeSource A disk or directory of one node.
.path! Path on the node: a directory, a block device or an image of a disk.
.fsType File system to mount a block device with; found out when not said.

Service core.v1.Service A name and address for a group of pods.
ServiceSpec core.v1.ServiceSpec Which pods are behind a service, and how they are reached.
.ports Ports of the service.
.selector Labels of the pods behind it. Without one, nobody looks for pods.
.clusterIP Address of the service; "None" makes it headless: its name resolves to the pods themselves.
.clusterIPs Addresses of the service; the first is clusterIP.
.type ClusterIP, NodePort, LoadBalancer or ExternalName.
.externalName Name that the service is an alias of, for type ExternalName.
.publishNotReadyAddresses Answer with pods that are not ready too: peers of a cluster find each other while starting.
.sessionAffinity None or ClientIP.
.ipFamilies IPv4, IPv6 or both.
.ipFamilyPolicy SingleStack, PreferDualStack or RequireDualStack.
.internalTrafficPolicy Cluster, or Local: only pods of the asking node.
ServicePort core.v1.ServicePort One port of a service.
.port! Port at the service's address.
.targetPort Port of the pods, a number or the name of a container's port; the same as port when not said.
.name Name of the port; needed when there are several.
.protocol TCP (the default), UDP or SCTP.
.nodePort Port on every node, for type NodePort.
.appProtocol Protocol spoken above it, for those who want to know.
ServiceStatus core.v1.ServiceStatus What is known of a service.
LoadBalancer core.v1.LoadBalancerStatus Outside addresses of a service.

StatefulSet apps.v1.StatefulSet Pods with names and volumes that stay theirs: NAME-0, NAME-1, ... Started in order, ended in reverse.
StatefulSetSpec apps.v1.StatefulSetSpec How many pods, from which template, with which volumes.
.replicas How many pods are wanted; 1 when not said.
.selector! Labels of the set's pods; must match the template's labels and cannot be changed.
.template! What each pod looks like.
.volumeClaimTemplates Claims each pod gets for itself: TEMPLATE-SET-0 and so on. They outlive the pod and cannot be changed.
.serviceName The headless service under which the pods have their names: POD.SERVICE.
.podManagementPolicy OrderedReady (the default): one after the other, each when the one before is ready. Parallel: all at once.
.updateStrategy How pods are replaced when the template changes.
.revisionHistoryLimit How many old templates are kept for rollout undo; 10 when not said.
.minReadySeconds Seconds a new pod must stay ready to count as available.
.persistentVolumeClaimRetentionPolicy What becomes of the pods' claims when the set is deleted or made smaller.
.ordinals First number, when it is not 0.
StatefulSetStatus apps.v1.StatefulSetStatus How far the set is.
.observedGeneration Generation of the spec that this status is about.
.replicas! Pods there are.
.readyReplicas Pods that are ready.
.availableReplicas Pods that have been ready for minReadySeconds.
.currentReplicas Pods of the old template.
.updatedReplicas Pods of the new template.
.currentRevision Name of the ControllerRevision of the old template.
.updateRevision Name of the ControllerRevision of the new template.
StatefulSetStrategy apps.v1.StatefulSetUpdateStrategy How pods are replaced when the template changes.
.type RollingUpdate (the default): from the highest number down. OnDelete: only when somebody deletes a pod.
.rollingUpdate Details of RollingUpdate.
StatefulSetRolling apps.v1.RollingUpdateStatefulSetStrategy Details of a rolling update.
.partition Only pods with this number or a higher one are replaced; 0 when not said.
.maxUnavailable How many pods may be away at once.
ClaimRetention apps.v1.StatefulSetPersistentVolumeClaimRetentionPolicy What becomes of claims made from volumeClaimTemplates.
.whenDeleted Retain (the default) or Delete: when the set is deleted.
.whenScaled Retain (the default) or Delete: when the set becomes smaller.
Ordinals apps.v1.StatefulSetOrdinals How a set numbers its pods.
.start! The first number; 0 when not said.
DaemonSet apps.v1.DaemonSet One pod on every node that fits.
DaemonSetSpec apps.v1.DaemonSetSpec Which pod, on which nodes.
.selector! Labels of the set's pods; must match the template's labels and cannot be changed.
.template! What the pod looks like. Its nodeSelector and affinity choose the nodes.
.updateStrategy How pods are replaced when the template changes.
.minReadySeconds Seconds a new pod must stay ready to count as available.
.revisionHistoryLimit How many old templates are kept for rollout undo; 10 when not said.
DaemonSetStatus apps.v1.DaemonSetStatus How far the set is.
.currentNumberScheduled! Nodes that run its pod and should.
.desiredNumberScheduled! Nodes that should run its pod.
.numberMisscheduled! Nodes that run its pod and should not.
.numberReady! Nodes whose pod is ready.
.numberAvailable Nodes whose pod has been ready for minReadySeconds.
.numberUnavailable Nodes whose pod is not available.
.updatedNumberScheduled Nodes whose pod is of the newest template.
.observedGeneration Generation of the spec that this status is about.
DaemonSetStrategy apps.v1.DaemonSetUpdateStrategy How pods are replaced when the template changes.
.type RollingUpdate (the default), or OnDelete: only when somebody deletes a pod.
.rollingUpdate Details of RollingUpdate.
DaemonSetRolling apps.v1.RollingUpdateDaemonSet Details of a rolling update.
.maxUnavailable How many pods may be away at once, a number or a percentage; 1 when not said.
.maxSurge How many nodes may run old and new pod at once.

PodTemplate core.v1.PodTemplateSpec What the pods of a set look like.
Pod core.v1.Pod Containers that run together on one host, with one address and shared volumes.
PodSpec core.v1.PodSpec What a pod runs, and how.
.containers! The containers; at least one. They cannot be added or removed later.
.initContainers Containers that run before, one after the other, each to its end. With restartPolicy Always one keeps running beside the others.
.volumes Volumes that containers may mount.
.restartPolicy Always (the default), OnFailure or Never: whether containers that ended are started again.
.terminationGracePeriodSeconds Seconds between the stop signal and the kill; 30 when not said.
.dnsPolicy ClusterFirst (the default), ClusterFirstWithHostNet, Default or None.
.dnsConfig Name servers and search domains, added to what dnsPolicy makes.
.nodeSelector Labels the node must have.
.nodeName The node that runs the pod. Set by the agent that takes it.
.hostNetwork True: the host's network instead of one of its own.
.hostPID True: the host's processes are visible.
.hostIPC True: the host's IPC namespace.
.shareProcessNamespace True: containers see each other's processes.
.securityContext User, groups and kernel settings of all containers.
.imagePullSecrets Secrets with the passwords of registries.
.hostname Name of the host inside the pod; the pod's name when not said.
.subdomain Service under which hostname resolves: HOSTNAME.SUBDOMAIN.
.affinity Conditions on the node.
.tolerations Taints of nodes that do not keep this pod away.
.hostAliases More lines for the pod's /etc/hosts.
.enableServiceLinks Whether services show up as environment variables; true when not said.
.serviceAccountName The ServiceAccount to run as.
.serviceAccount Old name of serviceAccountName.
.automountServiceAccountToken Whether a token is mounted.
.activeDeadlineSeconds Seconds after which the pod is ended as failed.
.schedulerName Who chooses the node.
.priorityClassName Name of the pod's priority.
.priority The pod's priority.
.runtimeClassName Runtime to run it with.
.ephemeralContainers Containers added later to look for a fault.
.topologySpreadConstraints How pods spread over nodes.
.overhead Resources the pod itself takes.
.readinessGates More conditions for being ready.
TopologySpread core.v1.TopologySpreadConstraint How pods spread over nodes.
.maxSkew! Largest difference between two groups of nodes.
.topologyKey! Node label that makes the groups.
.whenUnsatisfiable! DoNotSchedule or ScheduleAnyway.
SchedulingGate core.v1.PodSchedulingGate Keeps a pod from being placed.
.name! Name of the gate.
PodResourceClaim core.v1.PodResourceClaim A device that the pod wants.
.name! Name by which containers refer to it.
Affinity core.v1.Affinity Conditions on where a pod runs.
.nodeAffinity Conditions on the node.
.podAffinity Pods to be near.
.podAntiAffinity Pods to be away from.
NodeAffinity core.v1.NodeAffinity Conditions on the node.
.requiredDuringSchedulingIgnoredDuringExecution What the node must be like.
.preferredDuringSchedulingIgnoredDuringExecution What the node should be like.
NodeSelector core.v1.NodeSelector Conditions on a node: one of the terms must hold.
.nodeSelectorTerms! The terms.
NodeSelectorTerm core.v1.NodeSelectorTerm Conditions of which all must hold.
.matchExpressions =core.v1.NodeSelectorRequirement Conditions on the node's labels.
.matchFields =core.v1.NodeSelectorRequirement Conditions on the node's fields: metadata.name.
Toleration core.v1.Toleration A taint that does not keep the pod away.
.key Key of the taint; empty with operator Exists means every taint.
.operator Equal (the default) or Exists.
.value Value of the taint, for Equal.
.effect Effect of the taint; empty means every effect.
.tolerationSeconds Seconds the pod stays after a NoExecute taint came; for ever when not said.
HostAlias core.v1.HostAlias A line of /etc/hosts.
.ip! The address.
.hostnames Names for it.
DnsConfig core.v1.PodDNSConfig What to put into the pod's resolv.conf.
.nameservers Addresses of name servers.
.searches Domains to search.
.options Resolver options.
DnsOption core.v1.PodDNSConfigOption A resolver option, for example ndots.
PodSecurity core.v1.PodSecurityContext User, groups and kernel settings of all containers of a pod.
.runAsUser User id to run as; the image's when not said.
.runAsGroup Group id to run as.
.runAsNonRoot True: refuse to start a container as root.
.fsGroup Group that owns the pod's volumes.
.fsGroupChangePolicy Always (the default), or OnRootMismatch: when ownership of a volume is set.
.supplementalGroups More groups of the first process.
.sysctls =core.v1.Sysctl Kernel settings of the pod's namespaces.
.seccompProfile System calls that are allowed.
NameValue core.v1.HTTPHeader A name and its value.
.name! The name.
.value! The value.
Profile core.v1.SeccompProfile A seccomp profile.
.type! RuntimeDefault, Unconfined or Localhost.
.localhostProfile File of a Localhost profile.
Container core.v1.Container One container: an image and how to run it.
.name! Name, unique in the pod.
.image Image to run, for example docker.io/library/mongo:4.4.
.command Program and first arguments instead of the image's entry point. $(VAR) is replaced.
.args Arguments instead of the image's. $(VAR) is replaced.
.workingDir Directory to start in.
.ports Ports the container serves. For information, unless hostPort is set.
.env Environment variables.
.envFrom ConfigMaps and Secrets whose keys all become environment variables.
.resources How much CPU and memory it gets.
.volumeMounts Where volumes of the pod appear.
.volumeDevices Block devices of the pod that appear.
.livenessProbe When this fails the container is started again.
.readinessProbe While this fails the pod gets no traffic from services.
.startupProbe Until this succeeds the other probes wait.
.lifecycle What to do after start and before stop.
.terminationMessagePath File in which the container may leave its last words; /dev/termination-log when not said.
.terminationMessagePolicy File, or FallbackToLogsOnError.
.imagePullPolicy Always, IfNotPresent or Never. Always for images with tag latest when not said, else IfNotPresent.
.securityContext User and rights of the container; goes before the pod's.
.stdin Keep standard input open.
.stdinOnce Close standard input after the first who attached has left.
.tty Give it a terminal.
.restartPolicy Only for init containers: Always makes it run beside the others.
EphemeralContainer core.v1.EphemeralContainer A container added to a running pod.
.name! Name, unique in the pod.
.targetContainerName Container whose processes it sees.
VolumeDevice core.v1.VolumeDevice A block device in a container.
.name! Name of the pod's volume.
.devicePath! Path in the container.
ContainerPort core.v1.ContainerPort A port that a container serves.
.containerPort! The number.
.name Name by which services and probes refer to it.
.protocol TCP (the default), UDP or SCTP.
.hostPort Port of the host that leads here.
.hostIP Address of the host at which hostPort listens.
EnvFrom core.v1.EnvFromSource A ConfigMap or Secret whose keys all become environment variables.
.prefix Put before each key.
.configMapRef The ConfigMap.
.secretRef =core.v1.SecretEnvSource The Secret.
OptionalRef core.v1.ConfigMapEnvSource Names an object in the same namespace.
.optional True: its absence is fine.
EnvVar core.v1.EnvVar One environment variable.
.name! Its name.
.value Its value. $(OTHER) is replaced by a variable defined before; $$ is a dollar.
.valueFrom Where its value comes from instead.
EnvSource core.v1.EnvVarSource Where a variable's value comes from.
.fieldRef A field of the pod.
.resourceFieldRef A resource of a container.
.configMapKeyRef A key of a ConfigMap.
.secretKeyRef =core.v1.SecretKeySelector A key of a Secret.
FieldRef core.v1.ObjectFieldSelector A field of the pod.
.fieldPath! For example metadata.name, metadata.labels['app'], status.podIP, spec.nodeName.
ResourceFieldRef core.v1.ResourceFieldSelector A resource of a container.
.resource! For example limits.cpu or requests.memory.
.containerName Container that is meant; needed in volumes.
.divisor Unit in which it is written; 1 when not said.
KeyRef core.v1.ConfigMapKeySelector A key of an object in the same namespace.
.name Name of the object.
.key! The key.
.optional True: its absence is fine.
Resources core.v1.ResourceRequirements How much CPU and memory a container gets.
.limits At most this much: cpu is slowed down, memory ends the container.
.requests At least this much, when others want it too.
VolumeMount core.v1.VolumeMount Where a volume appears in a container.
.name! Name of the pod's volume.
.mountPath! Path in the container.
.readOnly True: it cannot be written there.
.subPath Only this part of the volume.
.subPathExpr Only this part of the volume; $(VAR) is replaced.
.mountPropagation None (the default), HostToContainer or Bidirectional.
Probe core.v1.Probe A check of a container, done again and again.
.exec Run a command; 0 is success.
.httpGet Get a page; 200 to 399 is success.
.tcpSocket Open a connection.
.grpc Ask the gRPC health service.
.initialDelaySeconds Seconds to wait after the start.
.periodSeconds Seconds between two checks; 10 when not said.
.timeoutSeconds Seconds after which a check has failed; 1 when not said.
.successThreshold Successes in a row to count as well; 1 when not said.
.failureThreshold Failures in a row to count as ill; 3 when not said.
.terminationGracePeriodSeconds Seconds to end after this probe failed, instead of the pod's.
Exec core.v1.ExecAction Runs a command in the container.
.command Program and arguments; no shell.
HttpGet core.v1.HTTPGetAction Gets a page by HTTP.
.port! Number or name of a port.
.path Path of the page.
.host Host to ask instead of the pod.
.scheme HTTP (the default) or HTTPS; certificates are not checked.
.httpHeaders Headers to send.
TcpSocket core.v1.TCPSocketAction Opens a connection.
.port! Number or name of a port.
.host Host to ask instead of the pod.
Grpc core.v1.GRPCAction Asks the gRPC health service.
.port! Number of the port.
.service Service to ask about.
Lifecycle core.v1.Lifecycle What to do after start and before stop.
.postStart Done right after the start; when it fails the container is ended.
.preStop Done before the stop signal; counts into the grace period.
Handler core.v1.LifecycleHandler One thing to do.
.exec Run a command in the container.
.httpGet Get a page.
.tcpSocket Not used any more.
.sleep Just wait.
Sleep core.v1.SleepAction Waits.
.seconds! How long.
ContainerSecurity core.v1.SecurityContext User and rights of a container.
.privileged True: nearly all rights on the host.
.capabilities Linux capabilities to add or take.
.runAsUser User id to run as; the image's when not said.
.runAsGroup Group id to run as.
.runAsNonRoot True: refuse to start as root.
.readOnlyRootFilesystem True: the image cannot be written over.
.allowPrivilegeEscalation False: no process may gain rights (no_new_privs).
.procMount Default or Unmasked.
.seccompProfile System calls that are allowed.
Capabilities core.v1.Capabilities Linux capabilities.
.add To add, without CAP_.
.drop To take away, without CAP_; ALL takes all.

Volume core.v1.Volume Files or a disk that containers of the pod can mount. Exactly one source must be set.
.name! Name by which containers refer to it.
.emptyDir An empty directory that lives as long as the pod.
.hostPath A directory or file of the host.
.configMap The keys of a ConfigMap as files.
.secret The keys of a Secret as files.
.downwardAPI Fields of the pod as files.
.projected Several of these in one directory.
.persistentVolumeClaim Storage that a claim got.
.nfs An export of an NFS server.
.iscsi A disk of an iSCSI target.
.fc A disk behind a Fibre Channel adapter.
.awsElasticBlockStore A disk of AWS, attached to the host, found by its id.
.gcePersistentDisk A disk of Google's cloud, attached to the host, found by its name.
.azureDisk A disk of Azure, attached to the host, found by its name.
.cinder A disk of OpenStack, attached to the host, found by its id.
.vsphereVolume A disk of vSphere, attached to the host, found by its path.
.csi A volume of a CSI driver that lives as long as the pod.
EmptyDirSource core.v1.EmptyDirVolumeSource An empty directory that lives as long as the pod.
.medium "" for disk, Memory for tmpfs.
.sizeLimit How much it may hold.
HostPathSource core.v1.HostPathVolumeSource A directory or file of the host.
.path! Path on the host.
.type What must be there: Directory, DirectoryOrCreate, File, FileOrCreate, Socket, CharDevice, BlockDevice; "" for anything.
ConfigMapSource core.v1.ConfigMapVolumeSource The keys of a ConfigMap as files.
.name Name of the ConfigMap.
.items Only these keys, at these paths.
.defaultMode Mode of the files; 0644 when not said.
.optional True: its absence is fine.
SecretSource core.v1.SecretVolumeSource The keys of a Secret as files.
.secretName Name of the Secret.
.items Only these keys, at these paths.
.defaultMode Mode of the files; 0644 when not said.
.optional True: its absence is fine.
KeyToPath core.v1.KeyToPath A key and the path at which it appears.
.key! The key.
.path! Path below the mount; no "..".
.mode Mode of the file.
DownwardSource core.v1.DownwardAPIVolumeSource Fields of the pod as files.
.items The files.
.defaultMode Mode of the files; 0644 when not said.
DownwardItem core.v1.DownwardAPIVolumeFile One file with a field of the pod.
.path! Path below the mount.
.fieldRef The field.
.resourceFieldRef A resource of a container.
.mode Mode of the file.
ProjectedSource core.v1.ProjectedVolumeSource Several sources in one directory.
.sources The sources.
.defaultMode Mode of the files; 0644 when not said.
Projection core.v1.VolumeProjection One source of a projected volume.
.configMap Keys of a ConfigMap.
.secret =core.v1.SecretProjection Keys of a Secret.
.downwardAPI Fields of the pod.
ConfigMapProjection core.v1.ConfigMapProjection Keys of an object as files.
.name Name of the object.
.items Only these keys, at these paths.
.optional True: its absence is fine.
DownwardProjection core.v1.DownwardAPIProjection Fields of the pod as files.
.items The files.
ClaimSource core.v1.PersistentVolumeClaimVolumeSource Storage that a claim got.
.claimName! Name of the claim, in the pod's namespace.
.readOnly True: mounted read-only.
NfsSource core.v1.NFSVolumeSource An export of an NFS server.
.server! Name or address of the server.
.path! Exported path.
.readOnly True: mounted read-only.
IscsiSource core.v1.ISCSIVolumeSource A disk of an iSCSI target.
.targetPortal! Address of the target: HOST or HOST:PORT; the port is 3260 when not said.
.iqn! Name of the target.
.lun! Number of the disk, 0 to 255.
.portals More addresses of the target: paths to the same disk where multipath is set up.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.readOnly True: mounted read-only.
.iscsiInterface Interface to use; default when not said.
.initiatorName Name to log in with; the host's when not said.
.chapAuthDiscovery True: log in with a name and a password to ask for targets.
.chapAuthSession True: log in to the target with a name and a password.
.secretRef Secret with the names and passwords, of type kubernetes.io/iscsi-chap.
PersistentIscsiSource core.v1.ISCSIPersistentVolumeSource A disk of an iSCSI target.
.targetPortal! Address of the target: HOST or HOST:PORT; the port is 3260 when not said.
.iqn! Name of the target.
.lun! Number of the disk, 0 to 255.
.portals More addresses of the target: paths to the same disk where multipath is set up.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.readOnly True: mounted read-only.
.iscsiInterface Interface to use; default when not said.
.initiatorName Name to log in with; the host's when not said.
.chapAuthDiscovery True: log in with a name and a password to ask for targets.
.chapAuthSession True: log in to the target with a name and a password.
.secretRef Secret with the names and passwords, of type kubernetes.io/iscsi-chap.
SecretRef core.v1.SecretReference A Secret of some namespace.
.name Name of the Secret.
.namespace Its namespace.
FcSource core.v1.FCVolumeSource A disk behind a Fibre Channel adapter: names of targets with a number, or ids.
.targetWWNs World wide names of the targets; with lun.
.lun Number of the disk, 0 to 255.
.wwids World wide ids of the disk; instead of targetWWNs and lun.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.readOnly True: mounted read-only.
AwsDiskSource core.v1.AWSElasticBlockStoreVolumeSource A disk of AWS that is attached to the host.
.volumeID! Id of the disk: vol-..., or aws://ZONE/vol-...
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.partition Number of the partition; 0 for the whole disk.
.readOnly True: mounted read-only.
GceDiskSource core.v1.GCEPersistentDiskVolumeSource A disk of Google's cloud that is attached to the host.
.pdName! Name of the disk.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.partition Number of the partition; 0 for the whole disk.
.readOnly True: mounted read-only.
AzureDiskSource core.v1.AzureDiskVolumeSource A disk of Azure that is attached to the host.
.diskName! Name of the disk.
.diskURI! Where it is stored.
.kind Shared (when not said), Dedicated or Managed.
.cachingMode None, ReadOnly or ReadWrite (when not said).
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.readOnly True: mounted read-only.
CinderSource core.v1.CinderVolumeSource A disk of OpenStack that is attached to the host.
.volumeID! Id of the disk.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.readOnly True: mounted read-only.
PersistentCinderSource core.v1.CinderPersistentVolumeSource A disk of OpenStack that is attached to the host.
.volumeID! Id of the disk.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
.readOnly True: mounted read-only.
VsphereSource core.v1.VsphereVirtualDiskVolumeSource A disk of vSphere that is attached to the host.
.volumePath! Path of the disk: [DATASTORE] DIRECTORY/NAME.vmdk.
.fsType File system of the disk, for example ext4 (when not said) or xfs. A blank disk is formatted with it.
CsiSource core.v1.CSIVolumeSource A volume of a CSI driver that lives as long as the pod.
.driver! Name of the driver.
.volumeAttributes What the driver wants to know.
PersistentCsiSource core.v1.CSIPersistentVolumeSource A volume of a CSI driver.
.driver! Name of the driver.
.volumeHandle! The driver's name for the volume.
.volumeAttributes What the driver wants to know.
.fsType File system to mount with.
.readOnly True: mounted read-only.
PodStatus core.v1.PodStatus How a pod is.
.phase Pending, Running, Succeeded, Failed or Unknown.
.reason Why it is so, in one word, for example Evicted.
.message Why it is so, for people.
.podIP Address of the pod.
.podIPs All addresses of the pod.
.hostIP Address of its node.
.startTime When a node took it.
.qosClass Guaranteed, Burstable or BestEffort, from its containers' resources.
.conditions =core.v1.PodCondition PodScheduled, Initialized, ContainersReady and Ready.
.containerStatuses How each container is.
.initContainerStatuses How each init container is.
PodAddress core.v1.PodIP One address of a pod.
.ip! The address.
ContainerStatus core.v1.ContainerStatus How a container is.
.name! Name of the container.
.ready! Whether its readiness probe succeeds.
.restartCount! How often it was started again.
.image! Image it runs.
.imageID! Digest of that image.
.state What it does now: one of waiting, running, terminated.
.lastState What it did before the last restart.
.containerID Its name at the runtime.
.started Whether it was started and its startup probe succeeded.
State core.v1.ContainerState What a container does: exactly one is set.
.waiting It is not started yet.
.running It runs.
.terminated It has ended.
StateWaiting core.v1.ContainerStateWaiting Why a container is not started yet.
.reason For example ImagePullBackOff or CrashLoopBackOff.
StateRunning core.v1.ContainerStateRunning Since when a container runs.
StateTerminated core.v1.ContainerStateTerminated How a container ended.
.exitCode! Its exit code.
.signal Signal that ended it.
.reason Completed, Error, OOMKilled, ...
)";
// clang-format on

}  // namespace berth::model
