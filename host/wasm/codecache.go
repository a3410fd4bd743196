package wasm

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"

	"github.com/chhost/chhost/abi"
)

// code is a module's compiled code and the engine's runtime that it belongs to.
type code struct {
	runtime wazero.Runtime
	module  wazero.CompiledModule
	cache   wazero.CompilationCache // nil without a directory
	fresh   bool                    // it was compiled for this, and kept
}

func (c *code) close(ctx context.Context) error {
	err := c.runtime.Close(ctx)
	if c.cache != nil {
		err = errors.Join(err, c.cache.Close(ctx))
	}
	return err
}

// imports tells whether the module imports one of the contract's functions.
func (c *code) imports(id abi.Import) bool {
	for _, def := range c.module.ImportedFunctions() {
		if module, name, _ := def.Import(); module == abi.Module && name == id.String() {
			return true
		}
	}
	return false
}

// newCode compiles a binary, or takes what the cache has of it. Its memory may
// have so many pages. The child that compiles and the process that loads both use
// this, so that the engine finds what it has made.
func newCode(ctx context.Context, bin []byte, pages uint32, cache wazero.CompilationCache) (c *code, err error) {
	c = &code{cache: cache, runtime: wazero.NewRuntimeWithConfig(ctx, wazero.NewRuntimeConfig().
		WithCoreFeatures(api.CoreFeaturesV2).
		WithMemoryLimitPages(pages).
		WithDebugInfoEnabled(false). // or a trap parses the guest's DWARF, for as long as it likes
		WithCompilationCache(cache))}
	defer func() {
		if r := recover(); r != nil {
			err = &compilerPanic{r}
		}
		if err != nil {
			_ = c.close(ctx)
			c = nil
		}
	}()
	c.module, err = c.runtime.CompileModule(ctx, bin)
	return c, err
}

// compilerPanic is the error of an engine's compiler that panicked.
type compilerPanic struct{ value any }

func (p *compilerPanic) Error() string {
	return fmt.Sprintf("the engine's compiler panicked: %v", p.value)
}

// load returns the compiled code of a binary. A cache that cannot be used, since
// the disk is full or not ours, costs time and nothing else.
func (e *Engine) load(ctx context.Context, m Module, limits Limits) (*code, error) {
	if e.compiler != nil {
		return e.loadApart(ctx, m, limits)
	}
	if e.cacheDir == "" {
		return newCode(ctx, m.Binary, limits.pages(), nil)
	}
	cached, cacheErr := e.loadCached(ctx, m, limits)
	if errors.Is(cacheErr, fs.ErrNotExist) { // it was removed in the midst of it
		cached, cacheErr = e.loadCached(ctx, m, limits)
	}
	if cacheErr == nil {
		return cached, nil
	}
	c, err := newCode(ctx, m.Binary, limits.pages(), nil)
	if err == nil {
		e.unusable(m, cacheErr)
	}
	return c, err
}

func (e *Engine) unusable(m Module, err error) {
	e.log.Warn("the directory for compiled plugins cannot be used", "plugin", m.version(), "err", err)
}

// loadCached compiles by way of the directory. Each module has one of its own
// below it, so that only what is loaded has to be verified.
func (e *Engine) loadCached(ctx context.Context, m Module, limits Limits) (*code, error) {
	s := sealsOf(e.cacheDir, m)
	if err := s.verify(); err != nil {
		return nil, err
	}
	cache, err := wazero.NewCompilationCacheWithDir(s.dir)
	if err != nil {
		return nil, err
	}
	c, err := newCode(ctx, m.Binary, limits.pages(), cache)
	if err != nil {
		return nil, err
	}
	size, err := s.add()
	if err != nil {
		_ = c.close(ctx)
		return nil, err
	}
	c.fresh = size > 0
	e.larder.add(size)
	touch(s.dir)
	return c, nil
}

// seals vouch for the entries of one module's directory: beside each entry stands
// a file with its digest. The engine itself checks an entry's machine code, but
// not the offsets to which it jumps in it, nor the lengths that it allocates: a
// damaged one can end the process. Seals protect from accidents, not from
// somebody who can write to the directory.
type seals struct{ dir string }

const sealSuffix = ".seal"

// sealsOf are those of a module below the cache's directory. What is compiled of it for
// memories of several sizes lies there together: the engine tells them apart.
func sealsOf(cacheDir string, m Module) seals { return seals{filepath.Join(cacheDir, m.key)} }

// verify removes every entry that its seal does not match, so that the engine
// compiles it anew.
func (s seals) verify() error {
	return s.entries(func(path string, sealed bool) error {
		if sealed {
			return nil
		}
		return os.Remove(path)
	})
}

// add seals the entries that have no seal yet: what the engine has just written. It
// returns how many bytes that is.
func (s seals) add() (size int64, err error) {
	err = s.entries(func(path string, sealed bool) error {
		if sealed {
			return nil
		}
		seal, err := sealOf(path)
		if err != nil {
			return err
		}
		size += sizeOf(path)
		return os.WriteFile(path+sealSuffix, []byte(seal), 0o600)
	})
	return size, err
}

// sizeOf is the size of a file in bytes; 0 if there is none.
func sizeOf(path string) int64 {
	info, err := os.Lstat(path)
	if err != nil {
		return 0
	}
	return info.Size()
}

// entries calls f for each entry. Another process may be writing to the same
// directory, so its unfinished files are left alone, and a file may be gone.
func (s seals) entries(f func(path string, sealed bool) error) error {
	return filepath.WalkDir(s.dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() || strings.HasSuffix(path, sealSuffix) || strings.HasSuffix(path, unfinishedSuffix) || strings.HasPrefix(d.Name(), meteredPrefix) {
			return ignoreMissing(err)
		}
		seal, err := sealOf(path)
		if err != nil {
			return ignoreMissing(err)
		}
		found, _ := os.ReadFile(path + sealSuffix) // a seal that cannot be read is none
		return ignoreMissing(f(path, string(found) == seal))
	})
}

// sealOf computes the seal of an entry: it holds for this name, which the engine
// derives from the module, and this content only.
func sealOf(path string) (string, error) {
	f, err := os.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	h := sha256.New()
	h.Write([]byte(filepath.Base(path)))
	if _, err := io.Copy(h, f); err != nil {
		return "", err
	}
	return hex.EncodeToString(h.Sum(nil)), nil
}

func ignoreMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}
