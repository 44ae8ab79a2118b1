{{- /* The head of a policy for the runner namespace. Arguments: root, short name. */}}
{{- define "regen.policyName" -}}
{{ index . 1 }}.{{ (index . 0).Values.runner.namespace }}.regeneration.dev
{{- end }}

{{- /* The binding of the policy of this short name. */}}
{{- define "regen.policyBinding" -}}
{{- $root := index . 0 -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "regen.policyName" . }}
  labels:
    {{- include "regen.labels" $root | nindent 4 }}
spec:
  policyName: {{ include "regen.policyName" . }}
  validationActions: {{ toJson $root.Values.admission.actions }}
{{- end }}

{{- define "regen.inRunnerNamespace" -}}
namespaceSelector:
  matchLabels: {kubernetes.io/metadata.name: {{ .Values.runner.namespace }}}
{{- end }}

{{- /*
The shape of a runner pod, as operator/regen_operator/launch/pod.py builds it. Checked twice: on the Job's template, so that a wrong one
is refused at once, and on the pod. Arguments: root, path of the object that has metadata.labels and spec.
*/}}
{{- define "regen.podVariables" -}}
{{- $root := index . 0 -}}{{- $pod := index . 1 -}}
{{- $runner := $root.Values.runner -}}
{{- $keyMount := "" -}}{{- $keyVariable := "" -}}
{{- if $runner.signingKeySecret -}}
{{- $keyMount = ", \"signing-key:/regen/signing-key:ro\"" -}}{{- $keyVariable = ", \"REGEN_SIGNING_KEY_FILE\"" -}}
{{- end -}}
{{- $images := dict -}}{{- $grants := dict -}}{{- $sandboxes := dict -}}{{- $runtimes := dict -}}
{{- range $type, $class := $root.Values.classes -}}
{{- $image := $class.image | default $runner.image -}}
{{- $_ := set $images $type (include "regen.image" (list $root (printf "classes.%s.image" $type) $image)) -}}
{{- $own := list -}}
{{- range $name, $value := $class.env }}{{ $own = append $own (printf "%s=%s" $name ($value | replace "$" "$$")) }}{{ end -}}
{{- range $name, $source := $class.secretEnv }}{{ $own = append $own (printf "%s:%s:%s" $name $source.name $source.key) }}{{ end -}}
{{- if $own }}{{ $_ := set $grants $type $own }}{{ end -}}
{{- $_ := set $sandboxes $type (list (printf "REGEN_JOB_TYPE=%s" $type) (printf "REGEN_SANDBOX=%s" ($class.sandbox | default "require"))
  (printf "REGEN_EGRESS=%s" ($class.egress | default "none")) (printf "REGEN_SUBPROCESSES=%t" ($class.subprocesses | default false))) -}}
{{- with $class.runtimeClassName }}{{ $_ := set $runtimes $type . }}{{ end -}}
{{- end -}}
- name: spec
  expression: {{ $pod }}.spec
- name: labels
  expression: "has({{ $pod }}.metadata.labels) ? {{ $pod }}.metadata.labels : {}"
- name: type
  expression: variables.labels[?'regeneration.dev/type'].orValue('')
- name: images
  expression: {{ printf "%s" (toJson $images) | quote }}
# extra variables of an executor class with egress: name=value, and name:secret:key for references
- name: grants
  expression: {{ printf "%s" (toJson $grants) | quote }}
# the variables of execute that its executor class sets, and the pod's runtime class if one is set
- name: sandboxes
  expression: {{ printf "%s" (toJson $sandboxes) | quote }}
- name: runtimes
  expression: {{ printf "%s" (toJson $runtimes) | quote }}
- name: init
  expression: "has(variables.spec.initContainers) ? variables.spec.initContainers : []"
- name: containers
  expression: variables.init + variables.spec.containers
