package longpoll_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// What happens where requests of a session meet each other, or a shutdown, in the
// midst of something.

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

// TestBodiesAreTakenOneAfterTheOther guards that a session has one reader, although
// its bodies come on connections of their own: the second waits while the first is
// in the midst of a frame. (Clients send one at a time, so no contract shows it.)
func TestBodiesAreTakenOneAfterTheOther(t *testing.T) {
	var s *server
	resume := make(chan chan struct{}, 1)
	bubble(t, longpoll.Config{Accept: func(*http.Request) (socket.Config, error) {
		return socket.Config{Env: s.env, Route: func(string) (channel.Handler, bool) {
			<-<-resume
			return nil, false
		}}, nil
	}}, func(of *server) {
		s = of
		inMidst := make(chan struct{})
		resume <- inMidst
		token := s.open()
		first := s.begin(request(http.MethodPost, token, `["1","1","nowhere","phx_join",{}]`))
		second := s.begin(request(http.MethodPost, token, heartbeat))
		poll := s.begin(request(http.MethodGet, token, ""))
		close(inMidst)
		s.expectTaken(first())
		s.expectTaken(second())
		unmatched := `[null,"1","nowhere","phx_reply",{"status":"error","response":{"reason":"unmatched topic"}}]`
		if res := poll(); len(res.Messages) == 2 {
			s.expect(res, unmatched, beatReply)
		} else {
			s.expect(s.get(s.expect(res, unmatched)), beatReply)
		}
	})
}

// A session that its client ends is not waited for by a shutdown that would have
// waited for its next poll.
func TestDeleteDuringShutdown(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		begin, ended := time.Now(), make(chan error, 1)
		go func() { ended <- s.Shutdown(s.t.Context()) }()
		synctest.Wait()
		time.Sleep(farewell / 4)
		s.expectStatus(s.do(request(http.MethodDelete, token, "")), 200)
		if err := <-ended; err != nil || time.Since(begin) != farewell/4 {
			t.Errorf("Shutdown: %v after %v, want none at once", err, time.Since(begin))
		}
	})
}

// A response that is cut off between two of its pieces ends there, although the
// client takes them.
func TestCutBetweenPieces(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.open()
		s.expectTaken(s.post(token, joinFrame, `["1","2","t","echo",{"a":"`+strings.Repeat("x", 200<<10)+`"}]`))
		ctx, cancel := context.WithCancel(s.t.Context())
		ended, pieces := make(chan error, 1), 0
		s.ServeHTTP(&broken{httptest.NewRecorder(), func(piece []byte) (int, error) {
			if pieces++; pieces == 1 {
				go func() { ended <- s.Shutdown(ctx) }()
				cancel()
				synctest.Wait()
			}
			return len(piece), nil
		}}, request(http.MethodGet, token, ""))
		if err := <-ended; err == nil || pieces != 1 {
			t.Errorf("%d pieces were written, and Shutdown returned %v", pieces, err)
		}
	})
}
