// Package docker stands in for the Image resource of Pulumi's docker provider. It builds and pushes with the docker command, and
// never in a preview.
package docker

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"reflect"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/structpb"

	"todo-app/local/plugins/plugin"
)

type object = map[string]any

type provider struct{ plugin.Base }

// New returns the provider.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}

func (p *provider) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{SupportsPreview: true, SupportsAutonamingConfiguration: true}, nil
}

// text returns a string property. It is empty when it is absent or not known yet.
func text(from object, name string) string {
	if value, _ := from[name].(string); value != plugin.Unknown {
		return value
	}
	return ""
}

func child(from object, name string) object {
	value, _ := from[name].(object)
	return value
}

// Check adds the path of the Dockerfile and the digest of the build context, which changes when the image's source does.
func (p *provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	const kind = "docker:index/image:Image"
	inputs := req.GetNews().AsMap()
	build := child(inputs, "build")
	if err := errors.Join(
		plugin.Refuse(req.GetUrn(), kind, inputs, "build", "buildOnPreview", "imageName", "registry", "skipPush"),
		plugin.Refuse(req.GetUrn(), kind, build, "args", "cacheFrom", "context", "platform", "target"),
	); err != nil {
		return nil, err
	}
	digest, err := hashContext(text(build, "context"))
	if err != nil {
		return nil, fmt.Errorf("unable to hash build context %q: %w", text(build, "context"), err)
	}
	build["dockerfile"] = filepath.Join(text(build, "context"), "Dockerfile")
	build["contextDigest"] = digest
	if name := text(inputs, "imageName"); name != "" && inputs["skipPush"] != true && registryOf(name) == "" {
		return nil, fmt.Errorf("%q: an image to push needs a name with its registry, such as docker.io/team/image:tag", name)
	}
	checked, err := structpb.NewStruct(inputs)
	return &pulumirpc.CheckResponse{Inputs: checked}, err
}

// registryOf returns the registry's address in an image name. It is empty when the name has none.
func registryOf(image string) string {
	first, _, found := strings.Cut(image, "/")
	if found && (first == "localhost" || strings.ContainsAny(first, ".:")) {
		return first
	}
	return ""
}

// Diff compares the inputs. New credentials alone are no reason to build.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, news := child(req.GetOlds().AsMap(), "__inputs"), req.GetNews().AsMap()
	names := maps.Clone(news)
	maps.Copy(names, olds)
	diff := map[string]*pulumirpc.PropertyDiff{}
	for name := range names {
		old, value := olds[name], news[name]
		switch {
		case old == nil:
			diff[name] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_ADD}
		case value == nil:
			diff[name] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_DELETE}
		case name == "registry" && text(child(olds, name), "server") == text(child(news, name), "server"):
		case !reflect.DeepEqual(old, value):
			diff[name] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_UPDATE}
		}
	}
	if len(diff) == 0 {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME, DetailedDiff: diff, HasDetailedDiff: true}, nil
}

func (p *provider) Create(ctx context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	id, properties, err := p.apply(ctx, req.GetUrn(), req.GetProperties(), req.GetPreview())
	return &pulumirpc.CreateResponse{Id: id, Properties: properties}, err
}

func (p *provider) Update(ctx context.Context, req *pulumirpc.UpdateRequest) (*pulumirpc.UpdateResponse, error) {
	_, properties, err := p.apply(ctx, req.GetUrn(), req.GetNews(), req.GetPreview())
	return &pulumirpc.UpdateResponse{Properties: properties}, err
}

// Read returns the state as it is. The digest in it names content that cannot change.
func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return &pulumirpc.ReadResponse{Id: req.GetId(), Inputs: req.GetInputs(), Properties: req.GetProperties()}, nil
}

func (p *provider) apply(ctx context.Context, urn string, news *structpb.Struct, preview bool) (string, *structpb.Struct, error) {
	if preview {
		return "", news, nil
	}
	inputs := news.AsMap()
	ctx, cancel := p.Cancellable(ctx)
	defer cancel()
	scratch, err := os.MkdirTemp("", "docker-image-")
	if err != nil {
		return "", nil, err
	}
	defer os.RemoveAll(scratch)
	image := &image{urn: urn, name: text(inputs, "imageName"), build: child(inputs, "build"), registry: child(inputs, "registry"),
		scratch: scratch,
		// So that the build makes one plain manifest in the daemon's image store, whatever builder the user has chosen.
		env: []string{"DOCKER_BUILDKIT=1", "BUILDX_BUILDER=default", "BUILDX_NO_DEFAULT_ATTESTATIONS=1"}}
	if err := image.login(); err != nil {
		return "", nil, err
	}
	digest, err := image.make(ctx, inputs["skipPush"] != true)
	if err != nil {
		return "", nil, err
	}
	if image.registry != nil {
		// The next diff needs the server alone. Outputs reach more places than inputs, such as the SDK's debug log.
		inputs["registry"] = object{"server": text(image.registry, "server")}
	}
	properties, err := structpb.NewStruct(object{"__inputs": plugin.Secret(inputs), "baseImageName": image.name, "imageName": image.name,
		"context": image.build["context"], "dockerfile": "Dockerfile", "platform": image.build["platform"],
		"registryServer": text(image.registry, "server"), "repoDigest": digest})
	return image.name, properties, err
}
