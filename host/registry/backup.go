package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"os"
	"slices"
	"time"

	bolt "go.etcd.io/bbolt"
)

// Backup writes a tar archive of the store as it is at one moment, while it is in use:
// the database, and the modules that its records name. Unpacked into an empty
// directory it is a store.
//
// Modules that are missing or damaged are left out, and listed in the last file of the
// archive, [MissingName]. The error says so too (ErrIncomplete): the archive is whole but
// for them, so that one tenant's module does not keep all others from being saved. Any
// other error means that the archive is not.
func (d *Disk) Backup(ctx context.Context, w io.Writer) error {
	if err := d.calls.begin(ctx); err != nil {
		return err
	}
	defer d.calls.end()
	d.shelf.hold() // before the database is copied, or what it names may be swept
	defer d.shelf.release()
	database, digests, err := d.freeze()
	if err != nil {
		return err
	}
	defer func() {
		_ = database.Close()
		_ = os.Remove(database.Name())
	}()
	archive := tar.NewWriter(w)
	now := time.Now().Truncate(time.Second)
	info, err := database.Stat()
	if err != nil {
		return failed("looking at a file", err)
	}
	if err := pack(archive, databaseName, info.Size(), database, now); err != nil {
		return err
	}
	var missing error
	var lacks []byte
	for _, digest := range digests {
		if err := ctx.Err(); err != nil {
			return err
		}
		module, err := d.shelf.get(digest)
		if errors.Is(err, ErrDamaged) || errors.Is(err, ErrNotFound) {
			missing, lacks = errors.Join(missing, err), append(append(lacks, digest.String()...), '\n')
			continue
		}
		if err != nil {
			return err
		}
		name := modulesName + "/" + digest.String() + moduleSuffix
		if err := pack(archive, name, int64(len(module)), bytes.NewReader(module), now); err != nil {
			return err
		}
	}
	if missing != nil {
		missing = fmt.Errorf("%w: %w", ErrIncomplete, missing)
		if err := pack(archive, MissingName, int64(len(lacks)), bytes.NewReader(lacks), now); err != nil {
			return err
		}
	}
	if err := archive.Close(); err != nil {
		return fmt.Errorf("registry: writing the backup: %w", err)
	}
	return missing
}

// MissingName is the file of a backup that lists the digests of the modules it lacks, one
// in each line. Without any there is no such file. A store does not look at it.
const MissingName = "missing-modules.txt"

// freeze copies the database to a file, which the caller removes, and returns the modules
// that its records name. The copy is made at once, however slowly a backup is read: a
// transaction that stays open keeps changes from growing the database.
func (d *Disk) freeze() (database *os.File, digests []Digest, err error) {
	database, err = os.CreateTemp(d.dir, "*"+unfinished)
	if err != nil {
		return nil, nil, failed("making a file", err)
	}
	err = d.view(func(tx *bolt.Tx) error {
		digests = slices.SortedFunc(maps.Keys(uses(tx)), func(a, b Digest) int { return bytes.Compare(a[:], b[:]) })
		_, err := tx.WriteTo(database)
		return err
	})
	if err == nil {
		_, err = database.Seek(0, io.SeekStart)
	}
	if err != nil {
		_ = database.Close()
		_ = os.Remove(database.Name())
		return nil, nil, failed("copying the database", err)
	}
	return database, digests, nil
}

func pack(archive *tar.Writer, name string, size int64, from io.Reader, at time.Time) error {
	err := archive.WriteHeader(&tar.Header{Typeflag: tar.TypeReg, Name: name, Size: size, Mode: 0o600, ModTime: at, Format: tar.FormatPAX})
	if err == nil {
		_, err = io.Copy(archive, from)
	}
	if err != nil {
		return fmt.Errorf("registry: writing the backup: %w", err)
	}
	return nil
}
