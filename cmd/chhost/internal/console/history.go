package console

import (
	"os"
	"path/filepath"
	"strings"
	"unicode/utf8"
)

// Bounds of what is kept of earlier sessions.
const (
	maxHistory     = 500
	maxHistoryLine = 2000 // longer ones are not worth to be looked for
)

// history is the lines that were typed at a terminal, in this session and before.
// A file that cannot be read or written is done without.
type history struct {
	file  string // "" keeps none
	added []string
}

// load returns the lines of earlier sessions, the oldest first.
func (h *history) load() []string {
	if h.file == "" {
		return nil
	}
	info, err := os.Stat(h.file)
	if err != nil || info.Size() > maxHistory*(maxHistoryLine+1) {
		return nil // somebody else's, or none
	}
	data, err := os.ReadFile(h.file)
	if err != nil {
		return nil
	}
	var lines []string
	for text := range strings.Lines(string(data)) {
		if text = strings.TrimRight(text, "\r\n"); keepable(text) {
			lines = append(lines, text)
		}
	}
	return lines[max(0, len(lines)-maxHistory):]
}

// keepable tells whether a line is kept: a space in front keeps it out, as in a
// shell, for those with secrets in them.
func keepable(text string) bool {
	return text != "" && text[0] != ' ' && len(text) <= maxHistoryLine && utf8.ValidString(text) && !strings.ContainsAny(text, "\r\n")
}

// add notes a line, and tells whether it is kept.
func (h *history) add(text string) bool {
	if !keepable(text) {
		return false
	}
	if h.added = append(h.added, text); len(h.added) > maxHistory {
		h.added = h.added[1:]
	}
	return true
}

// save adds what was typed in this session to the file: to what is there by now,
// since another session may have ended meanwhile.
func (h *history) save() {
	if h.file == "" || len(h.added) == 0 {
		return
	}
	var lines []string
	for _, text := range append(h.load(), h.added...) {
		if len(lines) == 0 || lines[len(lines)-1] != text {
			lines = append(lines, text)
		}
	}
	lines = lines[max(0, len(lines)-maxHistory):]
	dir := filepath.Dir(h.file)
	if os.MkdirAll(dir, 0o700) != nil {
		return
	}
	f, err := os.CreateTemp(dir, ".console-history-") // which is readable by its owner only
	if err != nil {
		return
	}
	_, err = f.WriteString(strings.Join(lines, "\n") + "\n")
	if f.Close() != nil || err != nil || os.Rename(f.Name(), h.file) != nil {
		_ = os.Remove(f.Name())
	}
}
