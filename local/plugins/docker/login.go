package docker

import (
	"encoding/json"
	"errors"
	"io"
	"os"
	"path/filepath"
	"strings"
)

// helperName is the credential helper that this program plays for the docker command it starts.
const helperName = "pulumi-image"

// prepare sets up the docker command's environment and scratch folder; the returned function removes the folder. Credentials of
// the image's registry reach docker through a credential helper that reads them from its environment: they are never on disk,
// not even when this process is killed, and the user's own docker configuration stays as it is.
func (i *image) prepare(host string) (func(), error) {
	// A build must end in the daemon's image store, as one plain manifest: no other builder, no attestations.
	i.env = append(i.env, "BUILDX_BUILDER=default", "BUILDX_NO_DEFAULT_ATTESTATIONS=1")
	if host != "" {
		i.env = append(i.env, "DOCKER_HOST="+host)
	}
	scratch, err := os.MkdirTemp("", "docker-image-")
	if err != nil {
		return nil, err
	}
	i.scratch = scratch
	leave := func() { os.RemoveAll(scratch) }
	user, password := text(i.registry, "username"), text(i.registry, "password")
	if user == "" || password == "" {
		return leave, nil
	}
	server := text(i.registry, "server")
	if server == "" {
		server = registryOf(i.name)
	}
	server = strings.TrimSuffix(strings.TrimPrefix(strings.TrimPrefix(server, "https://"), "http://"), "/")
	if server == "docker.io" || strings.HasPrefix(server, "index.docker.io") {
		server = "https://index.docker.io/v1/"
	}
	if err := configure(scratch, server); err != nil {
		leave()
		return nil, err
	}
	i.env = append(i.env, "DOCKER_CONFIG="+scratch, "PATH="+scratch+":"+os.Getenv("PATH"),
		"PULUMI_IMAGE_SERVER="+server, "PULUMI_IMAGE_USERNAME="+user, "PULUMI_IMAGE_PASSWORD="+password)
	return leave, nil
}

// configure makes dir a docker configuration: the user's own, plus the helper for one server.
func configure(dir, server string) error {
	own := os.Getenv("DOCKER_CONFIG")
	if own == "" {
		home, _ := os.UserHomeDir()
		own = filepath.Join(home, ".docker")
	}
	config := object{}
	entries, _ := os.ReadDir(own) // no folder, no configuration
	for _, entry := range entries {
		path := filepath.Join(own, entry.Name())
		if entry.Name() != "config.json" {
			if err := os.Symlink(path, filepath.Join(dir, entry.Name())); err != nil {
				return err
			}
		} else if content, err := os.ReadFile(path); err != nil {
			return err
		} else if err := json.Unmarshal(content, &config); err != nil {
			return err
		}
	}
	helpers := child(config, "credHelpers")
	if helpers == nil {
		helpers = object{}
	}
	helpers[server] = helperName
	config["credHelpers"] = helpers
	content, err := json.Marshal(config)
	if err != nil {
		return err
	}
	program, err := os.Executable()
	if err != nil {
		return err
	}
	return errors.Join(os.Symlink(program, filepath.Join(dir, "docker-credential-"+helperName)),
		os.WriteFile(filepath.Join(dir, "config.json"), content, 0o600))
}

// Credentials answers docker as its credential helper.
func Credentials(in io.Reader, out io.Writer) error {
	asked, err := io.ReadAll(in)
	if err != nil {
		return err
	}
	if server := strings.TrimSpace(string(asked)); server != os.Getenv("PULUMI_IMAGE_SERVER") {
		return errors.New("credentials not found in native keychain") // the sentence docker expects
	}
	return json.NewEncoder(out).Encode(map[string]string{"ServerURL": os.Getenv("PULUMI_IMAGE_SERVER"),
		"Username": os.Getenv("PULUMI_IMAGE_USERNAME"), "Secret": os.Getenv("PULUMI_IMAGE_PASSWORD")})
}