# allowed mounts (name:path:mode) and variable names of each container
- name: mounts
  expression: |
    {
      "prepare": ["in:/regen/in:rw", "trust:/regen/trust:rw", "tmp-prepare:/tmp:rw"],
      "execute": ["in:/regen/in:ro", "out:/regen/out:rw", "result:/regen/result:rw", "tmp-execute:/tmp:rw"],
      "publish": ["in:/regen/in:ro", "out:/regen/out:ro", "result:/regen/result:ro", "trust:/regen/trust:ro", "tmp-publish:/tmp:rw"{{ $keyMount }}]
    }
- name: environment
  expression: |
    {
      "prepare": ["REGEN_JOB_ID", "REGEN_POD_UID", "REGEN_POD_NAME", "REGEN_DATABASE_URL", "REGEN_ACTIVE_DEADLINE_SECONDS",
        "REGEN_IN_DIR", "REGEN_TRUST_DIR", "REGEN_OUTPUT_URL", "REGEN_SOURCE_PREFIXES", "REGEN_SOURCE_HOSTS", "TMPDIR", "REGEN_TMP_DIR"],
      "execute": ["REGEN_JOB_TYPE", "REGEN_TIME_LIMIT_SECONDS", "REGEN_SANDBOX", "REGEN_EGRESS", "REGEN_SUBPROCESSES",
        "REGEN_MAX_MEMORY_BYTES", "REGEN_MAX_OUTPUT_BYTES", "REGEN_IN_DIR", "REGEN_OUT_DIR", "REGEN_RESULT_DIR",
        "PYTHONHASHSEED", "TZ", "LANG", "LC_ALL", "SOURCE_DATE_EPOCH", "HOME", "TMPDIR", "REGEN_TMP_DIR"],
      "publish": ["REGEN_JOB_ID", "REGEN_DATABASE_URL", "REGEN_OUTPUT_URL", "REGEN_REPRODUCIBLE", "REGEN_MAX_OUTPUT_BYTES",
        "REGEN_ACTIVE_DEADLINE_SECONDS", "REGEN_GRACE_SECONDS", "REGEN_IN_DIR", "REGEN_OUT_DIR", "REGEN_RESULT_DIR",
        "REGEN_TRUST_DIR", "REGEN_BUILDER_ID", "REGEN_IMAGE"{{ $keyVariable }}, "TMPDIR", "REGEN_TMP_DIR"]
    }
{{- end }}

{{- define "regen.podValidations" -}}
{{- $runner := (index . 0).Values.runner -}}
- message: "expected the labels of a regen pod: managed-by, job-id, and the type of an executor class"
  expression: >-
    variables.labels[?'app.kubernetes.io/managed-by'].orValue('') == 'regen-operator'
    && 'regeneration.dev/job-id' in variables.labels && variables.type in variables.images
- message: "expected no namespace of the host, no shared processes, and no node by name"
  expression: >-
    !variables.spec.?hostNetwork.orValue(false) && !variables.spec.?hostPID.orValue(false)
    && !variables.spec.?hostIPC.orValue(false) && !variables.spec.?shareProcessNamespace.orValue(false)
    && !has(variables.spec.nodeName)
{{- if and (kindIs "bool" $runner.hostUsers) (not $runner.hostUsers) }}
- message: "expected hostUsers: false"
  expression: "!variables.spec.?hostUsers.orValue(true)"
{{- end }}
- message: "expected the runner's service account, without its token, and restartPolicy Never"
  expression: >-
    variables.spec.?serviceAccountName.orValue('') == {{ $runner.serviceAccountName | squote }}
    && !variables.spec.?automountServiceAccountToken.orValue(true) && variables.spec.?restartPolicy.orValue('') == 'Never'
{{- with $runner.signingKeySecret }}
- message: "expected the seven emptyDir volumes of a regen pod, the secret of runner.signingKeySecret, and no other"
  expression: >-
    size(variables.spec.?volumes.orValue([])) == 8 && variables.spec.volumes.all(volume, has(volume.emptyDir)
    ? volume.name in ['in', 'out', 'result', 'trust', 'tmp-prepare', 'tmp-execute', 'tmp-publish']
    : volume.name == 'signing-key' && has(volume.secret) && volume.secret.?secretName.orValue('') == {{ .name | squote }}
    && volume.secret.?items.orValue([]).map(item, item.key) == [{{ .key | squote }}])
{{- else }}
- message: "expected the seven emptyDir volumes of a regen pod and no other"
  expression: >-
    size(variables.spec.?volumes.orValue([])) == 7 && variables.spec.volumes.all(volume, has(volume.emptyDir)
    && volume.name in ['in', 'out', 'result', 'trust', 'tmp-prepare', 'tmp-execute', 'tmp-publish'])
{{- end }}
- message: "expected the containers prepare, execute and publish, in this order, and no other"
  expression: >-
    variables.init.map(container, container.name) == ['prepare', 'execute']
    && variables.spec.containers.map(container, container.name) == ['publish']
    && size(variables.spec.?ephemeralContainers.orValue([])) == 0
