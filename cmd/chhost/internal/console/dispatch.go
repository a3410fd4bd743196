package console

import (
	"context"
	"fmt"
	"io"
	"strings"

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
	switch {
	case reply == nil || reply.reason() != phx.ReasonUnmatchedTopic || v.authorized:
	case m.Event == phx.EventJoin:
		s.noRoute(out, in.topic)
	default:
		fmt.Fprintln(out, "(the topic is not joined: dispatch a join to it first)")
	}
	return nil
}

// noRoute says why a topic is nobody's. If it is somebody's, a plugin refused it in
// the host's words.
func (s *session) noRoute(out io.Writer, topic string) {
	for _, p := range s.patterns {
		if prefix, ok := strings.CutSuffix(p, "*"); p == topic || ok && strings.HasPrefix(topic, prefix) {
			return
		}
	}
	if len(s.patterns) == 0 {
		fmt.Fprintln(out, "(no topic can be joined: start with chhost console --route 'PATTERN=FILE')")
		return
	}
	fmt.Fprintf(out, "(no route takes the topic: there is %s)\n", visible(strings.Join(s.patterns, ", ")))
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
