{{/*
The configuration's sources as KEDA has them: `triggers`, `authentications` (name → spec), `texts` (what is no secret,
and KEDA takes from an object only); and for each trigger how many pods it asks for, as a formula (`pods`; `own`).
*/}}
{{- define "filum-bridge.keda" -}}
{{- $found := dict "triggers" list "authentications" dict "texts" dict "pods" list "own" list }}
{{- range $index, $source := .Values.config.sources }}
{{- $auth := dict "secretTargetRef" list "env" list "configMapTargetRef" list }}
{{- $scope := dict "root" $ "found" $found "index" $index "source" $source "auth" $auth }}
{{- if eq $source.type "kafka" }}
{{- include "filum-bridge.kedaKafka" $scope }}
{{- else if and (eq $source.type "rabbitmq") (eq (toString $source.competing) "true") }}
{{- include "filum-bridge.kedaRabbit" $scope }}
{{- end }}
{{- end }}
{{- range $index, $trigger := .Values.keda.triggers }}
{{- $name := $trigger.name | default (printf "own_%d" $index) }}
{{- $_ := set $found "triggers" (append $found.triggers (merge (dict "name" $name) (omit $trigger "target"))) }}
{{- $_ := set $found "own" (append $found.own (printf "%s/%v" $name $trigger.target)) }}
{{- end }}
{{- if not $found.triggers }}
{{- fail "keda: no source scales. Kafka sources do, and RabbitMQ sources with `competing: true` (their order is not kept across pods); or write keda.triggers" }}
{{- end }}
{{- toYaml $found }}
{{- end }}

