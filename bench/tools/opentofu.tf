# The rendered objects of a folder, as resources of their own.
terraform {
  required_providers {
    kubectl = { source = "gavinbunney/kubectl" }
  }
}

variable "objects" {
  description = "The folder with a file for each object, such as 07-Service.backend.yaml"
  type        = string
}

locals {
  # By kind and name: the number in front may be another one in the next release.
  files      = { for name in fileset(var.objects, "*") : replace(name, "/^[0-9]+-/", "") => "${var.objects}/${name}" }
  namespaces = { for name, file in local.files : name => file if startswith(name, "Namespace.") }
  objects    = { for name, file in local.files : name => file if !startswith(name, "Namespace.") }
}

resource "kubectl_manifest" "namespace" {
  for_each          = local.namespaces
  yaml_body         = file(each.value)
  server_side_apply = true
  # The provider looks every 10 s, or misses a rollout that has not begun. What waits after each command is exact.
  wait_for_rollout = false
}

resource "kubectl_manifest" "object" {
  for_each          = local.objects
  yaml_body         = file(each.value)
  server_side_apply = true
  wait_for_rollout  = false
  depends_on        = [kubectl_manifest.namespace]
}
