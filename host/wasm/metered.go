package wasm

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/chhost/chhost/host/wasm/meter"
	"github.com/chhost/chhost/host/wasm/module"
)

const (
	// meteredPrefix is how the names of metered modules begin, in the directory of what is
	// kept of a module.
	meteredPrefix = "metered-"
	// keptMetered is from how many bytes on a metered module is kept: a smaller one is
	// rewritten in a millisecond.
	keptMetered = 64 << 10
)

// rewriting is a module on its way through the meter. Decoding it and holding it against
// the contract take a tenth of what rewriting takes, and are done for each start, so
// that nothing that is kept vouches for a module.
type rewriting struct {
	path string // where the result is kept; empty if it is not
	made []byte // what is to be kept there, nil if it is there already
}

// rewrite returns the metered module, from the cache if it was rewritten before.
func (e *Engine) rewrite(m *Module, decoded *module.Module, limits Limits) (*rewriting, []byte, error) {
	options := meter.Options{Pages: limits.pages(), Entries: doorNames()}
	r := new(rewriting)
	if e.cacheDir != "" && len(decoded.Binary) >= keptMetered {
		r.path = filepath.Join(e.cacheDir, m.key, meteredPrefix+meteredKey(decoded.Binary, options))
		if metered := readSealed(r.path); metered != nil {
			return r, metered, nil
		}
	}
	options.Module.Pause = m.paying(rewriteByte) // after the key, which does not depend on it
	metered, err := meter.RewriteModule(decoded, options)
	if err == nil && r.path != "" {
		r.made = metered
	}
	return r, metered, err
}

// meteredKey names all that the result depends on: the module, the options and the
// meter.
func meteredKey(bin []byte, options meter.Options) string {
	h := sha256.New()
	fmt.Fprintf(h, "%d %+v %d\n", meter.Version, options, len(bin))
	h.Write(bin)
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// keep puts the result into the cache. It is called when the module has turned out to be
// of use, so that what is refused takes no room. Two who do so at once may spoil it for
// each other, which its seal then tells.
func (r *rewriting) keep() error {
	if r.made == nil {
		return nil
	}
	if err := os.MkdirAll(filepath.Dir(r.path), 0o700); err != nil {
		return err
	}
	if err := os.WriteFile(r.path+sealSuffix, []byte(sealed(filepath.Base(r.path), r.made)), 0o600); err != nil {
		return err
	}
	unfinished := r.path + unfinishedSuffix
	if err := os.WriteFile(unfinished, r.made, 0o600); err != nil {
		return errors.Join(err, ignoreMissing(os.Remove(unfinished)))
	}
	return os.Rename(unfinished, r.path)
}

// keepMetered is keep, and counts it.
func (e *Engine) keepMetered(r *rewriting) error {
	err := r.keep()
	if err == nil && r.made != nil {
		e.larder.add(int64(len(r.made)))
	}
	return err
}

// readSealed reads a file that its seal matches; else it is nil.
func readSealed(path string) []byte {
	info, err := os.Stat(path)
	if err != nil || info.Size() > 2*maxModule {
		return nil
	}
	seal, err := os.ReadFile(path + sealSuffix)
	if err != nil {
		return nil
	}
	data, err := os.ReadFile(path)
	if err != nil || !bytes.Equal(seal, []byte(sealed(filepath.Base(path), data))) {
		return nil
	}
	return data
}

// sealed is the seal of a file of that name with that content, see [sealOf].
func sealed(name string, data []byte) string {
	h := sha256.New()
	h.Write([]byte(name))
	h.Write(data)
	return hex.EncodeToString(h.Sum(nil))
}
