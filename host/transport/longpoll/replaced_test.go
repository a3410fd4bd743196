package longpoll_test

import (
	"context"
	"log/slog"
	"net/http"
	"testing"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// slowLog is a logger that holds up whoever logs.
type slowLog struct {
	slog.Handler
	entered, resume chan struct{}
}

func (*slowLog) Enabled(context.Context, slog.Level) bool { return true }

func (l *slowLog) Handle(context.Context, slog.Record) error {
	l.entered <- struct{}{}
	<-l.resume
	return nil
}

// TestPollReplacedWhileItTakes guards what a poll has taken out of the outbox and
// may not send any more, because a newer one has come: that one sends it, also to a
// client that keeps its first token. What was left out is logged in between.
func TestPollReplacedWhileItTakes(t *testing.T) {
	var s *server
	var log *slowLog
	bubble(t, longpoll.Config{Accept: func(*http.Request) (socket.Config, error) {
		return socket.Config{
			Env: s.env, Outbox: 200, Logger: slog.New(log),
			Slow:  func(string, string) socket.SlowPolicy { return socket.SlowDropOldest },
			Route: func(string) (channel.Handler, bool) { return s.handler(), true },
		}, nil
	}}, func(of *server) {
		s, log = of, &slowLog{slog.DiscardHandler, make(chan struct{}), make(chan struct{})}
		token := s.open()
		s.expectTaken(s.post(token, joinFrame))
		s.expect(s.get(token), joinedFrame)
		for n := range 10 {
			s.broadcast(n)
		}
		older := s.begin(request(http.MethodGet, token, ""))
		<-log.entered
		newer := s.begin(request(http.MethodGet, token, ""))
		close(log.resume)
		s.expect(newer(), broadcastFrame(7), broadcastFrame(8), broadcastFrame(9))
		s.expectStatus(older(), 204)
	})
}
