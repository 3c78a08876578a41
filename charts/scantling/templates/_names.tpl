{{- /* The first part of every name. */ -}}
{{- define "scantling.name" -}}
{{- .Values.nameOverride | default "scantling" -}}
{{- end -}}

{{- /* Labels that select: (list . "component"). They never change, because a Deployment's and a DaemonSet's selector cannot. */ -}}
{{- define "scantling.selector" -}}
app.kubernetes.io/name: {{ include "scantling.name" (index . 0) }}
{{- with index . 1 }}
app.kubernetes.io/component: {{ . }}
{{- end }}
{{- end -}}

{{- /* Labels of an object: (list . "component"), with "" where it belongs to no component. */ -}}
{{- define "scantling.labels" -}}
{{- $root := index . 0 -}}
{{- $helm := dict
  "app.kubernetes.io/instance" $root.Release.Name
  "app.kubernetes.io/managed-by" $root.Release.Service
  "app.kubernetes.io/version" $root.Chart.AppVersion
  "helm.sh/chart" (printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_") -}}
{{- toYaml (merge dict (include "scantling.selector" . | fromYaml) $helm $root.Values.commonLabels) -}}
{{- end -}}

{{- /* Labels of the pods of a workload: (list . "component" podLabels). Not the chart's version: it would replace every pod at every upgrade. */ -}}
{{- define "scantling.podLabels" -}}
{{- toYaml (merge dict (include "scantling.selector" . | fromYaml) (index . 2)) -}}
{{- end -}}

{{- /* An image's name: (list . image). */ -}}
{{- define "scantling.imageName" -}}
{{- $root := index . 0 -}}
{{- with index . 1 -}}
{{- if .digest -}}
{{ .repository }}@{{ .digest }}
{{- else -}}
{{ .repository }}:{{ .tag | default $root.Chart.AppVersion }}
{{- end -}}
{{- end -}}
{{- end -}}

{{- /* The Lease that the controller's replicas elect a leader by. */ -}}
{{- define "scantling.leaseName" -}}
{{- include "scantling.name" . -}}-controller
{{- end -}}

{{- /* Whether hooks are rendered; empty when not. `helm template` asks no cluster, and what applies its output takes hooks for ordinary objects: the
removal would run at once. Every cluster has the namespace default. */ -}}
{{- define "scantling.hasHooks" -}}
{{- if or .Values.hooks.withoutCluster (lookup "v1" "Namespace" "" "default") -}}true{{- end -}}
{{- end -}}

{{- /* Annotations of what `helm test` makes, in the order of the weight, and removes when all went well. */ -}}
{{- define "scantling.testHook" -}}
helm.sh/hook: test
helm.sh/hook-weight: {{ . | quote }}
helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end -}}

{{- /* The namespace of the pull Secrets that agents read. */ -}}
{{- define "scantling.agentNamespace" -}}
{{- .Values.agent.namespace -}}
{{- end -}}

{{- /* The ServiceAccount that pods of builds run under. */ -}}
{{- define "scantling.builderServiceAccount" -}}
{{- .Values.builder.serviceAccount.name | default (printf "%s-builder" (include "scantling.name" .)) -}}
{{- end -}}

{{- /* What cannot be said in values.schema.json. */ -}}
{{- define "scantling.check" -}}
{{- if not (and .Values.crds .Values.hooks .Values.uninstall .Values.monitoring) -}}
{{- fail "values of an older chart are used without the defaults of this one: give --reset-then-reuse-values in place of --reuse-values" -}}
{{- end -}}
{{- if and .Values.caBundle.configMapName .Values.caBundle.secretName -}}
{{- fail "caBundle.configMapName and caBundle.secretName: set only one of them" -}}
{{- end -}}
{{- if and .Values.webhook.ingress.enabled (not .Values.webhook.enabled) -}}
{{- fail "webhook.ingress.enabled needs webhook.enabled" -}}
{{- end -}}
{{- range .Values.admission.controllers -}}
{{- if not (hasPrefix (printf "%s:" $.Release.Namespace) .) -}}
{{- fail (printf "admission.controllers: %s is of another namespace than this release, %s: shards find each other by their Leases, which are all in one namespace" . $.Release.Namespace) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.nameOverride .Values.agent.enabled -}}
{{- fail "nameOverride is for a second release beside the first, which has the agents: set agent.enabled=false" -}}
{{- end -}}
{{- end -}}
