package channeltest

import (
	"encoding/base64"
	"log/slog"
	"strings"
	"sync"

	"github.com/chhost/chhost/host/phx"
)

// Object returns a payload from a JSON object; it panics if that is none.
func Object(object string) phx.Payload { return must(phx.Object([]byte(object))) }

// JSON returns a payload from a JSON value; it panics if that is none.
func JSON(value string) phx.Payload { return must(phx.JSON([]byte(value))) }

func must(p phx.Payload, err error) phx.Payload {
	if err != nil {
		panic("channeltest: " + err.Error())
	}
	return p
}

func parse(frame string) (phx.Frame, error) {
	binary, ok := strings.CutPrefix(frame, "!")
	if !ok {
		return phx.Frame{Data: []byte(frame)}, nil
	}
	data, err := base64.StdEncoding.DecodeString(binary)
	return phx.Frame{Data: data, Binary: true}, err
}

// Log keeps the lines of a logger. Its zero value is ready for use; it is safe
// for concurrent use.
type Log struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements [io.Writer].
func (l *Log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

// Logger returns a logger that writes to l, as slog's text handler does.
func (l *Log) Logger() *slog.Logger {
	return slog.New(slog.NewTextHandler(l, &slog.HandlerOptions{Level: slog.LevelDebug}))
}

// String is all that was logged.
func (l *Log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// Count is the number of lines that contain text.
func (l *Log) Count(text string) int {
	n := 0
	for line := range strings.Lines(l.String()) {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}
