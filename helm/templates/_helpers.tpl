{{- define "filum-bridge.name" -}}
{{- default .Chart.Name .Values.nameOverride | trunc 63 | trimSuffix "-" }}
{{- end }}

{{- define "filum-bridge.fullname" -}}
{{- if .Values.fullnameOverride }}
{{- .Values.fullnameOverride | trunc 63 | trimSuffix "-" }}
{{- else if contains (include "filum-bridge.name" .) .Release.Name }}
{{- .Release.Name | trunc 63 | trimSuffix "-" }}
{{- else }}
{{- printf "%s-%s" .Release.Name (include "filum-bridge.name" .) | trunc 63 | trimSuffix "-" }}
{{- end }}
{{- end }}

{{- define "filum-bridge.selectorLabels" -}}
app.kubernetes.io/name: {{ include "filum-bridge.name" . }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{- define "filum-bridge.labels" -}}
{{ include "filum-bridge.selectorLabels" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "filum-bridge.serviceAccountName" -}}
{{- if .Values.serviceAccount.create }}
{{- default (include "filum-bridge.fullname" .) .Values.serviceAccount.name }}
{{- else }}
{{- default "default" .Values.serviceAccount.name }}
{{- end }}
{{- end }}

{{/* A pod that is killed in the middle of its drain sends again what was under way: refuse it here. */}}
{{- define "filum-bridge.gracePeriod" -}}
{{- $deadline := dig "shutdown" "deadline" "25s" .Values.config | toString }}
{{- if regexMatch "^[0-9]+s$" $deadline }}
{{- $needed := div (mul (trimSuffix "s" $deadline | int) 6) 5 }}
{{- if le (int .Values.terminationGracePeriodSeconds) (int $needed) }}
{{- fail (printf "terminationGracePeriodSeconds must exceed %ds: config.shutdown.deadline (%s) and a fifth for closing" (int $needed) $deadline) }}
{{- end }}
{{- end }}
{{- .Values.terminationGracePeriodSeconds }}
{{- end }}
