package chhost_test

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// TestSecurityNamesWhatIsThere holds SECURITY.md to the tests that it names as
// evidence: each is there, in the room that is named with it.
func TestSecurityNamesWhatIsThere(t *testing.T) {
	text, err := os.ReadFile("SECURITY.md")
	if err != nil {
		t.Fatal(err)
	}
	var tests strings.Builder
	for _, p := range tree(t) {
		files, err := filepath.Glob(filepath.Join(p.dir, "*_test.go"))
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range files {
			source, err := os.ReadFile(f)
			if err != nil {
				t.Fatal(err)
			}
			tests.Write(source)
		}
	}
	names := 0
	for _, m := range regexp.MustCompile("`((?:Test|Fuzz)[A-Z][A-Za-z0-9_]*)`").FindAllStringSubmatch(string(text), -1) {
		names++
		if !strings.Contains(tests.String(), "func "+m[1]+"(") {
			t.Errorf("SECURITY.md names %s, which is no test", m[1])
		}
	}
	for _, m := range regexp.MustCompile("`(host(?:/[a-z]+)*)`(?: \\(([^)]*)\\))?").FindAllStringSubmatch(string(text), -1) {
		names++
		if _, err := os.Stat(m[1]); err != nil {
			t.Errorf("SECURITY.md names %s: %v", m[1], err)
		}
		for _, f := range regexp.MustCompile("`([a-z_]+_test\\.go)`").FindAllStringSubmatch(m[2], -1) {
			if _, err := os.Stat(filepath.Join(m[1], f[1])); err != nil {
				t.Errorf("SECURITY.md names %s in %s: %v", f[1], m[1], err)
			}
		}
	}
	if names < 15 {
		t.Errorf("%d names were found in SECURITY.md: the pattern no longer fits it", names)
	}
}
