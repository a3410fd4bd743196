package pubsub

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strings"

	"github.com/chhost/chhost/host/phx"
)

// MaxPacket is the size in bytes of the largest packet: 1 MiB. It is what a
// client's outbox holds at most, so nothing larger could be delivered, and what
// a NATS server takes unless configured otherwise.
const MaxPacket = 1 << 20

var (
	// ErrTooLarge is returned when a broadcast does not fit into a packet. It
	// never reaches another node.
	ErrTooLarge = fmt.Errorf("pubsub: the broadcast is larger than %d bytes with its names, and stays on its node", MaxPacket)
	// ErrPacket is returned when bytes are no packet, or when a broadcast cannot
	// be one. What is wrong stands behind it.
	ErrPacket = errors.New("pubsub: no packet")
	// ErrNewer is returned when a packet was written by a later version of chhost
	// that knew it could not be read by this one. It is to be dropped; the link is
	// sound.
	ErrNewer = errors.New("pubsub: a packet of a newer version of chhost: bring all nodes to that version")
)

// Packet is a broadcast as an [Adapter] carries it from node to node.
type Packet struct {
	// Origin tells the node that published, for links that hand a node its own
	// packets too: a name of at most 255 bytes that no two nodes share, or empty.
	Origin string
	// Topic is where Broadcast goes. Its name is that of the broadcast.
	Topic     Topic
	Broadcast *phx.Broadcast
}

// The format, version 1. Numbers are unsigned, the one of two bytes has its high
// byte first:
//
//	01 | flags | hops | ol | nl | tl | el | xl xl |
//	origin namespace topic event extension | payload
//
// A later version that adds what others may miss puts it into the extension,
// which this one skips; one that adds what they must not miss sets a flag or
// another first byte, which this one refuses.
const (
	packetVersion = 1
	packetHeader  = 9
	// flagBinary: the payload is bytes, and not a JSON object.
	flagBinary = 1
)

// Append writes the packet behind dst. The error is [ErrTooLarge], or wraps
// [ErrPacket] if the topic or the event is no name in the sense of
// [phx.CheckName] or begins with "phx_", if the two name different topics, or if
// the payload is neither an object nor bytes: nothing that a channel sends.
func (p *Packet) Append(dst []byte) ([]byte, error) {
	b := p.Broadcast
	if b.Topic() != p.Topic.Name {
		return dst, fmt.Errorf("%w: a broadcast to another topic than it says", ErrPacket)
	}
	if err := p.check(); err != nil {
		return dst, err
	}
	payload := b.Payload()
	names := len(p.Origin) + len(p.Topic.Namespace) + len(p.Topic.Name) + len(b.Event())
	if packetHeader+names+payload.Len() > MaxPacket {
		return dst, ErrTooLarge
	}
	flags := byte(0)
	if payload.IsBinary() {
		flags = flagBinary
	}
	dst = append(dst, packetVersion, flags, byte(b.Hops()),
		byte(len(p.Origin)), byte(len(p.Topic.Namespace)), byte(len(p.Topic.Name)), byte(len(b.Event())), 0, 0)
	for _, name := range []string{p.Origin, p.Topic.Namespace, p.Topic.Name, b.Event()} {
		dst = append(dst, name...)
	}
	return append(dst, payload.Data()...), nil
}

// DecodePacket reads what [Packet.Append] wrote. It trusts nothing: names and
// JSON are checked as those of a client are. It keeps data, which must not be
// changed afterwards. The error is [ErrTooLarge] or [ErrNewer], or wraps
// [ErrPacket].
func DecodePacket(data []byte) (Packet, error) {
	switch {
	case len(data) > MaxPacket:
		return Packet{}, ErrTooLarge
	case len(data) == 0 || data[0] == 0:
		return Packet{}, fmt.Errorf("%w: it has no version", ErrPacket)
	case data[0] > packetVersion:
		return Packet{}, ErrNewer
	case len(data) < packetHeader:
		return Packet{}, fmt.Errorf("%w: %d bytes are too few", ErrPacket, len(data))
	case data[1]&^flagBinary != 0:
		return Packet{}, ErrNewer
	}
	names := 0
	for _, n := range data[3:7] {
		names += int(n)
	}
	extension := int(binary.BigEndian.Uint16(data[7:packetHeader]))
	rest := data[packetHeader:]
	if names+extension > len(rest) {
		return Packet{}, fmt.Errorf("%w: it is shorter than its header says", ErrPacket)
	}
	text := string(rest[:names]) // of its own: a name must not keep the payload
	cut := func(length byte) (name string) {
		name, text = text[:length], text[length:]
		return name
	}
	p := Packet{Origin: cut(data[3]), Topic: Topic{Namespace: cut(data[4]), Name: cut(data[5])}}
	payload, err := packetPayload(rest[names+extension:], data[1]&flagBinary != 0)
	if err != nil {
		return Packet{}, err
	}
	p.Broadcast = phx.NewHop(int(data[2]), p.Topic.Name, text, payload)
	if err := p.check(); err != nil {
		return Packet{}, err
	}
	return p, nil
}

func packetPayload(data []byte, binary bool) (phx.Payload, error) {
	if binary {
		return phx.Bytes(data), nil
	}
	if len(data) == 0 {
		return phx.Payload{}, fmt.Errorf("%w: it has no payload", ErrPacket)
	}
	payload, err := phx.Object(data)
	if err != nil {
		return phx.Payload{}, fmt.Errorf("%w: payload: %w", ErrPacket, err)
	}
	return payload, nil
}

// check tells whether the packet may travel.
func (p *Packet) check() error {
	if p.Origin != "" {
		if err := phx.CheckName(p.Origin); err != nil {
			return fmt.Errorf("%w: origin: %w", ErrPacket, err)
		}
	}
	if p.Topic.Namespace != "" {
		if err := phx.CheckName(p.Topic.Namespace); err != nil {
			return fmt.Errorf("%w: namespace: %w", ErrPacket, err)
		}
	}
	if err := phx.CheckName(p.Topic.Name); err != nil {
		return fmt.Errorf("%w: topic: %w", ErrPacket, err)
	}
	event := p.Broadcast.Event()
	if err := phx.CheckName(event); err != nil {
		return fmt.Errorf("%w: event: %w", ErrPacket, err)
	}
	// Only the host of a client may end its channels.
	if strings.HasPrefix(event, "phx_") {
		return fmt.Errorf("%w: an event of the protocol itself", ErrPacket)
	}
	if payload := p.Broadcast.Payload(); !payload.IsBinary() && !payload.IsObject() {
		return fmt.Errorf("%w: payload: %w", ErrPacket, phx.ErrNotObject)
	}
	return nil
}
