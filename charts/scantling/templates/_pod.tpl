{{- /* What both programs get to know of the network they run in: authorities, proxies, where traces go. */ -}}
{{- define "scantling.networkEnv" -}}
{{- if or .Values.caBundle.configMapName .Values.caBundle.secretName }}
- { name: NODE_EXTRA_CA_CERTS, value: {{ printf "/etc/scantling/ca/%s" .Values.caBundle.key | quote }} }
{{- end }}
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

{{- define "scantling.caVolume" -}}
{{- with .Values.caBundle.configMapName }}
- name: ca
  configMap: { name: {{ . }} }
{{- end }}
{{- with .Values.caBundle.secretName }}
- name: ca
  secret: { secretName: {{ . }} }
{{- end }}
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
