package registry

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
)

// shelf keeps modules as files that are named by their digests. It is safe for
// concurrent use.
//
// A file that is in its place was synced before it got there, so it is whole, unless
// the disk has damaged it. Damaged ones are moved aside, for somebody to look at.
type shelf struct {
	files files
	dir   string
	aside string // a directory
	// named tells whether a record names the module.
	named func(Digest) (bool, error)

	// mu is held while a file's place is looked at and then changed.
	mu   sync.Mutex
	pins map[Digest]int // how many calls under way need a module
	held int            // how many need all that are there
}

func newShelf(f files, dir, aside string, named func(Digest) (bool, error)) *shelf {
	return &shelf{files: f, dir: dir, aside: aside, named: named, pins: map[Digest]int{}}
}

// errOtherBytes is the ErrDamaged of a module that is still in its place.
var errOtherBytes = fmt.Errorf("%w: other bytes than it was stored with", ErrDamaged)

const moduleSuffix = ".wasm"

func (s *shelf) path(d Digest) string      { return filepath.Join(s.dir, d.String()+moduleSuffix) }
func (s *shelf) asidePath(d Digest) string { return filepath.Join(s.aside, d.String()+moduleSuffix) }

// pin keeps modules from being swept until they are unpinned, whether they are there or
// not.
func (s *shelf) pin(digests ...Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range digests {
		s.pins[d]++
	}
}

func (s *shelf) unpin(digests ...Digest) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, d := range digests {
		release(s.pins, d)
	}
}

// hold keeps all modules from being swept until release.
func (s *shelf) hold() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held++
}

func (s *shelf) release() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.held--
}

// put stores a module, which the caller has pinned, for good.
func (s *shelf) put(d Digest, module []byte) error {
	if _, err := s.get(d); err == nil {
		return s.resync(d)
	}
	return writeWhole(s.files, s.dir,
		func(w io.Writer) error { _, err := w.Write(module); return err },
		func(from string) error {
			s.mu.Lock()
			defer s.mu.Unlock()
			return s.files.Rename(from, s.path(d))
		})
}

// resync makes a module last that is there already: somebody else may have put it there
// a moment ago, or unpacked it.
func (s *shelf) resync(d Digest) error {
	f, err := s.files.Open(s.path(d))
	if err == nil {
		err = errors.Join(f.Sync(), f.Close())
	}
	if err == nil {
		err = s.files.SyncDir(s.dir)
	}
	return failed("syncing a module", err)
}

// has tells whether a module is in its place, and does not read it.
func (s *shelf) has(d Digest) (bool, error) {
	f, err := s.files.Open(s.path(d))
	if isMissing(err) {
		return false, nil
	}
	if err != nil {
		return false, failed("opening a module", err)
	}
	return true, failed("closing a module", f.Close())
}

// get returns a module, which is compared with its digest.
func (s *shelf) get(d Digest) ([]byte, error) {
	if module, err := s.read(d); !errors.Is(err, errOtherBytes) {
		return module, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	module, err := s.read(d) // it may have been put anew
	if !errors.Is(err, errOtherBytes) {
		return module, err
	}
	if moved := s.files.Rename(s.path(d), s.asidePath(d)); moved != nil && !isMissing(moved) {
		return nil, fmt.Errorf("%w; it could not be moved to %s: %w", err, s.aside, moved)
	}
	return nil, fmt.Errorf("%w, and was moved to %s", err, s.aside)
}

func (s *shelf) read(d Digest) ([]byte, error) {
	module, err := readAll(s.files, s.path(d), MaxModule)
	switch {
	case isMissing(err):
		if _, err := os.Stat(s.asidePath(d)); err == nil {
			return nil, fmt.Errorf("%w: the module %s, which lies in %s", ErrDamaged, d.Short(), s.aside)
		}
		return nil, fmt.Errorf("%w: the module %s", ErrNotFound, d.Short())
	case err != nil:
		return nil, failed("reading a module", err)
	case len(module) > MaxModule || DigestOf(module) != d:
		return nil, fmt.Errorf("%w: the module %s", errOtherBytes, d.Short())
	}
	return module, nil
}

// list returns what is in a directory of modules. Names that are no digest's are not
// ours.
func list(dir string) ([]Digest, error) {
	entries, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var digests []Digest
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), moduleSuffix)
		if d, err := ParseDigest(name); ok && err == nil && d.String() == name {
			digests = append(digests, d)
		}
	}
	return digests, nil
}

// sweep removes the modules that no record names and nobody has pinned, also those that
// lie aside.
func (s *shelf) sweep() (swept int, err error) {
	for _, dir := range []string{s.dir, s.aside} {
		digests, err := list(dir)
		if err != nil {
			return swept, failed("listing modules", err)
		}
		for _, d := range digests {
			removed, err := s.sweepOne(d, filepath.Join(dir, d.String()+moduleSuffix))
			if err != nil {
				return swept, err
			}
			if removed && dir == s.dir {
				swept++
			}
		}
	}
	return swept, nil
}

// sweepOne asks and removes under the lock: what pins a module later finds it gone,
// and who has pinned it before has it named by now or keeps it.
func (s *shelf) sweepOne(d Digest, path string) (bool, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.held > 0 || s.pins[d] > 0 {
		return false, nil
	}
	if named, err := s.named(d); err != nil || named {
		return false, err
	}
	if err := s.files.Remove(path); err != nil && !isMissing(err) {
		return false, failed("removing a module", err)
	}
	return true, nil
}
