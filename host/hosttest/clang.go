package hosttest

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
)

// GuestC builds the plugin whose C source is in dir, a path below the
// repository's root such as "testdata/plugins/food-c", with clang and
// guest-sdk/c, and returns the module. It is built once for each state of its
// source and version of the compiler. Without a clang that can do that the test
// is skipped, or fails if CI=true.
func GuestC(t testing.TB, dir string) []byte {
	t.Helper()
	root := Root(t)
	versions := clangVersions(t)
	dir = filepath.Join(root, filepath.FromSlash(dir))
	sources := glob(t, dir, "*.c")
	if len(sources) == 0 {
		t.Fatalf("%s holds no C source", dir)
	}
	digest := sha256.New()
	fmt.Fprintf(digest, "%q\n", versions)
	inputs := append([]string{clangFlags(root)}, glob(t, dir, "*.h")...)
	inputs = append(inputs, glob(t, filepath.Join(root, "guest-sdk/c"), "*.h")...)
	for _, path := range append(inputs, sources...) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		fmt.Fprintf(digest, "%q %x\n", filepath.Base(path), sha256.Sum256(content))
	}
	path := filepath.Join(CacheDir(t, "guests-by-digest"), fmt.Sprintf("%s-%x.wasm", filepath.Base(dir), digest.Sum(nil)[:16]))
	module, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		compileC(t, root, sources, path)
		module, err = os.ReadFile(path)
	}
	if err != nil {
		t.Fatal(err)
	}
	return module
}

// clangFlags is the file of those that chhost.h gives, and of all warnings as
// errors, which clang reads itself. .ci/steps uses it too.
func clangFlags(root string) string { return filepath.Join(root, "testdata/plugins/clang.flags") }

// clangVersions is what the compiler and the linker say of themselves.
func clangVersions(t testing.TB) string {
	t.Helper()
	var versions []byte
	for _, program := range []string{"clang", "wasm-ld"} {
		version, err := exec.CommandContext(t.Context(), program, "--version").Output()
		if err != nil {
			missing(t, program, err)
		}
		versions = append(versions, version...)
	}
	empty := exec.CommandContext(t.Context(), "clang", "--target=wasm32", "-x", "c", "-c", "-o", os.DevNull, "-")
	empty.Stdin = bytes.NewReader([]byte("int none;\n"))
	if err := empty.Run(); err != nil {
		missing(t, "clang with the target wasm32", err) // Apple's clang has none
	}
	return string(versions)
}

func missing(t testing.TB, program string, err error) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed, and CI=true skips nothing: %v", program, err)
	}
	t.Skipf("%s is not installed", program)
}

func glob(t testing.TB, dir, pattern string) []string {
	t.Helper()
	paths, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil {
		t.Fatal(err)
	}
	return paths
}

// compileC writes the module as a whole or not at all: other tests may look for
// it at the same time.
func compileC(t testing.TB, root string, sources []string, output string) {
	t.Helper()
	temp, err := os.MkdirTemp(filepath.Dir(output), ".clang-")
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(temp)
	built := filepath.Join(temp, filepath.Base(output))
	args := []string{"@" + clangFlags(root), "-I", filepath.Join(root, "guest-sdk/c"), "-o", built}
	clang := exec.CommandContext(t.Context(), "clang", append(args, sources...)...)
	if text, err := clang.CombinedOutput(); err != nil {
		t.Fatalf("clang: %v\n%s", err, text)
	}
	if err := os.Rename(built, output); err != nil {
		t.Fatal(err)
	}
}
