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
removal would run at once. Every cluster with RBAC has the ClusterRole cluster-admin, and who installs this chart reads ClusterRoles in any case,
as Helm gets what it makes; without RBAC everybody may read the namespace default, which is always there. */ -}}
{{- define "scantling.hasHooks" -}}
{{- if or .Values.hooks.withoutCluster (lookup "rbac.authorization.k8s.io/v1" "ClusterRole" "" "cluster-admin") (lookup "v1" "Namespace" "" "default") -}}true{{- end -}}
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
{{- if not (and .Values.crds .Values.hooks .Values.priorityQuota .Values.uninstall .Values.monitoring) -}}
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
{{- range list "egress" "builderEgress" -}}
{{- if kindIs "invalid" (index $.Values.networkPolicy .) -}}
{{- fail (printf "networkPolicy.%s: null is no list, and would forbid all: give [{}] for connections to anywhere, or [] for none" .) -}}
{{- end -}}
{{- end -}}
{{- if eq (include "scantling.agentNamespace" .) .Release.Namespace -}}
{{- fail (printf "agent.namespace: %s is the release's own namespace; agents read any Secret in theirs by its name, and would so read those of Git servers and registries on every node" .Release.Namespace) -}}
{{- end -}}
{{- include "scantling.checkShard" .Values.controller.shardSelector -}}
{{- $flags := .Files.Get "files/flags.yaml" | fromYaml -}}
{{- range $program := list "controller" "agent" -}}
{{- range (index $.Values $program).extraArgs -}}
{{- include "scantling.checkFlag" (list $program (index $flags $program) .) -}}
{{- end -}}
{{- end -}}
{{- if and .Values.nameOverride .Values.agent.enabled -}}
{{- fail "nameOverride is for a second release beside the first, which has the agents: set agent.enabled=false" -}}
{{- end -}}
{{- end -}}

{{- /* A selector as the flag takes it: terms, of which one requires the shard's label. */ -}}
{{- define "scantling.checkShard" -}}
{{- $value := "([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?" -}}
{{- $key := "([a-z0-9]([-a-z0-9.]*[a-z0-9])?/)?[A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?" -}}
{{- $values := printf `\(\s*%s\s*(,\s*%s\s*)*\)` $value $value -}}
{{- $term := printf `(!\s*%s|%s(\s*(==|=|!=)\s*%s|\s+(in|notin)\s*%s)?)` $key $key $value $values -}}
{{- $shard := printf `scantling\.dev/shard(\s*(==|=)\s*%s|\s+in\s*%s)?` $value $values -}}
{{- if not (regexMatch (printf `^(|!scantling\.dev/shard|\s*(%s\s*,\s*)*%s(\s*,\s*%s)*\s*)$` $term $shard $term) .) -}}
{{- fail (printf "controller.shardSelector: %q is no label selector that requires the label scantling.dev/shard, such as scantling.dev/shard=west; what lacks that label is for the release without a selector" .) -}}
{{- end -}}
{{- end -}}

{{- /* A flag of a program: (list "program" flags "--flag=value"). Without this the program would say it, and end again and again. */ -}}
{{- define "scantling.checkFlag" -}}
{{- $where := printf "%s.extraArgs: %q" (index . 0) (index . 2) -}}
{{- $kind := get (index . 1) (index . 2 | regexFind "^--[^=]*" | trimPrefix "--") -}}
{{- $value := index . 2 | regexFind "=.*" | trimPrefix "=" -}}
{{- if not $kind -}}
{{- fail (printf "%s is no flag of the %s: docs/flags.md" $where (index . 0)) -}}
{{- else if not (contains "=" (index . 2)) -}}
{{- fail (printf "%s has no value: write it as --flag=value" $where) -}}
{{- else if and (eq $kind "boolean") (not (has $value (list "true" "false"))) -}}
{{- fail (printf "%s is true or false" $where) -}}
{{- else if and (eq $kind "integer") (not (regexMatch "^[1-9][0-9]{0,5}$" $value)) -}}
{{- fail (printf "%s is a whole number from 1" $where) -}}
{{- else if and (eq $kind "duration") (not (regexMatch "^([0-9]+(ms|s|m|h))+$" $value)) -}}
{{- fail (printf "%s is a duration such as 30s or 1h30m" $where) -}}
{{- end -}}
{{- end -}}
