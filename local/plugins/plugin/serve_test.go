package plugin

import (
	"io"
	"os"
	"os/exec"
	"testing"
	"time"
)

func TestMain(m *testing.M) {
	if os.Getenv("AS_PLUGIN") != "" {
		exitWithEngine()
	}
	os.Exit(m.Run())
}

// The shell takes the engine's place. It ends after a second, and the plugin then has five to close its output.
func TestPluginEndsWithItsEngine(t *testing.T) {
	shell := exec.Command("sh", "-c", `"$0" & sleep 1`, os.Args[0])
	shell.Env = append(os.Environ(), "AS_PLUGIN=1")
	shell.Stdout, shell.WaitDelay = io.Discard, 5*time.Second
	if err := shell.Run(); err != nil {
		t.Fatal(err)
	}
}
