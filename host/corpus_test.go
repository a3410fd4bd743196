package host_test

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/tenant"
)

// badInput is a case of testdata/corpus, whose README explains the notation.
type badInput struct {
	title string
	steps []string
	line  int
}

func readCorpus(t *testing.T, path string) (cases []badInput) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for n, line := range strings.Split(string(text), "\n") {
		switch {
		case strings.TrimSpace(line) == "" || strings.HasPrefix(line, "#"):
		case strings.HasPrefix(line, "== "):
			cases = append(cases, badInput{title: line[3:], line: n + 1})
		case len(cases) == 0:
			t.Fatalf("%s:%d: a step before the first title", path, n+1)
		default:
			c := &cases[len(cases)-1]
			c.steps = append(c.steps, line)
		}
	}
	return cases
}

// TestCorpus sends the host what no good client sends. Each input has one exact
// reaction; a client that behaves, on the topic that they all name, sees nothing of
// any; and afterwards nothing is left of them.
func TestCorpus(t *testing.T) {
	server := hosttest.Start(t, host.Config{
		Routes: []host.Route{{Pattern: "rooms:*", Handler: corpusHandler()}},
		Limits: corpusLimits(),
		Mounts: []host.Mount{{Path: "/other"}},
		// A poll that nothing comes for is waited for.
		LongPollWindow: 500 * time.Millisecond,
	})
	control := dial(t, server, phxclient.Options{})
	control.join("rooms:1")
	paths, err := filepath.Glob(filepath.Join(hosttest.Root(t), "testdata/corpus/*.txt"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no corpus: %v", err)
	}
	before, total := census(), 0
	const rounds = 3
	for range rounds {
		total = 0
		for _, path := range paths {
			cases := readCorpus(t, path)
			total += len(cases)
			t.Run(strings.TrimSuffix(filepath.Base(path), ".txt"), func(t *testing.T) {
				for _, c := range cases {
					probe(t, path, strings.TrimPrefix(server.URL, "http://"), c)
					control.send(heartbeat)
					if got := control.next(); got != heartbeatReply {
						t.Fatalf("%s: the other client received %.200s", c.title, got)
					}
				}
			})
		}
	}
	if total < 150 {
		t.Errorf("the corpus has %d inputs, want at least 150", total)
	}
	// The host keeps some goroutines for the next turn and the next write.
	kept := 2 * 4 * runtime.GOMAXPROCS(0)
	var after counts
	channeltest.Eventually(t, "nothing is left of them", func() bool {
		after = census()
		return after.goroutines <= before.goroutines+kept && after.files <= before.files && after.heap <= before.heap+4<<20
	})
	t.Logf("%d inputs, %d times; before: %+v, after: %+v", total, rounds, before, after)
	if n := server.Subscribers("rooms:1"); n != 1 {
		t.Errorf("rooms:1 has %d subscribers, want one", n)
	}
}

func probe(t *testing.T, path, address string, c badInput) {
	t.Run(c.title, func(t *testing.T) {
		p := &prober{t: t, at: fmt.Sprintf("%s:%d", path, c.line), address: address}
		defer func() {
			p.forget()
			p.hangUp()
			p.swap()
			p.hangUp()
		}()
		for _, step := range c.steps {
			p.step(step)
		}
	})
}

// counts are of what a client might leave behind.
type counts struct {
	goroutines, files int
	heap              int64
}

func census() (c counts) {
	c.goroutines, c.heap = runtime.NumGoroutine(), heapInUse()
	if files, err := os.ReadDir("/proc/self/fd"); err == nil { // elsewhere they are not counted
		c.files = len(files)
	}
	return c
}

// corpusLimits let a client send a hundred frames at once, and then one a second.
func corpusLimits() tenant.Limits {
	return tenant.Limits{Channels: 5, Rates: socket.Rates{
		Frames: socket.Rate{PerSecond: 1, Burst: 100}, Joins: socket.Rate{PerSecond: 1, Burst: 20},
	}}
}

// corpusHandler lets everyone in, and broadcasts, answers or pushes as the event says.
func corpusHandler() channel.Handler {
	return channel.Funcs{
		JoinFunc: func(_ context.Context, ev *event) (result, error) {
			if ev.Topic == "rooms:refuse" {
				return result{Status: channel.StatusError, Reply: nope(reason("no"))}, nil
			}
			return result{}, nil
		},
		HandleInFunc: func(_ context.Context, ev *event) (result, error) {
			switch ev.Event {
			case "say":
				return result{Do: []effect{channel.Broadcast("said", ev.Payload)}}, nil
			case "fail":
				return result{}, errors.New("as asked")
			}
			return result{Reply: channel.Reply{Status: phx.StatusOK, Payload: ev.Payload}}, nil
		},
	}.Handler()
}

// prober is a client that sends what it is told.
type prober struct {
	t       *testing.T
	at      string // where the case is
	address string
	conn    net.Conn
	in      *bufio.Reader
	header  http.Header  // of the last response
	raw     bytes.Buffer // of the next request
	polling polling
	besides struct { // the connection that is not talked over now
		conn net.Conn
		in   *bufio.Reader
	}
}

func (p *prober) hangUp() {
	if p.conn != nil {
		_ = p.conn.Close()
	}
	p.conn = nil
}

// swap goes on with the other of two connections.
func (p *prober) swap() {
	p.conn, p.in, p.besides.conn, p.besides.in = p.besides.conn, p.besides.in, p.conn, p.in
}

func (p *prober) fatalf(format string, args ...any) {
	p.t.Helper()
	p.t.Fatalf("%s: %s", p.at, fmt.Sprintf(format, args...))
}

func (p *prober) connect() {
	p.t.Helper()
	if p.conn != nil {
		return
	}
	conn, err := net.DialTimeout("tcp", p.address, channeltest.Deadline)
	if err != nil {
		p.fatalf("%v", err)
	}
	_ = conn.SetDeadline(time.Now().Add(channeltest.Deadline))
	p.conn, p.in = conn, bufio.NewReader(conn)
}

// write sends bytes. A server that has closed already is no error: what it has
// said is looked at afterwards.
func (p *prober) write(data []byte) {
	p.t.Helper()
	p.connect()
	_, _ = p.conn.Write(data)
}

const handshakeKey = "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"

func (p *prober) step(line string) {
	p.t.Helper()
	word, rest, _ := strings.Cut(line, " ")
	switch word {
	case ">": // a line of a request
		p.raw.WriteString(p.text(`"` + p.named(rest) + `"`))
		p.raw.WriteString("\r\n")
		if rest == "" {
			p.flush()
		}
	case "upgrade": // the headers that make a request a handshake
		p.raw.WriteString("Host: " + p.address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + handshakeKey)
	case "open": // a good handshake
		if rest == "" {
			rest = "vsn=2.0.0"
		}
		p.write([]byte("GET /socket/websocket?" + rest + " HTTP/1.1\r\nHost: " + p.address + "\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" + handshakeKey + "\r\n"))
		p.expectStatus("101")
	case "session":
		p.open(rest)
	case "ask":
		p.ask(rest)
	case "body":
		p.body(p.text(rest))
	case "swap":
		p.swap()
	case "raw":
		p.write([]byte(p.text(rest)))
	case "frame":
		p.write(p.frame(rest))
	case "send":
		p.write(p.frame("81 " + rest))
	case "repeat":
		count, step, _ := strings.Cut(rest, " ")
		n, err := strconv.Atoi(count)
		if err != nil {
			p.fatalf("%q: %v", line, err)
		}
		for range n {
			p.step(step)
		}
	case "hangup":
		p.hangUp()
	case "<":
		p.expect(rest)
	default:
		p.fatalf("%q is no step", line)
	}
}

// text reads "text" with Go's escapes, and "text"*3 three times.
func (p *prober) text(quoted string) string {
	p.t.Helper()
	var all strings.Builder
	for quoted != "" {
		prefix, err := strconv.QuotedPrefix(quoted)
		if err != nil {
			p.fatalf("%q is no quoted text", quoted)
		}
		part, _ := strconv.Unquote(prefix)
		quoted = quoted[len(prefix):]
		if rest, ok := strings.CutPrefix(quoted, "*"); ok {
			count, more, _ := strings.Cut(rest, " ")
			n, err := strconv.Atoi(count)
			if err != nil {
				p.fatalf("%q is no count", count)
			}
			part, quoted = strings.Repeat(part, n), more
		}
		all.WriteString(part)
		quoted = strings.TrimSpace(quoted)
	}
	return all.String()
}

// frame makes a masked frame: its first byte in hexadecimal, and what is in it.
func (p *prober) frame(spec string) []byte {
	p.t.Helper()
	first, rest, _ := strings.Cut(spec, " ")
	b, err := strconv.ParseUint(first, 16, 8)
	if err != nil {
		p.fatalf("%q: %v", spec, err)
	}
	payload := p.text(rest)
	frame := []byte{byte(b)}
	switch n := len(payload); {
	case n < 126:
		frame = append(frame, 0x80|byte(n))
	case n < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 0x80|126), uint16(n))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 0x80|127), uint64(n))
	}
	mask := [4]byte{1, 2, 3, 4}
	frame = append(frame, mask[:]...)
	for i := range len(payload) {
		frame = append(frame, payload[i]^mask[i%4])
	}
	return frame
}

