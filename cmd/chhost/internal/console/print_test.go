package console

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
)

func object(t *testing.T, text string) phx.Payload {
	t.Helper()
	p, err := phx.JSON([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestShown guards that what others sent stays on its line.
func TestShown(t *testing.T) {
	long := `{"a":"` + strings.Repeat("é", maxShown) + `"}`
	for payload, want := range map[string]string{
		"{ \"a\" :\n1 }": `{"a":1}`,
		"{\"a\":\"\u009b2J\u202e\U000e0001 \x7f\"}": `{"a":"\u009b2J\u202e\udb40\udc01 \u007f"}`,
		long: long[:maxShown] + "... (4008 bytes)",
	} {
		if got := shown(object(t, payload)); got != want {
			t.Errorf("%.60q is shown as %.80q", payload, got)
		}
	}
	if got := shown(phx.Bytes([]byte{1, 2, 255})); got != "<<1, 2, 255>>" {
		t.Error(got)
	}
	if got := shown(phx.Bytes(make([]byte, 100))); !strings.HasSuffix(got, "0, ... (100 bytes)>>") || len(got) > 250 {
		t.Error(got)
	}
	for assigns, want := range map[string]string{"": "{}", `{"a": 1}`: `{"a":1}`, "jo\n": `"jo\n"`, "\x00\xff": "<<0, 255>>"} {
		if got := shownAssigns([]byte(assigns)); got != want {
			t.Errorf("the assigns %q are shown as %s", assigns, got)
		}
	}
	if got := visible("a\x1b\xffé\t"); got != `a\u001b\xffé\u0009` {
		t.Error(got)
	}
	if got := indented("a:\n\tb\x07\n"); got != "a:\n      b\\u0007" {
		t.Errorf("%q", got)
	}
}

// TestDecode reads every kind of frame that the host writes.
func TestDecode(t *testing.T) {
	data := phx.Bytes([]byte{0, 255})
	for _, c := range []struct {
		encode func(*phx.Encoder) ([]byte, error)
		want   string
	}{
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Message(&phx.Message{JoinRef: `"1"`, Topic: "t", Event: "e", Payload: object(t, `{"a":1}`)})
		}, `socket_push: message{event: "e", payload: {"a":1}, topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Message(&phx.Message{JoinRef: `"1"`, Topic: "t", Event: "e", Payload: data})
		}, `socket_push: message{event: "e", payload: <<0, 255>>, topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Broadcast(phx.NewBroadcast("t", "e", phx.Payload{}))
		}, `socket_broadcast: message{event: "e", payload: {}, topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Broadcast(phx.NewBroadcast("t", "e", data))
		}, `socket_broadcast: message{event: "e", payload: <<0, 255>>, topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Reply(&phx.Reply{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Status: "error", Payload: object(t, `[1]`)})
		}, `socket_reply: message{status: error, payload: [1], topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Reply(&phx.Reply{JoinRef: `"1"`, Ref: `"2"`, Topic: "t", Status: "ok", Payload: data})
		}, `socket_reply: message{status: ok, payload: <<0, 255>>, topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Message(&phx.Message{JoinRef: `"1"`, Ref: `"1"`, Topic: "t", Event: "phx_close"})
		}, `socket_close: message{event: "phx_close", payload: {}, topic: "t"}`},
		{func(e *phx.Encoder) ([]byte, error) {
			return e.Message(&phx.Message{JoinRef: `"1"`, Ref: `"1"`, Topic: "t", Event: "phx_error", Payload: object(t, `{"reason":"channel_crash"}`)})
		}, `socket_error: message{event: "phx_error", payload: {"reason":"channel_crash"}, topic: "t"}`},
	} {
		var binary bool
		e := &phx.Encoder{Serializer: phx.V2(), Framing: phx.Framing{Seal: func(buf []byte, b bool) []byte { binary = b; return buf }}}
		buf, err := c.encode(e)
		if err != nil {
			t.Fatal(err)
		}
		in, err := decode(phx.Frame{Data: buf, Binary: binary})
		if err != nil || in.text() != c.want {
			t.Errorf("%q: %s, %v, want %s", buf, in.text(), err, c.want)
		}
		if (in.kind == kindReply) != (in.ref == `"2"`) || (in.joinRef == "") != (in.kind == kindBroadcast) {
			t.Errorf("%q: the refs are %q and %q", buf, in.joinRef, in.ref)
		}
		for n := range buf { // cut short anywhere
			if in, err := decode(phx.Frame{Data: buf[:n], Binary: binary}); err == nil && !binary {
				t.Errorf("%q was read as %s", buf[:n], in.text())
			}
		}
	}
}

// TestMailIsBounded guards that a plugin which is never silent fills no memory.
func TestMailIsBounded(t *testing.T) {
	var m mail
	for range maxInbox + 3 {
		m.receive(phx.Frame{Data: []byte(`[null,null,"t","e",{}]`)})
	}
	var out bytes.Buffer
	m.write(&out)
	if lines := strings.Split(out.String(), "\n"); len(lines) != maxInbox+2 || lines[maxInbox] != "(3 older ones are no longer there: the inbox keeps 100)" {
		t.Errorf("%d lines, the last %q", len(lines), lines[len(lines)-2:])
	}
	m.clear()
	m.receive(phx.Frame{Data: []byte("{}")})
	out.Reset()
	m.write(&out)
	if out.String() != "[BUG: a frame of the host cannot be read]\n" {
		t.Error(out.String())
	}
}

func TestHeldLog(t *testing.T) {
	var out bytes.Buffer
	l := &heldLog{to: &out}
	write := func(text string) {
		if _, err := l.Write([]byte(text)); err != nil {
			t.Error(err)
		}
	}
	write("at once\n")
	l.hold(true)
	write("later\n")
	line := strings.Repeat("x", maxHeld/2) + "\n"
	write(line)
	write(line)
	write(line)
	if out.String() != "at once\n" {
		t.Errorf("while somebody typed there came %.40q", out.String())
	}
	l.release()
	write("at once\n")
	if want := "at once\nlater\n" + line + "(2 lines of the log did not fit here)\nat once\n"; out.String() != want {
		t.Errorf("there came %d bytes, not %d", out.Len(), len(want))
	}
}

func TestComplete(t *testing.T) {
	s := &session{plugins: []Plugin{plugin("food", "a/food.wasm"), plugin("chat", "chat.wasm")}}
	s.seen.prefixes = []string{"foods:"}
	for _, topic := range []string{"foods:all", "rooms:demo", "foods:all", "two words", ""} {
		s.seen.topic(topic)
	}
	s.seen.event("new:msg")
	for text, want := range map[string][]string{
		"dis":                    {"dispatch "},
		"auth":                   {"authorize", "authorized?"},
		"":                       commandNames(),
		"dispatch ":              {"foods:", "foods:all", "rooms:demo"},
		"dispatch r":             {"rooms:demo "},
		"dispatch foods:all ":    {"join", "leave", "new:msg"},
		"broadcast foods:all ":   {"new:msg "},
		"dispatch foods:all x {": nil,
		"socket ":                {"new "},
		"socket new foods:a":     {"foods:all "},
		"socket old foods:a":     nil,
		"reload ":                {"chat", "food"},
		"help inb":               {"inbox "},
		"xyzzy ":                 nil,
		"self x":                 nil,
	} {
		want := slices.Sorted(slices.Values(want))
		if _, got, _ := s.complete(text, len(text)); !slices.Equal(got, want) {
			t.Errorf("%q is completed by %q, want %q", text, got, want)
		}
	}
	// In the middle of a line, behind letters of two bytes.
	head, words, tail := s.complete("dispatch é foods", 11)
	if head != "dispatch é " || len(words) != 3 || tail != "foods" {
		t.Errorf("%q %q %q", head, words, tail)
	}
	for i := range 3 * maxSeen {
		s.seen.topic(strings.Repeat("t", i+1))
	}
	if len(s.seen.topics) != maxSeen {
		t.Errorf("%d topics are remembered", len(s.seen.topics))
	}
}
