package phxclient

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/gorilla/websocket"

	"github.com/chhost/chhost/host/phx"
)

// poller is a session of long-polling in place of a WebSocket, without goroutines
// of its own: one goroutine may read, any number may write.
type poller struct {
	http    *http.Client
	address *url.URL // the token left out
	header  http.Header
	limit   int64 // of a frame
	ctx     context.Context
	cancel  context.CancelFunc // ends all requests
	writing chan struct{}      // as in wire

	frames []string // received and not read; the reader's

	mu      sync.Mutex
	token   string
	closing bool // no poll may begin
	left    bool // the server has said that the session is ended
}

// pollBody is what a GET or a POST is answered.
type pollBody struct {
	Status   int
	Token    string
	Messages []string
	// What only some hosts say: how many lines of a POST were taken, and with which
	// code a session ended.
	Taken  int
	Code   int
	Reason string
}

// maxPollBody is how much of a response is read.
const maxPollBody = 64 << 20

func dialPoller(ctx context.Context, rawURL string, o *Options) (*poller, error) {
	text, err := address(rawURL, o)
	if err != nil {
		return nil, err
	}
	at, err := url.Parse(text)
	if err != nil {
		return nil, fmt.Errorf("phxclient: %w", err)
	}
	dial, proxy := o.DialContext, http.ProxyFromEnvironment
	if dial == nil {
		dial = new(net.Dialer).DialContext
	} else {
		proxy = nil
	}
	p := &poller{
		http:    &http.Client{Transport: &http.Transport{Proxy: proxy, DialContext: dial, TLSClientConfig: o.TLS}},
		address: at, header: o.Header, limit: o.MaxFrame, writing: make(chan struct{}, 1),
	}
	if p.limit == 0 {
		p.limit = defaultMaxFrame
	}
	p.ctx, p.cancel = context.WithCancel(context.Background())
	status, body, err := p.do(ctx, http.MethodGet, "", nil)
	var answer pollBody
	switch {
	case err != nil && ctx.Err() != nil:
		err = fmt.Errorf("phxclient: connect to %s: %w", rawURL, ctx.Err())
	case err != nil:
		err = fmt.Errorf("phxclient: connect to %s: %w", rawURL, err)
	case json.Unmarshal(body, &answer) != nil || answer.Status == 0:
		err = &HandshakeError{Status: status, Body: body[:min(len(body), 1<<10)]}
	case answer.Status != http.StatusGone || answer.Token == "":
		err = &HandshakeError{Status: answer.Status, Body: body[:min(len(body), 1<<10)]}
	}
	if err != nil {
		p.cut()
		return nil, err
	}
	p.token = answer.Token
	return p, nil
}

// do makes a request with the session's token. It ends with ctx, and when the
// poller is cut unless it is the last one.
func (p *poller) do(ctx context.Context, method, kind string, body []byte) (status int, answer []byte, err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	if method != http.MethodDelete { // which is sent when all others end
		defer context.AfterFunc(p.ctx, cancel)()
	}
	at := *p.address
	query := at.Query()
	p.mu.Lock()
	if p.token != "" {
		query.Set("token", p.token)
	}
	p.mu.Unlock()
	at.RawQuery = query.Encode()
	r, err := http.NewRequestWithContext(ctx, method, at.String(), bytes.NewReader(body))
	if err != nil {
		return 0, nil, err
	}
	for name, values := range p.header {
		r.Header[name] = values
		if name == "Host" && len(values) > 0 {
			r.Host = values[0] // which the standard library takes from there alone
		}
	}
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	resp, err := p.http.Do(r)
	if err != nil {
		return 0, nil, err
	}
	defer resp.Body.Close()
	answer, err = io.ReadAll(io.LimitReader(resp.Body, maxPollBody))
	return resp.StatusCode, answer, err
}

