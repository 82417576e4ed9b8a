// Stand-ins for provider plugins of Pulumi, for machines that can reach package registries only. They know what the stack uses
// and refuse everything else. The engine finds a plugin by the name pulumi-resource-<package> on PATH, so this program
// has one name for each plugin. Docker calls it by a third name, as a credential helper.
package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	pulumirpc "github.com/pulumi/pulumi/sdk/v3/proto/go"

	"todo-app/local/plugins/docker"
	"todo-app/local/plugins/plugin"
	"todo-app/local/plugins/random"
)

// The versions are those of the SDK packages in package.json. The engine warns on every run about a plugin older than its SDK.
var providers = map[string]pulumirpc.ResourceProviderServer{"docker": docker.New("v5.2.0"), "random": random.New("4.21.2")}

func main() {
	if strings.HasPrefix(filepath.Base(os.Args[0]), "docker-credential-") {
		exitOn(docker.Credentials(os.Stdin, os.Stdout))
		return
	}
	name := strings.TrimPrefix(filepath.Base(os.Args[0]), "pulumi-resource-")
	provider, known := providers[name]
	if !known {
		exitOn(fmt.Errorf("unknown provider %q: call this program as pulumi-resource-{docker,random}", name))
	}
	exitOn(plugin.Serve(provider))
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
