package kubernetes

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
)

func parsed(t *testing.T, text string) map[string]any {
	t.Helper()
	out := map[string]any{}
	if err := json.Unmarshal([]byte(text), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestNormalizeWritesInputsAsTheAPIServerWill(t *testing.T) {
	cases := map[string][2]string{
		"quantities": {
			`{"apiVersion":"v1","kind":"ResourceQuota","spec":{"hard":{"limits.cpu":"2000m","memory":"1024Mi"}}}`,
			`{"apiVersion":"v1","kind":"ResourceQuota","spec":{"hard":{"limits.cpu":"2","memory":"1Gi"}}}`},
		"stringData": {
			`{"apiVersion":"v1","kind":"Secret","data":{"a":"YQ=="},"stringData":{"b":"b"}}`,
			`{"apiVersion":"v1","kind":"Secret","data":{"a":"YQ==","b":"Yg=="}}`},
		"unknown values stay": {
			`{"apiVersion":"v1","kind":"Secret","stringData":{"b":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}`,
			`{"apiVersion":"v1","kind":"Secret","stringData":{"b":"04da6b54-80e4-46f7-96ec-b56ff0331ba9"}}`},
		"typing errors stay for the API server to refuse": {
			`{"apiVersion":"v1","kind":"ConfigMap","dta":{"a":"b"}}`, `{"apiVersion":"v1","kind":"ConfigMap","dta":{"a":"b"}}`},
		"what the API server sets is dropped": {
			`{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a","uid":"1"}}`, `{"apiVersion":"v1","kind":"ConfigMap","metadata":{"name":"a"}}`},
	}
	for name, c := range cases {
		if got, want := normalize(parsed(t, c[0])), parsed(t, c[1]); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: got %v, want %v", name, got, want)
		}
	}
}

func waiting(reason, message string) *corev1.Pod {
	return &corev1.Pod{Status: corev1.PodStatus{ContainerStatuses: []corev1.ContainerStatus{
		{Name: "c", State: corev1.ContainerState{Waiting: &corev1.ContainerStateWaiting{Reason: reason, Message: message}}}}}}
}

func TestProblemsAreToleratedAsLongAsTheyCanPass(t *testing.T) {
	unschedulable := &corev1.Pod{Status: corev1.PodStatus{Conditions: []corev1.PodCondition{
		{Type: corev1.PodScheduled, Status: corev1.ConditionFalse, Reason: corev1.PodReasonUnschedulable}}}}
	cases := []struct {
		name      string
		pod       *corev1.Pod
		restarts  bool
		problems  int
		tolerated time.Duration
	}{
		{"missing image", waiting("ImagePullBackOff", "manifest for x not found"), true, 1, 0},
		{"registry away", waiting("ErrImagePull", "dial tcp: connection refused"), true, 1, patience},
		{"crash", waiting("CrashLoopBackOff", "back-off 10s"), true, 1, 0},
		{"crash of a job's pod", waiting("CrashLoopBackOff", "back-off 10s"), false, 0, 0},
		{"missing secret", waiting("CreateContainerConfigError", `secret "a" not found`), true, 1, briefly},
		{"starting", waiting("ContainerCreating", ""), true, 0, 0},
		{"no room", unschedulable, true, 1, patience},
	}
	for _, c := range cases {
		got := problemsOf(c.pod, c.restarts)
		if len(got) != c.problems || len(got) > 0 && got[0].tolerated != c.tolerated {
			t.Errorf("%s: got %+v", c.name, got)
		}
	}
}

func TestRefusedPodsAreWaitedForWhereTheReasonPasses(t *testing.T) {
	for message, want := range map[string]time.Duration{
		`pods "a" is forbidden: violates PodSecurity "restricted:latest"`:                                        0,
		`pods "a" is forbidden: exceeded quota: todo-app`:                                                        patience,
		`pods "a" is forbidden: status unknown for quota: todo-app`:                                              lag,
		`pods "a" is forbidden: error looking up service account ns/default: serviceaccount "default" not found`: lag,
		`pods "a" is forbidden: no PriorityClass with name high was found`:                                       briefly,
	} {
		if got := refused(message).tolerated; got != want {
			t.Errorf("%s: tolerated for %v, want %v", message, got, want)
		}
	}
}

func TestAProblemIsOverdueOnlyWhileItLasts(t *testing.T) {
	passing := []problem{{reason: "Unschedulable", tolerated: time.Minute}}
	since := map[string]time.Time{}
	if overdue(passing, since) != nil {
		t.Error("overdue at once")
	}
	since["Unschedulable"] = time.Now().Add(-2 * time.Minute)
	if overdue(passing, since) == nil {
		t.Error("not overdue after its time")
	}
	if overdue(nil, since); len(since) != 0 {
		t.Error("a problem that passed is remembered")
	}
}

func TestIgnoredFieldsOfOtherManagersAreNotSent(t *testing.T) {
	owned := func(manager string) *unstructured.Unstructured {
		o := &unstructured.Unstructured{Object: map[string]any{"spec": map[string]any{"replicas": int64(4)}}}
		o.SetManagedFields([]metav1.ManagedFieldsEntry{{Manager: manager, FieldsV1: &metav1.FieldsV1{Raw: []byte(`{"f:spec":{"f:replicas":{}}}`)}}})
		return o
	}
	for manager, want := range map[string]map[string]any{"autoscaler": {}, "us": {"replicas": int64(4)}} {
		u := &update{inputs: map[string]any{"spec": map[string]any{"replicas": int64(2)}}, ignored: []string{"spec.replicas"}, manager: "us"}
		u.leaveIgnored(owned(manager))
		if got := u.inputs["spec"]; !reflect.DeepEqual(got, want) {
			t.Errorf("owned by %s: sent %v, want %v", manager, got, want)
		}
	}
}

func TestWaitForExpressions(t *testing.T) {
	live := &unstructured.Unstructured{Object: parsed(t,
		`{"status":{"phase":"Bound","conditions":[{"type":"Ready","status":"True"},{"type":"Degraded","status":"False"}]}}`)}
	for expression, want := range map[string]bool{
		"condition=Ready": true, "condition=Degraded": false, "condition=degraded=false": true, "condition=Other": false,
		"jsonpath={.status.phase}": true, "jsonpath={.status.phase}=Bound": true, "jsonpath={.status.phase}=Lost": false, "jsonpath={.status.none}": false,
	} {
		if got, err := holds(live, expression); err != nil || got != want {
			t.Errorf("%s: %v, %v", expression, got, err)
		}
	}
}
