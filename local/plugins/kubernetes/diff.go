package kubernetes

import (
	"context"
	"fmt"
	"reflect"
	"regexp"
	"sort"
	"strconv"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
)

// replaces lists per kind the fields that the API server does not let change: a change in or below one makes a new object. A star
// stands for every element of a list. Changed data of Secrets and ConfigMaps makes a new object so that pods are rolled.
var replaces = map[string][]string{
	"apps/v1/DaemonSet":   {"spec.selector"},
	"apps/v1/Deployment":  {"spec.selector"},
	"apps/v1/StatefulSet": {"spec.podManagementPolicy", "spec.revisionHistoryLimit", "spec.selector", "spec.serviceName", "spec.volumeClaimTemplates"},
	"batch/v1/Job":        {"spec.completions", "spec.parallelism", "spec.selector", "spec.template"},
	"rbac.authorization.k8s.io/v1/ClusterRoleBinding": {"roleRef"},
	"rbac.authorization.k8s.io/v1/RoleBinding":        {"roleRef"},
	"storage.k8s.io/v1/StorageClass":                  {"parameters", "provisioner"},
	"v1/ConfigMap":                                    {"binaryData", "data"},
	"v1/PersistentVolume":                             {"spec.csi", "spec.hostPath", "spec.local", "spec.nfs"},
	"v1/PersistentVolumeClaim":                        {"spec.accessModes", "spec.selector", "spec.storageClassName", "spec.volumeName"},
	"v1/Pod":                                          {"spec"},
	"v1/ResourceQuota":                                {"spec.scopes"},
	"v1/Secret":                                       {"data", "stringData", "type"},
	"v1/Service":                                      {"spec.clusterIP"},
}

// Diff compares the recorded live object, reduced to what its author once gave, with the new inputs. It asks the cluster nothing, so
// that a preview without changes is as fast as can be; drift enters the record through refresh.
func (p *provider) Diff(ctx context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	live := object(unmarked(req.GetOlds()))
	oldInputs, _ := live.Object["__inputs"].(map[string]any)
	news := object(normalize(unmarked(req.GetNews())))
	old := object(prune(live.Object, normalize(oldInputs)).(map[string]any))
	// No namespace given means the one that the object lives in, and its name counts even if its author had not given it.
	old.SetNamespace(live.GetNamespace())
	if live.GetNamespace() == "" || news.GetNamespace() == "" {
		news.SetNamespace(live.GetNamespace())
	}
	if news.GetName() != "" {
		old.SetName(live.GetName())
	}

	kind := kindKey(news.GroupVersionKind())
	d := comparison{found: map[string]*pulumirpc.PropertyDiff{}}
	for _, field := range append([]string{"metadata.name", "metadata.namespace"}, replaces[kind]...) {
		d.replaces = append(d.replaces, parsePath(field))
	}
	for _, path := range req.GetIgnoreChanges() {
		d.ignored = append(d.ignored, parsePath(path))
	}
	d.compare(nil, old.Object, news.Object)
	if kind == "batch/v1/Job" && isTrue(news.Object, replaceUnready) && !p.succeeded(ctx, live) {
		d.replacing = append(d.replacing, `metadata.annotations["`+replaceUnready+`"]`)
	}
	answer := &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE, DetailedDiff: d.found, HasDetailedDiff: true}
	if len(d.found)+len(d.replacing) > 0 {
		answer.Changes = pulumirpc.DiffResponse_DIFF_SOME
	}
	sort.Strings(d.replacing)
	answer.Replaces = d.replacing
	// An object that keeps its name can only be made anew once the old one is gone.
	answer.DeleteBeforeReplace = len(d.replacing) > 0 && !isTrue(news.Object, autonamed) &&
		news.GetName() == live.GetName() && news.GetNamespace() == live.GetNamespace()
	return answer, nil
}

// comparison collects the differences of two values under the engine's names for properties.
type comparison struct {
	replaces, ignored [][]string
	found             map[string]*pulumirpc.PropertyDiff
	replacing         []string // those of the found that make a new object
}

func (d *comparison) compare(path []string, old, next any) {
	oldMap, oldIsMap := old.(map[string]any)
	nextMap, nextIsMap := next.(map[string]any)
	oldList, oldIsList := old.([]any)
	nextList, nextIsList := next.([]any)
	switch {
	case oldIsMap && nextIsMap:
		for key, value := range nextMap {
			d.compare(below(path, key), oldMap[key], value)
		}
		for key, value := range oldMap {
			if _, kept := nextMap[key]; !kept {
				d.compare(below(path, key), value, nil)
			}
		}
	case oldIsList && nextIsList:
		for i := 0; i < len(oldList) || i < len(nextList); i++ {
			d.compare(below(path, element(i)), at(oldList, i), at(nextList, i))
		}
	case reflect.DeepEqual(old, next):
	case old == nil:
		d.add(path, next, pulumirpc.PropertyDiff_ADD)
	case next == nil:
		d.add(path, nil, pulumirpc.PropertyDiff_DELETE)
	default:
		d.add(path, next, pulumirpc.PropertyDiff_UPDATE)
	}
}

func (d *comparison) add(path []string, value any, kind pulumirpc.PropertyDiff_Kind) {
	for _, pattern := range d.ignored {
		if len(pattern) <= len(path) && matches(pattern, path) {
			return
		}
	}
	change := &pulumirpc.PropertyDiff{Kind: kind, InputDiff: kind == pulumirpc.PropertyDiff_DELETE}
	d.found[render(path)] = change
	for _, pattern := range d.replaces {
		if matches(pattern, path) && contains(value, pattern[min(len(path), len(pattern)):]) {
			change.Kind = kind + 1 // each kind is followed by its replacing one
			d.replacing = append(d.replacing, render(path))
			return
		}
	}
}

// matches tells whether one of pattern and path leads to the other.
func matches(pattern, path []string) bool {
	for i := 0; i < len(pattern) && i < len(path); i++ {
		if pattern[i] != path[i] && !(pattern[i] == element("*") && strings.HasPrefix(path[i], "[")) {
			return false
		}
	}
	return true
}

// contains tells whether the value has something at the path.
func contains(value any, path []string) bool {
	for _, key := range path {
		inner, ok := value.(map[string]any)
		if !ok || inner[key] == nil {
			return false
		}
		value = inner[key]
	}
	return true
}

func at(list []any, i int) any {
	if i < len(list) {
		return list[i]
	}
	return nil
}

func element[T int | string](i T) string { return fmt.Sprintf("[%v]", i) }

func below(path []string, key string) []string { return append(path[:len(path):len(path)], key) }

var segment = regexp.MustCompile(`\["((?:[^"\\]|\\.)*)"\]|\[(\d+|\*)\]|([^.\[\]]+)`)

// parsePath splits a property path like spec.list[0]["a.b"]; an element of a list keeps its brackets.
func parsePath(path string) []string {
	var out []string
	for _, m := range segment.FindAllStringSubmatch(path, -1) {
		switch {
		case m[1] != "":
			out = append(out, strings.ReplaceAll(m[1], `\"`, `"`))
		case m[2] != "":
			out = append(out, element(m[2]))
		default:
			out = append(out, m[3])
		}
	}
	return out
}

// render is parsePath's inverse.
func render(path []string) string {
	var out strings.Builder
	for i, key := range path {
		switch {
		case strings.HasPrefix(key, "["):
			out.WriteString(key)
		case strings.ContainsAny(key, `."[]`):
			out.WriteString("[" + strconv.Quote(key) + "]")
		case i > 0:
			out.WriteString("." + key)
		default:
			out.WriteString(key)
		}
	}
	return out.String()
}
