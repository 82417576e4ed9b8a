// The metrics of certificates, by cert-manager's own code, from the objects of the cluster. cert-manager's command sets them up, and the
// local cluster runs its controllers without that command. The argument is the address of an API server that asks for no credentials.
package main

import (
	"context"
	"fmt"
	"net"
	"os"

	client "github.com/cert-manager/cert-manager/pkg/client/clientset/versioned"
	"github.com/cert-manager/cert-manager/pkg/client/informers/externalversions"
	"github.com/cert-manager/cert-manager/pkg/metrics"
	"github.com/go-logr/logr"
	"k8s.io/client-go/rest"
	"k8s.io/utils/clock"
)

func run(api string) error {
	clients, err := client.NewForConfig(&rest.Config{Host: api})
	if err != nil {
		return err
	}
	informers := externalversions.NewSharedInformerFactory(clients, 0)
	served := metrics.New(logr.Discard(), clock.RealClock{})
	served.SetupCertificateCollector(informers.Certmanager().V1().Certificates().Lister())
	ctx := context.Background()
	informers.Start(ctx.Done())
	informers.WaitForCacheSync(ctx.Done())
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	fmt.Println("Starting to serve on", listener.Addr())
	return served.NewServer(listener).Serve(listener)
}

func main() {
	if err := run(os.Args[1]); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
