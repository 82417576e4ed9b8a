// Package random stands in for the RandomPassword of Pulumi's random provider: values from the system's random source, kept
// in the stack's state.
package random

import (
	"context"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/structpb"

	"todo-app/local/plugins/plugin"
)

type object = map[string]any

var defaults = object{"lower": true, "upper": true, "numeric": true, "number": true, "special": true,
	"minLower": 0.0, "minUpper": 0.0, "minNumeric": 0.0, "minSpecial": 0.0}

// optional are the inputs without a default: Pulumi's bridge notes in its state delta which of them are absent.
var optional = []string{"keepers", "overrideSpecial"}

type provider struct{ plugin.Base }

// New returns the provider.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}

// complete adds the defaults to a resource's inputs; number is an older name of numeric.
func complete(inputs object) object {
	out := maps.Clone(defaults)
	maps.Copy(out, inputs)
	for name, alias := range map[string]string{"numeric": "number", "number": "numeric"} {
		if value, given := inputs[name]; given && inputs[alias] == nil {
			out[alias] = value
		}
	}
	return out
}

// finish turns plain outputs into what goes into the state: secrets marked, and the note that the official plugin keeps there.
func finish(outputs object) (*structpb.Struct, error) {
	out, absent := maps.Clone(outputs), object{}
	for _, name := range optional {
		if out[name] == nil {
			absent[name] = plugin.Secret(object{"replace": object{"raw": nil}})
		} else if name == "keepers" {
			absent[name] = object{"map": object{}}
		}
	}
	out["__pulumi_raw_state_delta"] = object{"obj": object{"ps": absent}}
	for _, name := range []string{"result", "bcryptHash"} {
		out[name] = plugin.Secret(out[name])
	}
	out["__meta"] = `{"schema_version":"3"}`
	return structpb.NewStruct(out)
}

func (p *provider) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{SupportsPreview: true, AcceptResources: true, SupportsAutonamingConfiguration: true}, nil
}

func (p *provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	if !strings.HasSuffix(strings.Split(req.GetUrn(), "::")[2], "random:index/randomPassword:RandomPassword") {
		return nil, fmt.Errorf("the local random provider knows RandomPassword only; install the official plugin: pulumi plugin install resource random")
	}
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	if inputs := req.GetNews().AsMap(); !plugin.HasUnknown(inputs) {
		if _, err := compose(complete(inputs)); err != nil { // a trial, so that a bad length fails in the preview
			response.Failures = []*pulumirpc.CheckFailure{{Property: "length", Reason: err.Error()}}
		}
	}
	return response, nil
}

// Diff asks for a new value when any input differs from what the value was made with.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, news := req.GetOlds().AsMap(), complete(req.GetNews().AsMap())
	names := slices.Sorted(maps.Keys(news))
	for _, name := range optional {
		if olds[name] != nil && news[name] == nil {
			names = append(names, name)
		}
	}
	var changed []string
	for _, name := range names {
		if !reflect.DeepEqual(olds[name], news[name]) {
			changed = append(changed, name)
		}
	}
	if changed == nil {
		return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_NONE}, nil
	}
	return &pulumirpc.DiffResponse{Changes: pulumirpc.DiffResponse_DIFF_SOME, Replaces: changed, Diffs: changed}, nil
}

func (p *provider) Create(_ context.Context, req *pulumirpc.CreateRequest) (*pulumirpc.CreateResponse, error) {
	outputs := complete(req.GetProperties().AsMap())
	if req.GetPreview() {
		for _, name := range []string{"id", "result", "bcryptHash"} {
			outputs[name] = plugin.Unknown
		}
		properties, err := structpb.NewStruct(outputs)
		return &pulumirpc.CreateResponse{Properties: properties}, err
	}
	value, err := compose(outputs)
	if err != nil {
		return nil, err
	}
	hashed, err := hash(value)
	if err != nil {
		return nil, err
	}
	maps.Copy(outputs, object{"id": "none", "result": value, "bcryptHash": hashed})
	properties, err := finish(outputs)
	return &pulumirpc.CreateResponse{Id: "none", Properties: properties}, err
}

func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	if len(req.GetProperties().GetFields()) == 0 {
		return nil, fmt.Errorf("the local random provider cannot import; install the official plugin: pulumi plugin install resource random")
	}
	properties, err := finish(req.GetProperties().AsMap())
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: properties, Inputs: req.GetInputs()}, err
}

func (p *provider) Delete(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
