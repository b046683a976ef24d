{{- define "filum-bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{/* 50 characters: a StatefulSet, a Job and their pods put something behind it, and have 63. */}}
{{- define "filum-bridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 50 | trimSuffix "-" }}
{{- else if contains (include "filum-bridge.name" .) .Release.Name }}
{{- .Release.Name | trunc 50 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "filum-bridge.name" .) | trunc 50 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "filum-bridge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "filum-bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Of everything but the pods of the bridge, which are found by the selector labels. */}}
{{- define "filum-bridge.labels" -}}
{{- $ours := dict
    "app.kubernetes.io/name" (include "filum-bridge.name" .)
    "app.kubernetes.io/instance" .Release.Name
    "app.kubernetes.io/version" .Chart.AppVersion
    "app.kubernetes.io/part-of" "filum-bridge"
    "app.kubernetes.io/managed-by" .Release.Service
    "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_") }}
{{- toYaml (merge $ours .Values.commonLabels) }}
{{- end }}

{{/* The pods of the bridge: no chart version, which would replace them for nothing. */}}
{{- define "filum-bridge.podLabels" -}}
{{- $ours := include "filum-bridge.selectorLabels" . | fromYaml }}
{{- $more := dict "app.kubernetes.io/version" .Chart.AppVersion "app.kubernetes.io/part-of" "filum-bridge" }}
{{- toYaml (merge $ours .Values.podLabels .Values.commonLabels $more) }}
{{- end }}

{{/* Pods of hooks have another name, so that no selector of the bridge finds them. */}}
{{- define "filum-bridge.hookPodLabels" -}}
{{- $ours := dict
    "app.kubernetes.io/name" (printf "%s-%s" (include "filum-bridge.name" .root) .component | trunc 63)
    "app.kubernetes.io/instance" .root.Release.Name
    "app.kubernetes.io/component" .component }}
{{- toYaml (merge $ours .root.Values.commonLabels) }}
{{- end }}

{{/* metadata: of one object. Takes root, name (of the fullname by default), namespace, labels, annotations. */}}
{{- define "filum-bridge.metadata" -}}
name: {{ .name | default (include "filum-bridge.fullname" .root) }}
namespace: {{ .namespace | default .root.Release.Namespace }}
labels:
  {{- toYaml (merge (include "filum-bridge.labels" .root | fromYaml) (.labels | default dict)) | nindent 2 }}
{{- with merge (dict) (.annotations | default dict) .root.Values.commonAnnotations }}
annotations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "filum-bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "filum-bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{- define "filum-bridge.image" -}}
{{- if .Values.image.digest }}
{{- printf "%s@%s" .Values.image.repository .Values.image.digest }}
{{- else }}
{{- printf "%s:%s" .Values.image.repository (.Values.image.tag | default .Chart.AppVersion) }}
{{- end }}
{{- end }}

{{- define "filum-bridge.configMapName" -}}
{{- .Values.existingConfigMap | default (include "filum-bridge.fullname" .) }}
{{- end }}

{{- define "filum-bridge.rulesConfigMapName" -}}
{{- .Values.existingRulesConfigMap | default (printf "%s-rules" (include "filum-bridge.fullname" .)) }}
{{- end }}

{{/* The Secret behind a folder of `secrets`. Takes root, folder. */}}
{{- define "filum-bridge.secretName" -}}
{{- $secret := get .root.Values.secrets .folder }}
{{- $secret.existingSecret | default (printf "%s-%s" (include "filum-bridge.fullname" .root) .folder) }}
{{- end }}
