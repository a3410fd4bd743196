package pubsub_test

import (
	"bytes"
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/pubsub"
)

func packet(origin, namespace, topic, event string, hops int, payload phx.Payload) pubsub.Packet {
	return pubsub.Packet{
		Origin:    origin,
		Topic:     pubsub.Topic{Namespace: namespace, Name: topic},
		Broadcast: phx.NewHop(hops, topic, event, payload),
	}
}

func object(t testing.TB, text string) phx.Payload {
	t.Helper()
	p, err := phx.Object([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// header is the beginning of a packet: the first three bytes, the lengths of the
// names, and that of the extension.
func header(version, flags, hops byte, extension int, names ...string) string {
	b := []byte{version, flags, hops}
	for _, n := range names {
		b = append(b, byte(len(n)))
	}
	return string(append(b, byte(extension>>8), byte(extension))) + strings.Join(names, "")
}

func checkSame(t *testing.T, got, want pubsub.Packet) {
	t.Helper()
	g, w := got.Broadcast, want.Broadcast
	if got.Origin != want.Origin || got.Topic != want.Topic || g.Topic() != w.Topic() || g.Event() != w.Event() || g.Hops() != w.Hops() ||
		g.Payload().IsBinary() != w.Payload().IsBinary() || !bytes.Equal(g.Payload().Data(), w.Payload().Data()) {
		t.Errorf("%+v %q became %+v %q", want, w.Payload().Data(), got, g.Payload().Data())
	}
}

func TestPacket(t *testing.T) {
	long := strings.Repeat("é", 127) + "x"
	for _, c := range []struct {
		packet pubsub.Packet
		want   string
	}{
		{packet("", "default", "rooms:1", "new:msg", 0, object(t, ` {"a" : "\u00e9é"} `)),
			header(1, 0, 0, 0, "", "default", "rooms:1", "new:msg") + ` {"a" : "\u00e9é"} `},
		{packet("node-1", "", "t", "e", 4, phx.Payload{}), header(1, 0, 4, 0, "node-1", "", "t", "e") + "{}"},
		{packet("n", "a", "b.*.>", "presence_diff", 255, phx.Bytes([]byte{0, 255, '\n'})), header(1, 1, 255, 0, "n", "a", "b.*.>", "presence_diff") + "\x00\xff\n"},
		{packet("n", "a", "t", "e", 0, phx.Bytes(nil)), header(1, 1, 0, 0, "n", "a", "t", "e")},
		{packet(long, long, long, long, 1, phx.Payload{}), header(1, 0, 1, 0, long, long, long, long) + "{}"},
	} {
		data, err := c.packet.Append([]byte("before"))
		if err != nil || string(data) != "before"+c.want {
			t.Errorf("wrote %q, %v, want %q", data, err, c.want)
			continue
		}
		got, err := pubsub.DecodePacket(data[len("before"):])
		if err != nil {
			t.Errorf("%q: %v", c.want, err)
			continue
		}
		checkSame(t, got, c.packet)
	}
}

// What a later version adds for those who know it does not disturb this one;
// what it must be understood for is refused as newer, and nothing else is.
func TestPacketOfALaterVersion(t *testing.T) {
	names := []string{"n", "a", "t", "e"}
	for _, extension := range []string{"x", strings.Repeat("\x00", 256), strings.Repeat("{", 65535)} {
		got, err := pubsub.DecodePacket([]byte(header(1, 0, 2, len(extension), names...) + extension + `{"a":1}`))
		if err != nil {
			t.Errorf("an extension of %d bytes: %v", len(extension), err)
			continue
		}
		checkSame(t, got, packet("n", "a", "t", "e", 2, object(t, `{"a":1}`)))
	}
	for _, data := range []string{
		header(2, 0, 0, 0, names...) + "{}", "\x02", "\xff",
		header(1, 2, 0, 0, names...) + "{}", header(1, 0x81, 0, 0, names...),
	} {
		if _, err := pubsub.DecodePacket([]byte(data)); !errors.Is(err, pubsub.ErrNewer) {
			t.Errorf("%q: %v, want ErrNewer", data, err)
		}
	}
}

func TestNoPacket(t *testing.T) {
	name256 := strings.Repeat("n", 256)
	for what, p := range map[string]pubsub.Packet{
		"no topic":      packet("n", "a", "", "e", 0, phx.Payload{}),
		"no event":      packet("n", "a", "t", "", 0, phx.Payload{}),
		"long origin":   packet(name256, "a", "t", "e", 0, phx.Payload{}),
		"namespace":     packet("n", "a\x00", "t", "e", 0, phx.Payload{}),
		"not UTF-8":     packet("n", "a", "t\xff", "e", 0, phx.Payload{}),
		"protocol":      packet("n", "a", "t", "phx_close", 0, phx.Payload{}),
		"another topic": {Topic: pubsub.Topic{Name: "t"}, Broadcast: phx.NewBroadcast("u", "e", phx.Payload{})},
		"no object": packet("n", "a", "t", "e", 0, func() phx.Payload {
			p, _ := phx.JSON([]byte(`[1]`))
			return p
		}()),
	} {
		if data, err := p.Append([]byte("x")); !errors.Is(err, pubsub.ErrPacket) || string(data) != "x" {
			t.Errorf("%s: wrote %q, %v, want ErrPacket", what, data, err)
		}
	}
	good := []string{"n", "a", "t", "e"}
	for what, data := range map[string]string{
		"nothing":        "",
		"version 0":      "\x00" + header(1, 0, 0, 0, good...)[1:] + "{}",
		"a header less":  header(1, 0, 0, 0, good...)[:8],
		"short names":    header(1, 0, 0, 0, good...)[:12],
		"short by one":   header(1, 0, 0, 3, good...) + "{}",
		"no payload":     header(1, 0, 0, 0, good...),
		"only extension": header(1, 0, 0, 2, good...) + "{}",
		"no JSON":        header(1, 0, 0, 0, good...) + "{",
		"no object":      header(1, 0, 0, 0, good...) + "[]",
		"not UTF-8":      header(1, 0, 0, 0, good...) + "{\"a\":\"\xff\"}",
		"deep":           header(1, 0, 0, 0, good...) + `{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}",
		"control":        header(1, 0, 0, 0, "n", "a", "t\n", "e") + "{}",
		"no topic":       header(1, 0, 0, 0, "n", "a", "", "e") + "{}",
		"bad origin":     header(1, 0, 0, 0, "\x7f", "a", "t", "e") + "{}",
		"bad namespace":  header(1, 0, 0, 0, "n", "\xff", "t", "e") + "{}",
		"protocol":       header(1, 0, 0, 0, "n", "a", "t", "phx_error") + "{}",
	} {
		if p, err := pubsub.DecodePacket([]byte(data)); !errors.Is(err, pubsub.ErrPacket) || p.Broadcast != nil {
			t.Errorf("%s: read %+v, %v, want ErrPacket", what, p, err)
		}
	}
}

// The bound counts the names and the header.
func TestPacketSize(t *testing.T) {
	room := pubsub.MaxPacket - len(header(1, 1, 0, 0, "n", "a", "t", "e"))
	largest := packet("n", "a", "t", "e", 0, phx.Bytes(make([]byte, room)))
	data, err := largest.Append(nil)
	if err != nil || len(data) != pubsub.MaxPacket {
		t.Fatalf("%d bytes, %v, want %d", len(data), err, pubsub.MaxPacket)
	}
	got, err := pubsub.DecodePacket(data)
	if err != nil {
		t.Fatal(err)
	}
	checkSame(t, got, largest)
	if _, err := pubsub.DecodePacket(append(data, 0)); !errors.Is(err, pubsub.ErrTooLarge) {
		t.Errorf("read one byte more: %v", err)
	}
	larger := packet("n", "a", "t", "e", 0, phx.Bytes(make([]byte, room+1)))
	if data, err := larger.Append(nil); !errors.Is(err, pubsub.ErrTooLarge) || data != nil {
		t.Errorf("wrote one byte more: %v", err)
	}
}

// FuzzPacket reads anything. What is a packet is written again as it was, but
// for the extension, and what is read again is the same.
func FuzzPacket(f *testing.F) {
	for _, p := range []pubsub.Packet{
		packet("", "default", "rooms:1", "new:msg", 0, object(f, `{"a":1}`)),
		packet("n", "", "é", "e", 4, phx.Bytes([]byte{0, 1})),
	} {
		data, err := p.Append(nil)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Add([]byte(header(1, 0, 0, 3, "n", "a", "t", "e") + "xyz{}"))
	f.Add([]byte(header(2, 0, 0, 0, "n", "a", "t", "e") + "{}"))
	f.Fuzz(func(t *testing.T, data []byte) {
		before := bytes.Clone(data)
		p, err := pubsub.DecodePacket(data)
		if !bytes.Equal(before, data) {
			t.Fatal("reading changed the bytes")
		}
		if err != nil {
			if p.Broadcast != nil || !errors.Is(err, pubsub.ErrPacket) && !errors.Is(err, pubsub.ErrNewer) && !errors.Is(err, pubsub.ErrTooLarge) {
				t.Fatalf("%+v, %v", p, err)
			}
			return
		}
		again, err := p.Append(nil)
		if err != nil {
			t.Fatalf("what was read cannot be written: %v", err)
		}
		extension := int(data[7])<<8 | int(data[8])
		end := len(again) - len(p.Broadcast.Payload().Data())
		want := slices.Concat(data[:7], []byte{0, 0}, data[9:end], data[end+extension:])
		if !bytes.Equal(again, want) {
			t.Fatalf("%q was written again as %q", data, again)
		}
	})
}
