package wasm

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/experimental"
)

// loadApart returns the compiled code of a binary as the cache has it, or as a
// child makes it. The engine's compiler never sees the binary in this process.
func (e *Engine) loadApart(ctx context.Context, m Module, limits Limits) (*code, error) {
	if c, err := e.loadSealed(ctx, m, limits); err == nil {
		return c, nil
	}
	leave, err := e.turns.take(ctx, e.ending, m.owner())
	if err != nil {
		return nil, err
	}
	defer leave()
	// Who had the turn before may have compiled the same.
	c, cacheErr := e.loadSealed(ctx, m, limits)
	if cacheErr == nil {
		return c, nil
	}
	for _, place := range []string{e.cacheDir, os.TempDir()} {
		if place == "" {
			continue
		}
		var made *made
		if made, err = e.make(ctx, place, m, limits); err == nil {
			if e.cacheDir == place {
				cacheErr = e.keep(made, sealsOf(e.cacheDir, m))
			}
			_ = os.RemoveAll(made.dir)
			if e.cacheDir != "" && cacheErr != nil {
				e.unusable(m, cacheErr)
			}
			return made.code, nil
		}
		if !errors.As(err, new(*placeError)) {
			return nil, err
		}
		cacheErr = err
	}
	return nil, err
}

// placeError is returned where a directory cannot be compiled into.
type placeError struct{ err error }

func (p *placeError) Error() string { return p.err.Error() }
func (p *placeError) Unwrap() error { return p.err }

// made is what a child has made of a module.
type made struct {
	code  *code
	dir   string // with the entry in it; to be removed
	entry string
}

// privatePrefix is how the directories begin that children compile into.
const privatePrefix = "compiling-"

// make lets a child compile into a directory of its own below place, and loads
// what it has left there.
func (e *Engine) make(ctx context.Context, place string, m Module, limits Limits) (_ *made, err error) {
	removeAbandoned(place)
	dir, err := os.MkdirTemp(place, privatePrefix) // which has the mode 0700
	if err != nil {
		return nil, &placeError{err}
	}
	defer func() {
		if err != nil {
			_ = os.RemoveAll(dir)
		}
	}()
	if dir, err = filepath.Abs(dir); err != nil {
		return nil, &placeError{err}
	}
	err = e.compiler.run(ctx, e.ending, &compilation{limits: e.limits, pages: limits.pages(), bin: m.Binary, dir: dir})
	if err != nil {
		return nil, err
	}
	leave, err := e.turnToLoad(ctx, m)
	if err != nil {
		return nil, err
	}
	defer leave()
	left := &made{dir: dir}
	if left.entry, err = soleEntry(dir); err == nil {
		err = checkEntry(left.entry, m.Binary)
	}
	if err == nil {
		left.code, err = loadOnly(ctx, dir, m.Binary, limits.pages())
	}
	if err != nil {
		return nil, &compileFault{text: "the compiler left nothing that can be used: " + printable(err.Error(), maxExcerpt)}
	}
	return left, nil
}

// removeAbandoned removes what children were compiling into when their host was
// killed. A directory in use is never as old as that.
func removeAbandoned(place string) {
	found, _ := filepath.Glob(filepath.Join(place, privatePrefix+"*"))
	for _, dir := range found {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > time.Hour {
			_ = os.RemoveAll(dir)
		}
	}
}

// soleEntry is the one file that a child has left.
func soleEntry(dir string) (string, error) {
	var found []string
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if found = append(found, path); !d.Type().IsRegular() || len(found) > 1 {
			return errors.New("there is more than the one file that was expected")
		}
		return nil
	})
	if err == nil && len(found) == 0 {
		err = errors.New("there is no file")
	}
	if err != nil {
		return "", err
	}
	return found[0], nil
}

// checkEntry reads an entry as the engine will, which believes every number in it
// and would end the process over some. That a file is sound does not mean that its
// code is: whoever takes over a child can run code here. But it is not taken over
// by a crash in the midst of writing.
//
// The form is the engine's, and may be another in another version of it: then
// nothing can be compiled in children, and this has to follow.
func checkEntry(path string, bin []byte) error {
	f, err := os.Open(path)
	if err != nil {
		return err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return err
	}
	r := entryReader{bufio.NewReader(f), nil}
	magic := r.bytes(6)
	version := r.bytes(uint64(r.bytes(1)[0]))
	functions := uint64(r.uint32())
	if r.err != nil || !bytes.Equal(magic, []byte("WAZEVO")) || !strings.Contains(filepath.Base(filepath.Dir(path)), string(version)) {
		return errors.New("the file is not the engine's")
	}
	if want := codeCount(bin); functions != want {
		return fmt.Errorf("the file has %d functions, and the module %d", functions, want)
	}
	var largest uint64
	for range functions {
		largest = max(largest, r.uint64())
	}
	size := r.uint64()
	switch {
	case r.err != nil:
		return r.err
	case size > uint64(info.Size()), functions > 0 && largest >= size:
		return errors.New("the file has functions outside of its code")
	}
	r.skip(size)
	r.bytes(4) // a checksum, which the engine compares
	if sources, catches := r.bytes(1)[0], r.uint32(); r.err != nil || sources != 0 || catches != 0 {
		return errors.New("the file has more than code, or less")
	}
	if _, err := r.ReadByte(); err != io.EOF {
		return errors.New("the file does not end with its code")
	}
	return nil
}

