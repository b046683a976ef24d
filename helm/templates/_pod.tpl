{{/* The container's environment. Takes root; lenient: what is not there yet does not keep a pod from starting. */}}
{{- define "filum-bridge.env" -}}
{{- $root := .root }}
{{- $names := list }}
{{- range $root.Values.env }}
{{- $names = append $names .name }}
{{- end }}
{{- $env := list }}
{{- if and (eq (include "filum-bridge.isStatic" $root) "true") (not (has "POD_NAME" $names)) }}
{{- $env = append $env (dict "name" "POD_NAME" "valueFrom" (dict "fieldRef" (dict "fieldPath" "metadata.name"))) }}
{{- end }}
{{- range $root.Values.env }}
{{- $one := deepCopy . }}
{{- if and $.lenient .valueFrom }}
{{- range $kind := list "secretKeyRef" "configMapKeyRef" }}
{{- if hasKey $one.valueFrom $kind }}
{{- $_ := set (get $one.valueFrom $kind) "optional" true }}
{{- end }}
{{- end }}
{{- end }}
{{- $env = append $env $one }}
{{- end }}
{{- with $env }}
env: {{- toYaml . | nindent 2 }}
{{- end }}
{{- $whole := list }}
{{- range $root.Values.envFrom }}
{{- $one := deepCopy . }}
{{- if $.lenient }}
{{- range $kind := list "secretRef" "configMapRef" }}
{{- if hasKey $one $kind }}
{{- $_ := set (get $one $kind) "optional" true }}
{{- end }}
{{- end }}
{{- end }}
{{- $whole = append $whole $one }}
{{- end }}
{{- with $whole }}
envFrom: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Directories, never subPath: a subPath is not updated when its ConfigMap or Secret is. */}}
{{- define "filum-bridge.volumeMounts" -}}
- {name: config, mountPath: /etc/filum-bridge, readOnly: true}
- {name: rules, mountPath: /etc/filum-bridge-rules, readOnly: true}
{{- range $folder, $_ := .Values.secrets }}
- {name: secret-{{ $folder }}, mountPath: /run/secrets/{{ $folder }}, readOnly: true}
{{- end }}
- {name: tmp, mountPath: /tmp}
{{- end }}

{{/* Takes root, configMap, rulesConfigMap; lenient as above. */}}
{{- define "filum-bridge.volumes" -}}
- name: config
  configMap: {name: {{ .configMap }}}
- name: rules
  configMap:
    name: {{ .rulesConfigMap }}
    {{- if not (or .root.Values.rules .root.Values.existingRulesConfigMap) }}
    optional: true
    {{- end }}
{{- range $folder, $secret := .root.Values.secrets }}
- name: secret-{{ $folder }}
  secret:
    secretName: {{ include "filum-bridge.secretName" (dict "root" $.root "folder" $folder) }}
    defaultMode: 0440
    {{- with $secret.items }}
    items: {{- toYaml . | nindent 6 }}
    {{- end }}
    {{- if $.lenient }}
    optional: true
    {{- end }}
{{- end }}
- name: tmp
  emptyDir: {sizeLimit: 64Mi}
{{- end }}

