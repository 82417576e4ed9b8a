package kubernetes

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	discoveryv1 "k8s.io/api/discovery/v1"
	networkingv1 "k8s.io/api/networking/v1"
	storagev1 "k8s.io/api/storage/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/client-go/util/jsonpath"
)

// checks are the kinds that are waited for.
var checks = map[string]check{
	"apps/v1/Deployment":           ready(deployment),
	"apps/v1/StatefulSet":          ready(statefulSet),
	"batch/v1/Job":                 ready(job),
	"networking.k8s.io/v1/Ingress": ready(ingress),
	"v1/PersistentVolumeClaim":     ready(claim),
	"v1/Pod":                       ready(pod),
	"v1/ResourceQuota":             ready(quota),
	"v1/Service":                   ready(service),
}

// ready makes a check of one that reads the object's Go type.
func ready[T any](of func(context.Context, *provider, *T) (progress, error)) check {
	return func(ctx context.Context, p *provider, live *unstructured.Unstructured) (progress, error) {
		o, err := typed[T](live)
		if err != nil {
			return progress{}, err
		}
		return of(ctx, p, o)
	}
}

func count(wanted *int32) int32 {
	if wanted == nil {
		return 1
	}
	return *wanted
}

// deployment is ready when all pods are new and available and no old one is left. Only pods of the new replica set are judged.
func deployment(ctx context.Context, p *provider, d *appsv1.Deployment) (progress, error) {
	s, wanted := d.Status, count(d.Spec.Replicas)
	seen := s.ObservedGeneration >= d.Generation
	if d.Spec.Paused || seen && s.UpdatedReplicas == wanted && s.Replicas == wanted && s.AvailableReplicas == wanted {
		return progress{ready: true}, nil
	}
	if !seen {
		return progress{status: "waiting for the deployment controller"}, nil
	}
	sets, err := list[appsv1.ReplicaSet](ctx, p, appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), d.Namespace, d.Spec.Selector)
	if err != nil {
		return progress{}, err
	}
	now := progress{}
	for _, set := range sets {
		if !metav1.IsControlledBy(set, d) || set.Annotations[revisionAnnotation] != d.Annotations[revisionAnnotation] {
			continue
		}
		for _, c := range set.Status.Conditions {
			if c.Type == appsv1.ReplicaSetReplicaFailure && c.Status == corev1.ConditionTrue {
				now.problems = append(now.problems, refused(c.Message))
			}
		}
		if err := now.judge(ctx, p, set, set.Spec.Selector, nil, true); err != nil {
			return progress{}, err
		}
	}
	for _, c := range s.Conditions {
		if c.Type == appsv1.DeploymentProgressing && c.Reason == "ProgressDeadlineExceeded" {
			now.problems = append(now.problems, problem{reason: c.Reason, text: "progress deadline exceeded: " + c.Message})
		}
	}
	now.status = fmt.Sprintf("%d of %d new pods available", min(s.AvailableReplicas, now.readyPods()), wanted)
	if old := s.Replicas - s.UpdatedReplicas; old > 0 {
		now.status += fmt.Sprintf(", %d old pods left", old)
	}
	return now, nil
}

func statefulSet(ctx context.Context, p *provider, set *appsv1.StatefulSet) (progress, error) {
	s, wanted := set.Status, count(set.Spec.Replicas)
	seen := s.ObservedGeneration >= set.Generation
	rolling := set.Spec.UpdateStrategy.RollingUpdate
	partly := rolling == nil || rolling.Partition != nil && *rolling.Partition > 0 // not all pods are meant to be new
	updated := partly || s.UpdateRevision == s.CurrentRevision || s.UpdatedReplicas == wanted
	if seen && updated && s.Replicas == wanted && s.ReadyReplicas == wanted {
		return progress{ready: true}, nil
	}
	if !seen {
		return progress{status: "waiting for the stateful set controller"}, nil
	}
	now := progress{}
	isNew := func(pod *corev1.Pod) bool { return pod.Labels[appsv1.StatefulSetRevisionLabel] == s.UpdateRevision }
	if err := now.judge(ctx, p, set, set.Spec.Selector, isNew, true); err != nil {
		return progress{}, err
	}
	now.status = fmt.Sprintf("%d of %d new pods ready", now.readyPods(), wanted)
	if len(now.pods) == 0 {
		now.problems = append(now.problems, p.refusals(ctx, set.Namespace, string(set.UID))...)
	}
	return now, nil
}

