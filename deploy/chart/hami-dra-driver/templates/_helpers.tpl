{{- define "hami-dra-driver.labels" -}}
app.kubernetes.io/name: {{ .Chart.Name }}
app.kubernetes.io/instance: {{ .Release.Name }}
{{- end }}

{{/* Cluster-wide objects bear the namespace too, so that two releases do not fight over one. */}}
{{- define "hami-dra-driver.clusterName" -}}
{{ .Release.Namespace }}-{{ .Release.Name }}
{{- end }}

{{- define "hami-dra-driver.driver" -}}
hami-core-gpu.project-hami.io
{{- end }}

{{/* The node that the token of a service account is bound to, by its pod; none where that cannot be told. */}}
{{- define "hami-dra-driver.nodeOfUser" -}}
name: node
expression: request.userInfo.?extra[?"authentication.kubernetes.io/node-name"][?0].orValue("")
{{- end }}

{{- define "hami-dra-driver.gpus" -}}
- cel:
    expression: |-
      device.driver == "hami-core-gpu.project-hami.io" && device.attributes["hami-core-gpu.project-hami.io"].type == "hami-gpu"
{{- end }}

{{- define "hami-dra-driver.migDevices" -}}
- cel:
    expression: |-
      device.driver == "hami-core-gpu.project-hami.io" && device.attributes["hami-core-gpu.project-hami.io"].type == "hami-mig"
{{- end }}
