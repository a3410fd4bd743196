package console

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/chhost/chhost/host/phx"
)

// maxShown is how many bytes of a payload or of a channel's assigns are shown.
const maxShown = 2000

// visible is text with escapes in place of what would do more to a terminal than
// to fill a line.
func visible(text string) string {
	var b strings.Builder
	for len(text) > 0 {
		r, n := utf8.DecodeRuneInString(text)
		switch {
		case r == utf8.RuneError && n == 1:
			fmt.Fprintf(&b, `\x%02x`, text[0])
		case unicode.IsPrint(r):
			b.WriteRune(r)
		case r > 0xffff:
			high, low := utf16.EncodeRune(r)
			fmt.Fprintf(&b, `\u%04x\u%04x`, high, low)
		default:
			fmt.Fprintf(&b, `\u%04x`, r)
		}
		text = text[n:]
	}
	return b.String()
}

// indented is visible for a text of several lines: the others stand below the
// first.
func indented(text string) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	for i := range lines {
		lines[i] = visible(strings.ReplaceAll(lines[i], "\t", "    "))
	}
	return strings.Join(lines, "\n  ")
}

// excerpt quotes the start of a text.
func excerpt(text string) string {
	const most = 40
	if utf8.RuneCountInString(text) > most {
		text = string([]rune(text)[:most]) + "..."
	}
	return strconv.Quote(text)
}

// cut is text, or the start of it.
func cut(text string) string {
	if len(text) <= maxShown {
		return text
	}
	start := text[:maxShown]
	for !utf8.ValidString(start) {
		start = start[:len(start)-1]
	}
	return fmt.Sprintf("%s... (%d bytes)", start, len(text))
}

// shown is a payload on one line.
func shown(p phx.Payload) string {
	if p.IsBinary() {
		return shownBytes(p.Data())
	}
	return shownJSON(p.Data())
}

// shownJSON is a JSON value on one line. Only in its strings is there anything
// that visible has to escape, and the escapes of control characters are JSON's.
func shownJSON(data []byte) string {
	var b bytes.Buffer
	if json.Compact(&b, data) != nil {
		return shownBytes(data)
	}
	return cut(visible(b.String()))
}

// shownBytes writes bytes as the guide's language does: <<1, 2, 255>>.
func shownBytes(data []byte) string {
	const most = 64
	var b strings.Builder
	b.WriteString("<<")
	for i, c := range data {
		if i == most {
			fmt.Fprintf(&b, ", ... (%d bytes)", len(data))
			break
		}
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(strconv.Itoa(int(c)))
	}
	return b.String() + ">>"
}

// shownAssigns is a channel's state: what its plugin made of it.
func shownAssigns(assigns []byte) string {
	switch {
	case len(assigns) == 0:
		return "{}"
	case json.Valid(assigns):
		return shownJSON(assigns)
	case utf8.Valid(assigns):
		return cut(strconv.Quote(string(assigns)))
	}
	return shownBytes(assigns)
}

// view is what is shown of the socket at one topic.
type view struct {
	topic      string
	authorized bool
	channel    string // the handler's name; empty: none
	assigns    []byte
}

func (v view) String() string {
	channel := "nil"
	if v.channel != "" {
		channel = visible(v.channel)
	}
	return fmt.Sprintf("socket{topic: %s, authorized: %t, channel: %s, assigns: %s, transport: console, pubsub_server: local}",
		strconv.Quote(v.topic), v.authorized, channel, shownAssigns(v.assigns))
}

// writeTuple writes {a, b, c}, without those that are empty.
func writeTuple(out io.Writer, parts ...string) {
	var there []string
	for _, p := range parts {
		if p != "" {
			there = append(there, p)
		}
	}
	fmt.Fprintf(out, "{%s}\n", strings.Join(there, ", "))
}