// job is ready when it is complete, and has failed as soon as its controller says so.
func job(ctx context.Context, p *provider, j *batchv1.Job) (progress, error) {
	var failed []problem
	for _, c := range j.Status.Conditions {
		if c.Status != corev1.ConditionTrue {
			continue
		}
		switch c.Type {
		case batchv1.JobComplete, batchv1.JobSuspended:
			return progress{ready: true}, nil
		case batchv1.JobFailed:
			failed = append(failed, problem{reason: c.Reason, text: fmt.Sprintf("the job failed: %s: %s", c.Reason, c.Message)})
		}
	}
	now := progress{problems: failed}
	if err := now.judge(ctx, p, j, j.Spec.Selector, nil, false); err != nil {
		return progress{}, err
	}
	if len(now.pods) == 0 && failed == nil {
		now.problems = p.refusals(ctx, j.Namespace, string(j.UID))
	}
	now.status = fmt.Sprintf("job: %d succeeded, %d active, %d failed", j.Status.Succeeded, j.Status.Active, j.Status.Failed)
	return now, nil
}

// succeeded tells whether the recorded job, or else the live one, is complete.
func (p *provider) succeeded(ctx context.Context, recorded *unstructured.Unstructured) bool {
	if complete, _ := holds(recorded, "condition=Complete"); complete {
		return true
	}
	client, err := p.cluster.resource(recorded.GroupVersionKind(), recorded.GetNamespace())
	if err == nil {
		recorded, err = client.Get(ctx, recorded.GetName(), metav1.GetOptions{})
	}
	if err != nil {
		return true // nothing can be said
	}
	complete, _ := holds(recorded, "condition=Complete")
	return complete
}

func pod(_ context.Context, _ *provider, o *corev1.Pod) (progress, error) {
	now := progress{ready: isReady(o) || o.Status.Phase == corev1.PodSucceeded, pods: []*corev1.Pod{o}}
	now.problems = problemsOf(o, true)
	if o.Status.Phase == corev1.PodFailed {
		now.problems = append(now.problems, problem{reason: "Failed", text: strings.TrimSpace("the pod failed: " + o.Status.Message)})
	}
	now.status = "pod is " + string(o.Status.Phase)
	return now, nil
}

// service is ready when something answers behind it. Without a selector, headless or for an outside name it waits for nobody.
func service(ctx context.Context, p *provider, s *corev1.Service) (progress, error) {
	if s.Spec.Type == corev1.ServiceTypeExternalName || s.Spec.ClusterIP == corev1.ClusterIPNone || len(s.Spec.Selector) == 0 {
		return progress{ready: true}, nil
	}
	if s.Spec.Type == corev1.ServiceTypeLoadBalancer && len(s.Status.LoadBalancer.Ingress) == 0 {
		return progress{status: "waiting for the load balancer's address"}, nil
	}
	slices, err := list[discoveryv1.EndpointSlice](ctx, p, discoveryv1.SchemeGroupVersion.WithKind("EndpointSlice"), s.Namespace,
		&metav1.LabelSelector{MatchLabels: map[string]string{discoveryv1.LabelServiceName: s.Name}})
	if err != nil {
		return progress{}, err
	}
	for _, slice := range slices {
		for _, endpoint := range slice.Endpoints {
			if endpoint.Conditions.Ready == nil || *endpoint.Conditions.Ready {
				return progress{ready: true}, nil
			}
		}
	}
	now := progress{status: "no ready pod matches the service's selector"}
	p.failed.Range(func(id, template any) bool { // it would wait in vain until its time-out
		namespace, _ := splitID(id.(string))
		if namespace == s.Namespace && labels.SelectorFromSet(s.Spec.Selector).Matches(labels.Set(template.(map[string]string))) {
			now.problems = []problem{{reason: "WorkloadFailed", text: fmt.Sprintf("the rollout of %q behind it failed", id)}}
		}
		return now.problems == nil
	})
	return now, nil
}

