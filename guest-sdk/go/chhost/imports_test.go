package chhost_test

import (
	"os"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every package that chhost needs is in every plugin: fmt adds 0.7 MB to a
// module, encoding/json 1.4, time 0.3. The test double has no place there.
func TestImportsStaySmall(t *testing.T) {
	gotool, err := exec.LookPath("go")
	if err != nil {
		t.Fatalf("the go command lists the imports: %v", err)
	}
	for _, target := range []struct {
		os, arch  string
		forbidden []string
	}{
		{"wasip1", "wasm", []string{"fmt", "encoding/json", "reflect", "os", "time", "github.com/chhost/chhost/guest-sdk/go/internal/double"}},
		{"linux", "amd64", []string{"fmt", "encoding/json", "reflect", "os", "time"}},
	} {
		list := exec.Command(gotool, "list", "-deps", ".")
		list.Env = append(os.Environ(), "GOOS="+target.os, "GOARCH="+target.arch)
		list.Stderr = os.Stderr
		out, err := list.Output()
		if err != nil {
			t.Fatalf("go list: %v", err)
		}
		deps := strings.Fields(string(out))
		if !slices.Contains(deps, "github.com/chhost/chhost/guest-sdk/go/chhost") || !slices.Contains(deps, "runtime") {
			t.Fatalf("go list names %q: that cannot be all", deps)
		}
		for _, name := range target.forbidden {
			if slices.Contains(deps, name) {
				t.Errorf("chhost for %s/%s imports %s", target.os, target.arch, name)
			}
		}
	}
}
