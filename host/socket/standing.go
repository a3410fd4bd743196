package socket

import (
	"context"
	"errors"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// Standing returns what the client is to a topic, once its channel has handled
// all that waits. The error is [ErrClosed], or ctx's.
func (s *Socket) Standing(ctx context.Context, topic string) (channel.Standing, error) {
	c := s.find(topic)
	if c == nil {
		return channel.Standing{}, s.closedErr()
	}
	standing, err := look(ctx, c.Look)
	if errors.Is(err, channel.ErrRetired) { // since, or with the socket
		return channel.Standing{}, s.closedErr()
	}
	return standing, err
}

// Admit makes the client a member of a topic that its handler was not asked
// about, see [channel.Channel.Admit], and returns its standing. The error is a
// [*channel.Refusal] if no route leads anywhere or the client has as many
// channels as it may, [ErrClosed], or ctx's.
func (s *Socket) Admit(ctx context.Context, topic string, joinRef phx.Ref) (channel.Standing, error) {
	if _, ok := s.cfg.Route(topic); !ok {
		return channel.Standing{}, &channel.Refusal{Reason: phx.ReasonUnmatchedTopic}
	}
	for {
		c, ok := s.channel(topic)
		if err := s.closedErr(); err != nil {
			return channel.Standing{}, err
		}
		if !ok {
			return channel.Standing{}, &channel.Refusal{Reason: phx.ReasonTooManyChannels}
		}
		standing, err := look(ctx, func(f func(channel.Standing)) error { return c.Admit(joinRef, f) })
		if !errors.Is(err, channel.ErrRetired) {
			return standing, err
		}
		s.retired(c) // it has not come to it yet
	}
}

// look waits for what a channel calls its argument with.
func look(ctx context.Context, ask func(func(channel.Standing)) error) (channel.Standing, error) {
	seen := make(chan channel.Standing, 1)
	if err := ask(func(st channel.Standing) { seen <- st }); err != nil {
		return channel.Standing{}, err
	}
	select {
	case st := <-seen:
		return st, nil
	case <-ctx.Done():
		return channel.Standing{}, ctx.Err()
	}
}
