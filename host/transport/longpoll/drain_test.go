package longpoll_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/transport/longpoll"
)

// TestSessionsAreServedDuringTheWindow guards that a session which the shutdown has
// not come to yet takes what its client posts, and answers it: until then the client
// has been told nothing, and would lose it.
func TestSessionsAreServedDuringTheWindow(t *testing.T) {
	const sessions, window = 100, 10 * time.Second
	bubble(t, longpoll.Config{DrainWindow: window}, func(s *server) {
		var tokens []string
		for range sessions {
			tokens = append(tokens, s.join())
		}
		ended := make(chan error, 1)
		go func() { ended <- s.Shutdown(s.t.Context()) }()
		synctest.Wait() // the first batch is closed, the next one waits for its time
		if left := len(s.left()); left == 0 || left > sessions/2 {
			t.Fatalf("%d of %d sessions were closed at once", left, sessions)
		}
		closed := 0
		for i, token := range tokens {
			res := s.post(token, echoFrame)
			if res.Status == 410 {
				closed++
				continue
			}
			s.expectTaken(res)
			tokens[i] = s.expect(s.get(token), echoReply)
		}
		if left := len(s.left()); closed != left {
			t.Errorf("%d posts were refused, of %d sessions that are closed", closed, left)
		}
		for _, token := range tokens {
			if res := s.get(token); res.Status != 410 || res.Code != socket.CloseServiceRestart {
				t.Fatalf("answered %s, want 410 with the code 1012", res.body)
			}
		}
		if err := <-ended; err != nil {
			t.Error(err)
		}
		s.expectStatus(s.post(tokens[0], echoFrame), 410)
	})
}
