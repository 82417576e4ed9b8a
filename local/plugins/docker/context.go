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

// hashContext digests what a build can see of its source: relative paths, contents, link targets and the executable bit. Times,
// owners, the rest of the mode and the folder's own place are left out, as they differ between checkouts of the same source.
func hashContext(dir, dockerfile string) (string, error) {
	ignored, err := ignorePatterns(dir, dockerfile)
	if err != nil {
		return "", err
	}
	sum := sha256.New()
	if err := hashFile(sum, "Dockerfile", dockerfile, 0); err != nil {
		return "", err
	}
	err = filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		name, err := filepath.Rel(dir, path)
		if err != nil {
			return err
		}
		skip, err := ignored.MatchesOrParentMatches(name)
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if skip && !ignored.Exclusions() {
				return filepath.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if skip || err != nil {
			return err
		}
		return hashFile(sum, filepath.ToSlash(name), path, info.Mode())
	})
	return hex.EncodeToString(sum.Sum(nil)), err
}

func hashFile(sum io.Writer, name, path string, mode fs.FileMode) error {
	content := sha256.New()
	switch {
	case mode.Type() == fs.ModeSymlink:
		target, err := os.Readlink(path)
		if err != nil {
			return err
		}
		io.WriteString(content, target)
	case mode.IsRegular():
		file, err := os.Open(path)
		if err != nil {
			return err
		}
		defer file.Close()
		if _, err := io.Copy(content, file); err != nil {
			return err
		}
	}
	_, err := fmt.Fprintf(sum, "%q %v %t %x\n", name, mode.Type(), mode&0o100 != 0, content.Sum(nil))
	return err
}

// ignorePatterns reads the ignore file that Docker would use: the Dockerfile's own before the context's.
func ignorePatterns(dir, dockerfile string) (*patternmatcher.PatternMatcher, error) {
	for _, path := range []string{dockerfile + ".dockerignore", filepath.Join(dir, ".dockerignore")} {
		file, err := os.Open(path)
		if errors.Is(err, fs.ErrNotExist) {
			continue
		} else if err != nil {
			return nil, err
		}
		defer file.Close()
		patterns, err := ignorefile.ReadAll(file)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", path, err)
		}
		return patternmatcher.New(patterns)
	}
	return patternmatcher.New(nil)
}
