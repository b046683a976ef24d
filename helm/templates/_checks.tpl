{{/*
What no schema can see: values that contradict each other. Each is refused with what to do, before anything reaches a
cluster.
*/}}
{{- define "filum-bridge.checks" -}}
{{- include "filum-bridge.checkConfig" . }}
{{- include "filum-bridge.checkGrace" . }}
{{- include "filum-bridge.checkSecretFolders" . }}
{{- include "filum-bridge.checkDeadLetterFile" . }}
{{- if and .Values.autoscaling.enabled .Values.keda.enabled }}
{{- fail "autoscaling and keda: both would set the number of pods; enable one of them" }}
{{- end }}
{{- if and .Values.podMonitor.enabled .Values.serviceMonitor.enabled }}
{{- fail "podMonitor and serviceMonitor: every pod would be scraped twice; enable one of them" }}
{{- end }}
{{- if and .Values.autoscaling.enabled (not .Values.autoscaling.metrics) (not .Values.autoscaling.targetCPUUtilization) }}
{{- fail "autoscaling: nothing to scale by; set autoscaling.targetCPUUtilization or autoscaling.metrics" }}
{{- end }}
{{- range $name := list "autoscaling" "keda" }}
{{- $it := get $.Values $name }}
{{- if and $it.enabled (gt (int $it.minReplicas) (int $it.maxReplicas)) }}
{{- fail (printf "%s.minReplicas (%d) is more than %s.maxReplicas (%d)" $name (int $it.minReplicas) $name (int $it.maxReplicas)) }}
{{- end }}
{{- end }}
{{- end }}

{{- define "filum-bridge.checkConfig" -}}
{{- if .Values.existingConfigMap }}
{{- if .Values.config }}
{{- fail "config and existingConfigMap: which one? Leave one of them empty" }}
{{- end }}
{{- else }}
{{- range $key := list "sources" "destinations" "dead_letters" }}
{{- if not (get $.Values.config $key) }}
{{- fail (printf "config.%s is missing: the bridge needs sources, destinations and dead_letters (or existingConfigMap)" $key) }}
{{- end }}
{{- end }}
{{- end }}
{{- if and .Values.rules .Values.existingRulesConfigMap }}
{{- fail "rules and existingRulesConfigMap: which one? Leave one of them empty" }}
{{- end }}
{{- if not (or .Values.rules .Values.existingRulesConfigMap .Values.existingConfigMap) }}
{{- fail "rules is empty: give at least one rule file (or existingRulesConfigMap)" }}
{{- end }}
{{- end }}

{{/* A pod that is killed in the middle of its drain sends again what was under way. */}}
{{- define "filum-bridge.checkGrace" -}}
{{- $deadline := dig "shutdown" "deadline" "25s" .Values.config | toString }}
{{- $seconds := include "filum-bridge.seconds" $deadline }}
{{- if not $seconds }}
{{- fail (printf "config.shutdown.deadline is %q: write a duration such as 25s, so that terminationGracePeriodSeconds can be held against it" $deadline) }}
{{- end }}
{{- $needed := mulf ($seconds | float64) 1.2 | ceil | int }}
{{- if le (int .Values.terminationGracePeriodSeconds) $needed }}
{{- fail (printf "terminationGracePeriodSeconds (%d) must exceed %d: config.shutdown.deadline (%s) and a fifth for closing" (int .Values.terminationGracePeriodSeconds) $needed $deadline) }}
{{- end }}
{{- end }}

{{/* A folder that is spelt otherwise in `secrets` would only be noticed by a pod that does not start. */}}
{{- define "filum-bridge.checkSecretFolders" -}}
{{- $said := list (toJson .Values.config) (.Values.rules | values | join "\n") | join "\n" }}
{{- range $folder := regexFindAll "/run/secrets/[A-Za-z0-9._-]+" $said -1 | uniq }}
{{- $mounted := hasKey $.Values.secrets (base $folder) }}
{{- range $.Values.extraVolumeMounts }}
{{- if or (eq .mountPath "/run/secrets") (eq .mountPath $folder) (hasPrefix (printf "%s/" $folder) .mountPath) }}
{{- $mounted = true }}
{{- end }}
{{- end }}
{{- if not $mounted }}
{{- fail (printf "%s is named by config or rules, and neither secrets.%s nor extraVolumeMounts puts anything there" $folder (base $folder)) }}
{{- end }}
{{- end }}
{{- end }}

{{/* Letters on the disk of a container are gone with it. */}}
{{- define "filum-bridge.checkDeadLetterFile" -}}
{{- if eq (dig "dead_letters" "type" "" .Values.config) "file" }}
{{- $path := dig "dead_letters" "path" "" .Values.config }}
{{- $lasting := list }}
{{- if and (eq .Values.kind "StatefulSet") .Values.statefulSet.persistence.enabled }}
{{- $lasting = append $lasting .Values.statefulSet.persistence.mountPath }}
{{- end }}
{{- $passing := list }}
{{- range .Values.extraVolumes }}
{{- if or (hasKey . "emptyDir") (hasKey . "ephemeral") (hasKey . "configMap") (hasKey . "secret") }}
{{- $passing = append $passing .name }}
{{- end }}
{{- end }}
{{- range .Values.extraVolumeMounts }}
{{- if not (has .name $passing) }}
{{- $lasting = append $lasting .mountPath }}
{{- end }}
{{- end }}
{{- $kept := false }}
{{- range $lasting }}
{{- if hasPrefix (printf "%s/" (trimSuffix "/" .)) $path }}
{{- $kept = true }}
{{- end }}
{{- end }}
{{- if not $kept }}
{{- fail (printf "config.dead_letters.path (%s) must lie on a volume that outlives the pod: kind StatefulSet with statefulSet.persistence.enabled, or extraVolumes and extraVolumeMounts" $path) }}
{{- end }}
{{- end }}
{{- end }}
