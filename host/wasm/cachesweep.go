package wasm

import (
	"cmp"
	"context"
	"encoding/hex"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/tetratelabs/wazero"
)

// This file keeps the directory of compiled code within its bound.
//
// All that is kept of a module lies in a directory of its own, whose time of change is when
// it was used last. What is removed is compiled anew by who needs it, so nothing that is
// removed is missed by more than that, and neither is what another process removes: a
// directory is renamed first, so that whoever looks finds all of it or nothing.

const (
	// defaultCacheLimit is how many bytes may be kept unless it is said.
	defaultCacheLimit = 4 << 30
	// abandonedTime is after how long what is not finished never will be: who was at it was
	// killed.
	abandonedTime = time.Hour
	// foreignTime is for how long code is kept that only another version of the engine can
	// load: for longer than two versions serve side by side.
	foreignTime = 7 * 24 * time.Hour
	// removingPrefix is how the names of what is being removed begin.
	removingPrefix = "removing-"
	// keyDigits is how many digits of a module's digest name its directory.
	keyDigits = 32
)

// larder is the directory of compiled code as a whole. It is safe for concurrent use, and
// other processes may use the directory too.
type larder struct {
	dir   string // empty: there is none, and nothing is done
	limit int64  // in bytes

	mu sync.Mutex
	// known is how much there was at the last look, and added what this process has put
	// there since. Others add too, and are not seen before the next look.
	known, added int64
	looked, busy bool
}

// of is the directory of what is kept of a module; empty without one.
func (l *larder) of(m Module) string {
	if l.dir == "" {
		return ""
	}
	return filepath.Join(l.dir, m.key)
}

// add counts what was put into the directory.
func (l *larder) add(size int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.added += size
}

// begin tells whether it is time to look, and nobody else does: when there may be too much,
// or enough has come to it that others may have added as much.
func (l *larder) begin(first bool) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := first || l.added > 0 && (!l.looked || l.known+l.added > l.limit || l.added > l.limit/16)
	if l.dir == "" || l.busy || !due {
		return false
	}
	l.busy, l.added = true, 0
	return true
}

func (l *larder) end(left int64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.busy, l.looked, l.known = false, true, left
}

// tidy looks after the directory if it is time, always if it is the first time. Run does it,
// so that no join waits for it, and without Run who has compiled something.
func (e *Engine) tidy(ctx context.Context, first bool) {
	if !e.larder.begin(first) {
		return
	}
	left := int64(0)
	defer func() { e.larder.end(left) }()
	for _, p := range e.open() {
		touch(p.kept) // what is served would be needed again first
	}
	var removed int
	var err error
	if left, removed, err = e.larder.sweep(ctx, time.Now()); err != nil {
		e.log.Warn("the directory for compiled plugins could not be kept within its bound", "err", err)
	}
	if removed > 0 {
		e.log.Info("compiled plugins were removed that nobody has used for longest", "count", removed)
	}
}

// touch notes that what is kept of a module was used. It may be gone.
func touch(dir string) {
	if dir != "" {
		now := time.Now()
		_ = os.Chtimes(dir, now, now)
	}
}

// Forget removes what is kept of a module's compiled code, by the digest (SHA-256) of its
// bytes: it is gone, or not wanted any more. Plugins that were compiled of it are served as
// before, and whoever compiles it again can.
func (e *Engine) Forget(digest [32]byte) error {
	if e.larder.dir == "" {
		return nil
	}
	return e.larder.remove(keyOf(digest))
}

// keyOf names the directory of a module.
func keyOf(digest [32]byte) string { return hex.EncodeToString(digest[:])[:keyDigits] }

// isKey tells whether a name is that of a module's directory.
func isKey(name string) bool {
	_, err := hex.DecodeString(name)
	return err == nil && len(name) == keyDigits && strings.ToLower(name) == name
}

// remove removes one thing in the directory. Renamed, it is out of the way at once, and a
// crash in the midst of it leaves what any other look removes.
func (l *larder) remove(name string) error {
	away := filepath.Join(l.dir, removingPrefix+name+"-"+strconv.FormatUint(rand.Uint64(), 36))
	if err := os.Rename(filepath.Join(l.dir, name), away); err != nil {
		return ignoreMissing(err)
	}
	return os.RemoveAll(away)
}

// kept is one thing in the directory that can be removed.
type kept struct {
	name string
	size int64 // in bytes
	used time.Time
}

