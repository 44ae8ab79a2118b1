{{- define "regen.labels" -}}
app.kubernetes.io/name: regen
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
{{- end }}

{{- define "regen.operatorLabels" -}}
app.kubernetes.io/name: regen
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: operator
{{- end }}

{{- define "regen.migrateLabels" -}}
app.kubernetes.io/name: regen
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: migrate
{{- end }}

{{- /* The operator's user name at the API server. */}}
{{- define "regen.operatorUser" -}}
system:serviceaccount:{{ .Release.Namespace }}:regen-operator
{{- end }}

{{- /* An image, by digest if requireDigests is set. Arguments: root, the value's name, the image. */}}
{{- define "regen.image" -}}
{{- $root := index . 0 -}}{{- $name := index . 1 -}}{{- $image := index . 2 -}}
{{- if and $root.Values.requireDigests (not (regexMatch "@sha256:[0-9a-f]{64}$" $image)) -}}
{{- fail (printf "%s is %s. requireDigests is set: name the image by digest, as name@sha256:…" $name $image) -}}
{{- end -}}
{{- $image -}}
{{- end }}

{{- define "regen.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{- define "regen.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: {drop: [ALL]}
{{- end }}

{{- define "regen.pullSecrets" -}}
{{- with .Values.operator.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- end }}

{{- /* Scheduling and DNS of a pod in the release's namespace. */}}
{{- define "regen.placement" -}}
{{- $operator := .Values.operator }}
{{- include "regen.pullSecrets" . }}
{{- range $key := list "priorityClassName" "nodeSelector" "tolerations" "dnsPolicy" "dnsConfig" "hostAliases" }}
{{- with index $operator $key }}
{{ $key }}: {{ toJson . }}
{{- end }}
{{- end }}
{{- end }}
