package meter_test

import (
	"crypto/sha256"
	"encoding/hex"
	"os"
	"testing"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

// TestVersion: what is made of a module may change only with the version, under which
// hosts keep it. Each line has the first bytes of the digests of a module and of what is
// made of it.
func TestVersion(t *testing.T) {
	const version = 1
	if meter.Version != version {
		t.Errorf("the version is %d: put the new digests here, and the version", meter.Version)
	}
	options := meter.Options{Module: module.Options{Tables: 2}, Entries: []string{"run", "ch_handle_in", "ch_join"}}
	for _, c := range []struct{ path, original, metered string }{
		{"testdata/bench.wasm", "b3e18ba30e7428b4", "1dc909026e9a3316"},
		{"testdata/bulk.wasm", "7e00994a1d7d0247", "21943839e4ea80cb"},
		{"testdata/endless.wasm", "124aa5b23425297e", "f3612734d556d258"},
		{"../../../testdata/guests/served/puppet.wasm", "7e7b73fd50d67924", "28c246975c36bc44"},
		{"../../../testdata/guests/served/wasi.wasm", "b30870fda8d891e0", "ecf1aa62c29ace16"},
	} {
		bin, err := os.ReadFile(c.path)
		if err != nil {
			t.Fatal(err)
		}
		original, metered := digest(bin), digest(rewrite(t, bin, options))
		switch {
		case original != c.original:
			t.Errorf("%s has changed: put its digests here, %q and %q", c.path, original, metered)
		case metered != c.metered:
			t.Errorf("%s is rewritten as %q now, and was as %q: increase meter.Version, and put the new digests here", c.path, metered, c.metered)
		}
	}
}

func digest(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:8])
}
