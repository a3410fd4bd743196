package longpoll_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
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

// TestPollsAreAnsweredFirst guards that who posts when the session has come to its end
// is not told so before the poll: npm's client cuts its poll off then, and would lose the
// answers to what it has sent before.
func TestPollsAreAnsweredFirst(t *testing.T) {
	bubble(t, longpoll.Config{}, func(s *server) {
		token := s.join()
		s.expectTaken(s.post(token, waitFrame, echoFrame))
		ended := make(chan error, 1)
		slow := &slowWriter{ResponseRecorder: httptest.NewRecorder(), read: make(chan struct{})}
		polled, posted := make(chan struct{}), make(chan response, 1)
		go func() {
			defer close(polled)
			s.ServeHTTP(slow, request(http.MethodGet, token, ""))
		}()
		synctest.Wait()
		go func() { ended <- s.Shutdown(s.t.Context()) }()
		synctest.Wait()
		s.resume <- struct{}{}
		synctest.Wait() // the session has ended, and the answer is under way
		go func() { posted <- s.post(token, echoFrame) }()
		synctest.Wait()
		select {
		case res := <-posted:
			s.t.Errorf("answered %s before the poll was", res.body)
			posted <- res
		default:
		}
		close(slow.read)
		<-polled
		if body := slow.Body.String(); !strings.Contains(body, "phx_reply") {
			s.t.Errorf("the poll was answered %s", body)
		}
		s.expectStatus(<-posted, 410)
		if err := <-ended; err != nil {
			s.t.Error(err)
		}
	})
}

// slowWriter is a response that nobody reads until read is closed.
type slowWriter struct {
	*httptest.ResponseRecorder
	read chan struct{}
}

func (w *slowWriter) Write(p []byte) (int, error) {
	<-w.read
	return w.ResponseRecorder.Write(p)
}
