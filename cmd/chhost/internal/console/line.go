package console

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"github.com/chhost/chhost/abi"
	"github.com/chhost/chhost/host/phx"
)

// maxLine is the length of a line in bytes, without its end.
const maxLine = 64 << 10

var (
	errLineTooLong = fmt.Errorf("a line has at most %d bytes, and this one was passed over", maxLine)
	errNotUTF8     = errors.New("the line is not UTF-8")
)

// line is what one line of input asks for.
type line struct {
	command *command // nil: nothing
	topic   string
	event   string
	payload phx.Payload
	word    string // an argument that is neither of these
}

// parse reads a line. An empty one and a comment (#) ask for nothing.
func parse(text string) (line, error) {
	if len(text) > maxLine {
		return line{}, errLineTooLong
	}
	if !utf8.ValidString(text) {
		return line{}, errNotUTF8
	}
	rest := strings.TrimSpace(text)
	if rest == "" || rest[0] == '#' {
		return line{}, nil
	}
	name, rest, _ := cutWord(rest)
	c := find(name)
	if c == nil {
		return line{}, unknown(name)
	}
	if name, more, _ := cutWord(rest); c.sub != nil && name == c.sub.name {
		c, rest = c.sub, more
	}
	in := line{command: c}
	for _, p := range c.params {
		var err error
		if rest, err = in.take(p, rest); err != nil {
			return line{}, err
		}
	}
	if rest != "" {
		return line{}, fmt.Errorf("%s does not know what to do with %s", c.path, excerpt(rest))
	}
	return in, nil
}

// take reads an argument off rest and returns what is behind it.
func (in *line) take(p param, rest string) (string, error) {
	if p == paramJSON {
		var err error
		in.payload, err = message(rest)
		return "", err
	}
	quoted := strings.HasPrefix(rest, `"`) // so "" is a name, if not a good one
	word, rest, err := cutWord(rest)
	switch {
	case err != nil:
		return "", err
	case word == "" && p == paramCommand:
		return "", nil // help of everything
	case word == "" && !quoted:
		return "", fmt.Errorf("%s needs %s", in.command.path, in.command.usage())
	}
	switch p {
	case paramTopic:
		in.topic = word
		err = checkName("topic", word)
	case paramEvent:
		in.event = word
		err = checkName("event", word)
	default:
		in.word = word
	}
	return rest, err
}

func checkName(what, name string) error {
	if err := phx.CheckName(name); err != nil {
		return fmt.Errorf("the %s: %s", what, strings.TrimPrefix(err.Error(), "phx: "))
	}
	return nil
}

// cutWord takes the first word off text: what stands before a space, or a JSON
// string, as which names with spaces can be written.
func cutWord(text string) (word, rest string, err error) {
	text = strings.TrimLeft(text, " \t")
	if !strings.HasPrefix(text, `"`) {
		end := strings.IndexAny(text, " \t")
		if end < 0 {
			end = len(text)
		}
		return text[:end], strings.TrimLeft(text[end:], " \t"), nil
	}
	for end := 1; end < len(text); end++ {
		switch text[end] {
		case '\\':
			end++
		case '"':
			err = json.Unmarshal([]byte(text[:end+1]), &word)
			if rest = text[end+1:]; err != nil || rest != "" && rest[0] != ' ' && rest[0] != '\t' {
				return "", "", fmt.Errorf("%s is no JSON string", excerpt(text))
			}
			return word, strings.TrimLeft(rest, " \t"), nil
		}
	}
	return "", "", fmt.Errorf("the quote of %s is not closed", excerpt(text))
}

// message reads a payload; none is an empty one.
func message(text string) (phx.Payload, error) {
	p, err := phx.Object([]byte(text))
	switch {
	case err == nil:
		return p, nil
	case errors.Is(err, phx.ErrNotObject):
		return p, fmt.Errorf("the message must be a map, a JSON object such as {\"say\":\"hi\"}, and %s is none", excerpt(text))
	case strings.HasPrefix(text, "%{"):
		return p, errors.New(`the message must be a map in JSON: {"say":"hi"} for Elixir's %{say: "hi"}`)
	}
	why, _, _ := strings.Cut(strings.TrimPrefix(err.Error(), "phx: "), ";") // its advice is for programs
	return p, fmt.Errorf("the message must be a map in JSON, such as {\"say\":\"hi\"}, and %s is none: %s", excerpt(text), why)
}

// unknown says which command was meant.
func unknown(name string) error {
	text := "there is no command " + excerpt(name)
	near := abi.Nearest(name, commandNames())
	switch name { // what other prompts have
	case "exit", "q", ":q", "\\q":
		near = "quit"
	case "h", "?", "\\h":
		near = "help"
	case "r":
		near = "reload"
	}
	if near != "" {
		text += fmt.Sprintf(": did you mean %q?", near)
	}
	return errors.New(text + " (help lists them)")
}
