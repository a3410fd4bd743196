package dev

import (
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"path/filepath"
	"sync"
	"syscall"

	"github.com/fsnotify/fsnotify"
)

// watch tells when an input of the module has changed. It is safe for concurrent
// use.
//
// Directories are watched, and not files: an editor replaces a file by a new one,
// and a watch of the old one would see no more.
type watch struct {
	files *fsnotify.Watcher
	log   *slog.Logger
	// changes receives an input that has changed, or nothing if it is not known
	// which. While one waits there, no other is added.
	changes chan string

	mu   sync.Mutex // guards what follows
	in   inputs
	dirs map[string]bool // that are watched
}

// openWatch returns a watch that follows nothing yet. It has to be closed.
func openWatch(log *slog.Logger) (*watch, error) {
	files, err := fsnotify.NewWatcher()
	if err != nil {
		return nil, err
	}
	return &watch{files: files, log: log, changes: make(chan string, 1)}, nil
}

// close ends run.
func (w *watch) close() error { return w.files.Close() }

// run tells of changes until the watch is closed.
func (w *watch) run() {
	for {
		select {
		case e, ok := <-w.files.Events:
			if !ok {
				return
			}
			if w.concerns(e) {
				w.tell(e.Name)
			}
		case err, ok := <-w.files.Errors:
			if !ok {
				return
			}
			if errors.Is(err, fsnotify.ErrEventOverflow) {
				w.tell("") // whatever it was that was lost
			} else {
				w.log.Warn("watching the source", "err", err)
			}
		}
	}
}

func (w *watch) tell(what string) {
	select {
	case w.changes <- what:
	default: // one is waiting
	}
}

// concerns reports whether what happened can change the module.
func (w *watch) concerns(e fsnotify.Event) bool {
	if e.Op == fsnotify.Chmod || e.Name == "" {
		return false
	}
	w.mu.Lock()
	in, watched := w.in, w.dirs[e.Name]
	w.mu.Unlock()
	if watched || isDir(e.Name) {
		return e.Op != fsnotify.Write && in.countDir(e.Name)
	}
	return in.count(e.Name)
}

// follow makes the watch tell of these inputs, and of no others. What could not
// be watched is in the error; the rest is.
//
// Whoever calls it before reading the inputs misses no change: one that is not
// read is told of.
func (w *watch) follow(in inputs) error {
	dirs := make(map[string]bool)
	var errs []error
	for _, place := range in.places() {
		added, err := w.add(place)
		if errors.Is(err, syscall.ENOSPC) { // what Linux says when somebody watches too much
			err = errors.New("too many directories are being watched on this machine; see fs.inotify.max_user_watches")
		}
		if err != nil {
			errs = append(errs, fmt.Errorf("cannot watch %s: %w", place, err))
		}
		if added != "" {
			dirs[added] = true
		}
	}
	w.mu.Lock()
	old := w.dirs
	w.in, w.dirs = in, dirs
	w.mu.Unlock()
	for dir := range old {
		if !dirs[dir] {
			_ = w.files.Remove(dir) // or it is gone with its watch
		}
	}
	return errors.Join(errs...)
}

// add watches the directory, or the nearest one above it that exists, which is
// where it will appear. It returns what is watched. A directory that is watched
// already may be a new one of the same name, so it is added again.
func (w *watch) add(dir string) (string, error) {
	for {
		err := w.files.Add(dir)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, fs.ErrNotExist) {
			return "", err
		}
		child, parent := dir, filepath.Dir(dir)
		for {
			if err := w.files.Add(parent); err == nil {
				break
			} else if !errors.Is(err, fs.ErrNotExist) || parent == filepath.Dir(parent) {
				return "", err
			}
			child, parent = parent, filepath.Dir(parent)
		}
		if !isDir(child) {
			return parent, nil
		}
		// It appeared before its parent was watched: begin again.
	}
}
