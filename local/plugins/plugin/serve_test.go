package plugin

import (
	"errors"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// A plugin that leaves while the engine lives fails the whole deploy, so one missed answer is no reason to go.
func TestEngineIsLostOnlyAfterFiveFailuresInARow(t *testing.T) {
	gone := errors.New("gone")
	answers := []error{gone, nil, gone, gone, gone, gone, status.Error(codes.Unimplemented, ""), gone, gone, gone, gone, gone}
	asked := 0
	err := untilLost(0, func() error {
		asked++
		return answers[asked-1]
	})
	if err != gone || asked != len(answers) {
		t.Fatalf("lost after %d of %d answers: %v", asked, len(answers), err)
	}
}
