package registry

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	bolt "go.etcd.io/bbolt"
)

var errDisk = errors.New("input/output error")

// faulty is a file system that notes what it is asked for, and fails at one of its calls.
type faulty struct {
	osFiles
	mu    sync.Mutex
	calls []string
	fail  string // the call that fails, such as "sync"
	err   error
}

func (f *faulty) call(name string) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls = append(f.calls, name)
	if f.fail == name {
		return f.err
	}
	return nil
}

func (f *faulty) breaks(name string, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.fail, f.err, f.calls = name, err, nil
}

func (f *faulty) Create(dir string) (file, error) {
	if err := f.call("create"); err != nil {
		return nil, err
	}
	opened, err := f.osFiles.Create(dir)
	return faultyFile{opened, f}, err
}

func (f *faulty) Open(path string) (file, error) {
	opened, err := f.osFiles.Open(path)
	if err != nil {
		return nil, err
	}
	if err := f.call("open"); err != nil {
		return nil, errors.Join(err, opened.Close())
	}
	return faultyFile{opened, f}, nil
}

func (f *faulty) Rename(from, to string) error {
	if err := f.call("rename"); err != nil {
		return err
	}
	return f.osFiles.Rename(from, to)
}

func (f *faulty) Remove(path string) error {
	if err := f.call("remove"); err != nil {
		return err
	}
	return f.osFiles.Remove(path)
}

func (f *faulty) SyncDir(dir string) error {
	if err := f.call("sync directory"); err != nil {
		return err
	}
	return f.osFiles.SyncDir(dir)
}

type faultyFile struct {
	file
	f *faulty
}

// Write writes a part before it fails, as a disk does that becomes full.
func (f faultyFile) Write(b []byte) (int, error) {
	if err := f.f.call("write"); err != nil {
		n, _ := f.file.Write(b[:len(b)/2])
		return n, err
	}
	return f.file.Write(b)
}

func (f faultyFile) Read(b []byte) (int, error) {
	if err := f.f.call("read"); err != nil {
		return 0, err
	}
	return f.file.Read(b)
}

func (f faultyFile) Sync() error {
	if err := f.f.call("sync"); err != nil {
		return err
	}
	return f.file.Sync()
}

func (f faultyFile) Close() error {
	err := f.file.Close()
	return errors.Join(f.f.call("close"), err)
}

// scene is a store on a file system that can fail, with one tenant that serves version 1.
type scene struct {
	*Disk
	t   *testing.T
	dir string
	fs  *faulty
	was Tenant
}

func newScene(t *testing.T) *scene {
	s := &scene{t: t, dir: t.TempDir(), fs: &faulty{}}
	s.open()
	if _, err := s.Create(context.Background(), Tenant{Name: "acme"}, Entry{Action: "create"}); err != nil {
		t.Fatal(err)
	}
	if err := s.upload("one"); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) open() {
	s.t.Helper()
	d, err := open(s.dir, Config{}, s.fs, currentSchema())
	if err != nil {
		s.t.Fatal(err)
	}
	s.Disk = d
	s.t.Cleanup(func() { _ = d.Close() })
}

// upload stores a version and makes it the active one.
func (s *scene) upload(module string) error {
	t, err := s.Update(context.Background(), "acme", Change{Modules: [][]byte{[]byte(module)}, Apply: func(t *Tenant) error {
		v := t.AddVersion("food", Version{Digest: DigestOf([]byte(module))})
		return t.Plugin("food").SetActive(Deploy{Seq: v.Seq, Strategy: "immediate"})
	}, Entry: Entry{Action: "upload"}})
	if err == nil {
		s.was = t
	}
	return err
}

// holds expects what was acknowledged last, and no more.
func (s *scene) holds(when string) {
	s.t.Helper()
	got, err := s.Tenant(context.Background(), "acme")
	if err != nil || got.Revision != s.was.Revision || got.Plugin("food").Active != s.was.Plugin("food").Active {
		s.t.Fatalf("%s: %+v, %v; want revision %d", when, got, err, s.was.Revision)
	}
	for d := range got.digests() {
		if _, err := s.Module(context.Background(), d); err != nil {
			s.t.Fatalf("%s: %v", when, err)
		}
	}
	log, err := s.Audit(context.Background(), "", 0, 0)
	if err != nil || uint64(len(log)) != s.was.Revision {
		s.t.Fatalf("%s: the log has %d entries, want %d: %v", when, len(log), s.was.Revision, err)
	}
}

