package kubernetes

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/sets"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/util/csaupgrade"

	"todo-app/local/plugins/plugin"
)

// creator is the field manager of plain creation. The first server-side apply takes its fields over, so that what the
// author removes later is removed from the object.
const creator = "pulumi-kubernetes"

const alreadyExists = `

The resource already exists in the cluster. This can happen when:

  - Renaming a Pulumi resource: use an alias to preserve the identity,
    or use deleteBeforeReplace if the resource needs replacement.
  - Managing an existing resource: use a Patch resource (e.g. NamespacePatch)
    to manage specific fields without owning the resource lifecycle.
  - Adopting a resource into Pulumi: use ` + "`pulumi import`" + `. Note that
    protected resources (e.g. kube-system) cannot be deleted on destroy.
  - Intentional upsert: set upsertExistingObjects on the provider to allow
    server-side apply to update existing objects on create.`

// Create makes the object and waits until it is ready. A preview asks the API server for a dry run where everything is known.
func (p *provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	ctx, done := p.Cancellable(ctx)
	defer done()
	marked, inputs, preview := req.GetProperties().AsMap(), unmarked(req.GetProperties()), req.GetPreview()
	asGiven := &pulumirpc.CreateResponse{Properties: req.GetProperties()}
	if preview && plugin.HasUnknown(marked) {
		return asGiven, nil
	}
	o, manager := object(inputs), managerOf(nil)
	live, err := p.create(ctx, o, preview, manager)
	// What a preview cannot try yet, such as an object in a namespace still to be made, is no failure of the program.
	if preview && (p.cannotAsk(ctx, req.GetUrn(), err) || gone(err) || apierrors.IsAlreadyExists(err)) {
		return asGiven, nil
	}
	if err != nil {
		return nil, explain("resource %q was not successfully created by the Kubernetes API server: %w", req.GetUrn(), err)
	}
	answer := &pulumirpc.CreateResponse{}
	var waitErr error
	if preview {
		unstructured.RemoveNestedField(live.Object, "status") // it is not yet what it will be
	} else {
		live, waitErr = p.await(ctx, req.GetUrn(), live, limit(req.GetTimeout(), inputs), false)
		answer.Id = idOf(live)
	}
	if answer.Properties, err = checkpoint(inputs, live.Object, marked, o.GetAPIVersion(), manager); err != nil {
		return nil, err
	}
	if waitErr != nil {
		return nil, partial(answer.Id, fmt.Errorf("resource %q was successfully created, but the Kubernetes API server "+
			"reported that it failed to fully initialize or become live: %w", req.GetUrn(), waitErr), answer.Properties, nil)
	}
	return answer, nil
}

// managerOf returns the field manager that an object is updated by: the recorded one, else a new one.
func managerOf(olds map[string]any) string {
	recorded, _ := olds["__fieldManager"].(string)
	return cmp.Or(recorded, creator+"-"+eightHex(nil))
}

// cannotAsk tells whether a preview has to do without the cluster, and warns if the cluster does not answer.
func (p *provider) cannotAsk(ctx context.Context, urn string, err error) bool {
	if down := unreachable(err); down != nil {
		p.warned.Do(func() {
			plugin.Log(ctx, pulumirpc.LogSeverity_WARNING, urn, down.Error()+"; the preview shows inputs only")
		})
		return true
	}
	return apierrors.IsForbidden(err) || meta.IsNoMatchError(err)
}

// create posts the object. A namespace or a definition that is missing may be on the way from elsewhere: it is waited for.
func (p *provider) create(
	ctx context.Context, o *unstructured.Unstructured, dryRun bool, manager string,
) (*unstructured.Unstructured, error) {
	options := metav1.CreateOptions{FieldManager: creator, FieldValidation: metav1.FieldValidationStrict}
	backoff := wait.Backoff{Duration: 500 * time.Millisecond, Factor: 2, Steps: 5}
	if dryRun {
		options.DryRun, backoff.Steps = []string{metav1.DryRunAll}, 1
	}
	var live *unstructured.Unstructured
	var last error
	err := wait.ExponentialBackoffWithContext(ctx, backoff, func(ctx context.Context) (bool, error) {
		var client dynamic.ResourceInterface
		if client, last = p.cluster.resource(o.GroupVersionKind(), o.GetNamespace()); last == nil {
			live, last = client.Create(ctx, o, options)
		}
		if p.cluster.upsert && apierrors.IsAlreadyExists(last) {
			live, last = (&update{inputs: o.Object, manager: manager, dryRun: dryRun}).apply(ctx, client, o.GetName())
		}
		if gone(last) {
			return false, nil
		}
		return true, last
	})
	if last != nil {
		err = last
	}
	return live, err
}

// explain adds to an error what to do about it.
func explain(format, urn string, err error) error {
	switch {
	case unreachable(err) != nil:
		return unreachable(err)
	case meta.IsNoMatchError(err):
		err = fmt.Errorf("the apiVersion for this resource does not exist. Verify that any required CRDs have been created: %w", err)
	case apierrors.IsAlreadyExists(err):
		err = fmt.Errorf("%w%s", err, alreadyExists)
	case apierrors.IsNotFound(err):
		err = fmt.Errorf("%w; if it was deleted outside of Pulumi, run `pulumi refresh` first", err)
	}
	return fmt.Errorf(format, urn, err)
}

