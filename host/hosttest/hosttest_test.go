package hosttest

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/chhost/chhost/host"
)

// TestOutsideTheRepository: whoever writes an adapter of their own starts hosts on
// it in a module of their own, where there is no house_test.go to be found.
func TestOutsideTheRepository(t *testing.T) {
	module, err := os.ReadFile(filepath.Join(Root(t), "testdata/guests/served/echo.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	c := StartCluster(t, 2, host.Config{Routes: []host.Route{{Pattern: "echo:*", Plugin: &host.Plugin{Name: "echo", Module: module}}}})
	if c.Node(1).URL == c.Node(2).URL {
		t.Error("one node has the address of the other")
	}
	Plugin(t, "echo", module)
}
