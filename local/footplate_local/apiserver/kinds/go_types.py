"""How the Go types of the built-in kinds encode what is not set: facts that the published schemas leave out.

A built-in object is decoded into Go structs and encoded from them again. Three things follow from how a field is
declared there (k8s.io/api, `json` tags): an optional number or bool that is no pointer loses its zero, an optional
text that is a pointer keeps an empty text, and a nested struct that is no pointer is there even when nobody set it.
Fields of the schema's `required` list are always there. Exotic volume sources are left out.
"""

from __future__ import annotations


def _table(text: str) -> dict[str, frozenset[str]]:
    """Lines of `group.version.Type: field field …`."""
    lines = (line.partition(":") for line in text.split("\n") if line.strip())
    return {name.strip(): frozenset(fields.split()) for name, _, fields in lines}


ZERO_DROPPED = _table("""
    core.v1.PersistentVolumeClaimVolumeSource: readOnly
    core.v1.NFSVolumeSource: readOnly
    core.v1.ContainerPort: hostPort
    core.v1.VolumeMount: readOnly
    core.v1.Probe: initialDelaySeconds timeoutSeconds periodSeconds successThreshold failureThreshold
    core.v1.Container: stdin stdinOnce tty
    core.v1.EphemeralContainer: stdin stdinOnce tty
    core.v1.ContainerStateTerminated: signal
    core.v1.PodCondition: observedGeneration
    core.v1.VolumeMountStatus: readOnly
    core.v1.PodSpec: hostNetwork hostPID hostIPC
    core.v1.PodStatus: observedGeneration
    core.v1.ServiceSpec: healthCheckNodePort publishNotReadyAddresses
    core.v1.ServicePort: nodePort
    core.v1.NodeSpec: unschedulable
    core.v1.ContainerImage: sizeBytes
    core.v1.Event: count
    core.v1.EventSeries: count
    events.v1.Event: deprecatedCount
    apps.v1.StatefulSetSpec: minReadySeconds
    apps.v1.StatefulSetStatus: observedGeneration readyReplicas currentReplicas updatedReplicas
    apps.v1.DeploymentSpec: minReadySeconds paused
    apps.v1.DeploymentStatus: observedGeneration replicas updatedReplicas readyReplicas \
availableReplicas unavailableReplicas
    apps.v1.DaemonSetSpec: minReadySeconds
    apps.v1.DaemonSetStatus: observedGeneration updatedNumberScheduled numberAvailable numberUnavailable
    apps.v1.ReplicaSetSpec: minReadySeconds
    apps.v1.ReplicaSetStatus: fullyLabeledReplicas readyReplicas availableReplicas observedGeneration
    batch.v1.JobStatus: active succeeded failed
    policy.v1.PodDisruptionBudgetStatus: observedGeneration
    networking.v1.ServiceBackendPort: number
    scheduling.v1.PriorityClass: globalDefault
    autoscaling.v2.HorizontalPodAutoscalerStatus: currentReplicas
    meta.v1.ObjectMeta: generation
    apiextensions.v1.CustomResourceDefinitionSpec: preserveUnknownFields
    apiextensions.v1.CustomResourceColumnDefinition: priority
    apiextensions.v1.CustomResourceDefinitionVersion: deprecated
    apiextensions.v1.JSONSchemaProps: exclusiveMaximum exclusiveMinimum uniqueItems nullable \
x-kubernetes-embedded-resource x-kubernetes-int-or-string
""".replace("\\\n", " "))  # fmt: skip