// Update applies the new inputs on the server's side and waits until the object is ready.
func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	ctx, done := p.Cancellable(ctx)
	defer done()
	marked, olds, preview := req.GetNews().AsMap(), unmarked(req.GetOlds()), req.GetPreview()
	asGiven := &pulumirpc.UpdateResponse{Properties: req.GetNews()}
	if preview && plugin.HasUnknown(marked) {
		return asGiven, nil
	}
	u := &update{inputs: normalize(unmarked(req.GetNews())), ignored: req.GetIgnoreChanges(), dryRun: preview}
	u.manager = managerOf(olds)
	var live *unstructured.Unstructured
	client, name, err := p.clientFor(req.GetUrn(), req.GetId())
	if err == nil {
		live, err = u.apply(ctx, client, name)
	}
	if preview && p.cannotAsk(ctx, req.GetUrn(), err) {
		return asGiven, nil
	}
	if err == nil && !preview {
		p.renew(ctx, live)
		live, err = p.await(ctx, req.GetUrn(), live, limit(req.GetTimeout(), u.inputs), true)
	} else if err != nil { // what the API server refused leaves the object as it was
		if live = u.found; live == nil {
			return nil, explain("update of resource %q failed: %w", req.GetUrn(), err)
		}
	}
	version := cmp.Or(olds["__initialApiVersion"], u.inputs["apiVersion"])
	state, stateErr := checkpoint(u.inputs, live.Object, marked, version, u.manager)
	if stateErr != nil {
		return nil, stateErr
	}
	if err != nil {
		return nil, partial(req.GetId(), fmt.Errorf("the Kubernetes API server reported that %q failed to fully initialize "+
			"or become live: %w", req.GetId(), err), state, nil)
	}
	return &pulumirpc.UpdateResponse{Properties: state}, nil
}

// update is one server-side apply under way.
type update struct {
	inputs  map[string]any
	ignored []string
	manager string
	dryRun  bool
	found   *unstructured.Unstructured // the object before it
}

// apply sends the inputs. Others may act on the object between reading and applying: then it is done over.
func (u *update) apply(ctx context.Context, client dynamic.ResourceInterface, name string) (*unstructured.Unstructured, error) {
	for attempt := 1; ; attempt++ {
		live, err := u.applyOnce(ctx, client, name)
		if !apierrors.IsConflict(err) {
			return live, err
		}
		if attempt == 3 {
			return nil, errors.Join(errors.New("server-side apply field conflict detected, see https://www.pulumi.com/registry/"+
				"packages/kubernetes/how-to-guides/managing-resources-with-server-side-apply/#handle-field-conflicts-on-existing-"+
				"resources for troubleshooting help"),
				fmt.Errorf("The resource managed by field manager %q had an apply conflict: %w", u.manager, err))
		}
	}
}

func (u *update) applyOnce(ctx context.Context, client dynamic.ResourceInterface, name string) (*unstructured.Unstructured, error) {
	live, err := client.Get(ctx, name, metav1.GetOptions{})
	if err != nil {
		return nil, err
	}
	u.found = live
	former := sets.New[string]()
	for _, entry := range live.GetManagedFields() {
		if entry.Operation == metav1.ManagedFieldsOperationUpdate && entry.Subresource == "" &&
			(strings.HasPrefix(entry.Manager, creator) || strings.HasPrefix(entry.Manager, "kubectl")) {
			former.Insert(entry.Manager)
		}
	}
	options := metav1.PatchOptions{FieldManager: u.manager}
	// A dry run takes nothing over beforehand, so it has to overrule the former managers.
	force := isTrue(u.inputs, patchForce) || len(live.GetManagedFields()) == 0 || u.dryRun && former.Len() > 0
	if u.dryRun {
		options.DryRun = []string{metav1.DryRunAll}
	} else if patch, err := csaupgrade.UpgradeManagedFieldsPatch(live, former, u.manager); err != nil {
		return nil, err
	} else if patch != nil {
		if live, err = client.Patch(ctx, name, types.JSONPatchType, patch, metav1.PatchOptions{}); err != nil {
			return nil, err
		}
	}
	u.leaveIgnored(live)
	body, err := json.Marshal(u.inputs)
	if err != nil {
		return nil, err
	}
	options.Force = &force
	return client.Patch(ctx, name, types.ApplyPatchType, body, options)
}

// leaveIgnored drops each ignored field that belongs to another manager alone, such as replicas under an autoscaler; it sends any
// other ignored field as it is in the cluster, since leaving it out would give it up.
func (u *update) leaveIgnored(live *unstructured.Unstructured) {
	for _, ignored := range u.ignored {
		path := parsePath(ignored)
		ours, theirs := owners(live, path, u.manager)
		if theirs && !ours {
			unstructured.RemoveNestedField(u.inputs, path...)
			continue
		}
		if value, found, err := unstructured.NestedFieldCopy(live.Object, path...); found && err == nil {
			_ = unstructured.SetNestedField(u.inputs, value, path...) // fails only where a list is on the way: left as given
		}
	}
}

// owners tells whether the manager, and whether any other, owns the field at the path.
func owners(live *unstructured.Unstructured, path []string, manager string) (ours, theirs bool) {
	fields := make([]string, len(path))
	for i, key := range path {
		fields[i] = "f:" + key
	}
	for _, entry := range live.GetManagedFields() {
		owned := map[string]any{}
		if entry.FieldsV1 == nil || json.Unmarshal(entry.FieldsV1.Raw, &owned) != nil {
			continue
		}
		if _, found, _ := unstructured.NestedFieldNoCopy(owned, fields...); found {
			ours = ours || entry.Manager == manager
			theirs = theirs || entry.Manager != manager
		}
	}
	return ours, theirs
}

// limit returns how long to wait for readiness: the resource option, else the annotation, else ten minutes.
func limit(option float64, inputs map[string]any) time.Duration {
	if option > 0 {
		return time.Duration(option * float64(time.Second))
	}
	if given, err := time.ParseDuration(object(inputs).GetAnnotations()[timeoutSeconds] + "s"); err == nil {
		return given
	}
	return 10 * time.Minute
}
