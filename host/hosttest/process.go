package hosttest

import (
	"bufio"
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"
)

// Process is a server that is a process of its own, for benchmarks of whole
// servers. It ends with the test, however that comes about.
type Process struct {
	// Address is where it listens, such as "127.0.0.1:40123".
	Address string
	// PID is the server's.
	PID string
}

// processPatience is how long a server may take until it listens.
const processPatience = time.Minute

// guard runs its arguments as a command that does not look at its standard input,
// until that ends or the command does. Standard input ends when the parent has
// died, too.
const guard = `exec 3<&0; "$@" & p=$!; echo "pid $p"; { cat; kill $p; } <&3 >/dev/null 2>&1 & wait $p`

// ServeLoadC starts `chhost serve` with testdata/plugins/load-c on the topics
// rooms:*: the host as it is shipped, its logic in a guest.
func ServeLoadC(t testing.TB) *Process {
	t.Helper()
	module := filepath.Join(t.TempDir(), "load-c.wasm")
	if err := os.WriteFile(module, GuestC(t, "testdata/plugins/load-c"), 0o600); err != nil {
		t.Fatal(err)
	}
	return StartProcess(t, exec.Command("sh", "-c", guard, "guard",
		Command(t), "serve", "--addr", "127.0.0.1:0", "--cache", CacheDir(t, "compiled"), "--route", "rooms:*="+module))
}

// Command is the path of the command that CHHOST_BIN names, or of one that is
// built as the source is now; Go's own cache knows whether it has changed.
func Command(t testing.TB) string {
	t.Helper()
	if path := os.Getenv("CHHOST_BIN"); path != "" {
		return path
	}
	path := filepath.Join(CacheDir(t, "bench"), "chhost")
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	build := exec.Command("go", "build", "-buildvcs=false", "-o", path, "./cmd/chhost")
	build.Dir = Root(t)
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return path
}

// StartProcess starts a server that prints "pid N" and "listening on http://ADDRESS",
// each as a line, and ends when its standard input does. The test fails if it does
// not end well.
func StartProcess(t testing.TB, cmd *exec.Cmd) *Process {
	t.Helper()
	var complaints bytes.Buffer
	cmd.Stderr = &complaints
	stdin, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(stdout)
	t.Cleanup(func() {
		_ = stdin.Close() // ends it
		for lines.Scan() {
		}
		if err := cmd.Wait(); err != nil || t.Failed() {
			t.Errorf("the server %s: %v\n%s", cmd.Args, err, complaints.Bytes())
		}
	})
	late := time.AfterFunc(processPatience, func() { _ = stdin.Close() })
	defer late.Stop()
	p := new(Process)
	for p.Address == "" || p.PID == "" {
		if !lines.Scan() {
			t.Fatalf("the server %s ended before it listened", cmd.Args)
		}
		if address, ok := strings.CutPrefix(lines.Text(), "listening on http://"); ok {
			p.Address = strings.Replace(address, "localhost", "127.0.0.1", 1)
		} else if pid, ok := strings.CutPrefix(lines.Text(), "pid "); ok {
			p.PID = pid
		}
	}
	return p
}
