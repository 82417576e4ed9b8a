package kubernetes

import (
	"context"
	"fmt"
	"regexp"
	"sort"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

var podKind = corev1.SchemeGroupVersion.WithKind("Pod")

// hopeless are the answers of a registry that another attempt does not change.
var hopeless = regexp.MustCompile(`(?i)not found|manifest unknown|denied|unauthorized|forbidden|invalid reference|no match for platform`)

// judge adds the pods that belong to owner, if isNew says so, and their problems.
func (now *progress) judge(
	ctx context.Context, p *provider, owner metav1.Object, selector *metav1.LabelSelector, isNew func(*corev1.Pod) bool, restarts bool,
) error {
	pods, err := list[corev1.Pod](ctx, p, podKind, owner.GetNamespace(), selector)
	for _, pod := range pods {
		if pod.DeletionTimestamp == nil && metav1.IsControlledBy(pod, owner) && (isNew == nil || isNew(pod)) {
			now.pods = append(now.pods, pod)
			now.problems = append(now.problems, problemsOf(pod, restarts)...)
		}
	}
	sort.SliceStable(now.pods, func(i, k int) bool { return troubled(now.pods[i]) > troubled(now.pods[k]) })
	return err
}

// troubled ranks pods by how much their story explains.
func troubled(pod *corev1.Pod) int {
	switch {
	case len(problemsOf(pod, true)) > 0:
		return 2
	case !isReady(pod):
		return 1
	}
	return 0
}

func (now *progress) readyPods() int32 {
	n := int32(0)
	for _, pod := range now.pods {
		if isReady(pod) {
			n++
		}
	}
	return n
}

func isReady(pod *corev1.Pod) bool {
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// problemsOf returns what keeps a pod from running. Whether a crash counts depends on who restarts it: a job counts for itself.
func problemsOf(pod *corev1.Pod, restarts bool) []problem {
	var out []problem
	for _, c := range pod.Status.Conditions {
		if c.Type == corev1.PodScheduled && c.Status == corev1.ConditionFalse && c.Reason == corev1.PodReasonUnschedulable {
			out = append(out, problem{c.Reason, fmt.Sprintf("pod %s cannot be scheduled: %s", pod.Name, c.Message), patience})
		}
	}
	for _, c := range containersOf(pod) {
		w := c.State.Waiting
		if w == nil {
			continue
		}
		found := problem{reason: w.Reason, text: fmt.Sprintf("pod %s, container %s: %s: %s", pod.Name, c.Name, w.Reason, w.Message)}
		switch w.Reason {
		case "ErrImagePull", "ImagePullBackOff":
			found.reason = "ImagePull" // the two alternate
			if !hopeless.MatchString(w.Message) {
				found.tolerated = patience
			}
		case "InvalidImageName", "ErrImageNeverPull":
		case "CreateContainerConfigError", "CreateContainerError", "RunContainerError":
			found.tolerated = briefly
		case "CrashLoopBackOff":
			if !restarts {
				continue
			}
			found.text += lastExit(c)
		default:
			continue
		}
		out = append(out, found)
	}
	return out
}

func containersOf(pod *corev1.Pod) []corev1.ContainerStatus {
	return append(append([]corev1.ContainerStatus{}, pod.Status.InitContainerStatuses...), pod.Status.ContainerStatuses...)
}

func lastExit(c corev1.ContainerStatus) string {
	t := c.LastTerminationState.Terminated
	if t == nil {
		return ""
	}
	return strings.TrimRight(fmt.Sprintf(" (last exit: code %d, %s %s", t.ExitCode, t.Reason, t.Message), " ") + ")"
}

// renew deletes the pods of an updated workload that only sit out a back-off, so that they try at once whether the cause is gone.
// A stateful set would otherwise wait for its broken pod before it replaces it. Where this fails, waiting goes on as without it.
func (p *provider) renew(ctx context.Context, live *unstructured.Unstructured) {
	set, err := typed[appsv1.StatefulSet](live) // has a selector where a Deployment has it
	client, clientErr := p.cluster.resource(podKind, live.GetNamespace())
	if live.GetAPIVersion() != "apps/v1" || err != nil || clientErr != nil {
		return
	}
	pods, _ := list[corev1.Pod](ctx, p, podKind, live.GetNamespace(), set.Spec.Selector)
	for _, pod := range pods {
		for _, found := range problemsOf(pod, true) {
			if found.reason != corev1.PodReasonUnschedulable && metav1.GetControllerOf(pod) != nil {
				_ = client.Delete(ctx, pod.Name, *metav1.NewPreconditionDeleteOptions(string(pod.UID)))
			}
		}
	}
}

// lastWords returns the last log lines of the containers that are not well.
func (p *provider) lastWords(ctx context.Context, pod *corev1.Pod) []string {
	var out []string
	for _, c := range containersOf(pod) {
		exited := c.State.Terminated
		if c.Ready || exited != nil && exited.ExitCode == 0 {
			continue
		}
		previous := c.State.Running == nil && exited == nil && c.LastTerminationState.Terminated != nil
		text := p.cluster.logs(ctx, pod.Namespace, pod.Name, c.Name, previous)
		if text == "" {
			continue
		}
		run := ""
		if exited != nil {
			run = fmt.Sprintf(" (exited with code %d, %s)", exited.ExitCode, exited.Reason)
		} else if previous {
			run = " (before its last restart)"
		}
		out = append(out, fmt.Sprintf("last log lines of pod %s, container %s%s:\n    %s", pod.Name, c.Name, run,
			strings.ReplaceAll(text, "\n", "\n    ")))
	}
	return out
}

// refused makes a problem of the API server's refusal to create a pod. A quota may be freed by the old pods that leave.
func refused(message string) problem {
	found := problem{reason: "FailedCreate", text: "pods cannot be created: " + message, tolerated: briefly}
	switch {
	case strings.Contains(message, "violates PodSecurity"), strings.Contains(message, "denied the request"):
		found.tolerated = 0
	case strings.Contains(message, "exceeded quota"):
		found.tolerated = patience
	case strings.Contains(message, "status unknown for quota"), strings.Contains(message, "error looking up service account"):
		found.tolerated = lag
	}
	return found
}

// refusals finds the same for kinds that have no condition for it.
func (p *provider) refusals(ctx context.Context, namespace, uid string) []problem {
	var out []problem
	for _, event := range p.warnings(ctx, namespace, uid) {
		if event.Reason == "FailedCreate" {
			out = []problem{refused(event.Message)}           // the newest is the last
			out[0].tolerated = max(out[0].tolerated, briefly) // it may be of before the last update
		}
	}
	return out
}

// warnings returns the cluster's last warnings about an object. What is said about a failure must not hide it: at worst none.
func (p *provider) warnings(ctx context.Context, namespace, uid string) []*corev1.Event {
	client, err := p.cluster.resource(corev1.SchemeGroupVersion.WithKind("Event"), namespace)
	if err != nil {
		return nil
	}
	found, err := client.List(ctx, metav1.ListOptions{FieldSelector: "type=Warning,involvedObject.uid=" + uid})
	if err != nil {
		return nil
	}
	var out []*corev1.Event
	for i := range found.Items {
		if event, err := typed[corev1.Event](&found.Items[i]); err == nil {
			out = append(out, event)
		}
	}
	sort.SliceStable(out, func(i, k int) bool { return out[i].LastTimestamp.Before(&out[k].LastTimestamp) })
	return out[max(0, len(out)-3):]
}

// list returns the objects of a kind that a selector chooses.
func list[T any](
	ctx context.Context, p *provider, kind schema.GroupVersionKind, namespace string, selector *metav1.LabelSelector,
) ([]*T, error) {
	client, err := p.cluster.resource(kind, namespace)
	if err != nil {
		return nil, err
	}
	found, err := client.List(ctx, metav1.ListOptions{LabelSelector: metav1.FormatLabelSelector(selector)})
	if err != nil {
		return nil, err
	}
	var out []*T
	for i := range found.Items {
		o, err := typed[T](&found.Items[i])
		if err != nil {
			return nil, err
		}
		out = append(out, o)
	}
	return out, nil
}
