package registry

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	bolt "go.etcd.io/bbolt"
	berrors "go.etcd.io/bbolt/errors"
)

// What lies in the directory of a Disk.
const (
	databaseName = "registry.db"
	lockName     = "lock" // it holds the pid of the process that has it
	modulesName  = "modules"
	damagedName  = "damaged" // modules that were found damaged
)

// Open opens the store in a directory, which it makes if there is none. It has the
// directory to itself until Close (ErrInUse). What a crash has left over is removed; a
// database of an older version is brought to this one's, and a copy is kept; one of a
// newer version is refused (ErrNewer), as is a damaged one (ErrDamaged).
func Open(dir string, c Config) (*Disk, error) { return open(dir, c, osFiles{}, currentSchema()) }

func open(dir string, c Config, f files, s schema) (*Disk, error) {
	d := &Disk{dir: dir, entries: c.entries(), log: c.Log, commit: (*bolt.Tx).Commit}
	if d.log == nil {
		d.log = slog.New(slog.DiscardHandler)
	}
	if err := ownDirectory(dir); err != nil {
		return nil, err
	}
	lock, err := lockDirectory(dir)
	if err != nil {
		return nil, err
	}
	d.lock = lock
	if err := d.setUp(f, s); err != nil {
		return nil, errors.Join(err, d.closeDB(), lock.Close())
	}
	return d, nil
}

// setUp opens what is in the directory, which is locked.
func (d *Disk) setUp(f files, s schema) error {
	modules, damaged := filepath.Join(d.dir, modulesName), filepath.Join(d.dir, damagedName)
	d.shelf = newShelf(f, modules, damaged, d.named)
	for _, sub := range []string{modules, damaged} {
		if err := os.MkdirAll(sub, 0o700); err != nil {
			return failed("making a directory", err)
		}
	}
	if err := errors.Join(removeUnfinished(d.dir), removeUnfinished(modules)); err != nil {
		return failed("removing left-overs", err)
	}
	if err := d.openDB(s); err != nil {
		return err
	}
	if err := s.migrate(d); err != nil {
		return err
	}
	return d.tidy()
}

// ownDirectory makes the directory, or keeps others out of one that is there. One that
// is shared with others' files is not taken.
func ownDirectory(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return failed("making a directory", err)
	}
	info, err := os.Stat(dir)
	if err != nil {
		return failed("looking at the directory", err)
	}
	if info.Mode().Perm()&0o077 == 0 || runtime.GOOS == "windows" {
		return nil
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return failed("looking at the directory", err)
	}
	ours := len(entries) == 0 || slices.ContainsFunc(entries, func(e os.DirEntry) bool { return e.Name() == databaseName })
	if !ours {
		return fmt.Errorf("registry: others may look into %s, which holds other files: name an empty directory, or chmod 700 it", dir)
	}
	return failed("keeping others out of the directory", os.Chmod(dir, 0o700))
}

// lockDirectory takes the lock and writes this process's pid into it.
func lockDirectory(dir string) (*os.File, error) {
	f, err := os.OpenFile(filepath.Join(dir, lockName), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, failed("opening the lock", err)
	}
	if taken, err := lockFile(f); err != nil {
		if taken {
			err = inUse(dir, f)
		}
		_ = f.Close()
		return nil, failed("taking the lock", err)
	}
	// Who cannot be told the pid is still refused.
	if err := f.Truncate(0); err == nil {
		_, _ = f.WriteAt(strconv.AppendInt(nil, int64(os.Getpid()), 10), 0)
	}
	return f, nil
}

func inUse(dir string, lock io.Reader) error {
	text, _ := io.ReadAll(io.LimitReader(lock, 20))
	pid := strings.TrimSpace(string(text))
	if _, err := strconv.Atoi(pid); err != nil {
		pid = "unknown"
	}
	return fmt.Errorf("%w: %s (pid %s)", ErrInUse, dir, pid)
}

// openDB opens the database. One that is not there is made under another name, so that
// there is never a part of one.
func (d *Disk) openDB(s schema) error {
	path := filepath.Join(d.dir, databaseName)
	if _, err := os.Stat(path); isMissing(err) {
		if err := d.makeDB(s, path); err != nil {
			return err
		}
	}
	if err := checkFile(path); err != nil {
		return err
	}
	return d.attach(path)
}

func (d *Disk) attach(path string) error {
	err := guarded(func() (err error) {
		d.db, err = bolt.Open(path, 0o600, &bolt.Options{
			Timeout: time.Second, // the lock of the directory is held already
			OpenFile: func(name string, flag int, mode os.FileMode) (f *os.File, err error) {
				d.dbFile, err = os.OpenFile(name, flag, mode)
				return d.dbFile, err
			},
		})
		return err
	})
	if err != nil && d.dbFile != nil {
		_ = d.dbFile.Close() // a panic has left it open
	}
	switch {
	case errors.Is(err, berrors.ErrTimeout):
		return fmt.Errorf("%w: %s", ErrInUse, path)
	case errors.Is(err, berrors.ErrInvalid), errors.Is(err, berrors.ErrChecksum), errors.Is(err, berrors.ErrVersionMismatch):
		return fmt.Errorf("%w: %s: %w", ErrDamaged, path, err)
	}
	return failed("opening the database", err)
}

// makeDB makes an empty database. Where there are modules one is missing, and an empty
// one in its place would have them all swept.
func (d *Disk) makeDB(s schema, path string) error {
	if modules, err := list(d.shelf.dir); err != nil {
		return failed("listing modules", err)
	} else if len(modules) > 0 {
		return fmt.Errorf("%w: there are %d modules in %s, but no %s: restore it from a backup, or name an empty directory", ErrDamaged, len(modules), d.dir, databaseName)
	}
	part := path + unfinished
	if err := d.attach(part); err != nil {
		return err
	}
	err := d.write(s.fill)
	err = errors.Join(err, d.closeDB())
	d.db = nil
	if err == nil {
		err = os.Rename(part, path)
	}
	if err == nil {
		err = osFiles{}.SyncDir(d.dir)
	}
	return failed("making the database", err)
}

// tidy removes what nobody names, and says what somebody names and is not there.
func (d *Disk) tidy() error {
	sound, err := d.mend()
	if err != nil {
		return err
	}
	var named map[Digest]string
	if err := d.view(func(tx *bolt.Tx) error { named = uses(tx); return nil }); err != nil {
		return err
	}
	there, err := list(d.shelf.dir)
	aside, asideErr := list(d.shelf.aside)
	if err = errors.Join(err, asideErr); err != nil {
		return failed("listing modules", err)
	}
	// Sweep asks for each module, which takes a while if there are many.
	if sound && slices.ContainsFunc(slices.Concat(there, aside), func(digest Digest) bool { return named[digest] == "" }) {
		swept, err := d.shelf.sweep()
		if err != nil {
			return err
		}
		d.log.Info("modules that nothing names were removed", "count", swept)
	}
	for _, digest := range there {
		delete(named, digest)
	}
	for digest, tenant := range named {
		d.log.Error("modules are missing: upload them again, or restore a backup", "count", len(named), "tenant", tenant, "digest", digest.Short())
		break // one says enough
	}
	return nil
}

// closeDB closes the database, if it is open. After a panic its own locks may be held
// for ever: then only its file is closed, and what is mapped of it stays.
func (d *Disk) closeDB() error {
	if d.db == nil {
		return nil
	}
	if d.panicked.Load() {
		return errors.Join(unlockFile(d.dbFile), d.dbFile.Close())
	}
	return guarded(d.db.Close)
}