{{/* One trigger a topic where they are named; else one for all that the group has committed. */}}
{{- define "filum-bridge.kedaKafka" -}}
{{- $keda := .root.Values.keda }}
{{- $security := .source.security | default dict }}
{{- $protocol := $security.protocol | default "plaintext" | lower }}
{{- $client := .source.client | default dict }}
{{- $metadata := dict "lagThreshold" ($keda.lagThreshold | int | toString)
    "offsetResetPolicy" (eq (toString .source.start) "latest" | ternary "latest" "earliest")
    "excludePersistentLag" ($keda.excludePersistentLag | toString)
    "version" "2.1.0" }}
{{- include "filum-bridge.kedaText" (merge (dict "metadata" $metadata "parameter" "bootstrapServers" "value" .source.brokers) .) }}
{{- include "filum-bridge.kedaText" (merge (dict "metadata" $metadata "parameter" "consumerGroup" "value" .source.group) .) }}
{{- if hasSuffix "ssl" $protocol }}
{{- $_ := set $metadata "tls" "enable" }}
{{- if eq (toString (get $client "enable.ssl.certificate.verification")) "false" }}
{{- $_ := set $metadata "unsafeSsl" "true" }}
{{- end }}
{{- range $parameter := list "ca" "cert" "key" }}
{{- with get $security $parameter }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" $parameter "value" (dict "file" .)) $) }}
{{- end }}
{{- end }}
{{- with $security.key_password }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" "keyPassword" "value" .) $) }}
{{- end }}
{{- end }}
{{- if hasPrefix "sasl" $protocol }}
{{- $mechanism := $security.mechanism | default "" | upper }}
{{- $names := dict "PLAIN" "plaintext" "SCRAM-SHA-256" "scram_sha256" "SCRAM-SHA-512" "scram_sha512" "OAUTHBEARER" "oauthbearer" }}
{{- if not (hasKey $names $mechanism) }}
{{- fail (printf "keda: source %s: KEDA has no mechanism %q" .source.name $mechanism) }}
{{- end }}
{{- $_ := set $metadata "sasl" (get $names $mechanism) }}
{{- $given := dict "username" $security.username "password" $security.password }}
{{- if eq $mechanism "OAUTHBEARER" }}
{{- if ne (get $client "sasl.oauthbearer.method") "oidc" }}
{{- fail (printf "keda: source %s: OAUTHBEARER is known to KEDA with `sasl.oauthbearer.method: oidc` only" .source.name) }}
{{- end }}
{{- $secret := get $client "sasl.oauthbearer.client.secret" | toString }}
{{- if not (regexMatch "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$" $secret) }}
{{- fail (printf "keda: source %s: sasl.oauthbearer.client.secret must be a variable, ${NAME}, that `env` takes from a Secret" .source.name) }}
{{- end }}
{{- $_ := set $metadata "saslTokenProvider" "bearer" }}
{{- $given = dict "username" (get $client "sasl.oauthbearer.client.id") "password" $secret
    "oauthTokenEndpointUri" (get $client "sasl.oauthbearer.token.endpoint.url")
    "scopes" (get $client "sasl.oauthbearer.scope") "oauthExtensions" (get $client "sasl.oauthbearer.extensions") }}
{{- end }}
{{- range $parameter, $value := $given }}
{{- if $value }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" $parameter "value" $value) $) }}
{{- end }}
{{- end }}
{{- end }}
{{- $named := .source.topics | default list }}
{{- range $named }}
{{- if hasPrefix "^" . }}
{{- $named = list }}
{{- end }}
{{- end }}
{{- range $topic := $named }}
{{- $one := merge (dict "topic" $topic "fullMetadata" "false") $metadata }}
{{- include "filum-bridge.kedaTrigger" (merge (dict "type" "kafka" "metadata" $one "target" $keda.lagThreshold) $) }}
{{- end }}
{{- if not $named }}
{{- include "filum-bridge.kedaTrigger" (merge (dict "type" "kafka" "metadata" $metadata "target" $keda.lagThreshold) .) }}
{{- end }}
{{- end }}

{{/* One trigger a queue; over AMQP, which counts messages that are ready. */}}
{{- define "filum-bridge.kedaRabbit" -}}
{{- $keda := .root.Values.keda }}
{{- $metadata := dict "mode" "QueueLength" "value" ($keda.queueLengthThreshold | int | toString) "protocol" "amqp" }}
{{- if kindIs "map" .source.url }}
{{- if .source.url.env }}
{{- $_ := set $metadata "hostFromEnv" .source.url.env }}
{{- else }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" "host" "value" .source.url) .) }}
{{- end }}
{{- else }}
{{- include "filum-bridge.kedaText" (merge (dict "metadata" $metadata "parameter" "host" "value" .source.url) .) }}
{{- end }}
{{- if .source.password }}
{{- range $parameter := list "username" "password" }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" $parameter "value" (get $.source $parameter)) $) }}
{{- end }}
{{- end }}
{{- with .source.tls }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" "tls" "value" "enable") $) }}
{{- range $parameter, $path := . }}
{{- include "filum-bridge.kedaParameter" (merge (dict "parameter" $parameter "value" (dict "file" $path)) $) }}
{{- end }}
{{- end }}
{{- if not .source.queues }}
{{- fail (printf "keda: source %s: name its queues, KEDA cannot ask the rules" .source.name) }}
{{- end }}
{{- range $queue := .source.queues }}
{{- $one := merge (dict "queueName" $queue) $metadata }}
{{- include "filum-bridge.kedaTrigger" (merge (dict "type" "rabbitmq" "metadata" $one "target" $keda.queueLengthThreshold) $) }}
{{- end }}
{{- end }}

{{/* Puts a trigger down, with what it signs in with. */}}
{{- define "filum-bridge.kedaTrigger" -}}
{{- $name := printf "lag_%d" (len .found.triggers) }}
{{- $trigger := dict "type" .type "name" $name "metadata" .metadata }}
{{- $auth := dict }}
{{- range $kind, $entries := .auth }}
{{- if $entries }}
{{- $_ := set $auth $kind $entries }}
{{- end }}
{{- end }}
{{- if $auth }}
{{- $of := printf "%s-keda-%d" (include "filum-bridge.fullname" .root) .index }}
{{- $_ := set .found.authentications $of $auth }}
{{- $_ := set $trigger "authenticationRef" (dict "name" $of) }}
{{- end }}
{{- $_ := set .found "triggers" (append .found.triggers $trigger) }}
{{- $_ := set .found "pods" (append .found.pods (printf "%s/%d" $name (int .target))) }}
{{- end }}

{{/* Text of a trigger's metadata; a variable of the container where it is ${NAME}. */}}
{{- define "filum-bridge.kedaText" -}}
{{- if regexMatch "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$" .value }}
{{- $_ := set .metadata (printf "%sFromEnv" .parameter) (.value | trimPrefix "${" | trimSuffix "}") }}
{{- else if contains "${" .value }}
{{- fail (printf "keda: source %s: KEDA cannot fill in %q; write it out, or as one variable, ${NAME}" .source.name .value) }}
{{- else }}
{{- $_ := set .metadata .parameter .value }}
{{- end }}
{{- end }}

{{/* One parameter of a TriggerAuthentication: from the Secret behind a file, from the container, or as it is. */}}
{{- define "filum-bridge.kedaParameter" -}}
{{- if and (kindIs "string" .value) (regexMatch "^\\$\\{[A-Za-z_][A-Za-z0-9_]*\\}$" .value) }}
{{- $_ := set . "value" (dict "env" (.value | trimPrefix "${" | trimSuffix "}")) }}
{{- end }}
{{- if kindIs "string" .value }}
{{- $key := printf "%d.%s" .index .parameter }}
{{- $_ := set .found.texts $key .value }}
{{- $ref := dict "parameter" .parameter "name" (printf "%s-keda" (include "filum-bridge.fullname" .root)) "key" $key }}
{{- $_ := set .auth "configMapTargetRef" (append .auth.configMapTargetRef $ref) }}
{{- else if .value.env }}
{{- $ref := dict "parameter" .parameter "name" .value.env "containerName" "bridge" }}
{{- $_ := set .auth "env" (append .auth.env $ref) }}
{{- else }}
{{- $path := .value.file }}
{{- $folder := regexReplaceAll "^/run/secrets/([^/]+)/.+$" $path "${1}" }}
{{- if or (eq $folder $path) (not (hasKey .root.Values.secrets $folder)) }}
{{- fail (printf "keda: source %s: KEDA reads Secrets, not files: %s must lie in a folder of `secrets`" .source.name $path) }}
{{- end }}
{{- $key := trimPrefix (printf "/run/secrets/%s/" $folder) $path }}
{{- range (get .root.Values.secrets $folder).items }}
{{- if eq .path (trimPrefix (printf "/run/secrets/%s/" $folder) $path) }}
{{- $key = .key }}
{{- end }}
{{- end }}
{{- $ref := dict "parameter" .parameter "name" (include "filum-bridge.secretName" (dict "root" .root "folder" $folder)) "key" $key }}
{{- $_ := set .auth "secretTargetRef" (append .auth.secretTargetRef $ref) }}
{{- end }}
{{- end }}

{{/*
Pods wanted. A pod reads all sources, so what these ask for is added up; triggers of your own are other reasons, and the
largest counts. While the destination holds, not more than there are.
*/}}
{{- define "filum-bridge.kedaFormula" -}}
{{- $asked := .own }}
{{- with .pods }}
{{- $asked = prepend $asked (join " + " .) }}
{{- end }}
{{- $wanted := gt (len $asked) 1 | ternary (printf "max(%s)" (join ", " $asked)) (first $asked) }}
{{- .canHold | ternary (printf "held > 0 ? min(%s, pods) : %s" $wanted $wanted) $wanted }}
{{- end }}

{{/* PromQL matchers of the pods of this release, and of no other whose name begins with this one's. */}}
{{- define "filum-bridge.podMatchers" -}}
{{- $tail := eq .Values.kind "StatefulSet" | ternary "[0-9]+" "[a-z0-9]+-[a-z0-9]+" }}
{{- .Values.keda.prometheus.selector | default (printf "namespace=%q,pod=~\"%s-%s\"" .Release.Namespace (include "filum-bridge.fullname" .) $tail) }}
{{- end }}
