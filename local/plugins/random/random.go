// Package random stands in for Pulumi's random provider: values from the system's random source, kept in the stack's state.
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

// kind describes one resource type; optional inputs without a default are those that Pulumi's bridge notes in its state delta.
type kind struct {
	size     string
	defaults object
	optional []string
	meta     string
	computed []string
	secret   []string
	generate func(inputs object) (id string, outputs object, err error)
}

var characters = object{"lower": true, "upper": true, "numeric": true, "number": true, "special": true,
	"minLower": 0.0, "minUpper": 0.0, "minNumeric": 0.0, "minSpecial": 0.0}

var kinds = map[string]kind{
	"random:index/randomPassword:RandomPassword": {"length", characters, []string{"keepers", "overrideSpecial"}, `{"schema_version":"3"}`,
		[]string{"id", "result", "bcryptHash"}, []string{"result", "bcryptHash"}, password},
	"random:index/randomString:RandomString": {"length", characters, []string{"keepers", "overrideSpecial"}, `{"schema_version":"2"}`,
		[]string{"id", "result"}, nil, text},
	"random:index/randomId:RandomId": {"byteLength", nil, []string{"keepers", "prefix"}, "",
		[]string{"id", "b64Std", "b64Url", "dec", "hex"}, nil, identifier},
	"random:index/randomBytes:RandomBytes": {"length", nil, []string{"keepers"}, "",
		[]string{"base64", "hex"}, []string{"base64", "hex"}, bytes},
}

type provider struct{ plugin.Base }

// New returns the provider.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}

func kindOf(urn string) (kind, error) {
	name := strings.Split(urn, "::")[2]
	name = name[strings.LastIndex(name, "$")+1:]
	k, known := kinds[name]
	if !known {
		return k, fmt.Errorf("the local random provider knows no %s; install the official plugin: pulumi plugin install resource random", name)
	}
	return k, nil
}

// complete adds the defaults to a resource's inputs; number is an older name of numeric.
func (k kind) complete(inputs object) object {
	out := maps.Clone(k.defaults)
	if out == nil {
		out = object{}
	}
	maps.Copy(out, inputs)
	for name, alias := range map[string]string{"numeric": "number", "number": "numeric"} {
		if value, given := inputs[name]; given && inputs[alias] == nil {
			out[alias] = value
		}
	}
	return out
}

// finish turns plain outputs into what goes into the state: secrets marked, and the note that the official plugin keeps there.
func (k kind) finish(outputs object) (*structpb.Struct, error) {
	out, absent := maps.Clone(outputs), object{}
	for _, name := range k.optional {
		if out[name] == nil {
			absent[name] = plugin.Secret(object{"replace": object{"raw": nil}})
		} else if name == "keepers" {
			absent[name] = object{"map": object{}}
		}
	}
	out["__pulumi_raw_state_delta"] = object{"obj": object{"ps": absent}}
	for _, name := range k.secret {
		out[name] = plugin.Secret(out[name])
	}
	if k.meta != "" {
		out["__meta"] = k.meta
	}
	return structpb.NewStruct(out)
}

func (p *provider) Configure(context.Context, *pulumirpc.ConfigureRequest) (*pulumirpc.ConfigureResponse, error) {
	return &pulumirpc.ConfigureResponse{SupportsPreview: true, AcceptResources: true, SupportsAutonamingConfiguration: true}, nil
}

func (p *provider) Check(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	k, err := kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	if inputs := req.GetNews().AsMap(); !plugin.HasUnknown(inputs) {
		if _, _, err := k.generate(k.complete(inputs)); err != nil { // a trial, so that a bad size fails in the preview
			response.Failures = []*pulumirpc.CheckFailure{{Property: k.size, Reason: err.Error()}}
		}
	}
	return response, nil
}

// Diff asks for a new value when any input differs from what the value was made with.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	k, err := kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	olds, news := req.GetOlds().AsMap(), k.complete(req.GetNews().AsMap())
	names := slices.Sorted(maps.Keys(news))
	for _, name := range k.optional {
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
	k, err := kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	outputs := k.complete(req.GetProperties().AsMap())
	if req.GetPreview() {
		for _, name := range k.computed {
			outputs[name] = plugin.Unknown
		}
		properties, err := structpb.NewStruct(outputs)
		return &pulumirpc.CreateResponse{Properties: properties}, err
	}
	id, generated, err := k.generate(outputs)
	if err != nil {
		return nil, err
	}
	maps.Copy(outputs, generated)
	if slices.Contains(k.computed, "bcryptHash") {
		if outputs["bcryptHash"], err = hash(outputs["result"].(string)); err != nil {
			return nil, err
		}
	}
	properties, err := k.finish(outputs)
	return &pulumirpc.CreateResponse{Id: id, Properties: properties}, err
}

func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	k, err := kindOf(req.GetUrn())
	if err != nil {
		return nil, err
	}
	if len(req.GetProperties().GetFields()) == 0 {
		return nil, fmt.Errorf("the local random provider cannot import; install the official plugin: pulumi plugin install resource random")
	}
	properties, err := k.finish(req.GetProperties().AsMap())
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: properties, Inputs: req.GetInputs()}, err
}

func (p *provider) Delete(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}
