package longpoll

import (
	"bytes"
	"context"
	"encoding/base64"
	"errors"
	"io"
	"mime"
	"net/http"
	"strconv"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/socket"
)

const (
	// maxBody is the size of the largest body that is read.
	maxBody = 1 << 20
	// maxLines is how many frames a body may have. Clients of Phoenix 1.7 send at
	// once whatever has piled up while the last body was under way; later ones send
	// 100 at most.
	maxLines = 1000
)

// post takes frames of the client. A body is taken as a whole or up to the frame
// that the answer names.
func (t *Transport) post(w http.ResponseWriter, r *http.Request) {
	text, _ := requestToken(r)
	s, _ := t.session(text)
	if s == nil {
		answer(w, http.StatusOK, `{"status":410}`)
		return
	}
	frames, err := readFrames(w, r)
	if err != nil {
		answer(w, http.StatusBadRequest, `{"status":400}`)
		return
	}
	if !t.begin(true) {
		answer(w, http.StatusOK, `{"status":410}`)
		return
	}
	defer t.running.Done()
	status, taken := t.take(r.Context(), s, frames)
	if status == http.StatusGone {
		t.letPollsBeFirst(r.Context(), s)
	}
	body, code := `{"status":`+strconv.Itoa(status), http.StatusOK
	if status != http.StatusOK {
		body += `,"taken":` + strconv.Itoa(taken)
	}
	if status == http.StatusBadRequest {
		code = http.StatusBadRequest
	}
	answer(w, code, body+"}")
}

// letPollsBeFirst returns, while the transport shuts down, when the client's poll has
// been answered: a client that is told by a POST that its session has gone hears no
// poll any more, and would lose the answers that are on their way.
func (t *Transport) letPollsBeFirst(ctx context.Context, s *session) {
	select {
	case <-t.closing:
	default:
		return
	}
	window := time.NewTimer(t.cfg.Window)
	defer window.Stop()
	select {
	case <-s.answered():
	case <-ctx.Done():
	case <-window.C:
	}
}

// take hands frames to the session's socket, those of one request after the other.
// It returns the status of the answer, and how many were taken.
func (t *Transport) take(ctx context.Context, s *session, frames []phx.Frame) (status, taken int) {
	ctx, cancel := context.WithTimeout(ctx, t.cfg.Window)
	defer cancel()
	defer func() {
		if r := recover(); r != nil {
			s.bug(r)
			status = http.StatusGone
		}
	}()
	select {
	case s.reading <- struct{}{}:
		defer func() { <-s.reading }()
	case <-ctx.Done():
		return http.StatusRequestTimeout, 0
	}
	// What an earlier request could not wait for is waited for here.
	err := s.socket.Room(ctx)
	for i := 0; err == nil && i < len(frames); i++ {
		if int64(len(frames[i].Data)) > t.cfg.MaxFrame {
			s.socket.Close(socket.End{Code: socket.CloseTooBig, Reason: "the message is too large"}, socket.LeaveClosed)
			return http.StatusBadRequest, i
		}
		if err = s.socket.HandleFrame(ctx, frames[i]); !errors.Is(err, socket.ErrClosed) {
			taken++ // only the wait for room has failed, if anything has
		}
	}
	switch {
	case errors.Is(err, socket.ErrClosed):
		return http.StatusGone, taken
	case taken < len(frames) || len(frames) == 0 && err != nil:
		return http.StatusRequestTimeout, taken
	}
	return http.StatusOK, taken
}

var (
	errTooMany = errors.New("longpoll: a body has too many lines")
	errBase64  = errors.New("longpoll: a line is neither text nor base64")
)

// readFrames reads the body and takes it apart; nothing is parsed before all of it
// is known to be within its bounds.
func readFrames(w http.ResponseWriter, r *http.Request) ([]phx.Frame, error) {
	if r.ContentLength > maxBody {
		return nil, errors.New("longpoll: the body is too large")
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err == nil && kind == "application/x-ndjson" {
		return splitLines(body)
	}
	return []phx.Frame{{Data: body}}, nil
}

// splitLines takes a body apart that has a frame in each line. A line that begins
// like JSON is a text frame, any other one is a binary frame in base64: an empty
// line is an empty one. The end of the last line may be missing.
func splitLines(body []byte) ([]phx.Frame, error) {
	count := bytes.Count(body, []byte("\n"))
	if len(body) > 0 && body[len(body)-1] != '\n' {
		count++
	}
	if count > maxLines {
		return nil, errTooMany
	}
	frames := make([]phx.Frame, 0, count)
	for len(body) > 0 {
		line, rest, _ := bytes.Cut(body, []byte("\n"))
		body = rest
		line = bytes.TrimSuffix(line, []byte("\r"))
		if len(line) > 0 && (line[0] == '[' || line[0] == '{') {
			frames = append(frames, phx.Frame{Data: line})
			continue
		}
		data, err := decodeBase64(line)
		if err != nil {
			return nil, err
		}
		frames = append(frames, phx.Frame{Data: data, Binary: true})
	}
	return frames, nil
}

// decodeBase64 reads the standard alphabet, with padding or without.
func decodeBase64(line []byte) ([]byte, error) {
	line = bytes.TrimRight(line, "=")
	data := make([]byte, base64.RawStdEncoding.DecodedLen(len(line)))
	n, err := base64.RawStdEncoding.Decode(data, line)
	if err != nil {
		return nil, errBase64
	}
	return data[:n], nil
}
