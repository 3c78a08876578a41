{{- define "scantling.labels" -}}
app.kubernetes.io/name: scantling
{{- end -}}
{{- define "scantling.controllerLabels" -}}
app.kubernetes.io/name: scantling
app.kubernetes.io/component: controller
{{- end -}}
{{- define "scantling.agentLabels" -}}
app.kubernetes.io/name: scantling
app.kubernetes.io/component: agent
{{- end -}}
{{- define "scantling.builderLabels" -}}
app.kubernetes.io/name: scantling
app.kubernetes.io/component: builder
{{- end -}}
{{- define "scantling.builderImage" -}}
{{- with .Values.builder.image -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}
{{- define "scantling.image" -}}
{{- if .Values.image.digest -}}
{{ .Values.image.repository }}@{{ .Values.image.digest }}
{{- else -}}
{{ .Values.image.repository }}:{{ .Values.image.tag | default .Chart.AppVersion }}
{{- end -}}
{{- end -}}
