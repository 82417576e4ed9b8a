// Package docker stands in for the Image resource of Pulumi's docker provider: builds and pushes with the docker command.
package docker

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"runtime"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"todo-app/local/plugins/plugin"
)

type object = map[string]any

type provider struct {
	plugin.Base
	host string
}

// New returns the provider.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}

func (p *provider) Configure(_ context.Context, req *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	p.host = text(req.GetArgs().AsMap(), "host")
	return &pulumirpc.ConfigureResponse{SupportsPreview: true, SupportsAutonamingConfiguration: true}, nil
}

// text returns a string property, or nothing when it is absent or not yet known.
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

// Check fills in the defaults and the digest of the build context: the one input that changes with the image's source.
func (p *provider) Check(ctx context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	if !strings.Contains(req.GetUrn(), "docker:index/image:Image::") {
		return nil, fmt.Errorf("the local docker provider knows docker.Image only; install the official plugin: pulumi plugin install resource docker")
	}
	inputs := req.GetNews().AsMap()
	build := child(inputs, "build")
	if build == nil {
		if inputs["build"] == plugin.Unknown {
			return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
		}
		build = object{}
		inputs["build"] = build
	}
	if inputs["buildOnPreview"] == nil {
		inputs["buildOnPreview"] = false
	}
	if build["context"] == nil {
		build["context"] = "."
	}
	if build["dockerfile"] == nil && build["context"] != plugin.Unknown {
		build["dockerfile"] = filepath.Join(text(build, "context"), "Dockerfile")
	}
	if file, dir := text(build, "dockerfile"), text(build, "context"); file != "" && dir != "" {
		if err := requireDockerfile(file, dir); err != nil {
			return nil, err
		}
		digest, err := hashContext(dir, file)
		if err != nil {
			return nil, fmt.Errorf("unable to hash build context: %w", err)
		}
		build["contextDigest"] = digest
	}
	if build["platform"] == nil {
		build["platform"] = "linux/" + runtime.GOARCH
		plugin.Log(ctx, pulumirpc.LogSeverity_INFO, req.GetUrn(), fmt.Sprintf(
			"Building your image for %s architecture. To choose another, set `platform` of the build.", build["platform"]))
	}
	if name := text(inputs, "imageName"); name != "" && inputs["skipPush"] != true && registryOf(name) == "" {
		return nil, fmt.Errorf("%q: an image to push needs a name with its registry, such as docker.io/team/image:tag", name)
	}
	checked, err := structpb.NewStruct(inputs)
	return &pulumirpc.CheckResponse{Inputs: checked}, err
}

func requireDockerfile(file, dir string) error {
	_, err := os.Stat(file)
	if err == nil {
		return nil
	}
	if inside := filepath.Join(dir, file); !filepath.IsAbs(file) {
		if _, statErr := os.Stat(inside); statErr == nil {
			return fmt.Errorf("could not open dockerfile at relative path %q. Try setting `dockerfile` to %q", file, inside)
		}
	}
	return fmt.Errorf("could not open dockerfile at relative path %q: %w", file, err)
}

// registryOf returns the registry's address in an image name, or nothing when the name has none.
func registryOf(image string) string {
	first, _, found := strings.Cut(image, "/")
	if found && (first == "localhost" || strings.ContainsAny(first, ".:")) {
		return first
	}
	return ""
}

// Diff compares inputs only; new credentials alone do not call for a build.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, _ := plugin.Reveal(req.GetOlds().AsMap()["__inputs"]).(object)
	news, _ := plugin.Reveal(req.GetNews().AsMap()).(object)
	diff := map[string]*pulumirpc.PropertyDiff{}
	for name, value := range news {
		old, existed := olds[name]
		if !existed {
			diff[name] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_ADD}
		} else if name == "registry" && text(child(olds, name), "server") == text(child(news, name), "server") {
			continue
		} else if !reflect.DeepEqual(old, value) {
			diff[name] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_UPDATE}
		}
	}
	for name := range olds {
		if _, stays := news[name]; !stays {
			diff[name] = &pulumirpc.PropertyDiff{Kind: pulumirpc.PropertyDiff_DELETE}
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

// Read trusts the state: the digest in it names content that cannot change.
func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	return &pulumirpc.ReadResponse{Id: req.GetId(), Inputs: req.GetInputs(), Properties: req.GetProperties()}, nil
}

// Delete leaves the image in the registry, where other deployments may still need it.
func (p *provider) Delete(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

func (p *provider) apply(ctx context.Context, urn string, news *structpb.Struct, preview bool) (string, *structpb.Struct, error) {
	inputs := news.AsMap()
	if preview && (inputs["buildOnPreview"] != true || plugin.HasUnknown(inputs)) {
		return "", news, nil
	}
	ctx, cancel := p.Cancellable(ctx)
	defer cancel()
	image := &image{urn: urn, name: text(inputs, "imageName"), build: child(inputs, "build"), registry: child(inputs, "registry")}
	leave, err := image.prepare(p.host)
	if err != nil {
		return "", nil, err
	}
	defer leave()
	digest, err := image.make(ctx, inputs["skipPush"] != true && !preview)
	if err != nil {
		return "", nil, err
	}
	dockerfile, err := filepath.Rel(text(image.build, "context"), text(image.build, "dockerfile"))
	if err != nil {
		dockerfile = text(image.build, "dockerfile")
	}
	if image.registry != nil {
		// Only the server counts for the next diff, and outputs reach more places than inputs, such as the SDK's debug log.
		inputs["registry"] = object{"server": text(image.registry, "server")}
	}
	properties, err := structpb.NewStruct(object{"__inputs": plugin.Secret(inputs), "baseImageName": image.name, "imageName": image.name,
		"context": image.build["context"], "dockerfile": dockerfile, "platform": image.build["platform"],
		"registryServer": text(image.registry, "server"), "repoDigest": digest})
	return image.name, properties, err
}