func (s *scene) again() {
	s.t.Helper()
	if err := s.Close(); err != nil {
		s.t.Errorf("Close: %v", err)
	}
	s.open()
}

// TestDiskFails: whatever call fails, the change says so and has not happened, what was
// there goes on, the next change succeeds, and nothing is left over.
func TestDiskFails(t *testing.T) {
	for _, call := range []string{"create", "write", "sync", "close", "rename", "sync directory"} {
		for _, cause := range []error{errDisk, syscall.ENOSPC} {
			t.Run(fmt.Sprint(call, ", ", cause), func(t *testing.T) {
				s := newScene(t)
				s.fs.breaks(call, cause)
				err := s.upload("two")
				if !errors.Is(err, cause) || errors.Is(err, ErrFull) != isFull(cause) || !strings.HasPrefix(err.Error(), "registry: ") {
					t.Errorf("the upload: %v", err)
				}
				s.fs.breaks("", nil)
				s.holds("after the failure")
				if err := s.upload("three"); err != nil {
					t.Errorf("the next upload: %v", err)
				}
				s.holds("after the next upload")
				s.again()
				s.holds("after a restart")
				files, _ := filepath.Glob(filepath.Join(s.dir, "modules", "*"))
				if len(files) != 2 {
					t.Errorf("%d modules are there after a restart: %v", len(files), files)
				}
			})
		}
	}
}

// TestReadFails: a module that cannot be read is not taken for a damaged one.
func TestReadFails(t *testing.T) {
	for _, call := range []string{"open", "read"} {
		s := newScene(t)
		s.fs.breaks(call, errDisk)
		if m, err := s.Module(context.Background(), DigestOf([]byte("one"))); !errors.Is(err, errDisk) || errors.Is(err, ErrDamaged) || m != nil {
			t.Errorf("%s: %q, %v", call, m, err)
		}
		s.fs.breaks("", nil)
		s.holds("after " + call + " has failed")
	}
}

// TestSweepFails: what cannot be removed is said, and is removed the next time.
func TestSweepFails(t *testing.T) {
	s := newScene(t)
	if err := s.Delete(context.Background(), "acme", Entry{}); err != nil {
		t.Fatal(err)
	}
	s.fs.breaks("remove", errDisk)
	if n, err := s.Sweep(context.Background()); n != 0 || !errors.Is(err, errDisk) {
		t.Errorf("Sweep: %d, %v", n, err)
	}
	s.fs.breaks("", nil)
	if n, err := s.Sweep(context.Background()); n != 1 || err != nil {
		t.Errorf("the next Sweep: %d, %v", n, err)
	}
}

// TestOrder: everything about a module lasts before the record names it.
func TestOrder(t *testing.T) {
	s := newScene(t)
	commit := s.Disk.commit
	s.Disk.commit = func(tx *bolt.Tx) error {
		_ = s.fs.call("commit")
		return commit(tx)
	}
	s.fs.breaks("", nil)
	if err := s.upload("two"); err != nil {
		t.Fatal(err)
	}
	want := "create write sync close rename sync directory open close commit"
	if got := strings.Join(s.fs.calls, " "); got != want {
		t.Errorf("a new module:\n\t%s\nwant\n\t%s", got, want)
	}
	// One that is there may have been put there a moment ago, and not last yet.
	s.fs.breaks("", nil)
	if err := s.upload("two"); err != nil {
		t.Fatal(err)
	}
	calls := slices.DeleteFunc(s.fs.calls, func(c string) bool { return c == "read" })
	if got, want := strings.Join(calls, " "), "open close open sync close sync directory commit"; got != want {
		t.Errorf("a module that is there:\n\t%s\nwant\n\t%s", got, want)
	}
}

// TestCommitFails: a transaction that could not be written has not happened, and the
// next one may.
func TestCommitFails(t *testing.T) {
	s := newScene(t)
	commit := s.Disk.commit
	s.Disk.commit = func(tx *bolt.Tx) error { return errors.Join(tx.Rollback(), syscall.ENOSPC) }
	if err := s.upload("two"); !errors.Is(err, ErrFull) || errors.Is(err, ErrReadOnly) {
		t.Errorf("the upload: %v", err)
	}
	s.Disk.commit = commit
	s.holds("after a commit that failed")
	if err := s.upload("two"); err != nil {
		t.Error(err)
	}
	s.holds("after the next")
}