// read waits for the next frame. The error is a [*CloseError]; no read may follow
// it.
func (p *poller) read() (phx.Frame, error) {
	for failed := false; len(p.frames) == 0; {
		if !p.mayPoll() {
			return phx.Frame{}, &CloseError{Code: websocket.CloseNoStatusReceived}
		}
		_, body, err := p.do(p.ctx, http.MethodGet, "", nil)
		var answer pollBody
		if err == nil {
			err = json.Unmarshal(body, &answer)
		}
		switch {
		case err == nil:
		case p.hasLeft():
			return phx.Frame{}, &CloseError{Code: websocket.CloseNoStatusReceived}
		case failed || p.ctx.Err() != nil:
			return phx.Frame{}, broken(err)
		default:
			failed = true // a response that was lost is sent again to the next poll
			continue
		}
		failed = false
		if err := p.received(&answer); err != nil {
			return phx.Frame{}, err
		}
	}
	frame := p.frames[0]
	p.frames = p.frames[1:]
	if int64(len(frame)) > p.limit {
		return phx.Frame{}, broken(errTooBig)
	}
	return phx.Frame{Data: []byte(frame)}, nil
}

func broken(err error) error {
	return &CloseError{Code: websocket.CloseAbnormalClosure, Err: err}
}

func (p *poller) mayPoll() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.closing
}

func (p *poller) hasLeft() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.left
}

// received takes what a poll was answered.
func (p *poller) received(answer *pollBody) error {
	switch answer.Status {
	case http.StatusOK, http.StatusNoContent:
		p.take(answer.Token)
		p.frames = answer.Messages
		return nil
	case http.StatusGone:
		if answer.Token != "" { // which is a new session that nobody wants
			p.take(answer.Token)
			p.leave()
		}
		switch {
		case answer.Code != 0:
			return &CloseError{Code: answer.Code, Reason: answer.Reason}
		case !p.mayPoll():
			return &CloseError{Code: websocket.CloseNoStatusReceived}
		}
		return broken(errors.New("the session is gone"))
	}
	return broken(fmt.Errorf("a poll was answered with the status %d", answer.Status))
}

func (p *poller) take(token string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if token != "" {
		p.token = token
	}
}

// write sends f as it is, and returns when the server has taken it. If ctx ends
// before, it is not known whether it was, and the connection is cut.
func (p *poller) write(ctx context.Context, f phx.Frame) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	select {
	case p.writing <- struct{}{}:
		defer func() { <-p.writing }()
	case <-ctx.Done():
		return ctx.Err()
	}
	kind, body := postBody(f)
	for {
		_, data, err := p.do(ctx, http.MethodPost, kind, body)
		var answer pollBody
		if err == nil {
			err = json.Unmarshal(data, &answer)
		}
		switch {
		case err != nil && ctx.Err() != nil:
			p.cut()
			return ctx.Err()
		case err != nil:
			return broken(err)
		case answer.Status == http.StatusOK, answer.Status == http.StatusRequestTimeout && answer.Taken > 0:
			return nil
		case answer.Status != http.StatusRequestTimeout:
			return broken(fmt.Errorf("a frame was answered with the status %d", answer.Status))
		}
	}
}

// postBody is the body that carries a frame, and its type: bytes go in a line, in
// base64, and so does text that is told from that; any other text is a body of its
// own.
func postBody(f phx.Frame) (kind string, body []byte) {
	const lines = "application/x-ndjson"
	switch {
	case f.Binary:
		return lines, append(base64.StdEncoding.AppendEncode(nil, f.Data), '\n')
	case len(f.Data) > 0 && strings.IndexByte("[{", f.Data[0]) >= 0 && !bytes.ContainsAny(f.Data, "\r\n"):
		return lines, f.Data
	}
	return "application/json", f.Data
}

// shut ends the session at the server, if that can do it, and then the requests.
func (p *poller) shut(int) {
	p.mu.Lock()
	p.closing = true
	p.mu.Unlock()
	left := p.leave()
	p.mu.Lock()
	p.left = left
	p.mu.Unlock()
	p.cut()
}

// leave tells a server that the session has ended. Those that do not know the
// request find out when nobody polls.
func (p *poller) leave() bool {
	ctx, cancel := context.WithTimeout(context.Background(), closeWait)
	defer cancel()
	status, _, err := p.do(ctx, http.MethodDelete, "", nil)
	return err == nil && status == http.StatusOK
}

// endReading gives the reader closeWait to come to an end.
func (p *poller) endReading() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.closing {
		p.closing = true
		time.AfterFunc(closeWait, p.cut)
	}
}

func (p *poller) sendClose(int) error {
	p.leave()
	return nil
}

// cut ends all requests. It may be called at any time.
func (p *poller) cut() {
	p.cancel()
	p.http.CloseIdleConnections()
}
