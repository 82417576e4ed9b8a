package kubernetes

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

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
	lag      = time.Minute      // what the controller manager adds to a new namespace; retries come further and further apart
	leftover = time.Minute      // in addition, if it is left from a former attempt
)

// check tells how far a live object is.
type check func(context.Context, *provider, *unstructured.Unstructured) (progress, error)

// pulse is how often an object that is waited for is looked at.
const pulse = 250 * time.Millisecond

// await waits until the live object is ready and returns its last state. It fails at once when waiting is pointless. What is wrong
// at the first look after an update is left from a former attempt and gets time to pass.
func (p *provider) await(
	ctx context.Context, urn string, live *unstructured.Unstructured, limit time.Duration, again bool,
) (*unstructured.Unstructured, error) {
	assess, err := checkFor(live)
	if assess == nil || err != nil {
		return live, err
	}
	client, err := p.cluster.resource(live.GroupVersionKind(), live.GetNamespace())
	if err != nil {
		return live, err
	}
	name, deadline, assessed := live.GetName(), time.Now().Add(limit), time.Time{}
	now, since, shown := progress{}, map[string]time.Time{}, ""
	for {
		current, err := client.Get(ctx, name, metav1.GetOptions{})
		if gone(err) {
			return live, fmt.Errorf("'%s' was deleted while it was waited for", name)
		}
		// Its pods and the like cost more to look at: only on a change, or once a second.
		if err == nil && (current.GetResourceVersion() != live.GetResourceVersion() || time.Since(assessed) > time.Second) {
			now, err = assess(ctx, p, current)
			for _, found := range now.problems {
				if again && assessed.IsZero() {
					since[found.reason] = time.Now().Add(leftover)
				}
			}
			live, assessed = current, time.Now()
		}
		switch late := overdue(now.problems, since); {
		case errors.Is(ctx.Err(), context.Canceled):
			return live, fmt.Errorf("interrupted while waiting for '%s' to be Ready", name)
		case err != nil: // the API server may come back
			now.status = "waiting for the API server: " + err.Error()
		case now.ready:
			plugin.Status(ctx, urn, "")
			return live, nil
		case late != nil:
			return live, p.failure(ctx, live, fmt.Sprintf("'%s' cannot become ready: %s", name, late.text), now)
		}
		if time.Now().After(deadline) {
			return live, p.failure(ctx, live, fmt.Sprintf("'%s' timed out waiting to be Ready", name), now)
		}
		if now.status != shown {
			shown = now.status
			plugin.Status(ctx, urn, shown)
		}
		time.Sleep(pulse)
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
	if wanted := live.GetAnnotations()[waitFor]; wanted != "" {
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

// failure gathers what the operator needs to know: every kind of problem, and the story of the pod that explains most.
func (p *provider) failure(ctx context.Context, live *unstructured.Unstructured, cause string, now progress) error {
	if template, found, _ := unstructured.NestedStringMap(live.Object, "spec", "template", "metadata", "labels"); found {
		p.failed.Store(idOf(live), template)
	}
	ctx, stop := context.WithTimeout(context.WithoutCancel(ctx), 10*time.Second)
	defer stop()
	details, told := []string{now.status}, map[string]bool{}
	for _, found := range now.problems {
		if !told[found.reason] && !strings.Contains(cause, found.text) {
			details = append(details, found.text)
		}
		told[found.reason] = true
	}
	uid := live.GetUID()
	if len(now.pods) > 0 {
		uid = now.pods[0].UID
		details = append(details, p.lastWords(ctx, now.pods[0])...)
	}
	if len(now.problems) == 0 { // otherwise they only repeat them
		for _, event := range p.warnings(ctx, live.GetNamespace(), string(uid)) {
			details = append(details, event.Reason+": "+event.Message)
		}
	}
	return &initError{message: cause, details: details}
}
