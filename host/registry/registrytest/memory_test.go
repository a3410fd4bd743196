package registrytest_test

import (
	"os"
	"path/filepath"
	"testing"

	"go.uber.org/goleak"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/registry/registrytest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) {
	registrytest.TestStore(t, registrytest.Kind{
		Entries: 50,
		Open:    func(testing.TB) registry.Store { return registry.NewMemory(registry.Config{Entries: 50}) },
	})
}

func TestDisk(t *testing.T) {
	dirs := map[registry.Store]string{}
	open := func(t testing.TB, dir string) registry.Store {
		s, err := registry.Open(dir, registry.Config{Entries: 50})
		if err != nil {
			t.Fatal(err)
		}
		dirs[s] = dir
		return s
	}
	registrytest.TestStore(t, registrytest.Kind{
		Entries: 50,
		Open:    func(t testing.TB) registry.Store { return open(t, t.TempDir()) },
		Reopen: func(t testing.TB, s registry.Store) registry.Store {
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			return open(t, dirs[s])
		},
		Damage: func(t testing.TB, s registry.Store, d registry.Digest) {
			path := filepath.Join(dirs[s], "modules", d.String()+".wasm")
			module, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			module[len(module)/2] ^= 1
			if err := os.WriteFile(path, module, 0o600); err != nil {
				t.Fatal(err)
			}
		},
	})
}
