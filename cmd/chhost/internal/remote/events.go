package remote

import (
	"bufio"
	"errors"
	"io"
	"strings"
)

// maxEvent is how large a server-sent event may be, in bytes.
const maxEvent = 1 << 20

// Event is a server-sent event.
type Event struct {
	// ID is where a stream goes on with the header Last-Event-ID.
	ID string
	// Type is "message" if the stream names none.
	Type string
	Data string
}

// Events reads server-sent events until the stream ends, which is no error, or each
// returns an error, which is returned. Comments, which keep a connection open, are
// passed over.
func Events(stream io.Reader, each func(Event) error) error {
	lines := bufio.NewScanner(stream)
	lines.Buffer(nil, maxEvent)
	e, data, size := Event{}, []byte(nil), 0
	for lines.Scan() {
		line := strings.TrimSuffix(lines.Text(), "\r")
		if size += len(line) + 1; size > maxEvent {
			return errors.New("the host sends an event that is larger than 1 MiB")
		}
		if line == "" {
			if len(data) > 0 {
				e.Type = orElse(e.Type, "message")
				e.Data = string(data[:len(data)-1])
				if err := each(e); err != nil {
					return err
				}
			}
			e, data, size = Event{ID: e.ID}, data[:0], 0
			continue
		}
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch name {
		case "data":
			data = append(append(data, value...), '\n')
		case "event":
			e.Type = value
		case "id":
			e.ID = value
		}
	}
	return lines.Err()
}
