package registry

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	bolt "go.etcd.io/bbolt"
)

func openIn(t testing.TB, dir string) *Disk {
	t.Helper()
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() })
	return d
}

// TestInUse: one process at a time, and one store within a process.
func TestInUse(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "made", "by", "open")
	d := openIn(t, dir)
	_, err := Open(dir, Config{})
	if !errors.Is(err, ErrInUse) || !strings.Contains(err.Error(), fmt.Sprint("pid ", os.Getpid())) {
		t.Errorf("a second Open: %v", err)
	}
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=churn "+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.Contains(string(out), ErrInUse.Error()) || !strings.Contains(string(out), fmt.Sprint("pid ", os.Getpid())) {
		t.Errorf("another process: %v: %s", err, out)
	}
	if _, err := d.Create(context.Background(), Tenant{Name: "acme"}, Entry{}); err != nil {
		t.Errorf("the first store: %v", err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	openIn(t, dir)
}

// TestModes: others of this machine see nothing.
func TestModes(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no modes here")
	}
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	filled(t, dir, 3)
	d := openIn(t, dir)
	var backup bytes.Buffer
	if err := d.Backup(context.Background(), &backup); err != nil {
		t.Fatal(err)
	}
	seen := 0
	err := filepath.WalkDir(dir, func(path string, e fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := e.Info()
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %v, %v", path, info.Mode(), err)
		}
		seen++
		return nil
	})
	if err != nil || seen < 7 {
		t.Errorf("%d files: %v", seen, err)
	}

	// A directory of somebody's files is not taken.
	home := t.TempDir()
	if err := errors.Join(os.Chmod(home, 0o755), os.WriteFile(filepath.Join(home, "thesis"), nil, 0o644)); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(home, Config{}); err == nil || !strings.Contains(err.Error(), "chmod 700") {
		t.Errorf("a directory that is shared: %v", err)
	}
	if entries, _ := os.ReadDir(home); len(entries) != 1 {
		t.Errorf("it has %d entries now", len(entries))
	}
}

// TestLeftOvers: what a crash leaves is removed when the store is opened, and what is not
// ours is left alone.
func TestLeftOvers(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 3)
	nobodys := DigestOf([]byte("nobody's")).String() + ".wasm"
	leftOver := []string{"123.part", "registry.db.part", "modules/456.part", "modules/" + nobodys, "damaged/" + nobodys}
	foreign := []string{"readme", "modules/readme.wasm", "modules/" + strings.ToUpper(nobodys), "modules/" + nobodys + ".bak"}
	for _, name := range append(leftOver, foreign...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	var log bytes.Buffer
	d, err := Open(dir, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	for _, name := range leftOver {
		if _, err := os.Stat(filepath.Join(dir, name)); !isMissing(err) {
			t.Errorf("%s is still there: %v", name, err)
		}
	}
	for _, name := range foreign {
		if _, err := os.Stat(filepath.Join(dir, name)); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if !strings.Contains(log.String(), "count=2") { // with that of tenant-000
		t.Errorf("the log: %s", log.String())
	}
}

// TestMissingFiles: a database without its modules is opened and says so, modules
// without their database are not swept.
func TestMissingFiles(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 5)
	gone := DigestOf([]byte("module 2"))
	if err := os.Remove(filepath.Join(dir, "modules", gone.String()+".wasm")); err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	d, err := Open(dir, Config{Log: slog.New(slog.NewTextHandler(&log, nil))})
	if err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(log.String(), "level=ERROR") || !strings.Contains(log.String(), "tenant=tenant-002") || !strings.Contains(log.String(), gone.Short()) {
		t.Errorf("the log: %s", log.String())
	}
	if _, err := d.Module(context.Background(), gone); !errors.Is(err, ErrNotFound) {
		t.Errorf("the module: %v", err)
	}
	if err := errors.Join(d.Close(), os.Remove(filepath.Join(dir, databaseName))); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrDamaged) {
		t.Errorf("without its database: %v", err)
	}
	if modules, err := list(filepath.Join(dir, "modules")); err != nil || len(modules) != 3 {
		t.Errorf("%d modules are left: %v", len(modules), err)
	}
}

// TestSchema: a newer database is refused, an older one is migrated and copied.
func TestSchema(t *testing.T) {
	dir := t.TempDir()
	filled(t, dir, 5)
	next := schema{version: 2, steps: map[uint32]func(*bolt.Tx) error{
		1: func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("added")); return err },
	}}
	broken := schema{version: 2, steps: map[uint32]func(*bolt.Tx) error{
		1: func(tx *bolt.Tx) error {
			_, err := tx.CreateBucket([]byte("half"))
			return errors.Join(err, errDisk)
		},
	}}
	if _, err := open(dir, Config{}, osFiles{}, broken); !errors.Is(err, errDisk) {
		t.Errorf("a migration that fails: %v", err)
	}
	if _, err := open(dir, Config{}, osFiles{}, schema{version: 2}); err == nil || errors.Is(err, ErrNewer) {
		t.Errorf("a version that can no longer be read: %v", err)
	}
	d := openIn(t, dir) // still of version 1
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		d, err := open(dir, Config{}, osFiles{}, next)
		if err != nil {
			t.Fatal(err)
		}
		err = d.db.View(func(tx *bolt.Tx) error {
			if v, err := versionOf(tx); v != 2 || err != nil || tx.Bucket([]byte("added")) == nil || tx.Bucket([]byte("half")) != nil {
				t.Errorf("the database has version %d: %v", v, err)
			}
			return nil
		})
		if _, lost := d.Tenant(context.Background(), "tenant-003"); lost != nil || err != nil {
			t.Error(lost, err)
		}
		if err := d.Close(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrNewer) {
		t.Errorf("a newer database: %v", err)
	}
	// The copy is what it was.
	if err := os.Rename(filepath.Join(dir, databaseName+".version1"), filepath.Join(dir, databaseName)); err != nil {
		t.Fatal(err)
	}
	if _, err := openIn(t, dir).Tenant(context.Background(), "tenant-003"); err != nil {
		t.Error(err)
	}
}

