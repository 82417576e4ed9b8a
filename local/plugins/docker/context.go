package docker

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"

	"github.com/moby/patternmatcher"
	"github.com/moby/patternmatcher/ignorefile"
)

// hashContext returns a digest of what a build can see of its source: relative paths, contents, link targets and the executable
// bit. It leaves out times, owners, the other mode bits and the path of the folder, which differ between checkouts.
func hashContext(dir string) (string, error) {
	ignored, err := ignorePatterns(dir)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if err := hashFile(sum, "Dockerfile", filepath.Join(dir, "Dockerfile"), 0); err != nil { // also where it is ignored
		return "", err
	}
	err = fs.WalkDir(os.DirFS(dir), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || name == "." {
			return err
		}
		skip, err := ignored.MatchesOrParentMatches(name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skip && !ignored.Exclusions() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if skip || err != nil {
			return err
		}
		return hashFile(sum, name, filepath.Join(dir, name), info.Mode())
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func hashFile(sum io.Writer, name, path string, mode fs.FileMode) error {
	var content []byte
	var err error
	if mode.Type() == fs.ModeSymlink {
		var target string
		target, err = os.Readlink(path)
		content = []byte(target)
	} else if mode.IsRegular() {
		content, err = os.ReadFile(path)
	}
	if err != nil {
		return err
	}
	_, err = fmt.Fprintf(sum, "%q %v %t %x\n", name, mode.Type(), mode&0o100 != 0, sha256.Sum256(content))
	return err
}

// ignorePatterns reads the ignore file that Docker would use: one for the Dockerfile comes before one for the folder.
func ignorePatterns(dir string) (*patternmatcher.PatternMatcher, error) {
	for _, name := range []string{"Dockerfile.dockerignore", ".dockerignore"} {
		file, err := os.Open(filepath.Join(dir, name))
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		defer file.Close()
		patterns, err := ignorefile.ReadAll(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", file.Name(), err)
		}
		return patternmatcher.New(patterns)
	}
	return patternmatcher.New(nil)
}