{{/* Where a pod may run; of all pods of the chart. */}}
{{- define "filum-bridge.placement" -}}
{{- with .Values.imagePullSecrets }}
imagePullSecrets: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.runtimeClassName }}
runtimeClassName: {{ . }}
{{- end }}
{{- with .Values.dnsPolicy }}
dnsPolicy: {{ . }}
{{- end }}
{{- with .Values.dnsConfig }}
dnsConfig: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.hostAliases }}
hostAliases: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* The pod of the Deployment or StatefulSet. */}}
{{- define "filum-bridge.podTemplate" -}}
metadata:
  labels: {{- include "filum-bridge.podLabels" . | nindent 4 }}
  annotations:
    {{- if not .Values.existingConfigMap }}
    checksum/restart: {{ include "filum-bridge.restartChecksum" . }}
    {{- end }}
    kubectl.kubernetes.io/default-container: bridge
    {{- with merge (dict) .Values.podAnnotations .Values.commonAnnotations }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
spec:
  serviceAccountName: {{ include "filum-bridge.serviceAccountName" . }}
  automountServiceAccountToken: {{ .Values.serviceAccount.automountToken }}
  enableServiceLinks: false
  terminationGracePeriodSeconds: {{ int .Values.terminationGracePeriodSeconds }}
  {{- with include "filum-bridge.placement" . }}
  {{- . | trim | nindent 2 }}
  {{- end }}
  {{- with .Values.affinity }}
  affinity: {{- toYaml . | nindent 4 }}
  {{- end }}
  {{- with .Values.topologySpreadConstraints }}
  topologySpreadConstraints:
    {{- range . }}
    {{- $ours := dict "labelSelector" (dict "matchLabels" (include "filum-bridge.selectorLabels" $ | fromYaml)) }}
    - {{- toYaml (hasKey . "labelSelector" | ternary . (merge $ours .)) | nindent 6 }}
    {{- end }}
  {{- end }}
  securityContext: {{- toYaml .Values.podSecurityContext | nindent 4 }}
  {{- with .Values.initContainers }}
  initContainers: {{- toYaml . | nindent 4 }}
  {{- end }}
  containers:
    - name: bridge
      image: {{ include "filum-bridge.image" . | quote }}
      imagePullPolicy: {{ .Values.image.pullPolicy }}
      args: [run, --config, /etc/filum-bridge/bridge.yaml]
      {{- with include "filum-bridge.env" (dict "root" .) }}
      {{- . | trim | nindent 6 }}
      {{- end }}
      ports:
        - {name: metrics, containerPort: {{ int .Values.port }}}
      startupProbe:
        httpGet: {path: /livez, port: metrics}
        {{- toYaml .Values.probes.startup | nindent 8 }}
      livenessProbe:
        httpGet: {path: /livez, port: metrics}
        {{- toYaml .Values.probes.liveness | nindent 8 }}
      readinessProbe:
        httpGet: {path: /readyz, port: metrics}
        {{- toYaml .Values.probes.readiness | nindent 8 }}
      resources: {{- toYaml .Values.resources | nindent 8 }}
      securityContext: {{- toYaml .Values.securityContext | nindent 8 }}
      volumeMounts:
        {{- include "filum-bridge.volumeMounts" . | nindent 8 }}
        {{- if and (eq .Values.kind "StatefulSet") .Values.statefulSet.persistence.enabled }}
        - {name: data, mountPath: {{ .Values.statefulSet.persistence.mountPath }}}
        {{- end }}
        {{- with .Values.extraVolumeMounts }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    {{- with .Values.extraContainers }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
  volumes:
    {{- $maps := dict "configMap" (include "filum-bridge.configMapName" .) "rulesConfigMap" (include "filum-bridge.rulesConfigMapName" .) }}
    {{- include "filum-bridge.volumes" (merge $maps (dict "root" .)) | nindent 4 }}
    {{- with .Values.extraVolumes }}
    {{- toYaml . | nindent 4 }}
    {{- end }}
{{- end }}

{{/* What the containers of hooks have in common. Secrets may not be there yet: `check` warns of them. */}}
{{- define "filum-bridge.checkContainer" -}}
image: {{ include "filum-bridge.image" . | quote }}
imagePullPolicy: {{ .Values.image.pullPolicy }}
{{- with include "filum-bridge.env" (dict "root" . "lenient" true) }}
{{ . | trim }}
{{- end }}
resources: {{- toYaml .Values.check.resources | nindent 2 }}
securityContext: {{- toYaml .Values.securityContext | nindent 2 }}
volumeMounts:
  {{- include "filum-bridge.volumeMounts" . | nindent 2 }}
{{- end }}