- message: "expected each container to run the supervisor of its name: regen-runner <container>, no arguments"
  expression: >-
    variables.containers.all(container, container.?command.orValue([]) == ['regen-runner', string(container.name)]
    && size(container.?args.orValue([])) == 0 && !has(container.workingDir))
- message: "expected the image of the type's executor class (chart values: classes, runner.image)"
  expression: >-
    variables.containers.all(container, container.image in
    [variables.images[?variables.type].orValue('')] + {{ toJson (index . 0).Values.admission.previousImages }})
- message: "expected no port, hook, probe, restart policy, device or terminal"
  expression: >-
    variables.containers.all(container, size(container.?ports.orValue([])) == 0 && !has(container.lifecycle)
    && !has(container.livenessProbe) && !has(container.readinessProbe) && !has(container.startupProbe)
    && !has(container.restartPolicy) && size(container.?volumeDevices.orValue([])) == 0
    && !container.?stdin.orValue(false) && !container.?tty.orValue(false))
- message: "expected user {{ $runner.user }}, a read-only root, no capability and no privilege escalation"
  expression: >-
    variables.spec.?securityContext.?runAsUser.orValue(0) == {{ int $runner.user }}
    && !has(variables.spec.securityContext.fsGroup)
    && size(variables.spec.securityContext.?supplementalGroups.orValue([])) == 0
    && variables.containers.all(container, container.?securityContext.?readOnlyRootFilesystem.orValue(false)
    && !container.securityContext.?allowPrivilegeEscalation.orValue(true)
    && !container.securityContext.?privileged.orValue(false)
    && container.securityContext.?capabilities.?drop.orValue([]) == ['ALL']
    && size(container.securityContext.?capabilities.?add.orValue([])) == 0
    && container.securityContext.?runAsUser.orValue({{ int $runner.user }}) == {{ int $runner.user }})
- message: "expected the volume mounts of a regen pod: execute never sees the volume trust"
  expression: >-
    variables.containers.all(container, container.name in variables.mounts
    && container.?volumeMounts.orValue([]).map(mount, mount.name + ':' + mount.mountPath
    + (mount.?readOnly.orValue(false) ? ':ro' : ':rw')) == variables.mounts[container.name]
    && container.volumeMounts.all(mount, !has(mount.subPath) && !has(mount.subPathExpr) && !has(mount.mountPropagation)))
- message: "expected only the variables that the operator sets"
  expression: >-
    variables.containers.all(container, container.name in variables.environment
    && container.?env.orValue([]).all(entry, entry.name in variables.environment[container.name]
    || (container.name == 'execute' && (has(entry.valueFrom)
    || (entry.name + '=' + entry.?value.orValue('')) in variables.grants[?variables.type].orValue([])))))
- message: "expected no variable to refer to another by $(NAME); a value's own $ is written $$"
  expression: >-
    variables.containers.all(container, container.?env.orValue([]).all(entry,
    !entry.?value.orValue('').replace('$$', '').contains('$(')))
- message: "expected the database's address by reference to its secret, and the pod's name and uid from the pod itself"
  expression: >-
    variables.containers.all(container, container.?env.orValue([]).all(entry,
    (entry.name != 'REGEN_DATABASE_URL' || (has(entry.valueFrom) && has(entry.valueFrom.secretKeyRef)))
    && (entry.name != 'REGEN_POD_NAME' || entry.?valueFrom.?fieldRef.?fieldPath.orValue('') == 'metadata.name')
    && (entry.name != 'REGEN_POD_UID' || entry.?valueFrom.?fieldRef.?fieldPath.orValue('') == 'metadata.uid')))
