package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/dynamic"

	"todo-app/local/plugins/plugin"
)

// progress is how far an object is from ready.
type progress struct {
	ready    bool
	status   string        // for the operator, while waiting
	problems []problem     // why it may never be ready
	pods     []*corev1.Pod // those that the object now waits for
}

// problem is a reason not to wait on. Some pass by themselves, so each is tolerated for its own time.
type problem struct {
	reason    string
	text      string
	tolerated time.Duration
}

// How long problems are tolerated that can pass by themselves.
const (
	briefly  = 10 * time.Second // an object that is referred to is on its way
	patience = 20 * time.Second // a registry that does not answer; room that others are about to free
)

// check tells how far a live object is.
type check func(context.Context, *provider, *unstructured.Unstructured) (progress, error)

// await waits until the live object is ready and returns its last state. It fails at once when waiting is pointless.
func (p *provider) await(
	ctx context.Context, urn string, live *unstructured.Unstructured, limit time.Duration,
) (*unstructured.Unstructured, error) {
	assess, err := checkFor(live)
	if assess == nil || err != nil {
		return live, err
	}
	client, err := p.cluster.resource(live.GroupVersionKind(), live.GetNamespace())
	if err != nil {
		return live, err
	}
	waiting, stop := context.WithTimeout(ctx, limit)
	defer stop()
	wake := p.wakeUps(waiting, client, live)
	since := map[string]time.Time{}
	shown := ""
	for {
		current, err := client.Get(waiting, live.GetName(), metav1.GetOptions{})
		var now progress
		switch {
		case gone(err):
			return live, fmt.Errorf("'%s' was deleted while it was waited for", live.GetName())
		case err == nil:
			live = current
			now, err = assess(waiting, p, live)
		}
		if err != nil { // the API server may come back
			now = progress{status: "waiting for the API server: " + err.Error()}
		}
		if now.ready {
			return live, nil
		}
		if late := overdue(now.problems, since); late != nil {
			cause := fmt.Sprintf("'%s' cannot become ready: %s", live.GetName(), late.text)
			return live, p.failure(ctx, live, cause, now)
		}
		if now.status != shown {
			shown = now.status
			plugin.Status(ctx, urn, shown)
		}
		select {
		case <-wake:
		case <-waiting.Done():
			if errors.Is(ctx.Err(), context.Canceled) {
				return live, fmt.Errorf("interrupted while waiting for '%s' to be Ready", live.GetName())
			}
			return live, p.failure(ctx, live, fmt.Sprintf("'%s' timed out waiting to be Ready", live.GetName()), now)
		}
	}
}

// readiness tells, without waiting, what an object lacks to be ready; nil if nothing.
func (p *provider) readiness(ctx context.Context, live *unstructured.Unstructured) error {
	assess, err := checkFor(live)
	if assess == nil || err != nil {
		return err
	}
	now, err := assess(ctx, p, live)
	if err != nil || now.ready {
		return err
	}
	return p.failure(ctx, live, fmt.Sprintf("'%s' is not ready: %s", live.GetName(), now.status), now)
}

// checkFor returns how to tell that the object is ready, nil if it is ready by existing.
func checkFor(live *unstructured.Unstructured) (check, error) {
	if isTrue(live.Object, skipAwait) {
		return nil, nil
	}
	if wanted := annotation(live.Object, waitFor); wanted != "" {
		return customCheck(wanted)
	}
	return checks[kindKey(live.GroupVersionKind())], nil
}

// overdue returns the first problem that lasts longer than it is tolerated.
func overdue(problems []problem, since map[string]time.Time) *problem {
	present := map[string]bool{}
	var late *problem
	for i, found := range problems {
		present[found.reason] = true
		if since[found.reason].IsZero() {
			since[found.reason] = time.Now()
		}
		if late == nil && time.Since(since[found.reason]) >= found.tolerated {
			late = &problems[i]
		}
	}
	for reason := range since {
		if !present[reason] {
			delete(since, reason)
		}
	}
	return late
}

// failure gathers what the operator needs to know: every problem, the warnings of the API server, and the last log lines.
func (p *provider) failure(ctx context.Context, live *unstructured.Unstructured, cause string, now progress) error {
	if template, found, _ := unstructured.NestedStringMap(live.Object, "spec", "template", "metadata", "labels"); found {
		p.failed.Store(idOf(live), template)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	var details []string
	if now.status != "" {
		details = append(details, now.status)
	}
	for _, found := range now.problems {
		details = append(details, found.text)
	}
	details = append(details, p.warnings(ctx, live.GetNamespace(), string(live.GetUID()))...)
	for i, pod := range now.pods {
		if i == 2 { // the others fail alike
			break
		}
		details = append(details, p.warnings(ctx, pod.Namespace, string(pod.UID))...)
		details = append(details, p.lastWords(ctx, pod)...)
	}
	return &initError{message: cause, details: distinct(details)}
}

func distinct(lines []string) []string {
	var out []string
	seen := map[string]bool{}
	for _, line := range lines {
		if !seen[line] {
			seen[line] = true
			out = append(out, line)
		}
	}
	return out
}

// wakeUps signals when the object or, of a workload, one of its pods changes.
func (p *provider) wakeUps(
	ctx context.Context, client dynamic.ResourceInterface, live *unstructured.Unstructured,
) <-chan struct{} {
	wake := wakeUps(ctx, client, metav1.ListOptions{FieldSelector: "metadata.name=" + live.GetName()})
	if labels, found, _ := unstructured.NestedStringMap(live.Object, "spec", "template", "metadata", "labels"); found {
		selector := metav1.FormatLabelSelector(&metav1.LabelSelector{MatchLabels: labels})
		if pods, err := p.cluster.resource(corev1.SchemeGroupVersion.WithKind("Pod"), live.GetNamespace()); err == nil {
			go signal(ctx, pods, metav1.ListOptions{LabelSelector: selector}, wake)
		}
	}
	return wake
}

func wakeUps(ctx context.Context, client dynamic.ResourceInterface, which metav1.ListOptions) chan struct{} {
	wake := make(chan struct{}, 1)
	go signal(ctx, client, which, wake)
	go func() { // what no watch covers: endpoints, replica sets, time-outs
		tick := time.NewTicker(time.Second)
		defer tick.Stop()
		for ctx.Err() == nil {
			ring(wake)
			select {
			case <-tick.C:
			case <-ctx.Done():
			}
		}
	}()
	return wake
}

// signal rings on every event of a watch, which is opened again when the API server closes it.
func signal(ctx context.Context, client dynamic.ResourceInterface, which metav1.ListOptions, wake chan<- struct{}) {
	for ctx.Err() == nil {
		if events, err := client.Watch(ctx, which); err == nil {
			relay(ctx, events, wake)
		}
		select {
		case <-time.After(time.Second):
		case <-ctx.Done():
		}
	}
}

func relay(ctx context.Context, events watch.Interface, wake chan<- struct{}) {
	defer events.Stop()
	for {
		select {
		case _, open := <-events.ResultChan():
			if !open {
				return
			}
			ring(wake)
		case <-ctx.Done():
			return
		}
	}
}

func ring(wake chan<- struct{}) {
	select {
	case wake <- struct{}{}:
	default: // one is pending already
	}
}
