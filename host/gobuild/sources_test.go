package gobuild_test

import (
	"errors"
	"io/fs"
	"path/filepath"
	"slices"
	"testing"

	"github.com/chhost/chhost/host/gobuild"
)

// TestFindSources: the packages in use, of the plugin's module and of those that
// a directory replaces, what they embed, and what they miss; nothing else.
func TestFindSources(t *testing.T) {
	root := write(t, t.TempDir(), map[string]string{
		"plugin/go.mod": "module food\n\ngo 1.24\n\nrequire example.com/sdk v0.0.0\n\n" +
			"replace example.com/sdk => ../sdk\n",
		"plugin/main.go": "package main\n\nimport (\n\t_ \"embed\"\n\t\"strings\"\n\n\t\"example.com/sdk\"\n\t\"example.com/sdk/absent\"\n" +
			"\t\"food/words\"\n\t\"food/words/later\"\n)\n\n//go:embed list.txt\nvar list string\n\n" +
			"func main() { strings.ToUpper(list); sdk.F(); absent.F(); words.F(); later.F() }\n",
		"plugin/words/words.go": "package words\n\nimport \"embed\"\n\n//go:embed all:data/*.txt\nvar Data embed.FS\n\nfunc F() {}\n",
		"plugin/tools/gen.go":   "package main\n\nfunc main() {}\n",
		"sdk/go.mod":            "module example.com/sdk\n\ngo 1.24\n",
		"sdk/sdk.go":            "package sdk\n\nfunc F() {}\n",
		"sdk/other/other.go":    "package other\n",
	})
	s, err := gobuild.FindSources(testContext(t), filepath.Join(root, "plugin"))
	if err != nil {
		t.Fatal(err)
	}
	var embedded []string
	for _, e := range s.Embedded {
		embedded = append(embedded, filepath.Join(e.Dir, e.Pattern))
	}
	for _, c := range []struct {
		what string
		got  []string
		want []string
	}{
		{"packages", s.Packages, []string{"plugin", "plugin/words", "plugin/words/later", "sdk", "sdk/absent"}},
		{"modules", s.Modules, []string{"plugin", "sdk"}},
		{"embedded", embedded, []string{"plugin/words/data/*.txt", "plugin/list.txt"}},
	} {
		var got []string
		for _, path := range c.got {
			name, err := filepath.Rel(root, path)
			if err != nil {
				t.Fatal(err)
			}
			got = append(got, filepath.ToSlash(name))
		}
		if !slices.Equal(got, c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
}

// TestFindSourcesOfBrokenCode: what does not compile is edited most.
func TestFindSourcesOfBrokenCode(t *testing.T) {
	dir := plugin(t)
	write(t, dir, map[string]string{"second.go": "package main\n\nfunc (\n"})
	s, err := gobuild.FindSources(testContext(t), dir)
	if err != nil {
		t.Fatal(err)
	}
	if sdk := filepath.Join(filepath.Dir(dir), "sdk"); !slices.Contains(s.Packages, sdk) || !slices.Contains(s.Packages, dir) {
		t.Errorf("packages: %v, want %s and %s among them", s.Packages, dir, sdk)
	}
	write(t, dir, map[string]string{"go.mod": "modul food\n"})
	var refused *gobuild.BuildError
	if _, err := gobuild.FindSources(testContext(t), dir); !errors.As(err, &refused) {
		t.Errorf("with a broken go.mod: %v, want what the toolchain says", err)
	}
	if _, err := gobuild.FindSources(testContext(t), filepath.Join(dir, "absent")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("of a missing directory: %v", err)
	}
}
