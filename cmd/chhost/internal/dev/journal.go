package dev

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/chhost/chhost/host"
)

// journal tells people what becomes of their changes: on the terminal, and the
// built-in page. Of its methods only ServeHTTP may be called at any time, the
// others by one goroutine after the other.
type journal struct {
	out io.Writer
	// web is where the plugin's own page is, if it has one.
	web string
	// told is what was said about watching, so that it is not said again.
	told string

	mu    sync.Mutex // guards state
	state state
}

// state is what the built-in page shows besides frames.
type state struct {
	Plugin string   `json:"plugin"`
	Topics []string `json:"topics"` // patterns
	Mount  string   `json:"mount"`
	// Page: the plugin has a page of its own.
	Page bool `json:"page"`
	// Version is the one that is being served, such as "food@2".
	Version string `json:"version"`
	// Building: a change has been seen, and its outcome is not known yet.
	Building bool `json:"building"`
	// Error is why the last change is not being served, if it is not.
	Error string `json:"error,omitempty"`
	// Note is the line about the last swap.
	Note string `json:"note,omitempty"`
}

func (j *journal) note(change func(*state)) {
	j.mu.Lock()
	defer j.mu.Unlock()
	change(&j.state)
}

// version is the one that is being served.
func (j *journal) version() string {
	j.mu.Lock()
	defer j.mu.Unlock()
	return j.state.Version
}

// watching tells what cannot be watched.
func (j *journal) watching(err error) {
	text := ""
	if err != nil {
		text = fmt.Sprintf("%v\nChanges there will not be seen.\n", err)
	}
	if text != j.told {
		j.told = text
		fmt.Fprint(j.out, text)
	}
}

// began tells that a change is being acted upon.
func (j *journal) began(s source, file string) {
	if text := s.begins(file); text != "" {
		fmt.Fprintln(j.out, text)
	}
	j.note(func(s *state) { s.Building = true })
}

// serving tells that a new version is being served.
func (j *journal) serving(d host.Deployment, took time.Duration) {
	channels := "channels"
	if d.Moved == 1 {
		channels = "channel"
	}
	text := fmt.Sprintf("%s is serving: %d %s moved, %d stayed on %s", d.Version, d.Moved, channels, d.Stayed, d.Previous)
	fmt.Fprintf(j.out, "%s (%s)\n", text, seconds(took))
	j.note(func(s *state) { s.Version, s.Building, s.Error, s.Note = d.Version, false, "", text })
}

// unchanged tells that the change made no difference.
func (j *journal) unchanged(took time.Duration) {
	fmt.Fprintf(j.out, "%s keeps serving: the module is the same (%s)\n", j.version(), seconds(took))
	j.note(func(s *state) { s.Building, s.Error = false, "" })
}

// failed tells why the change is not being served. That a file is missing or
// being written is not told twice.
func (j *journal) failed(err error) {
	text := strings.TrimRight(err.Error(), "\n") // a compiler's last line ends with one
	j.mu.Lock()
	again := j.state.Error == text
	j.state.Building, j.state.Error = false, text
	j.mu.Unlock()
	if again && (errors.Is(err, errIncomplete) || errors.Is(err, fs.ErrNotExist)) {
		return
	}
	fmt.Fprintf(j.out, "%s\n%s keeps serving\n", text, j.version())
}

// ServeHTTP answers with the state.
func (j *journal) ServeHTTP(w http.ResponseWriter, _ *http.Request) {
	j.mu.Lock()
	s := j.state
	j.mu.Unlock()
	s.Page = isDir(j.web)
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	_ = json.NewEncoder(w).Encode(s)
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.1f s", d.Seconds()) }
