package docker

import (
	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"todo-app/local/plugins/plugin"
)

type provider struct{ plugin.Base }

// New returns the provider.
func New(version string) pulumirpc.ResourceProviderServer {
	return &provider{Base: plugin.NewBase(version)}
}