func ingress(_ context.Context, _ *provider, i *networkingv1.Ingress) (progress, error) {
	return progress{ready: len(i.Status.LoadBalancer.Ingress) > 0, status: "waiting for the ingress controller to publish an address; " +
		"the annotation pulumi.com/skipAwait: \"true\" turns this off for controllers that publish none"}, nil
}

// claim is ready when bound, or when its class binds it only for its first pod.
func claim(ctx context.Context, p *provider, c *corev1.PersistentVolumeClaim) (progress, error) {
	if c.Status.Phase == corev1.ClaimBound {
		return progress{ready: true}, nil
	}
	now := progress{status: "waiting for a volume"}
	if c.Spec.StorageClassName == nil || *c.Spec.StorageClassName == "" {
		return now, nil
	}
	classes, err := p.cluster.resource(storagev1.SchemeGroupVersion.WithKind("StorageClass"), "")
	if err != nil {
		return now, err
	}
	class, err := classes.Get(ctx, *c.Spec.StorageClassName, metav1.GetOptions{})
	if apierrors.IsNotFound(err) {
		now.problems = []problem{{"NoClass", fmt.Sprintf("storage class %q does not exist", *c.Spec.StorageClassName), briefly}}
		return now, nil
	}
	if err == nil {
		now.ready = class.Object["volumeBindingMode"] == string(storagev1.VolumeBindingWaitForFirstConsumer)
	}
	return now, err
}

// quota is ready when it is in force.
func quota(_ context.Context, _ *provider, q *corev1.ResourceQuota) (progress, error) {
	return progress{ready: equality.Semantic.DeepEqual(q.Spec.Hard, q.Status.Hard), status: "waiting for the quota to be in force"}, nil
}

// customCheck reads a waitFor annotation: one of condition=Type[=Status] and jsonpath={path}[=value], or a JSON list of such.
func customCheck(wanted string) (check, error) {
	var all []string
	if json.Unmarshal([]byte(wanted), &all) != nil {
		all = []string{wanted}
	}
	for _, one := range all {
		if !strings.HasPrefix(one, "condition=") && !strings.HasPrefix(one, "jsonpath=") {
			return nil, fmt.Errorf(`%s: expected a "jsonpath=" or "condition=" prefix, got %q`, waitFor, one)
		}
	}
	return func(_ context.Context, _ *provider, live *unstructured.Unstructured) (progress, error) {
		for _, one := range all {
			if met, err := holds(live, one); err != nil || !met {
				return progress{status: "waiting for " + one}, err
			}
		}
		return progress{ready: true}, nil
	}, nil
}

func holds(live *unstructured.Unstructured, expression string) (bool, error) {
	if kind, isCondition := strings.CutPrefix(expression, "condition="); isCondition {
		kind, status, given := strings.Cut(kind, "=")
		if !given {
			status = "True"
		}
		conditions, _, _ := unstructured.NestedSlice(live.Object, "status", "conditions")
		for _, item := range conditions {
			c, _ := item.(map[string]any)
			if strings.EqualFold(fmt.Sprint(c["type"]), kind) {
				return strings.EqualFold(fmt.Sprint(c["status"]), status), nil
			}
		}
		return false, nil
	}
	path, value, given := strings.Cut(strings.TrimPrefix(expression, "jsonpath="), "}=")
	if given {
		path += "}"
	}
	query := jsonpath.New("waitFor").AllowMissingKeys(true)
	if err := query.Parse(path); err != nil {
		return false, err
	}
	var out strings.Builder
	err := query.Execute(&out, live.Object)
	return out.String() != "" && (!given || out.String() == value), err
}
