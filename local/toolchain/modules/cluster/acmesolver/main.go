// Answers one HTTP-01 challenge, as told by the arguments that cert-manager gives its solver pods.
package main

import (
	"flag"
	"log/slog"
	"os"

	"github.com/cert-manager/cert-manager/pkg/issuer/acme/http/solver"
	"github.com/go-logr/logr"
)

func main() {
	challenge := &solver.HTTP01Solver{}
	flag.IntVar(&challenge.ListenPort, "listen-port", 8089, "port to answer on")
	flag.StringVar(&challenge.Domain, "domain", "", "host name that is validated")
	flag.StringVar(&challenge.Token, "token", "", "last element of the path that is answered")
	flag.StringVar(&challenge.Key, "key", "", "what is answered")
	flag.Parse()
	if err := challenge.Listen(logr.FromSlogHandler(slog.NewTextHandler(os.Stdout, nil))); err != nil {
		println(err.Error())
		os.Exit(1)
	}
}
