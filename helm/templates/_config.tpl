{{/* bridge.yaml: what was given, and what belongs to the chart. */}}
{{- define "filum-bridge.config" -}}
{{- $config := deepCopy .Values.config }}
{{- $_ := set $config "rules" (list "../filum-bridge-rules/*.yaml") }}
{{- $_ := set $config "admin" (merge (dict "host" "0.0.0.0" "port" (int .Values.port)) ($config.admin | default dict)) }}
{{- if eq (include "filum-bridge.isStatic" .) "true" }}
{{- range $config.sources }}
{{- if and (eq .type "kafka") (not .instance_id) }}
{{- $_ := set . "instance_id" (printf "${POD_NAME}-%s" .name) }}
{{- if ne (.group_protocol | default "classic") "consumer" }}
{{- $client := .client | default dict }}
{{- $_ := set . "client" (merge $client (dict "session.timeout.ms" (int $.Values.statefulSet.sessionTimeoutMs))) }}
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- toYaml $config }}
{{- end }}

{{- define "filum-bridge.isStatic" -}}
{{- and (eq .Values.kind "StatefulSet") .Values.statefulSet.staticMembership }}
{{- end }}

{{/*
What running pods cannot take over, as a checksum: the configuration, and what rules subscribe to where a source leaves
that to them. Other changes of rules are reloaded, and replace no pod.
*/}}
{{- define "filum-bridge.restartChecksum" -}}
{{- $read := list (include "filum-bridge.config" .) }}
{{- $rulesDecide := false }}
{{- range .Values.config.sources }}
{{- if and (ne .type "file") (not .topics) (not .queues) }}
{{- $rulesDecide = true }}
{{- end }}
{{- end }}
{{- if $rulesDecide }}
{{- range $name, $text := .Values.rules }}
{{- $file := fromYaml $text }}
{{- $read = append $read (toJson $file.from) }}
{{- range $file.rules }}
{{- $read = append $read (toJson .from) }}
{{- end }}
{{- end }}
{{- end }}
{{- $read | join "\n" | sha256sum }}
{{- end }}

{{/* Text such as 1m30s as seconds; empty where it is none. */}}
{{- define "filum-bridge.seconds" -}}
{{- $text := toString . }}
{{- if eq $text "0" }}0
{{- else if regexMatch "^([0-9]+(\\.[0-9]+)?(us|ms|s|m|h|d))+$" $text }}
{{- $seconds := 0.0 }}
{{- range regexFindAll "[0-9.]+(us|ms|s|m|h|d)" $text -1 }}
{{- $unit := regexFind "[a-z]+" . }}
{{- $size := get (dict "us" 0.000001 "ms" 0.001 "s" 1.0 "m" 60.0 "h" 3600.0 "d" 86400.0) $unit }}
{{- $seconds = addf $seconds (mulf (trimSuffix $unit . | float64) $size) }}
{{- end }}
{{- $seconds }}
{{- end }}
{{- end }}
