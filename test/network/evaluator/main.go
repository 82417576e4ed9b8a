// Says which connections a set of NetworkPolicies allows, by the rules of Cyclonus, the policy conformance checker:
// written by others than the policies under test, and before them.
//
// Reads a question as JSON from standard input, writes the allowed connections as a JSON array to standard output.
package main

import (
	"encoding/json"
	"log"
	"os"

	"github.com/mattfenwick/cyclonus/pkg/matcher"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
)

type endpoint struct {
	Name string `json:"name"`
	matcher.TrafficPeer
	// PortNames are the names that the endpoint's pod gives to its ports.
	PortNames map[int]string `json:"portNames"`
}

type port struct {
	Number   int             `json:"number"`
	Protocol corev1.Protocol `json:"protocol"`
}

type question struct {
	Policies     []*networkingv1.NetworkPolicy `json:"policies"`
	Sources      []endpoint                    `json:"sources"`
	Destinations []endpoint                    `json:"destinations"`
	Ports        []port                        `json:"ports"`
}

type connection struct {
	Source      string `json:"source"`
	Destination string `json:"destination"`
	port
}

// allowed tries every source with every destination on every port. An endpoint on both sides stands for two pods alike.
func (asked question) allowed() []connection {
	policy := matcher.BuildNetworkPolicies(false, asked.Policies)
	connections := []connection{}
	for _, source := range asked.Sources {
		for _, destination := range asked.Destinations {
			for _, port := range asked.Ports {
				traffic := &matcher.Traffic{
					Source:           &source.TrafficPeer,
					Destination:      &destination.TrafficPeer,
					ResolvedPort:     port.Number,
					ResolvedPortName: destination.PortNames[port.Number],
					Protocol:         port.Protocol,
				}
				if policy.IsTrafficAllowed(traffic).IsAllowed() {
					connections = append(connections, connection{source.Name, destination.Name, port})
				}
			}
		}
	}
	return connections
}

func main() {
	var asked question
	decoder := json.NewDecoder(os.Stdin)
	// A misspelt field of a policy would otherwise be one that allows or denies nothing.
	decoder.DisallowUnknownFields()
	if err := decoder.Decode(&asked); err != nil {
		log.Fatal(err)
	}
	if err := json.NewEncoder(os.Stdout).Encode(asked.allowed()); err != nil {
		log.Fatal(err)
	}
}