// TestForeignDatabase: another program's database is not touched.
func TestForeignDatabase(t *testing.T) {
	dir := t.TempDir()
	db, err := bolt.Open(filepath.Join(dir, databaseName), 0o600, nil)
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(func(tx *bolt.Tx) error { _, err := tx.CreateBucket([]byte("theirs")); return err })
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	if _, err := Open(dir, Config{}); !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), "no registry's") {
		t.Errorf("a foreign database: %v", err)
	}
}

// unpack is what tar does.
func unpack(t *testing.T, archive io.Reader, dir string) (names []string) {
	t.Helper()
	r := tar.NewReader(archive)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return names
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(dir, filepath.FromSlash(h.Name))
		data, err := io.ReadAll(r)
		if err := errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, data, h.FileInfo().Mode())); err != nil {
			t.Fatal(err)
		}
		names = append(names, h.Name)
	}
}

// during calls f while the backup is written, before anything of a module is.
type during struct {
	io.Writer
	f func()
}

func (d *during) Write(b []byte) (int, error) {
	if d.f != nil {
		d.f()
		d.f = nil
	}
	return d.Writer.Write(b)
}

// TestBackup: a backup is the store of one moment, whatever happens while it is written.
func TestBackup(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	filled(t, dir, 20)
	d := openIn(t, dir)
	want, err := d.Tenant(ctx, "tenant-004")
	if err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	err = d.Backup(ctx, &during{&archive, func() {
		for i := 1; i < 20; i++ {
			if err := d.Delete(ctx, fmt.Sprintf("tenant-%03d", i), Entry{Action: "delete"}); err != nil {
				t.Error(err)
			}
		}
		if _, err := d.Sweep(ctx); err != nil {
			t.Error(err)
		}
		if _, err := d.Create(ctx, Tenant{Name: "later"}, Entry{}); err != nil {
			t.Error(err)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	restored := filepath.Join(t.TempDir(), "new")
	if names := unpack(t, &archive, restored); len(names) != 20 || names[0] != databaseName {
		t.Errorf("the archive holds %v", names)
	}
	r := openIn(t, restored)
	got, err := r.Tenant(ctx, "tenant-004")
	if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("%+v, %v; want %+v", got, err, want)
	}
	for i := 1; i < 20; i++ {
		m := fmt.Appendf(nil, "module %d", i)
		if got, err := r.Module(ctx, DigestOf(m)); err != nil || !bytes.Equal(got, m) {
			t.Errorf("module %d: %q, %v", i, got, err)
		}
	}
	if _, err := r.Tenant(ctx, "later"); !errors.Is(err, ErrNotFound) {
		t.Errorf("what came later: %v", err)
	}
	if n, err := d.Sweep(ctx); n != 19 || err != nil {
		t.Errorf("after the backup Sweep removed %d modules: %v", n, err)
	}
	if parts, _ := filepath.Glob(filepath.Join(dir, "*.part")); len(parts) != 0 {
		t.Errorf("left over: %v", parts)
	}
}

// TestBackupFails: a damaged module costs itself only, a writer that fails all.
func TestBackupFails(t *testing.T) {
	ctx := context.Background()
	dir := t.TempDir()
	filled(t, dir, 5)
	d := openIn(t, dir)
	if err := os.WriteFile(d.shelf.path(DigestOf([]byte("module 2"))), []byte("module 3"), 0o600); err != nil {
		t.Fatal(err)
	}
	var archive bytes.Buffer
	if err := d.Backup(ctx, &archive); !errors.Is(err, ErrIncomplete) || !errors.Is(err, ErrDamaged) || !strings.Contains(err.Error(), DigestOf([]byte("module 2")).Short()) {
		t.Errorf("with a damaged module: %v", err)
	}
	restored := t.TempDir()
	if names := unpack(t, &archive, restored); len(names) != 5 || names[4] != MissingName {
		t.Errorf("the archive holds %v", names)
	}
	lacks, err := os.ReadFile(filepath.Join(restored, MissingName))
	if want := DigestOf([]byte("module 2")).String() + "\n"; err != nil || string(lacks) != want {
		t.Errorf("it lacks %q, %v; want %q", lacks, err, want)
	}
	if _, err := openIn(t, restored).Module(ctx, DigestOf([]byte("module 3"))); err != nil {
		t.Errorf("restored: %v", err)
	}
	if err := d.Backup(ctx, failing{}); !errors.Is(err, errDisk) {
		t.Errorf("to a full disk: %v", err)
	}
	done, cancel := context.WithCancel(ctx)
	if err := d.Backup(done, &during{io.Discard, cancel}); !errors.Is(err, context.Canceled) {
		t.Errorf("a backup that is given up: %v", err)
	}
}

type failing struct{}

func (failing) Write([]byte) (int, error) { return 0, errDisk }
