package kubernetes

import (
	"encoding/base64"
	"encoding/json"
	"sync"

	appsv1 "k8s.io/api/apps/v1"
	autoscalingv2 "k8s.io/api/autoscaling/v2"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"

	"todo-app/local/plugins/plugin"
)

// Annotations that steer this provider.
const (
	autonamed      = "pulumi.com/autonamed"
	skipAwait      = "pulumi.com/skipAwait"
	waitFor        = "pulumi.com/waitFor"
	timeoutSeconds = "pulumi.com/timeoutSeconds"
	replaceUnready = "pulumi.com/replaceUnready"
	patchForce     = "pulumi.com/patchForce"
	propagation    = "pulumi.com/deletionPropagationPolicy"

	revisionAnnotation = "deployment.kubernetes.io/revision"
	lastApplied        = "kubectl.kubernetes.io/last-applied-configuration"
)

var readOnlyMetadata = []string{
	"creationTimestamp", "deletionGracePeriodSeconds", "deletionTimestamp", "generation", "managedFields", "resourceVersion", "uid",
}

// scheme has the kinds whose inputs can be brought into the API server's own notation, built when first needed.
var scheme = sync.OnceValue(func() *runtime.Scheme {
	all := runtime.NewScheme()
	for _, add := range []func(*runtime.Scheme) error{
		appsv1.AddToScheme, autoscalingv2.AddToScheme, batchv1.AddToScheme, corev1.AddToScheme, networkingv1.AddToScheme,
		policyv1.AddToScheme, rbacv1.AddToScheme, storagev1.AddToScheme,
	} {
		_ = add(all) // fails only if a type were registered twice
	}
	return all
})

// normalize writes inputs as the API server will (1000m of CPU is 1, stringData is data), so that equal things compare equal. What
// it cannot read exactly it leaves alone, for the API server to judge.
func normalize(inputs map[string]any) map[string]any {
	if !plugin.HasUnknown(inputs) {
		if isSecretKind(inputs) {
			encodeStringData(inputs)
		} else if typed, err := scheme().New(object(inputs).GroupVersionKind()); err == nil {
			err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(inputs, typed, true)
			if text, marshalErr := json.Marshal(typed); err == nil && marshalErr == nil {
				full := map[string]any{}
				_ = json.Unmarshal(text, &full) // it was just written
				inputs = prune(full, inputs).(map[string]any)
			}
		}
	}
	dropReadOnly(inputs)
	return inputs
}

func dropReadOnly(o map[string]any) {
	for _, key := range readOnlyMetadata {
		unstructured.RemoveNestedField(o, "metadata", key)
	}
}

func encodeStringData(secret map[string]any) {
	data, given := secret["data"].(map[string]any)
	if !given {
		data = map[string]any{}
	}
	for key, value := range data {
		text, _ := value.(string)
		if raw, err := base64.StdEncoding.DecodeString(text); err == nil { // drops line breaks, as the API server does
			data[key] = base64.StdEncoding.EncodeToString(raw)
		}
	}
	if plain, _, err := unstructured.NestedStringMap(secret, "stringData"); err == nil && len(plain) > 0 {
		for key, text := range plain {
			data[key] = base64.StdEncoding.EncodeToString([]byte(text))
		}
		secret["data"] = data
		delete(secret, "stringData")
	}
}

// prune returns the part of source that has a counterpart in shape: a live object without what its author never mentioned.
func prune(source, shape any) any {
	switch s := source.(type) {
	case map[string]any:
		wanted, same := shape.(map[string]any)
		if !same {
			return source
		}
		out := map[string]any{}
		for key, value := range s {
			if counterpart, mentioned := wanted[key]; mentioned {
				out[key] = prune(value, counterpart)
			}
		}
		return out
	case []any:
		wanted, same := shape.([]any)
		if !same {
			return source
		}
		out := []any{}
		for i := 0; i < len(s) && i < len(wanted); i++ {
			out = append(out, prune(s[i], wanted[i]))
		}
		return out
	}
	return source
}

func isSecretKind(o map[string]any) bool { return o["apiVersion"] == "v1" && o["kind"] == "Secret" }

// secretly returns a copy of values in which all is secret that is secret in the marked ones, and the data of every Secret.
func secretly(values, marked map[string]any) map[string]any {
	out := make(map[string]any, len(values))
	for key, value := range values {
		out[key] = value
	}
	if isSecretKind(values) {
		for _, key := range []string{"data", "stringData"} {
			if value, ok := out[key]; ok {
				out[key] = plugin.Secret(value)
			}
		}
		if object(out).GetAnnotations()[lastApplied] != "" {
			out = object(out).DeepCopy().Object // kubectl apply keeps a copy of the data in clear here
			unstructured.RemoveNestedField(out, "metadata", "annotations", lastApplied)
		}
		return out
	}
	for key, mark := range marked {
		value, ok := out[key]
		if !ok {
			continue
		}
		inner, isMap := value.(map[string]any)
		innerMark, markIsMap := mark.(map[string]any)
		if isMap && markIsMap && !plugin.IsSecret(mark) {
			out[key] = secretly(inner, innerMark)
		} else if plugin.HasSecret(mark) {
			out[key] = plugin.Secret(value)
		}
	}
	return out
}

// object gives access to the metadata of inputs and of live objects alike.
func object(o map[string]any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: o}
}

func isTrue(o map[string]any, annotation string) bool {
	return object(o).GetAnnotations()[annotation] == "true"
}

// typed reads a live object into its Go type.
func typed[T any](o *unstructured.Unstructured) (*T, error) {
	out := new(T)
	return out, runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, out)
}

// kindKey names a kind as the tables of this package do: apps/v1/Deployment, v1/Service.
func kindKey(kind schema.GroupVersionKind) string {
	return kind.GroupVersion().String() + "/" + kind.Kind
}