// TestLastSyncFails: the change is seen, and nobody knows whether it lasts. Nothing more
// is changed until the store is opened again.
func TestLastSyncFails(t *testing.T) {
	s := newScene(t)
	commit := s.Disk.commit
	s.Disk.commit = func(tx *bolt.Tx) error { return errors.Join(commit(tx), errDisk) }
	if err := s.upload("two"); !errors.Is(err, ErrReadOnly) || !errors.Is(err, errDisk) {
		t.Errorf("the upload: %v", err)
	}
	s.Disk.commit = commit
	if err := s.upload("three"); !errors.Is(err, ErrReadOnly) {
		t.Errorf("the next upload: %v", err)
	}
	if _, err := s.Tenant(context.Background(), "acme"); err != nil {
		t.Errorf("reading: %v", err)
	}
	s.again()
	if err := s.upload("three"); err != nil {
		t.Errorf("after a restart: %v", err)
	}
}

// TestPanickingApply: a bug of the caller's is no damage of ours.
func TestPanickingApply(t *testing.T) {
	s := newScene(t)
	func() {
		defer func() {
			if recover() == nil {
				t.Error("the panic of Apply is lost")
			}
		}()
		_, _ = s.Update(context.Background(), "acme", Change{Apply: func(*Tenant) error { panic("a bug") }})
	}()
	s.holds("after a panic")
	if err := s.upload("two"); err != nil {
		t.Error(err)
	}
}

// fillUntil uploads until the disk is full, and then looks whether all is as it was.
// It returns how many uploads there were room for.
func fillUntil(dir string, most int) (uploads int, err error) {
	ctx := context.Background()
	d, err := Open(dir, Config{})
	if err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	last, err := d.Create(ctx, Tenant{Name: "acme"}, Entry{Action: "create"})
	for err == nil && uploads < most {
		m := crashModule(uploads)
		var t Tenant
		t, err = d.Update(ctx, "acme", Change{Modules: [][]byte{m}, Apply: func(t *Tenant) error {
			v := t.AddVersion("food", Version{Digest: DigestOf(m), By: strings.Repeat("x", 1000)})
			return t.Plugin("food").SetActive(Deploy{Seq: v.Seq, Strategy: "immediate"})
		}, Entry: Entry{Action: "upload", Detail: strings.Repeat("x", 3000)}})
		if err == nil {
			last = t
			uploads++
		}
	}
	if !errors.Is(err, ErrFull) {
		return uploads, fmt.Errorf("after %d uploads: %v, want ErrFull", uploads, err)
	}
	got, err := d.Tenant(ctx, "acme")
	if err != nil || got.Revision != last.Revision {
		return uploads, fmt.Errorf("on a full disk: revision %d, want %d: %v", got.Revision, last.Revision, err)
	}
	for digest := range got.digests() {
		if _, err := d.Module(ctx, digest); err != nil {
			return uploads, fmt.Errorf("on a full disk: %w", err)
		}
	}
	return uploads, nil
}

// afterFull opens a store whose disk was full and has room again.
func afterFull(t *testing.T, dir string) {
	t.Helper()
	ctx := context.Background()
	d, err := Open(dir, Config{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = d.Close() }()
	acme, err := d.Tenant(ctx, "acme")
	if err != nil {
		t.Fatal(err)
	}
	for digest := range acme.digests() {
		if _, err := d.Module(ctx, digest); err != nil {
			t.Error(err)
		}
	}
	if _, err := d.Update(ctx, "acme", Change{Modules: [][]byte{[]byte("x")}, Entry: Entry{Action: "upload"}}); err != nil {
		t.Errorf("with room again: %v", err)
	}
}

// TestFullDisk fills a real one, if this process may mount it: that needs Linux and root.
// Without them TestFileSizeLimit, which always runs, has to do.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", dir).CombinedOutput(); err != nil {
		t.Logf("no small disk: %v, %s", err, out)
		return
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v, %s", err, out)
		}
	})
	uploads, err := fillUntil(dir, 1000)
	if err != nil || uploads == 0 {
		t.Fatalf("%d uploads: %v", uploads, err)
	}
	if out, err := exec.Command("mount", "-o", "remount,size=8m", dir).CombinedOutput(); err != nil {
		t.Fatalf("mount: %v, %s", err, out)
	}
	afterFull(t, dir)
}

// TestFileSizeLimit lets no file of a child process grow beyond a limit: the database
// meets it when it grows, which no double of the file system brings about.
func TestFileSizeLimit(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("files have no limit here")
	}
	dir := t.TempDir()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), roleVariable+"=fill "+dir)
	out, err := cmd.CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "full") {
		t.Fatalf("%v: %s", err, out)
	}
	afterFull(t, dir)
}
