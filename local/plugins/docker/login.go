package docker

import (
	"encoding/json"
	"errors"
	"io"
	"maps"
	"os"
	"path/filepath"
	"strings"
)

// helperName is the name of the credential helper that this program is for the docker command it starts.
const helperName = "pulumi-image"

// login gives the docker command the credentials of the image's registry through a credential helper, which reads them from its
// environment. They are never on disk, not even when this process is killed, and the user's own docker configuration is not
// changed. Without credentials the user's own login counts.
func (i *image) login() error {
	user, password := text(i.registry, "username"), text(i.registry, "password")
	if user == "" || password == "" {
		return nil
	}
	server := text(i.registry, "server")
	if server == "docker.io" {
		server = "https://index.docker.io/v1/" // what the docker command asks a helper for
	}
	i.env = append(i.env, "DOCKER_CONFIG="+i.scratch, "PATH="+i.scratch+":"+os.Getenv("PATH"),
		"PULUMI_IMAGE_SERVER="+server, "PULUMI_IMAGE_USERNAME="+user, "PULUMI_IMAGE_PASSWORD="+password)
	return configure(i.scratch, server)
}

// configure makes dir a docker configuration: the user's own one with the helper for one server.
func configure(dir, server string) error {
	own := os.Getenv("DOCKER_CONFIG")
	if own == "" {
		home, _ := os.UserHomeDir()
		own = filepath.Join(home, ".docker")
	}
	config := object{}
	entries, _ := os.ReadDir(own) // without a folder there is no configuration
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
	helpers := object{}
	maps.Copy(helpers, child(config, "credHelpers"))
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

// Credentials answers the docker command as its credential helper.
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