// sweep removes what nobody can use, and then what nobody has used for longest, until
// there is less than the limit. left is the size of what there is then, removed how many
// modules are gone.
func (l *larder) sweep(ctx context.Context, now time.Time) (left int64, removed int, err error) {
	there, err := l.list(ctx, now)
	left, removed, failed := l.evict(ctx, there)
	return left, removed, errors.Join(err, failed)
}

// evict removes of what there is what nobody has used for longest, if it is too much.
func (l *larder) evict(ctx context.Context, there []kept) (left int64, removed int, err error) {
	for _, k := range there {
		left += k.size
	}
	if left <= l.limit {
		return left, 0, nil
	}
	slices.SortFunc(there, func(a, b kept) int { return cmp.Or(a.used.Compare(b.used), cmp.Compare(a.name, b.name)) })
	for _, k := range there {
		if left <= l.limit/16*15 || ctx.Err() != nil { // with room for the next ones
			break
		}
		info, statErr := os.Lstat(filepath.Join(l.dir, k.name))
		if statErr == nil && info.ModTime().After(k.used) {
			continue // somebody needs it after all
		}
		if failed := l.remove(k.name); failed != nil {
			err = errors.Join(err, failed)
			continue
		}
		left -= k.size
		removed++
	}
	return left, removed, err
}

// list returns what is kept, and removes what is left over. Names that are not ours are
// others' files.
func (l *larder) list(ctx context.Context, now time.Time) (there []kept, err error) {
	entries, err := os.ReadDir(l.dir)
	if err != nil {
		return nil, ignoreMissing(err)
	}
	engine := l.engine()
	for _, entry := range entries {
		if ctx.Err() != nil {
			return there, err
		}
		name := entry.Name()
		info, gone := entry.Info()
		if gone != nil {
			continue
		}
		path, age := filepath.Join(l.dir, name), now.Sub(info.ModTime())
		switch {
		case strings.HasPrefix(name, removingPrefix), strings.HasPrefix(name, privatePrefix) && entry.IsDir() && age > abandonedTime:
			err = errors.Join(err, os.RemoveAll(path))
		case isKey(name) && entry.IsDir():
			size, failed := measure(path, engine, now)
			if size == 0 && age > abandonedTime {
				failed = errors.Join(failed, l.remove(name))
			} else {
				there = append(there, kept{name, size, info.ModTime()})
			}
			err = errors.Join(err, failed)
		case strings.HasPrefix(name, meteredPrefix) && !entry.IsDir(): // where earlier versions kept them
			there = append(there, kept{name, info.Size(), info.ModTime()})
		}
	}
	return there, err
}

// measure returns the size of a module's directory, in which it removes what is left over:
// unfinished files that nobody will finish, and what other versions of the engine have left.
func measure(dir, engine string, now time.Time) (size int64, err error) {
	used, statErr := os.Lstat(dir)
	cleared := false
	err = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return ignoreMissing(err)
		}
		info, err := d.Info()
		if err != nil {
			return ignoreMissing(err)
		}
		age := now.Sub(info.ModTime())
		switch {
		case path == dir:
		case d.IsDir() && strings.HasPrefix(d.Name(), enginePrefix) && engine != "" && d.Name() != engine && age > foreignTime:
			cleared = true
			if err := os.RemoveAll(path); err != nil {
				return err
			}
			return fs.SkipDir
		case d.IsDir():
		case strings.HasSuffix(d.Name(), unfinishedSuffix) && age > abandonedTime:
			cleared = true
			return ignoreMissing(os.Remove(path))
		default:
			size += info.Size()
		}
		return nil
	})
	if statErr == nil && cleared { // which is no use
		_ = os.Chtimes(dir, used.ModTime(), used.ModTime())
	}
	return size, err
}

const (
	// enginePrefix is how the engine calls the directories that it makes, one for each of
	// its versions, within a module's.
	enginePrefix = "wazero-"
	// unfinishedSuffix is how files end that are being written, the engine's and ours.
	unfinishedSuffix = ".tmp"
)

// engine is what the engine calls its directories: it does not tell otherwise. Empty: nobody
// knows.
func (l *larder) engine() string {
	dir, err := os.MkdirTemp(l.dir, privatePrefix)
	if err != nil {
		return ""
	}
	defer os.RemoveAll(dir)
	cache, err := wazero.NewCompilationCacheWithDir(dir)
	if err != nil {
		return ""
	}
	_ = cache.Close(context.Background()) // there is nothing in it
	made, err := os.ReadDir(dir)
	if err != nil || len(made) != 1 {
		return ""
	}
	return made[0].Name()
}
