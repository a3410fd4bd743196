package longpoll

import "github.com/chhost/chhost/host/phx"

// textOnly is a serializer whose clients take no bytes: the frames of a response
// are strings, and clients parse each as JSON.
type textOnly struct{ phx.Serializer }

func (s textOnly) AppendMessage(dst []byte, m *phx.Message) ([]byte, bool, error) {
	if m.Payload.IsBinary() {
		return nil, false, phx.ErrNoBinary
	}
	return s.Serializer.AppendMessage(dst, m)
}

func (s textOnly) AppendReply(dst []byte, r *phx.Reply) ([]byte, bool, error) {
	if r.Payload.IsBinary() {
		return nil, false, phx.ErrNoBinary
	}
	return s.Serializer.AppendReply(dst, r)
}

func (s textOnly) AppendBroadcast(dst []byte, b *phx.Broadcast) ([]byte, bool, error) {
	if b.Payload().IsBinary() {
		return nil, false, phx.ErrNoBinary
	}
	return s.Serializer.AppendBroadcast(dst, b)
}

// framing makes a JSON string of each frame, as it stands in a response: once for
// all who receive a broadcast.
func framing() phx.Framing {
	return phx.Framing{Seal: func(frame []byte, _ bool) []byte { return quote(frame) }}
}

// quote writes a frame, which is JSON and valid UTF-8, as a JSON string.
func quote(frame []byte) []byte {
	size := len(frame) + 2
	for _, c := range frame {
		switch {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			size++
		case c < ' ':
			size += 5
		}
	}
	out := append(make([]byte, 0, size), '"')
	for _, c := range frame {
		switch {
		case c == '"' || c == '\\':
			out = append(out, '\\', c)
		case c == '\n':
			out = append(out, '\\', 'n')
		case c == '\r':
			out = append(out, '\\', 'r')
		case c == '\t':
			out = append(out, '\\', 't')
		case c < ' ': // no JSON has these as they are
			const hex = "0123456789abcdef"
			out = append(out, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		default:
			out = append(out, c)
		}
	}
	return append(out, '"')
}