- message: "expected execute to have the type, sandbox, egress and subprocesses of its executor class (chart values: classes)"
  expression: >-
    variables.containers.all(container, container.name != 'execute' || variables.sandboxes[?variables.type].orValue(['']).all(told,
    container.?env.orValue([]).exists_one(entry, entry.name + '=' + entry.?value.orValue('') == told)
    && container.env.exists_one(entry, entry.name == told.split('=')[0])))
- message: "expected the runtime of the type's executor class (chart values: classes.*.runtimeClassName)"
  expression: variables.spec.?runtimeClassName.orValue('') == variables.runtimes[?variables.type].orValue('')
- message: "expected execute to refer only to the secrets of its executor class (chart values: classes.*.secretEnv)"
  expression: >-
    variables.containers.all(container, container.name != 'execute' || (size(container.?envFrom.orValue([])) == 0
    && container.?env.orValue([]).all(entry, !has(entry.valueFrom) || (has(entry.valueFrom.secretKeyRef)
    && (entry.name + ':' + entry.valueFrom.secretKeyRef.?name.orValue('') + ':' + entry.valueFrom.secretKeyRef.key)
    in variables.grants[?variables.type].orValue([])))))
- message: "expected prepare and publish to refer only to the two secrets of the chart's values and the pod's name and uid"
  expression: >-
    variables.containers.all(container, container.name == 'execute' || (container.?envFrom.orValue([]).all(source, has(source.secretRef)
    && !has(source.configMapRef) && source.secretRef.name ==
    (container.name == 'prepare' ? {{ $runner.sourceSecret | default $runner.storeSecret | squote }} : {{ $runner.storeSecret | squote }}))
    && container.?env.orValue([]).all(entry, !has(entry.valueFrom) || (has(entry.valueFrom.secretKeyRef)
    ? entry.name == 'REGEN_DATABASE_URL' && entry.valueFrom.secretKeyRef.name == {{ $runner.databaseSecret.name | squote }}
    && entry.valueFrom.secretKeyRef.key == {{ $runner.databaseSecret.key | squote }}
    : has(entry.valueFrom.fieldRef) && entry.name in ['REGEN_POD_NAME', 'REGEN_POD_UID']))))
- message: "expected the sources of the chart's runner.sourcePrefixes and runner.sourceHosts"
  expression: >-
    variables.containers.all(container, container.name != 'prepare' || (
    container.?env.orValue([]).exists_one(entry, entry.name == 'REGEN_SOURCE_PREFIXES'
    && entry.?value.orValue('') == {{ join " " $runner.sourcePrefixes | replace "$" "$$" | squote }})
    && container.?env.orValue([]).exists_one(entry, entry.name == 'REGEN_SOURCE_HOSTS'
    && entry.?value.orValue('') == {{ join " " $runner.sourceHosts | replace "$" "$$" | squote }})))
- message: "expected outputs to go to the chart's runner.outputUrl"
  expression: >-
    variables.containers.all(container, container.?env.orValue([]).all(entry, entry.name != 'REGEN_OUTPUT_URL'
    || entry.?value.orValue('') == {{ $runner.outputUrl | replace "$" "$$" | squote }}))
- message: "expected the provenance to name the container's own image, and the chart's runner.builderId and signing key"
  expression: >-
    variables.containers.all(container, container.?env.orValue([]).all(entry,
    (entry.name != 'REGEN_IMAGE' || entry.?value.orValue('') == container.image)
    && (entry.name != 'REGEN_BUILDER_ID' || entry.?value.orValue('') == {{ $runner.builderId | replace "$" "$$" | squote }})
    && (entry.name != 'REGEN_SIGNING_KEY_FILE' || entry.?value.orValue('') == '/regen/signing-key/key.pem')))
{{- end }}
