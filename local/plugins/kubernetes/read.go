package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/dynamic"

	"todo-app/local/plugins/plugin"
)

const dropUnreachable = "If the cluster was deleted, you can remove this resource from Pulumi state by rerunning the operation " +
	"with the PULUMI_K8S_DELETE_UNREACHABLE environment variable set to \"true\""

// Read returns what the object is now: for a refresh, or, without former inputs, to import it.
func (p *provider) Read(ctx context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	ctx, done := p.Cancellable(ctx)
	defer done()
	client, name, err := p.clientFor(req.GetUrn(), req.GetId())
	var live *unstructured.Unstructured
	if err == nil {
		live, err = client.Get(ctx, name, metav1.GetOptions{})
	}
	if down := unreachable(err); down != nil && !forgetsUnreachable() {
		return nil, fmt.Errorf("failed to read resource state: %w. %s", down, dropUnreachable)
	} else if down != nil || gone(err) {
		return &pulumirpc.ReadResponse{}, nil
	} else if err != nil {
		return nil, err
	}
	marked, olds := req.GetInputs().AsMap(), unmarked(req.GetProperties())
	former := normalize(plugin.Reveal(marked).(map[string]any))
	inputs := prune(live.Object, former).(map[string]any)
	var notReady error
	if former["kind"] == nil {
		inputs = authored(live)
	} else {
		notReady = p.readiness(ctx, live)
	}
	version := cmp.Or(olds["__initialApiVersion"], live.Object["apiVersion"])
	state, err := checkpoint(inputs, live.Object, marked, version, managerOf(olds))
	if err != nil {
		return nil, err
	}
	kept, err := structpb.NewStruct(secretly(inputs, marked))
	if err != nil {
		return nil, err
	}
	if notReady != nil {
		return nil, partial(req.GetId(), notReady, state, kept)
	}
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: state, Inputs: kept}, nil
}

// clientFor returns the client for a resource, and its name.
func (p *provider) clientFor(urn, id string) (dynamic.ResourceInterface, string, error) {
	kind, err := kindOf(urn)
	if err != nil {
		return nil, "", err
	}
	namespace, name := splitID(id)
	client, err := p.cluster.resource(kind, namespace)
	return client, name, err
}

// authored returns what an author could have written to get the object.
func authored(live *unstructured.Unstructured) map[string]any {
	o := live.DeepCopy()
	delete(o.Object, "status")
	dropReadOnly(o.Object)
	for _, key := range []string{revisionAnnotation, lastApplied} {
		unstructured.RemoveNestedField(o.Object, "metadata", "annotations", key)
	}
	return o.Object
}

// Delete removes the object with all it owns and waits until it is gone.
func (p *provider) Delete(ctx context.Context, req *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	ctx, done := p.Cancellable(ctx)
	defer done()
	inputs, _ := unmarked(req.GetProperties())["__inputs"].(map[string]any)
	policy := metav1.DeletePropagationForeground
	switch strings.ToLower(object(inputs).GetAnnotations()[propagation]) {
	case "orphan":
		policy = metav1.DeletePropagationOrphan
	case "background":
		policy = metav1.DeletePropagationBackground
	}
	client, name, err := p.clientFor(req.GetUrn(), req.GetId())
	if err == nil {
		err = client.Delete(ctx, name, metav1.DeleteOptions{PropagationPolicy: &policy})
	}
	if down := unreachable(err); down != nil && !forgetsUnreachable() {
		return nil, fmt.Errorf("%w. %s", down, dropUnreachable)
	} else if down != nil || gone(err) {
		return &emptypb.Empty{}, nil
	} else if err != nil {
		return nil, err
	}
	if isTrue(inputs, skipAwait) && checks[kindKey(object(inputs).GroupVersionKind())] != nil {
		return &emptypb.Empty{}, nil
	}
	return &emptypb.Empty{}, p.awaitDeletion(ctx, req.GetUrn(), client, name, limit(req.GetTimeout(), inputs))
}

func (p *provider) awaitDeletion(
	ctx context.Context, urn string, client dynamic.ResourceInterface, name string, limit time.Duration,
) error {
	remains, deadline := "", time.Now().Add(limit)
	for {
		live, err := client.Get(ctx, name, metav1.GetOptions{})
		switch now := whatRemains(live); {
		case gone(err):
			return nil
		case errors.Is(ctx.Err(), context.Canceled):
			return fmt.Errorf("interrupted while %q was being deleted", name)
		case time.Now().After(deadline):
			return fmt.Errorf("timed out after %v waiting for %q to be deleted: %s", limit, name, remains)
		case err == nil && now != remains:
			remains = now
			plugin.Status(ctx, urn, remains)
		}
		time.Sleep(pulse)
	}
}

// whatRemains tells why a deleted object is still there.
func whatRemains(live *unstructured.Unstructured) string {
	if live == nil {
		return ""
	}
	conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions") // namespaces say it here
	for _, item := range conditions {
		c, _ := item.(map[string]any)
		if kind, _ := c["type"].(string); strings.HasSuffix(kind, "Remaining") && c["status"] == "True" {
			return fmt.Sprint(c["message"])
		}
	}
	return "waiting for finalizers " + strings.Join(live.GetFinalizers(), ", ")
}
