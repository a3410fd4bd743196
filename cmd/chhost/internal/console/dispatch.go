package console

import (
	"context"
	"io"

	"github.com/chhost/chhost/host/phx"
)

// dispatch sends a frame as a client does, and tells what the channel made of it.
//
// What came of it is read off the frames that the client got: the reply to this
// one, and the end of the membership. That a join got none is known when the
// channel has handled it, which Standing waits for: the plugin ignored it.
func (s *session) dispatch(ctx context.Context, out io.Writer, in line) error {
	m := phx.Message{Ref: s.nextRef(), Topic: in.topic, Event: in.event, Payload: in.payload}
	m.JoinRef = s.mail.membership(in.topic)
	switch in.event {
	case "join", phx.EventJoin:
		m.Event, m.JoinRef = phx.EventJoin, m.Ref
	case "leave":
		m.Event = phx.EventLeave
	}
	data, _, err := phx.V2().AppendMessage(nil, &m)
	if err != nil {
		return err
	}
	if _, err := s.at(ctx, in.topic); err != nil { // which channel it was, for when it ends
		return err
	}
	s.mail.expect(m.Ref, m.JoinRef)
	reply, end, err := s.send(ctx, phx.Frame{Data: data}, in.topic)
	if err != nil {
		return err
	}
	v, err := s.at(ctx, in.topic)
	if err != nil {
		return err
	}
	word := "ok"
	switch {
	case end != nil && end.kind == kindClose:
		word = "leave"
	case end != nil, reply != nil && reply.status == phx.StatusError:
		word = "error"
	case reply == nil && m.Event == phx.EventJoin:
		word = "ignore"
	}
	said := ""
	for _, f := range []*frame{reply, end} {
		if f != nil && said == "" {
			said = f.says()
		}
	}
	writeTuple(out, word, said, v.String())
	return nil
}

// send hands a frame over and waits until all that it causes has happened.
func (s *session) send(ctx context.Context, f phx.Frame, topic string) (reply, end *frame, err error) {
	if err = s.local.HandleFrame(ctx, f); err == nil {
		_, err = s.local.Standing(ctx, topic)
		s.settle(ctx)
	}
	reply, end = s.mail.outcome()
	return reply, end, err
}
