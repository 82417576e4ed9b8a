package kubernetes

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"todo-app/local/plugins/plugin"
)

// Check brings inputs into the form that is compared and applied, and names what its author left unnamed.
func (p *provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	kind, err := kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	marked := req.GetNews().AsMap()
	news := withoutNulls(plugin.Reveal(marked)).(map[string]any)
	if given, _ := news["kind"].(string); given != kind.Kind { // helm.sh Releases, *Patch and *List types
		return nil, fmt.Errorf("resources of type %s need the official Kubernetes provider plugin", req.GetType())
	}
	news = normalize(news)
	if err := assignName(object(news), object(unmarked(req.GetOlds())), req); err != nil {
		return nil, err
	}
	inputs, err := structpb.NewStruct(secretly(news, marked))
	return &pulumirpc.CheckResponse{Inputs: inputs}, err
}

// assignName keeps the name that the object has if it was found for it, else finds one.
func assignName(news, olds *unstructured.Unstructured, req *pulumirpc.CheckRequest) error {
	if news.GetName() != "" {
		return nil
	}
	if news.GetGenerateName() != "" {
		return fmt.Errorf("the `.metadata.generateName` field is not supported in Server-Side Apply mode")
	}
	name := olds.GetName()
	if name == "" || !isTrue(olds.Object, autonamed) {
		var err error
		if name, err = autoname(req); err != nil {
			return err
		}
	}
	news.SetName(name)
	_ = unstructured.SetNestedField(news.Object, "true", "metadata", "annotations", autonamed) // not if they are not known yet
	return nil
}

func autoname(req *pulumirpc.CheckRequest) (string, error) {
	switch options := req.GetAutonaming(); options.GetMode() {
	case pulumirpc.CheckRequest_AutonamingOptions_DISABLE:
		return "", fmt.Errorf("autonaming is disabled, resource requires the .metadata.name field to be set")
	case pulumirpc.CheckRequest_AutonamingOptions_PROPOSE, pulumirpc.CheckRequest_AutonamingOptions_ENFORCE:
		if options.GetProposedName() != "" {
			return options.GetProposedName(), nil
		}
	}
	name := req.GetUrn()[strings.LastIndex(req.GetUrn(), "::")+2:]
	return name + "-" + eightHex(req.GetRandomSeed()), nil
}

// eightHex derives 8 hex digits from the engine's seed, which makes a preview and its update agree; at random without one.
func eightHex(seed []byte) string {
	if len(seed) == 0 {
		seed = make([]byte, 32)
		_, _ = rand.Read(seed) // never fails
	}
	sum := sha256.Sum256(seed)
	return hex.EncodeToString(sum[:4])
}

// withoutNulls drops what is explicitly nothing: the API server treats it as not given.
func withoutNulls(value any) any {
	switch v := value.(type) {
	case map[string]any:
		for key, item := range v {
			if item == nil {
				delete(v, key)
			} else {
				v[key] = withoutNulls(item)
			}
		}
	case []any:
		for i, item := range v {
			v[i] = withoutNulls(item)
		}
	}
	return value
}
