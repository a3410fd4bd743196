package phx

import (
	"errors"
	"strings"
	"unicode/utf8"
)

// MaxName is the longest topic, event or ref, in bytes: lengths take one byte
// in a binary frame.
const MaxName = 255

var (
	// ErrNameLength is returned when a name is empty or longer than [MaxName].
	ErrNameLength = errors.New("phx: a name is 1 to 255 bytes long")
	// ErrNameControl is returned when a name contains a control character.
	ErrNameControl = errors.New("phx: a name must not contain control characters (U+0000 to U+001F, U+007F)")
)

// CheckName tells whether name can be a topic or an event: 1 to [MaxName]
// bytes, valid UTF-8, no control characters. The error is [ErrNameLength],
// [ErrNotUTF8] or [ErrNameControl]. The names in a decoded [Message] have been
// checked.
func CheckName(name string) error {
	if len(name) == 0 || len(name) > MaxName {
		return ErrNameLength
	}
	if !utf8.ValidString(name) {
		return ErrNotUTF8
	}
	if hasControl(name) {
		return ErrNameControl
	}
	return nil
}

// hasControl looks for the control characters of ASCII. Those from U+0080 to
// U+009F are ordinary two-byte characters to every terminal and log that reads
// UTF-8.
func hasControl(name string) bool {
	for i := range len(name) {
		if c := name[i]; c < ' ' || c == 0x7f {
			return true
		}
	}
	return false
}

// ReservedEvent tells whether event belongs to the protocol or to presence.
// Only the host sends such events; of a client's, only phx_join and phx_leave
// mean something.
func ReservedEvent(event string) bool {
	return strings.HasPrefix(event, "phx_") || event == "presence_state" || event == "presence_diff"
}
