// Package random stands in for the RandomPassword of Pulumi's random provider: a value from the system's random source that is
// kept in the stack's state.
package random

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"maps"
	"math/big"
	"reflect"
	"slices"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"golang.org/x/crypto/bcrypt"
	"google.golang.org/protobuf/types/known/structpb"

	"todo-app/local/plugins/plugin"
)

type object = map[string]any

// defaults are the inputs that a state always has. The older name of numeric, number, is in the state too, but no input here.
var defaults = object{"lower": true, "upper": true, "numeric": true, "special": true,
	"minLower": 0.0, "minUpper": 0.0, "minNumeric": 0.0, "minSpecial": 0.0}

type provider struct{ plugin.Base }

// New returns the provider.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}

// complete adds the defaults to a resource's inputs.
func complete(inputs object) object {
	out := maps.Clone(defaults)
	maps.Copy(out, inputs)
	out["number"] = out["numeric"]
	return out
}

// finish turns outputs into what the official plugin writes into the state: secrets are marked, and the raw state delta says
// which optional inputs are absent.
func finish(outputs object) (*structpb.Struct, error) {
	out, null := maps.Clone(outputs), plugin.Secret(object{"replace": object{"raw": nil}})
	keepers := null
	if out["keepers"] != nil {
		keepers = object{"map": object{}}
	}
	out["__pulumi_raw_state_delta"] = object{"obj": object{"ps": object{"keepers": keepers, "overrideSpecial": null}}}
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
	inputs := req.GetNews().AsMap()
	names := slices.Sorted(maps.Keys(defaults))
	if err := plugin.Refuse(req.GetUrn(), "random:index/randomPassword:RandomPassword", inputs, append(names, "keepers", "length")...); err != nil {
		return nil, err
	}
	response := &pulumirpc.CheckResponse{Inputs: req.GetNews()}
	if _, err := compose(complete(inputs)); err != nil { // a trial: inputs that cannot be met fail in the preview
		response.Failures = []*pulumirpc.CheckFailure{{Property: "length", Reason: err.Error()}}
	}
	return response, nil
}

// Diff asks for a new value when an input differs from the one that the value was made with.
func (p *provider) Diff(_ context.Context, req *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	olds, news := req.GetOlds().AsMap(), complete(req.GetNews().AsMap())
	var changed []string
	for _, name := range append(slices.Sorted(maps.Keys(complete(nil))), "keepers", "length") {
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
	hash, err := bcrypt.GenerateFromPassword([]byte(value)[:min(len(value), 72)], bcrypt.DefaultCost) // bcrypt reads 72 bytes at most
	if err != nil {
		return nil, err
	}
	maps.Copy(outputs, object{"id": "none", "result": value, "bcryptHash": string(hash)})
	properties, err := finish(outputs)
	return &pulumirpc.CreateResponse{Id: "none", Properties: properties}, err
}

func (p *provider) Read(_ context.Context, req *pulumirpc.ReadRequest) (*pulumirpc.ReadResponse, error) {
	if len(req.GetProperties().GetFields()) == 0 {
		return nil, errors.New("the stand-in plugin cannot import\n  fix: install the official plugin: pulumi plugin install resource random")
	}
	properties, err := finish(req.GetProperties().AsMap())
	return &pulumirpc.ReadResponse{Id: req.GetId(), Properties: properties, Inputs: req.GetInputs()}, err
}

// classes are the character classes of a password, with the input that switches each on and the one that sets its minimum.
var classes = []struct{ name, minimum, alphabet string }{
	{"lower", "minLower", "abcdefghijklmnopqrstuvwxyz"},
	{"upper", "minUpper", "ABCDEFGHIJKLMNOPQRSTUVWXYZ"},
	{"numeric", "minNumeric", "0123456789"},
	{"special", "minSpecial", "!@#$%&*()-_=+[]{}<>:?"},
}

// below returns a random number from 0 to n-1. The system's random source never fails.
func below(n int) int {
	number, err := rand.Int(rand.Reader, big.NewInt(int64(n)))
	if err != nil {
		panic(err)
	}
	return int(number.Int64())
}

// compose draws the minimum of each class, takes the rest from all classes that are on, and shuffles.
func compose(inputs object) (string, error) {
	size, _ := inputs["length"].(float64)
	length := int(size)
	var slots []string // the alphabet of each character
	all := ""
	for _, class := range classes {
		minimum, _ := inputs[class.minimum].(float64)
		slots = append(slots, slices.Repeat([]string{class.alphabet}, int(minimum))...)
		if inputs[class.name] == true {
			all += class.alphabet
		}
	}
	switch {
	case length < 1 || len(slots) > length:
		return "", fmt.Errorf("must be at least 1 and at least the sum of minLower, minUpper, minNumeric and minSpecial (%d), got: %d", len(slots), length)
	case len(slots) < length && all == "":
		return "", errors.New("at least one of lower, upper, numeric and special must be true")
	}
	for len(slots) < length {
		slots = append(slots, all)
	}
	out := make([]byte, length)
	for i := range out {
		j := i + below(length-i)
		slots[i], slots[j] = slots[j], slots[i]
		out[i] = slots[i][below(len(slots[i]))]
	}
	return string(out), nil
}
