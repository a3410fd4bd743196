// Package scaffold makes the first files of a plugin: a channel that works, its
// tests, and a page.
package scaffold

import (
	"bytes"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"text/template"
)

// templates holds a directory for each language. The suffix .tmpl says that a
// file is a template; it is dropped, and "gitignore" gets its dot.
//
//go:embed templates
var templates embed.FS

// Config says what to make.
type Config struct {
	// Name is the directory's name, the module's, and the start of the topics.
	Name string
	// Lang is the language. Default "go".
	Lang string
	// SDK is the directory of the SDK, or of a checkout of chhost. Default: that
	// of a checkout in or beside which Dir is.
	SDK string
	// Dir is the directory to make the plugin's in. Default: the current one.
	Dir string
}

// Made says what was made.
type Made struct {
	// Files are the plugin's, as slash-separated paths from its directory.
	Files []string
	// SDK is the directory of the SDK as go.mod names it.
	SDK string
}

var (
	// ErrName is returned when a name cannot be one.
	ErrName = errors.New("not a name for a plugin")
	// ErrLang is returned when there are no templates for a language.
	ErrLang = errors.New("no templates for this language")
	// ErrExists is returned when there is something already.
	ErrExists = errors.New("exists already")
)

// Make makes the directory with its files. It exists as a whole or not at all:
// after an error nothing is left. The error is [ErrName], [ErrLang], [ErrExists],
// one that says what to do about the SDK, or that of a file.
func Make(cfg Config) (*Made, error) {
	if cfg.Lang == "" {
		cfg.Lang = "go"
	}
	if err := checkName(cfg.Name); err != nil {
		return nil, err
	}
	if !slices.Contains(Languages(), cfg.Lang) {
		return nil, fmt.Errorf("%q: %w: there are some for %s", cfg.Lang, ErrLang, strings.Join(Languages(), ", "))
	}
	files, err := fs.Sub(templates, path.Join("templates", cfg.Lang))
	if err != nil {
		return nil, err
	}
	dir, err := physical(cfg.Dir)
	if err != nil {
		return nil, err
	}
	target := filepath.Join(dir, cfg.Name)
	if _, err := os.Lstat(target); err == nil {
		return nil, fmt.Errorf("%s %w: choose another name, nothing is overwritten", filepath.Join(cfg.Dir, cfg.Name), ErrExists)
	}
	sdk, err := findSDK(cfg.SDK, dir)
	if err != nil {
		return nil, err
	}
	made := &Made{SDK: sdk}
	data := map[string]string{"Name": cfg.Name, "Replace": quoteForModule(sdk)}
	err = whole(target, func(dir string) error {
		made.Files, err = render(files, data, dir)
		return err
	})
	if err != nil {
		return nil, fmt.Errorf("%s cannot be made: %w", filepath.Join(cfg.Dir, cfg.Name), err)
	}
	return made, nil
}

// Languages are those that there are templates for.
func Languages() []string {
	entries, err := templates.ReadDir("templates")
	if err != nil {
		panic("BUG: scaffold: " + err.Error()) // it is embedded
	}
	var names []string
	for _, e := range entries {
		names = append(names, e.Name())
	}
	return names
}

// physical is a directory's absolute path without symbolic links: the go command
// resolves a relative replace by the physical one.
func physical(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	return filepath.EvalSymlinks(abs)
}

// whole lets fill make a directory's contents under another name, and gives it
// its name only then.
func whole(target string, fill func(dir string) error) error {
	temp, err := os.MkdirTemp(filepath.Dir(target), ".chhost-new-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(temp)
	dir := filepath.Join(temp, filepath.Base(target)) // not temp itself, which is for its owner's eyes only
	if err := os.Mkdir(dir, 0o777); err != nil {
		return err
	}
	if err := fill(dir); err != nil {
		return err
	}
	return os.Rename(dir, target)
}

// render writes the templates below dir and lists what it wrote.
func render(files fs.FS, data map[string]string, dir string) ([]string, error) {
	var written []string
	err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		plain, isTemplate := strings.CutSuffix(name, ".tmpl")
		if isTemplate {
			if content, err = execute(name, content, data); err != nil {
				return err
			}
		}
		if plain == "gitignore" { // one with a dot would hold for this repository
			plain = ".gitignore"
		}
		out := filepath.Join(dir, filepath.FromSlash(plain))
		if err := os.MkdirAll(filepath.Dir(out), 0o777); err != nil {
			return err
		}
		written = append(written, plain)
		return os.WriteFile(out, content, 0o666)
	})
	return written, err
}

func execute(name string, content []byte, data map[string]string) ([]byte, error) {
	t, err := template.New(name).Option("missingkey=error").Parse(string(content))
	if err != nil {
		return nil, err
	}
	var out bytes.Buffer
	err = t.Execute(&out, data)
	return out.Bytes(), err
}

// plainPath is a path that go.mod takes without quotes.
var plainPath = regexp.MustCompile(`^[A-Za-z0-9_.:~+@/-]+$`)

// quoteForModule writes a path as go.mod wants it.
func quoteForModule(path string) string {
	if plainPath.MatchString(path) {
		return path
	}
	return strconv.Quote(path)
}