func (p *prober) expect(what string) {
	p.t.Helper()
	word, rest, _ := strings.Cut(what, " ")
	switch word {
	case "status":
		p.expectStatus(rest)
	case "header":
		name, value, _ := strings.Cut(rest, " ")
		if got := strings.Join(p.header.Values(name), ", "); got != p.named(value) {
			p.fatalf("the header %s is %q, want %q", name, got, value)
		}
	case "polls":
		p.expectPolls()
	case "text":
		if kind, data := p.readFrame(); kind != 1 || data != p.text(rest) {
			p.fatalf("received a frame of kind %d with %.300q, want a text %s", kind, data, rest)
		}
	case "begins":
		if kind, data := p.readFrame(); kind != 1 || !strings.HasPrefix(data, p.text(rest)) {
			p.fatalf("received a frame of kind %d with %.300q, want a text that begins with %s", kind, data, rest)
		}
	case "pongs":
		for {
			if head, err := p.in.Peek(1); err != nil || head[0]&0x0f != 10 {
				return
			}
			p.readFrame()
		}
	case "pong":
		if kind, data := p.readFrame(); kind != 10 || data != p.text(rest) {
			p.fatalf("received a frame of kind %d with %.300q, want a pong %s", kind, data, rest)
		}
	case "close":
		p.expectClose(rest)
	case "end":
		if b, err := p.in.ReadByte(); err == nil {
			p.fatalf("received %q, want the end of the connection", b)
		} else if errors.Is(err, os.ErrDeadlineExceeded) {
			p.fatalf("the connection is not closed")
		}
	case "alive":
		p.write(p.frame(`81 ` + strconv.Quote(heartbeat)))
		if kind, data := p.readFrame(); kind != 1 || data != heartbeatReply {
			p.fatalf("received a frame of kind %d with %.300q, want the answer to a heartbeat", kind, data)
		}
	default:
		p.fatalf("%q cannot be expected", what)
	}
}

