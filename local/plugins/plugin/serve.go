// Package plugin holds what every provider stand-in shares: the gRPC server, the engine's log, the encoding of special values.
package plugin

import (
	"context"
	"fmt"
	"net"
	"os"
	"time"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"
)

// maxMessage is the engine's own limit; gRPC's default of 4 MiB is too small for large objects.
const maxMessage = 400 << 20

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
		go exitWithEngine(conn)
	}
	server := grpc.NewServer(grpc.MaxRecvMsgSize(maxMessage), grpc.MaxSendMsgSize(maxMessage))
	pulumirpc.RegisterResourceProviderServer(server, provider)
	fmt.Println(listener.Addr().(*net.TCPAddr).Port)
	return server.Serve(listener)
}

// exitWithEngine ends the process once the engine has stopped answering, so that a killed engine leaves no plugin behind.
func exitWithEngine(conn *grpc.ClientConn) {
	health := grpc_health_v1.NewHealthClient(conn)
	err := untilLost(time.Second, func() error {
		_, err := health.Check(context.Background(), &grpc_health_v1.HealthCheckRequest{})
		return err
	})
	fmt.Fprintln(os.Stderr, "the engine does not answer any more:", err)
	os.Exit(1)
}

// untilLost returns the error of the fifth check in a row that fails: on a busy machine a single one may. An engine without
// health checks answers too.
func untilLost(interval time.Duration, check func() error) error {
	for failed := 0; ; {
		time.Sleep(interval)
		err := check()
		if err == nil || status.Code(err) == codes.Unimplemented {
			failed = 0
		} else if failed++; failed == 5 {
			return err
		}
	}
}

// Log shows a message at the resource's line and keeps it for the summary.
func Log(ctx context.Context, severity pulumirpc.LogSeverity, urn, message string) {
	send(ctx, &pulumirpc.LogRequest{Severity: severity, Urn: urn, Message: message})
}

// Status shows a passing message at the resource's line: the next one replaces it.
func Status(ctx context.Context, urn, message string) {
	send(ctx, &pulumirpc.LogRequest{Severity: pulumirpc.LogSeverity_INFO, Urn: urn, Message: message, Ephemeral: true})
}

func send(ctx context.Context, request *pulumirpc.LogRequest) {
	if engine != nil {
		_, _ = engine.Log(context.WithoutCancel(ctx), request) // a lost progress line must not fail the operation
	}
}

// Base answers what is alike in all providers; each provider embeds it.
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

// Cancel ends what is under way: the engine calls it on an interrupt.
func (b *Base) Cancel(context.Context, *emptypb.Empty) (*emptypb.Empty, error) {
	b.stop()
	return &emptypb.Empty{}, nil
}

// Cancellable returns a context that also ends with Cancel.
func (b *Base) Cancellable(ctx context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(ctx)
	unlink := context.AfterFunc(b.stopped, cancel)
	return ctx, func() { unlink(); cancel() }
}