EMPTY_KEPT = _table("""
    core.v1.PersistentVolumeSpec: volumeMode volumeAttributesClassName
    core.v1.PersistentVolumeClaimSpec: storageClassName volumeMode volumeAttributesClassName
    core.v1.TypedObjectReference: apiGroup namespace
    core.v1.TypedLocalObjectReference: apiGroup
    core.v1.PersistentVolumeClaimStatus: currentVolumeAttributesClassName
    core.v1.HostPathVolumeSource: type
    core.v1.LocalVolumeSource: fsType
    core.v1.VolumeMount: recursiveReadOnly mountPropagation
    core.v1.GRPCAction: service
    core.v1.Container: restartPolicy
    core.v1.PodSpec: runtimeClassName preemptionPolicy hostnameOverride
    core.v1.PodResourceClaim: resourceClaimName resourceClaimTemplateName
    core.v1.TopologySpreadConstraint: nodeAffinityPolicy nodeTaintsPolicy
    core.v1.PodSecurityContext: supplementalGroupsPolicy fsGroupChangePolicy seLinuxChangePolicy
    core.v1.SeccompProfile: localhostProfile
    core.v1.AppArmorProfile: localhostProfile
    core.v1.PodDNSConfigOption: value
    core.v1.ServiceSpec: ipFamilyPolicy loadBalancerClass internalTrafficPolicy trafficDistribution
    core.v1.ServicePort: appProtocol
    core.v1.EndpointAddress: nodeName
    core.v1.EndpointPort: appProtocol
    core.v1.SecurityContext: procMount
    batch.v1.JobSpec: completionMode podReplacementPolicy managedBy
    batch.v1.JobStatus: failedIndexes
    batch.v1.CronJobSpec: timeZone
    coordination.v1.LeaseSpec: holderIdentity strategy preferredHolder
    policy.v1.PodDisruptionBudgetSpec: unhealthyPodEvictionPolicy
    networking.v1.IngressSpec: ingressClassName
    scheduling.v1.PriorityClass: preemptionPolicy
    storage.v1.StorageClass: reclaimPolicy volumeBindingMode
    discovery.v1.Endpoint: hostname nodeName zone
    discovery.v1.EndpointPort: name protocol appProtocol
""")

ALWAYS_THERE = _table("""
    core.v1.PersistentVolumeClaim: metadata spec status
    core.v1.PersistentVolumeClaimSpec: resources
    core.v1.PersistentVolumeClaimCondition: lastProbeTime lastTransitionTime
    core.v1.ProjectedVolumeSource: sources
    core.v1.ResourceFieldSelector: divisor
    core.v1.Container: resources
    core.v1.EphemeralContainer: resources
    core.v1.ContainerStateRunning: startedAt
    core.v1.ContainerStateTerminated: startedAt finishedAt
    core.v1.ContainerStatus: state lastState
    core.v1.PodCondition: lastProbeTime lastTransitionTime
    core.v1.PodTemplateSpec: metadata spec
    core.v1.PodTemplate: template
    core.v1.ServiceStatus: loadBalancer
    core.v1.ServicePort: targetPort
    core.v1.NodeDaemonEndpoints: kubeletEndpoint
    core.v1.NodeStatus: daemonEndpoints nodeInfo
    core.v1.NodeCondition: lastHeartbeatTime lastTransitionTime
    core.v1.NamespaceCondition: lastTransitionTime
    core.v1.Event: source firstTimestamp lastTimestamp eventTime reportingComponent reportingInstance
    core.v1.EventSeries: lastObservedTime
    events.v1.Event: regarding deprecatedSource deprecatedFirstTimestamp deprecatedLastTimestamp
    apps.v1.StatefulSetSpec: serviceName updateStrategy
    apps.v1.StatefulSetStatus: availableReplicas
    apps.v1.DeploymentSpec: strategy
    apps.v1.DeploymentCondition: lastUpdateTime lastTransitionTime
    apps.v1.DaemonSetSpec: updateStrategy
    apps.v1.ReplicaSetSpec: template
    apps.v1.ControllerRevision: data
    batch.v1.JobCondition: lastProbeTime lastTransitionTime
    batch.v1.JobTemplateSpec: metadata spec
    rbac.v1.Role: rules
    rbac.v1.ClusterRole: rules
    networking.v1.NetworkPolicySpec: podSelector
    networking.v1.IngressStatus: loadBalancer
    networking.v1.IngressServiceBackend: port
    discovery.v1.EndpointSlice: ports
    discovery.v1.Endpoint: conditions
""")
NOT_THERE = _table("""
    apps.v1.DeploymentSpec: selector
    apps.v1.ReplicaSetSpec: selector
    apps.v1.DaemonSetSpec: selector
    apps.v1.StatefulSetSpec: selector
    networking.v1.HTTPIngressPath: pathType
""")
"""Required fields that are pointers: not set, they are null, and the object is refused."""
ALWAYS_THERE_IN_KINDS = frozenset({"metadata", "spec", "status"})
"""What every kind that has it always shows: these fields are structs by value at the top of an object."""
