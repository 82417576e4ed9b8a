// Package plugin holds what the stand-ins share: the gRPC server, the status line, the encoding of special values.
package plugin

import (
	"context"
	"fmt"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/protobuf/types/known/emptypb"
)

// Pulumi encodes special values in plain JSON. An object with signatureKey is a secret; Unknown is a value not known yet.
const (
	signatureKey    = "4dabf18193072939515e22adb298388d"
	secretSignature = "1b47061264138c4ac30d75fd1eb44270"
	Unknown         = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
)

var engine pulumirpc.EngineClient

// Serve answers the engine until it goes away. The engine passes its address as the first argument and reads the port of the
// plugin from standard output.
func Serve(provider pulumirpc.ResourceProviderServer) error {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if len(os.Args) > 1 {
		conn, err := grpc.NewClient(os.Args[1], grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		engine = pulumirpc.NewEngineClient(conn)
	}
	go exitWithEngine()
	server := grpc.NewServer()
	pulumirpc.RegisterResourceProviderServer(server, provider)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

// exitWithEngine ends this process once the engine, its parent, has ended. A killed engine leaves no plugin behind.
func exitWithEngine() {
	parent := os.Getppid()
	for os.Getppid() == parent {
		time.Sleep(time.Second)
	}
	os.Exit(1)
}

// Status shows a message at the resource's line. The next one replaces it.
func Status(ctx context.Context, urn, message string) {
	if engine != nil {
		request := &pulumirpc.LogRequest{Severity: pulumirpc.LogSeverity_INFO, Urn: urn, Message: message, Ephemeral: true}
		_, _ = engine.Log(context.WithoutCancel(ctx), request) // an operation does not fail for a lost message
	}
}

// Secret marks a value as secret.
func Secret(value any) map[string]any {
	return map[string]any{signatureKey: secretSignature, "value": value}
}

// Refuse returns an error for a resource of another type than kind, and for an input that is not one of names. A stand-in
// must not ignore an input that it does not know.
func Refuse(urn, kind string, inputs map[string]any, names ...string) error {
	known := strings.Contains(urn, kind+"::")
	for name := range inputs {
		known = known && slices.Contains(names, name)
	}
	if known {
		return nil
	}
	return fmt.Errorf("the stand-in plugin knows %s only, with the inputs %s\n  fix: install the official plugin: pulumi plugin install resource %s",
		kind, strings.Join(names, ", "), strings.Split(kind, ":")[0])
}

// Base answers what is the same in both providers. Each provider embeds it.
type Base struct {
	pulumirpc.UnimplementedResourceProviderServer
	Version string
	stopped context.Context
	stop    context.CancelFunc
}

// NewBase returns the common part of a provider of this version.
func NewBase(version string) Base {
	stopped, stop := context.WithCancel(context.Background())
	return Base{Version: version, stopped: stopped, stop: stop}
}

// GetPluginInfo returns the version.
func (b *Base) GetPluginInfo(context.Context, *emptypb.Empty) (*pulumirpc.PluginInfo, error) {
	return &pulumirpc.PluginInfo{Version: b.Version}, nil
}

// CheckConfig accepts any configuration as it is.
func (b *Base) CheckConfig(_ context.Context, req *pulumirpc.CheckRequest) (*pulumirpc.CheckResponse, error) {
	return &pulumirpc.CheckResponse{Inputs: req.GetNews()}, nil
}

// DiffConfig never asks for a replacement of the provider.
func (b *Base) DiffConfig(context.Context, *pulumirpc.DiffRequest) (*pulumirpc.DiffResponse, error) {
	return &pulumirpc.DiffResponse{}, nil
}

// Delete removes the resource from the state alone. An image stays in the registry, where other deployments may need it.
func (b *Base) Delete(context.Context, *pulumirpc.DeleteRequest) (*emptypb.Empty, error) {
	return &emptypb.Empty{}, nil
}

// Cancel ends the running operations. The engine calls it on an interrupt.
func (b *Base) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	b.stop()
	return &emptypb.Empty{}, nil
}

// Cancellable returns a context that Cancel ends too.
func (b *Base) Cancellable(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(b.stopped, cancel)
	return ctx, func() { unlink(); cancel() }
}
