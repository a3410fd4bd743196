package meter_test

import (
	"bytes"
	"errors"
	"math"
	"os"
	"path/filepath"
	"testing"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

// TestRewriteModule: a module that was decoded for the contract's check, which
// takes reserved names and several tables, is rewritten as it would be from bytes,
// and its names are still refused.
func TestRewriteModule(t *testing.T) {
	paths, err := filepath.Glob("../../../testdata/guests/*/*.wasm")
	if err != nil || len(paths) == 0 {
		t.Fatalf("no guests: %v", err)
	}
	rewritten := 0
	for _, path := range paths {
		bin, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		want, err := meter.Rewrite(bin, meter.Options{})
		if err != nil {
			continue // what is refused for its shape is refused by the decoder
		}
		m, err := module.Decode(bin, module.Options{Reserved: true, Tables: math.MaxInt32})
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		if got, err := meter.RewriteModule(m, meter.Options{}); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%s is rewritten in another way: %v", path, err)
		}
		rewritten++
	}
	if rewritten < 10 {
		t.Errorf("only %d guests were rewritten", rewritten)
	}

	const types, functions, code = "\x01\x04\x01\x60\x00\x00", "\x03\x02\x01\x00", "\x0a\x04\x01\x02\x00\x0b"
	for name, bin := range map[string]string{
		"export":        types + functions + "\x07" + sized("\x01"+sized("__chhost_x")+"\x00\x00") + code,
		"import":        types + "\x02" + sized("\x01"+sized("env")+sized("__chhost_x")+"\x00\x00"),
		"import module": types + "\x02" + sized("\x01"+sized("__chhost")+sized("x")+"\x00\x00"),
	} {
		m, err := module.Decode([]byte("\x00asm\x01\x00\x00\x00"+bin), module.Options{Reserved: true})
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		var fault *module.Error
		if _, err := meter.RewriteModule(m, meter.Options{}); !errors.As(err, &fault) || fault.Rule != module.RuleReserved {
			t.Errorf("%s: a reserved name is taken: %v", name, err)
		}
		if _, err := meter.RewriteModule(m, meter.Options{Module: module.Options{Reserved: true}}); err != nil {
			t.Errorf("%s: names that are allowed: %v", name, err)
		}
	}
}