// expectStatus reads a response, and wants this status, and this body where there
// is one behind it.
func (p *prober) expectStatus(want string) {
	p.t.Helper()
	status, body, hasBody := strings.Cut(want, " ")
	res, err := http.ReadResponse(p.in, nil)
	if err != nil {
		p.fatalf("there is no response: %v; want status %s", err, want)
	}
	if strconv.Itoa(res.StatusCode) != status {
		p.fatalf("the status is %s, want %s", res.Status, want)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return
	}
	p.header = res.Header
	data, err := io.ReadAll(res.Body)
	_ = res.Body.Close()
	got := p.learn(string(data))
	if hasBody && got == p.text(body) && errors.Is(err, syscall.ECONNRESET) {
		err = nil // the server has closed with bytes that it has not read: behind the answer
	}
	if err != nil || hasBody && got != p.text(body) {
		p.fatalf("the body is %q (%v), want %s", got, err, body)
	}
}

// expectClose wants a close frame with this code, "empty" for none, and then the end.
func (p *prober) expectClose(want string) {
	p.t.Helper()
	kind, data := p.readFrame()
	code := "empty"
	if len(data) >= 2 {
		code = strconv.Itoa(int(binary.BigEndian.Uint16([]byte(data))))
	}
	if kind != 8 || code != want {
		p.fatalf("received a frame of kind %d with %.300q, want the close code %s", kind, data, want)
	}
	_ = p.conn.(*net.TCPConn).CloseWrite() // the server need not wait for an answer
	p.expect("end")
}

func (p *prober) readFrame() (kind byte, data string) {
	p.t.Helper()
	var head [2]byte
	if _, err := io.ReadFull(p.in, head[:]); err != nil {
		p.fatalf("there is no frame: %v", err)
	}
	size := uint64(head[1])
	if size >= 126 {
		wide := make([]byte, map[uint64]int{126: 2, 127: 8}[size])
		if _, err := io.ReadFull(p.in, wide); err != nil {
			p.fatalf("half a frame: %v", err)
		}
		for size = 0; len(wide) > 0; wide = wide[1:] {
			size = size<<8 | uint64(wide[0])
		}
	}
	payload := make([]byte, size)
	if _, err := io.ReadFull(p.in, payload); err != nil {
		p.fatalf("half a frame: %v", err)
	}
	return head[0] & 0x0f, string(payload)
}
