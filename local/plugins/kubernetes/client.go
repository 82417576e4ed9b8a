package kubernetes

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"k8s.io/client-go/tools/clientcmd/api"
)

// cluster is a lazy connection: nothing is sent before the first operation that needs it.
type cluster struct {
	namespace string                      // of objects that name none
	upsert    bool                        // whether creation takes over an object that exists
	connect   func() (*connection, error) // once
	mu        sync.Mutex
	kinds     map[schema.GroupVersionKind]metav1.APIResource
	down      error // the first failure to reach the cluster: the others need not wait for theirs
}

type connection struct {
	objects   dynamic.Interface
	discovery *discovery.DiscoveryClient
}

// unreachableError says that the cluster did not answer, or that the kubeconfig cannot be used.
type unreachableError struct{ reason error }

func (e *unreachableError) Error() string {
	return fmt.Sprintf("configured Kubernetes cluster is unreachable: %v", e.reason)
}

func newCluster(setting func(string) string) *cluster {
	overrides := &clientcmd.ConfigOverrides{
		CurrentContext: setting("context"),
		Context:        api.Context{Cluster: setting("cluster"), Namespace: setting("namespace")},
	}
	raw, err := loadKubeconfig(setting("kubeconfig"))
	if err != nil {
		if _, missing := os.Stat(setting("kubeconfig")); missing != nil && !strings.Contains(setting("kubeconfig"), "\n") {
			err = missing // it was meant as a path
		}
		return &cluster{connect: func() (*connection, error) {
			return nil, &unreachableError{fmt.Errorf("unable to load the kubeconfig: %w", err)}
		}}
	}
	client := clientcmd.NewDefaultClientConfig(*raw, overrides)
	namespace, _, _ := client.Namespace()
	return &cluster{
		namespace: namespace,
		upsert:    cmp.Or(setting("upsertExistingObjects"), os.Getenv("PULUMI_K8S_UPSERT_EXISTING_OBJECTS")) == "true",
		kinds:     map[schema.GroupVersionKind]metav1.APIResource{},
		connect: sync.OnceValues(func() (*connection, error) {
			config, err := client.ClientConfig()
			if err != nil {
				return nil, &unreachableError{fmt.Errorf("unable to load Kubernetes client configuration: %w", err)}
			}
			return dial(config)
		}),
	}
}

func dial(config *rest.Config) (*connection, error) {
	config.QPS = -1 // the server's own fair queuing is the limit
	config.UserAgent = "pulumi-kubernetes"
	config.WarningHandler = rest.NoWarnings{}
	config.Dial = (&net.Dialer{Timeout: 5 * time.Second, KeepAlive: 30 * time.Second}).DialContext
	shared, err := rest.HTTPClientFor(config)
	if err != nil {
		return nil, &unreachableError{err}
	}
	objects, err := dynamic.NewForConfigAndClient(config, shared)
	if err != nil {
		return nil, &unreachableError{err}
	}
	kinds, err := discovery.NewDiscoveryClientForConfigAndClient(config, shared)
	return &connection{objects, kinds}, err
}

// loadKubeconfig takes a path or the contents of a kubeconfig; empty means the usual places.
func loadKubeconfig(pathOrContents string) (*api.Config, error) {
	if pathOrContents == "" {
		return clientcmd.NewDefaultClientConfigLoadingRules().Load()
	}
	if rest, found := strings.CutPrefix(pathOrContents, "~/"); found {
		home, _ := os.UserHomeDir()
		pathOrContents = filepath.Join(home, rest)
	}
	if _, err := os.Stat(pathOrContents); err != nil {
		return clientcmd.Load([]byte(pathOrContents))
	}
	config, err := clientcmd.LoadFromFile(pathOrContents)
	if err != nil {
		return nil, err
	}
	return config, clientcmd.ResolveLocalPaths(config) // certificates may be given relative to the file
}

// resource returns the client for objects of a kind. The kind's plural and scope come from one discovery call for its
// group and version, kept for the run; a kind not found is asked for again, as its definition may be on the way.
func (c *cluster) resource(kind schema.GroupVersionKind, namespace string) (dynamic.ResourceInterface, error) {
	conn, err := c.connect()
	if err != nil {
		return nil, err
	}
	found, err := c.lookUp(conn, kind)
	if err != nil {
		return nil, err
	}
	client := conn.objects.Resource(kind.GroupVersion().WithResource(found.Name))
	if !found.Namespaced {
		return client, nil
	}
	if namespace == "" {
		namespace = c.namespace
	}
	return client.Namespace(namespace), nil
}

func (c *cluster) lookUp(conn *connection, kind schema.GroupVersionKind) (metav1.APIResource, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, known := c.kinds[kind]; !known {
		if c.down != nil {
			return metav1.APIResource{}, c.down
		}
		list, err := conn.discovery.ServerResourcesForGroupVersion(kind.GroupVersion().String())
		c.down = unreachable(err)
		if apierrors.IsNotFound(err) {
			list = &metav1.APIResourceList{}
		} else if err != nil {
			return metav1.APIResource{}, err
		}
		for _, r := range list.APIResources {
			if !strings.Contains(r.Name, "/") { // not a subresource
				c.kinds[kind.GroupVersion().WithKind(r.Kind)] = r
			}
		}
	}
	found, known := c.kinds[kind]
	if !known {
		return found, &meta.NoKindMatchError{GroupKind: kind.GroupKind(), SearchedVersions: []string{kind.Version}}
	}
	return found, nil
}

// logs returns the last lines that a container wrote, in its previous run if asked.
func (c *cluster) logs(ctx context.Context, namespace, pod, container string, previous bool) string {
	conn, err := c.connect()
	if err != nil {
		return ""
	}
	request := conn.discovery.RESTClient().Get().AbsPath("/api/v1/namespaces", namespace, "pods", pod, "log").
		Param("container", container).Param("tailLines", "20")
	if previous {
		request = request.Param("previous", "true")
	}
	text, err := request.DoRaw(ctx)
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(text))
}

// unreachable returns the reason if an operation failed for want of an answer from the cluster, else nil.
func unreachable(err error) error {
	var known *unreachableError
	if errors.As(err, &known) {
		return known
	}
	var connection *url.Error
	if errors.As(err, &connection) && !errors.Is(err, context.Canceled) || apierrors.IsUnauthorized(err) {
		return &unreachableError{err}
	}
	return nil
}

// gone tells whether an object, or the very kind of it, does not exist.
func gone(err error) bool {
	var answer apierrors.APIStatus
	return meta.IsNoMatchError(err) || errors.As(err, &answer) && answer.Status().Code == http.StatusNotFound
}
