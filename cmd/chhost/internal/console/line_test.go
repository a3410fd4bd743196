package console

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/chhost/chhost/host/phx"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]string{
		"":                                       "",
		" \t ":                                   "",
		"# dispatch":                             "",
		"self":                                   "self",
		" self\t":                                "self",
		"socket":                                 "socket",
		"socket new a:b":                         "socket new a:b",
		"subscribers  rooms:demo ":               "subscribers rooms:demo",
		`subscribers "two words"`:                "subscribers two words",
		`subscribers "\u0041\"b"`:                `subscribers A"b`,
		`subscribers ""x`:                        `error: "\"\"x" is no JSON string`,
		`subscribers "a`:                         `error: the quote of "\"a" is not closed`,
		`subscribers "a\"`:                       `error: the quote of "\"a\\\"" is not closed`,
		`subscribers "\x"`:                       `error: "\"\\x\"" is no JSON string`,
		`subscribers ""`:                         `error: the topic: a name is 1 to 255 bytes long`,
		`subscribers "\u0007"`:                   `error: the topic: a name must not contain control characters (U+0000 to U+001F, U+007F)`,
		"subscribers a\u0007":                    `error: the topic: a name must not contain control characters (U+0000 to U+001F, U+007F)`,
		"subscribers a b":                        `error: subscribers does not know what to do with "b"`,
		"subscribers":                            "error: subscribers needs TOPIC",
		"socket new":                             "error: socket new needs TOPIC",
		"socket old":                             `error: socket does not know what to do with "old"`,
		"inbox clear":                            "inbox clear",
		"quit now":                               `error: quit does not know what to do with "now"`,
		"reload food":                            "reload food",
		"help":                                   "help",
		"help dispatch":                          "help dispatch",
		`broadcast t e {"a": [1, 2]} `:           `broadcast t e {"a": [1, 2]}`,
		"dispatch t e":                           "dispatch t e {}",
		"dispatch t":                             "error: dispatch needs TOPIC EVENT [JSON]",
		"dispatch t " + strings.Repeat("e", 256): "error: the event: a name is 1 to 255 bytes long",
		"dispatch t e [1]":                       `error: the message must be a map, a JSON object such as {"say":"hi"}, and "[1]" is none`,
		`dispatch t e "text"`:                    `error: the message must be a map, a JSON object such as {"say":"hi"}, and "\"text\"" is none`,
		"dispatch t e null":                      `error: the message must be a map, a JSON object such as {"say":"hi"}, and "null" is none`,
		"dispatch t e %{}":                       `error: the message must be a map in JSON: {"say":"hi"} for Elixir's %{say: "hi"}`,
		"dispatch t e {} {}":                     `error: the message must be a map in JSON, such as {"say":"hi"}, and "{} {}" is none: not one JSON value`,
		"dispatch t e {say: 1}":                  `error: the message must be a map in JSON, such as {"say":"hi"}, and "{say: 1}" is none: not one JSON value`,
		"Dispatch t e":                           `error: there is no command "Dispatch": did you mean "dispatch"? (help lists them)`,
		"authorised? t":                          `error: there is no command "authorised?": did you mean "authorized?"? (help lists them)`,
		"exit":                                   `error: there is no command "exit": did you mean "quit"? (help lists them)`,
		"?":                                      `error: there is no command "?": did you mean "help"? (help lists them)`,
		"r food":                                 `error: there is no command "r": did you mean "reload"? (help lists them)`,
		"dispatch t e " + strings.Repeat("[", 200) + strings.Repeat("]", 200): `error: the message must be a map in JSON, such as {"say":"hi"}, and "` + strings.Repeat("[", 40) + `..." is none: JSON is nested too deep (128 levels from a client, 192 from a handler)`,
		"xyzzy":                        `error: there is no command "xyzzy" (help lists them)`,
		"xyzzy\u001b[2J":               `error: there is no command "xyzzy\x1b[2J" (help lists them)`,
		strings.Repeat("x", 1000):      `error: there is no command "` + strings.Repeat("x", 40) + `..." (help lists them)`,
		"self \xff":                    "error: the line is not UTF-8",
		strings.Repeat(" ", maxLine):   "",
		strings.Repeat(" ", maxLine+1): "error: a line has at most 65536 bytes, and this one was passed over",
	} {
		if got := described(parse(text)); got != want {
			t.Errorf("%.60q:\n got %s\nwant %s", text, got, want)
		}
	}
}

// described is a line as it would be typed.
func described(in line, err error) string {
	if err != nil {
		return "error: " + err.Error()
	}
	if in.command == nil {
		return ""
	}
	text := in.command.path
	for _, p := range in.command.params {
		switch p {
		case paramTopic:
			text += " " + in.topic
		case paramEvent:
			text += " " + in.event
		case paramJSON:
			text += " " + string(in.payload.Data())
		default:
			text += " " + in.word
		}
	}
	return strings.TrimSpace(text)
}

// FuzzParse: whatever is typed is refused, or is what a client could send; and
// nothing that is said of it reaches the terminal raw.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"", "# x", "socket new foods:all", `dispatch foods:all new:msg {"say":"Success!"}`, `broadcast "a b" "c\n" {}`,
		"dispatch t e %{}", "self \x00", `subscribers "\ud800"`, "reload \u202egnirts", "help inbox", `dispatch "" "" {}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		in, err := parse(text)
		if err != nil {
			plain(t, indented(err.Error()))
			return
		}
		if in.command == nil {
			return
		}
		for _, p := range in.command.params {
			switch p {
			case paramTopic:
				wellNamed(t, in.topic)
			case paramEvent:
				wellNamed(t, in.event)
			case paramJSON:
				if !in.payload.IsObject() {
					t.Errorf("the payload is %q", in.payload.Data())
				}
				plain(t, shown(in.payload))
			}
		}
		plain(t, visible(text))
	})
}

func wellNamed(t *testing.T, name string) {
	t.Helper()
	if err := phx.CheckName(name); err != nil {
		t.Errorf("the name %q: %v", name, err)
	}
}

// plain fails for text that would do more to a terminal than to fill lines.
func plain(t *testing.T, text string) {
	t.Helper()
	if !utf8.ValidString(text) || strings.ContainsFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }) {
		t.Errorf("the terminal would get %q", text)
	}
}