// entryReader reads an entry; after an error it reads zeros.
type entryReader struct {
	*bufio.Reader
	err error
}

// bytes reads up to 255 bytes.
func (r *entryReader) bytes(n uint64) []byte {
	b := make([]byte, n)
	if r.err == nil {
		_, r.err = io.ReadFull(r.Reader, b)
	}
	return b
}

func (r *entryReader) uint32() uint32 { return binary.LittleEndian.Uint32(r.bytes(4)) }
func (r *entryReader) uint64() uint64 { return binary.LittleEndian.Uint64(r.bytes(8)) }

func (r *entryReader) skip(n uint64) {
	if r.err == nil {
		_, r.err = io.CopyN(io.Discard, r.Reader, int64(n))
	}
}

// codeCount is how many functions a binary defines.
func codeCount(bin []byte) uint64 {
	const sectionCode = 10
	for r := (reader{bin[8:]}); len(r.data) > 0; {
		id := r.byte()
		body := reader{r.take(r.uint())}
		if id == sectionCode {
			return uint64(body.uint())
		}
	}
	return 0
}

// keep moves what a child has made to the cache.
func (e *Engine) keep(m *made, s seals) error {
	size := sizeOf(m.entry)
	err := m.keep(s)
	if errors.Is(err, fs.ErrNotExist) { // the directory was removed in the midst of it
		err = m.keep(s)
	}
	if err == nil {
		m.code.fresh = true
		e.larder.add(size)
	}
	return err
}

// keep moves the entry to the cache. Its seal is there first: an entry without one
// would be taken for damaged.
func (m *made) keep(s seals) error {
	into := filepath.Join(s.dir, filepath.Base(filepath.Dir(m.entry)))
	if err := os.MkdirAll(into, 0o700); err != nil {
		return err
	}
	seal, err := sealOf(m.entry)
	if err != nil {
		return err
	}
	path := filepath.Join(into, filepath.Base(m.entry))
	if err := os.WriteFile(path+sealSuffix, []byte(seal), 0o600); err != nil {
		return err
	}
	return os.Rename(m.entry, path)
}

// turnToLoad waits for a turn of loading a module, which takes the processor for up to a
// second in one piece where that is large: the engine validates all of it, and what is
// loaded is compared with its seal. Small modules need none.
func (e *Engine) turnToLoad(ctx context.Context, m Module) (leave func(), err error) {
	if len(m.Binary) < keptMetered {
		return func() {}, nil
	}
	return e.loads.take(ctx, e.ending, m.owner())
}

// errNotCached is returned for a binary that would have to be compiled.
var errNotCached = errors.New("it has not been compiled yet")

// loadSealed returns what the cache has of a binary, if its seal is right.
func (e *Engine) loadSealed(ctx context.Context, m Module, limits Limits) (*code, error) {
	if e.cacheDir == "" {
		return nil, errNotCached
	}
	s := sealsOf(e.cacheDir, m)
	if _, err := os.Stat(s.dir); errors.Is(err, fs.ErrNotExist) {
		return nil, errNotCached
	}
	leave, err := e.turnToLoad(ctx, m)
	if err != nil {
		return nil, err
	}
	defer leave()
	if err := s.verify(); err != nil {
		return nil, err
	}
	c, err := loadOnly(ctx, s.dir, m.Binary, limits.pages())
	if err == nil {
		touch(s.dir)
	}
	return c, err
}

// loadOnly returns the compiled code of a binary from a directory, and never
// compiles: not what is missing there, and not what was made for another version
// of the engine or another processor. The engine has no such setting; but with
// several workers each of them looks first whether its context has ended, and with
// one that has, none of them begins.
func loadOnly(ctx context.Context, dir string, bin []byte, pages uint32) (*code, error) {
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return nil, err
	}
	ended, end := context.WithCancelCause(ctx)
	end(errNotCached)
	return newCode(experimental.WithCompilationWorkers(ended, 2), bin, pages, cache)
}

// compilesApart tells whether the engine has a compiler on this system. Where it
// interprets, there is nothing that a child could leave.
func compilesApart() bool { return runtime.GOARCH == "amd64" || runtime.GOARCH == "arm64" }

// compileError is what Compile returns for what went wrong in a child.
func (e *Engine) compileError(ctx context.Context, m Module, err error) error {
	var fault *compileFault
	switch {
	case errors.As(err, &fault):
		if fault.output != "" {
			e.log.Warn("a plugin could not be compiled", "plugin", m.version(), "tenant", m.owner(), "err", fault.text, "output", printable(fault.output, maxExcerpt))
		}
		return &ModuleError{Name: m.Name, Faults: []string{fault.text}}
	case errors.Is(err, errEnding):
		return ErrClosed
	case ctx.Err() != nil:
		return fmt.Errorf("wasm: compiling %s: %w", m.Name, context.Cause(ctx))
	default:
		return fmt.Errorf("wasm: compiling %s: %w", m.Name, err)
	}
}
