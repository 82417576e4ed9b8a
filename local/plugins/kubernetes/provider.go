// Package kubernetes stands in for the official Kubernetes provider plugin where that cannot be had. It keeps the official
// contract: auto-names, replacement rules, server-side apply, outputs that carry the live object, and waiting for readiness.
package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"reflect"
	"slices"
	"strings"
	"sync"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/tools/clientcmd/api"

	"todo-app/local/plugins/plugin"
)

type provider struct {
	plugin.Base
	cluster *cluster
	failed  sync.Map // namespace/name of a workload whose rollout failed in this run → the labels of its pods
	warned  sync.Once
}

// New returns the provider. It reaches for the cluster only when an operation needs it.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}

// Configure reads the kubeconfig. One that cannot be used is no error here: a preview without changes needs no cluster.
func (p *provider) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	p.cluster = newCluster(func(key string) string { return req.GetVariables()["kubernetes:config:"+key] })
	return &pulumirpc.ConfigureResponse{AcceptSecrets: true, SupportsPreview: true, SupportsAutonamingConfiguration: true}, nil
}

// DiffConfig asks for a replacement, and with it of everything in the cluster, only when another cluster is meant.
func (p *provider) DiffConfig(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, news := unmarked(req.GetOlds()), unmarked(req.GetNews())
	d := comparison{found: map[string]*pulumirpc.PropertyDiff{}}
	d.compare(nil, olds, news)
	if len(d.found) == 0 {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	before, err := meant(olds)
	if err != nil {
		return nil, err
	}
	after, err := meant(news)
	if err != nil {
		return nil, err
	}
	answer := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME, Diffs: slices.Sorted(maps.Keys(d.found))}
	if before != nil && after != nil && !reflect.DeepEqual(before, after) {
		for _, key := range answer.Diffs {
			if key == "kubeconfig" || key == "context" || key == "cluster" {
				answer.Replaces = append(answer.Replaces, key)
			}
		}
	}
	return answer, nil
}

// meant returns the cluster that a provider's arguments point at.
func meant(args map[string]any) (*api.Cluster, error) {
	text := func(key string) string { s, _ := args[key].(string); return s }
	config, err := loadKubeconfig(text("kubeconfig"))
	if err != nil {
		return nil, fmt.Errorf("failed to parse kubeconfig: %w", err)
	}
	current := config.Contexts[cmp.Or(text("context"), config.CurrentContext)]
	if current == nil {
		return nil, nil
	}
	found := config.Clusters[cmp.Or(text("cluster"), current.Cluster)]
	if found != nil {
		found.LocationOfOrigin = "" // the same cluster in another file is the same cluster
	}
	return found, nil
}

// unmarked returns the values without secret marks.
func unmarked(s *structpb.Struct) map[string]any {
	return plugin.Reveal(s.AsMap()).(map[string]any)
}

// kindOf returns the kind that a type token like kubernetes:apps/v1:Deployment stands for.
func kindOf(urn string) (schema.GroupVersionKind, error) {
	parts := strings.Split(urn, "::")
	if len(parts) < 4 {
		return schema.GroupVersionKind{}, fmt.Errorf("malformed URN %q", urn)
	}
	types := strings.Split(parts[2], "$") // parents' types come first
	token := strings.Split(types[len(types)-1], ":")
	if len(token) != 3 {
		return schema.GroupVersionKind{}, fmt.Errorf("malformed type in URN %q", urn)
	}
	gv, err := schema.ParseGroupVersion(strings.TrimPrefix(token[1], "core/"))
	return gv.WithKind(token[2]), err
}

// idOf returns the resource's id: namespace/name, or the name of what has no namespace.
func idOf(o *unstructured.Unstructured) string {
	if o.GetNamespace() == "" {
		return o.GetName()
	}
	return o.GetNamespace() + "/" + o.GetName()
}

// splitID is idOf's inverse.
func splitID(id string) (namespace, name string) {
	if namespace, name, found := strings.Cut(id, "/"); found {
		return namespace, name
	}
	return "", id
}

// checkpoint returns the outputs that the engine keeps: the live object beside the inputs that made it. What is secret in the
// marked inputs is secret in both.
func checkpoint(inputs, live, marked map[string]any, apiVersion any, manager string) (*structpb.Struct, error) {
	kept := secretly(live, marked)
	kept["__inputs"] = secretly(inputs, marked)
	kept["__initialApiVersion"] = apiVersion
	kept["__fieldManager"] = manager
	return structpb.NewStruct(kept)
}

// initError says that an object exists but is not ready. Each detail is shown to the operator as a line of its own.
type initError struct {
	message string
	details []string
}

func (e *initError) Error() string { return e.message }

// partial reports a failure together with the state reached, so that the engine records it and tries again on the next update.
func partial(id string, cause error, state, inputs *structpb.Struct) error {
	reasons := []string{cause.Error()}
	var init *initError
	if errors.As(cause, &init) {
		reasons = append(reasons, init.details...)
	}
	failure, err := status.New(codes.Unknown, cause.Error()).WithDetails(
		&pulumirpc.ErrorResourceInitFailed{Id: id, Properties: state, Reasons: reasons, Inputs: inputs})
	if err != nil {
		return err
	}
	return failure.Err()
}

// forgetsUnreachable tells whether the operator asked to drop resources of a cluster that no longer exists.
func forgetsUnreachable() bool { return os.Getenv("PULUMI_K8S_DELETE_UNREACHABLE") == "true" }
