{{- /* One egress rule from {cidrs, ports}; without cidrs, to any address at these ports. */}}
{{- define "regen.egress" -}}
- ports:
    {{- range .ports }}
    - {protocol: TCP, port: {{ . }}}
    {{- end }}
  {{- with .cidrs }}
  to:
    {{- range . }}
    - ipBlock: {cidr: {{ . | quote }}}
    {{- end }}
  {{- end }}
{{- end }}

{{- define "regen.egressDns" -}}
- ports:
    - {protocol: UDP, port: 53}
    - {protocol: TCP, port: 53}
  to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: {{ .namespace }}}
      podSelector:
        matchLabels: {{ toJson .podLabels }}
{{- end }}

{{- /*
The exceptions from a block that pods with `egress: open` may reach, as JSON. 0.0.0.0/0 and ::/0 have those of their address family, other
blocks have none, since the API server refuses an exception outside its block. Arguments: exceptions, block.
*/}}
{{- define "regen.openEgressExcept" -}}
{{- $cidr := index . 1 -}}
{{- $isIPv6 := contains ":" $cidr -}}
{{- $except := list -}}
{{- if has $cidr (list "0.0.0.0/0" "::/0") -}}
{{- range index . 0 }}{{ if eq (contains ":" .) $isIPv6 }}{{ $except = append $except . }}{{ end }}{{ end -}}
{{- else if lt (splitList "/" $cidr | last | atoi) (ternary 3 8 $isIPv6) -}}
{{- fail (printf "network.openEgress.cidrs has %s. Use 0.0.0.0/0, ::/0, or blocks from /8 on (IPv6 from /3 on); the exceptions in network.openEgress.except apply to the first two only." $cidr) -}}
{{- end -}}
{{- toJson $except -}}
{{- end }}
