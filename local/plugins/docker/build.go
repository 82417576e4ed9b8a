package docker

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"todo-app/local/plugins/plugin"
)

// image is one build: the resource that shows its progress, what is built, and the docker command's environment and scratch folder.
type image struct {
	urn, name       string
	build, registry object
	env             []string
	scratch         string
}

// make builds the image, and pushes it if asked to. It returns the reference by digest, or the local id of an image that is not
// pushed.
func (i *image) make(ctx context.Context, push bool) (string, error) {
	plugin.Status(ctx, i.urn, "Starting Docker build")
	idFile := filepath.Join(i.scratch, "id")
	if output, err := i.docker(ctx, append(i.buildArgs(), "--iidfile", idFile, text(i.build, "context"))...); err != nil {
		return "", explain(fmt.Sprintf("error building image %s", i.name), failedStep(output), err)
	}
	if !push {
		id, err := os.ReadFile(idFile)
		return string(id), err
	}
	plugin.Status(ctx, i.urn, "Pushing Image to the registry")
	output, err := i.docker(ctx, "push", i.name)
	if err != nil {
		return "", explain(fmt.Sprintf("registry %s refused the push of %s", registryOf(i.name), i.name), last(output, 3), err)
	}
	digest := regexp.MustCompile(`digest: (sha256:[0-9a-f]{64})`).FindStringSubmatch(strings.Join(output, "\n"))
	if digest == nil {
		return "", fmt.Errorf("docker push %s reported no digest:\n%s", i.name, last(output, 3))
	}
	repository := i.name
	if tag := strings.LastIndex(repository, ":"); tag > strings.LastIndex(repository, "/") {
		repository = repository[:tag]
	}
	return repository + "@" + digest[1], nil
}

func (i *image) buildArgs() []string {
	args := []string{"build", "--progress=plain", "--tag", i.name, "--platform", text(i.build, "platform")}
	for name, value := range child(i.build, "args") {
		args = append(args, "--build-arg", fmt.Sprintf("%s=%v", name, value))
	}
	if target := text(i.build, "target"); target != "" {
		args = append(args, "--target", target)
	}
	images, _ := child(i.build, "cacheFrom")["images"].([]any)
	for _, image := range images {
		args = append(args, "--cache-from", fmt.Sprint(image))
	}
	return args
}

// docker runs the docker command, shows each line of its output at the resource's line, and returns all lines.
func (i *image) docker(ctx context.Context, args ...string) ([]string, error) {
	cmd := exec.CommandContext(ctx, "docker", args...)
	cmd.Env = append(os.Environ(), i.env...)
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = 5 * time.Second
	pipe, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	cmd.Stderr = cmd.Stdout
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	var lines []string
	scanner := bufio.NewScanner(pipe)
	scanner.Buffer(nil, 1<<20)
	for scanner.Scan() {
		if line := strings.TrimSpace(scanner.Text()); line != "" {
			lines = append(lines, line)
			plugin.Status(ctx, i.urn, line)
		}
	}
	return lines, cmd.Wait()
}

func last(lines []string, count int) string {
	return strings.Join(lines[max(0, len(lines)-count):], "\n")
}

// failedStep returns the last lines of the step at which a build failed, and the last line of the builder.
func failedStep(lines []string) string {
	failed := slices.IndexFunc(lines, func(line string) bool { return strings.HasPrefix(line, "#") && strings.Contains(line, " ERROR: ") })
	if failed < 0 {
		return last(lines, 15)
	}
	number, _, _ := strings.Cut(lines[failed], " ")
	step := slices.DeleteFunc(slices.Clone(lines), func(line string) bool { return !strings.HasPrefix(line, number+" ") })
	return last(step, 15) + "\n" + last(lines, 1)
}

var fixes = []struct{ pattern, problem, fix string }{
	{`(?i)cannot connect to the Docker daemon|error during connect`, "Docker is not running",
		"start Docker (`make up` does it on a machine without one; elsewhere for instance `systemctl start docker`)"},
	{`buildx component is missing`, "", "install Docker's buildx plugin (Debian and Ubuntu: docker-buildx or docker-buildx-plugin)"},
	{`no space left on device`, "the disk is full", "free some space, for instance with `docker system prune`"},
	{`unauthorized|denied|no basic auth|authentication required`, "",
		"log in with `docker login`, or give the image's `registry` credentials that may push"},
	{`server gave HTTP response to HTTPS client`, "", "add the registry to `insecure-registries` of the Docker daemon, or give it TLS"},
	{`connection refused|no such host|i/o timeout`, "", "check that the registry runs and that its name in the image name is right"},
	{`executable file not found`, "", "install Docker (`make up` does it on a machine without one)"},
}

// explain returns the error for a docker command that failed, with the way to fix it where that is known.
func explain(what, output string, err error) error {
	if output == "" {
		output = err.Error()
	}
	for _, f := range fixes {
		if regexp.MustCompile(f.pattern).MatchString(output) {
			if f.problem != "" {
				what += ": " + f.problem
			}
			return fmt.Errorf("%s\n%s\n  fix: %s; then run the same command again", what, output, f.fix)
		}
	}
	return fmt.Errorf("%s\n%s", what, output)
}
