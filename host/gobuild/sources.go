package gobuild

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
)

// Sources are the places that a build reads and that somebody may edit: what
// belongs to the plugin's own module and to modules that a directory replaces.
// Paths are absolute. The toolchain and downloaded modules are left out.
type Sources struct {
	// Packages are the directories of the packages. One that is imported but
	// does not exist yet is among them.
	Packages []string
	// Modules are the directories of the modules, where go.mod and go.sum lie.
	Modules []string
	// Embedded is what //go:embed names.
	Embedded []Embedded
}

// Embedded is a pattern of a //go:embed line. What lies below a directory that
// matches is embedded too.
type Embedded struct {
	// Dir is the directory of the package.
	Dir string
	// Pattern is relative to Dir, for [path/filepath.Match].
	Pattern string
}

// FindSources lists what a build of the plugin in dir reads, also if it does
// not build. It fails if the go command cannot read the go.mod files; the error
// is one of those of [Build].
func FindSources(ctx context.Context, dir string) (Sources, error) {
	t, err := newToolchain(dir)
	if err != nil {
		return Sources{}, err
	}
	root, err := filepath.Abs(t.dir)
	if err != nil {
		return Sources{}, fmt.Errorf("gobuild: %w", err)
	}
	out, err := t.run(ctx, nil, "list", "-e", "-deps", "-buildvcs=false",
		"-json=ImportPath,Dir,Standard,Module,EmbedPatterns", ".")
	if err != nil {
		return Sources{}, err
	}
	var packages []listed
	for decoder := json.NewDecoder(bytes.NewReader(out)); ; {
		var p listed
		if err := decoder.Decode(&p); errors.Is(err, io.EOF) {
			return sources(root, packages), nil
		} else if err != nil {
			return Sources{}, fmt.Errorf("gobuild: go list -json: %w", err)
		}
		packages = append(packages, p)
	}
}

// listed is what go list says of a package.
type listed struct {
	ImportPath    string
	Dir           string
	Standard      bool
	Module        *module
	EmbedPatterns []string
}

type module struct {
	Path    string
	Dir     string
	Main    bool
	Replace *struct{ Version string }
}

// local reports whether the module is a directory that somebody may edit.
func (m *module) local() bool {
	return m != nil && m.Dir != "" && (m.Main || m.Replace != nil && m.Replace.Version == "")
}

func sources(root string, packages []listed) Sources {
	s := Sources{Packages: []string{root}, Modules: []string{root}}
	modules := make(map[string]string) // path: directory
	for _, p := range packages {
		// A vendored package belongs to no module of ours, but lies in ours.
		within := strings.HasPrefix(p.Dir, root+string(filepath.Separator))
		if p.Standard || p.Dir == "" || !within && !p.Module.local() {
			continue
		}
		s.Packages = append(s.Packages, p.Dir)
		for _, pattern := range p.EmbedPatterns {
			pattern = filepath.FromSlash(strings.TrimPrefix(pattern, "all:"))
			s.Embedded = append(s.Embedded, Embedded{Dir: p.Dir, Pattern: pattern})
		}
		if p.Module.local() {
			s.Modules = append(s.Modules, p.Module.Dir)
			modules[p.Module.Path] = p.Module.Dir
		}
	}
	for _, p := range packages {
		if p.Dir != "" {
			continue // it exists
		}
		for path, dir := range modules {
			if rest, ok := strings.CutPrefix(p.ImportPath, path+"/"); ok {
				s.Packages = append(s.Packages, filepath.Join(dir, filepath.FromSlash(rest)))
			}
		}
	}
	for _, list := range []*[]string{&s.Packages, &s.Modules} {
		slices.Sort(*list)
		*list = slices.Compact(*list)
	}
	return s
}
