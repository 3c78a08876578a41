{{- /* What programs get to know of the network that they run in: authorities, proxies, where traces go. */ -}}
{{- define "scantling.caEnv" -}}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
- { name: NODE_EXTRA_CA_CERTS, value: {{ printf "/etc/scantling/ca/%s" .Values.caBundle.key | quote }} }
{{- end }}
{{- end -}}

{{- define "scantling.proxyEnv" -}}
{{- with .Values.proxy.http }}
- { name: HTTP_PROXY, value: {{ quote . }} }
{{- end }}
{{- with .Values.proxy.https }}
- { name: HTTPS_PROXY, value: {{ quote . }} }
{{- end }}
{{- with .Values.proxy.noProxy }}
- { name: NO_PROXY, value: {{ join "," . | quote }} }
{{- end }}
{{- end -}}

{{- /* Tracing, by OpenTelemetry's own variables. */ -}}
{{- define "scantling.tracingEnv" -}}
{{- with .Values.tracing.endpoint }}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ quote . }} }
{{- end }}
{{- range $name, $value := .Values.tracing.env }}
- { name: {{ $name }}, value: {{ quote $value }} }
{{- end }}
{{- end -}}

{{- define "scantling.caMount" -}}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
- { name: ca, mountPath: /etc/scantling/ca, readOnly: true }
{{- end }}
{{- end -}}

{{- /* (list . optional): pods wait for a volume that is not optional. */ -}}
{{- define "scantling.caVolume" -}}
{{- $optional := ternary ", optional: true" "" (index . 1) -}}
{{- with (index . 0).Values.caBundle.configMapName }}
- name: ca
  configMap: { name: {{ . }}{{ $optional }} }
{{- end }}
{{- with (index . 0).Values.caBundle.secretName }}
- name: ca
  secret: { secretName: {{ . }}{{ $optional }} }
{{- end }}
{{- end -}}

{{- /* Whether agents have use for the authorities: besides the API server, they connect only to where traces go. */ -}}
{{- define "scantling.agentHasCa" -}}
{{- if and (or .Values.caBundle.configMapName .Values.caBundle.secretName) (or .Values.tracing.endpoint .Values.tracing.env) -}}true{{- end -}}
{{- end -}}

{{- /* Replicas apart from each other where that can be. */ -}}
{{- define "scantling.controllerAffinity" -}}
podAntiAffinity:
  preferredDuringSchedulingIgnoredDuringExecution:
    - weight: 100
      podAffinityTerm:
        topologyKey: kubernetes.io/hostname
        labelSelector:
          matchLabels: {{- include "scantling.selector" (list . "controller") | nindent 12 }}
{{- end -}}

{{- define "scantling.controllerSpread" -}}
- maxSkew: 1
  topologyKey: topology.kubernetes.io/zone
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "scantling.selector" (list . "controller") | nindent 6 }}
- maxSkew: 1
  topologyKey: kubernetes.io/hostname
  whenUnsatisfiable: ScheduleAnyway
  labelSelector:
    matchLabels: {{- include "scantling.selector" (list . "controller") | nindent 6 }}
{{- end -}}

{{- /* Resources as a flag takes them: cpu=500m,memory=1Gi. */ -}}
{{- define "scantling.quantities" -}}
{{- $list := list -}}
{{- range $resource, $quantity := . -}}
{{- /* Numbers of YAML are floats, and large ones would be written with an exponent. */ -}}
{{- $whole := and (kindIs "float64" $quantity) (eq (float64 (int64 $quantity)) $quantity) -}}
{{- $list = append $list (printf "%s=%v" $resource (ternary (int64 $quantity) $quantity $whole)) -}}
{{- end -}}
{{- join "," $list -}}
{{- end -}}
