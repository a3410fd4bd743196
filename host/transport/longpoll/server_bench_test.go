package longpoll_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
)

// served is `chhost serve` with testdata/plugins/load-c, a process of its own.
type served struct{ *hosttest.Process }

// serveC starts the server, which ends with the benchmark.
func serveC(b *testing.B) served {
	b.Helper()
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		b.Skip("the CPU and the memory of another process are not known on this system")
	}
	return served{hosttest.ServeLoadC(b)}
}

// cpu is the time that the server has had on the processors.
func (s served) cpu(b *testing.B) time.Duration {
	b.Helper()
	stat, err := os.ReadFile("/proc/" + s.PID + "/stat")
	if err != nil {
		b.Fatal(err)
	}
	// Behind the name, which may have spaces, the third field of the line is the first.
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	var ticks int
	for _, field := range fields[11:13] {
		n, err := strconv.Atoi(field)
		if err != nil {
			b.Fatal(err)
		}
		ticks += n
	}
	return time.Duration(ticks) * (time.Second / 100) // the unit that Linux shows
}

// memory is what the server has resident, in bytes.
func (s served) memory(b *testing.B) int {
	b.Helper()
	statm, err := os.ReadFile("/proc/" + s.PID + "/statm")
	if err != nil {
		b.Fatal(err)
	}
	pages, err := strconv.Atoi(strings.Fields(string(statm))[1])
	if err != nil {
		b.Fatal(err)
	}
	return pages * os.Getpagesize()
}

// benchClient polls over a connection of its own.
type benchClient struct {
	conn  net.Conn
	in    *bufio.Reader
	token string
}

// dial opens a session that has joined.
func (s served) dial() (*benchClient, error) {
	conn, err := net.Dial("tcp", s.Address)
	if err != nil {
		return nil, err
	}
	c := &benchClient{conn: conn, in: bufio.NewReader(conn)}
	for _, request := range [][2]string{{http.MethodGet, ""}, {http.MethodPost, `["1","1","rooms:bench","phx_join",{}]`}, {http.MethodGet, ""}} {
		if _, err := c.do(request[0], request[1]); err != nil {
			return c, err
		}
	}
	return c, nil
}

// do is a request and its answer, whose token is the client's next.
func (c *benchClient) do(method, body string) (string, error) {
	request := method + " /socket/longpoll?vsn=2.0.0&token=" + c.token + " HTTP/1.1\r\nHost: localhost\r\n"
	if method == http.MethodPost {
		request += "Content-Type: application/json\r\nContent-Length: " + strconv.Itoa(len(body)) + "\r\n"
	}
	if _, err := io.WriteString(c.conn, request+"\r\n"+body); err != nil {
		return "", err
	}
	res, err := http.ReadResponse(c.in, nil)
	if err != nil {
		return "", err
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		return "", fmt.Errorf("%s: %s %s (%w)", method, res.Status, answer, err)
	}
	if token := tokenOf(string(answer)); token != "" {
		c.token = token
	}
	return string(answer), nil
}

// audience are clients that all poll; each message adds to heard for each of them.
type audience struct {
	clients []*benchClient
	polling sync.WaitGroup
	heard   chan struct{}
	failed  chan error // of the first
}

func (s served) gather(b *testing.B, n int) *audience {
	b.Helper()
	a := &audience{heard: make(chan struct{}, n), failed: make(chan error, 1)}
	b.Cleanup(func() {
		for _, c := range a.clients {
			_ = c.conn.Close()
		}
		a.polling.Wait()
	})
	for range n {
		c, err := s.dial()
		if c != nil {
			a.clients = append(a.clients, c)
		}
		if err != nil {
			b.Fatal(err)
		}
		a.polling.Go(func() { a.poll(c) })
	}
	return a
}

// poll polls until the connection ends.
func (a *audience) poll(c *benchClient) {
	for {
		answer, err := c.do(http.MethodGet, "")
		if err != nil {
			select {
			case a.failed <- err:
			default:
			}
			return
		}
		for range strings.Count(answer, `\"say\"`) {
			a.heard <- struct{}{}
		}
	}
}

// hear waits until all have heard a message.
func (a *audience) hear(b *testing.B) {
	b.Helper()
	deadline := time.After(channeltest.Deadline)
	for n := range a.clients {
		select {
		case <-a.heard:
		case err := <-a.failed:
			b.Fatal(err)
		case <-deadline:
			b.Fatalf("%d of %d have heard it", n, len(a.clients))
		}
	}
}

// BenchmarkServerSessions is of 5,000 sessions over loopback that have joined one
// topic, each with a connection on which a poll waits: what one takes of the
// server's memory, and what a message of 128 bytes to one takes on the processors,
// with the poll that follows.
func BenchmarkServerSessions(b *testing.B) {
	const sessions, rounds = 5000, 10
	s := serveC(b)
	speaker, err := s.dial()
	if speaker != nil {
		defer speaker.conn.Close()
	}
	if err != nil {
		b.Fatal(err)
	}
	say := func(a *audience) {
		b.Helper()
		if _, err := speaker.do(http.MethodPost, `["1",null,"rooms:bench","say",{"body":"`+strings.Repeat("x", 128)+`"}]`); err != nil {
			b.Fatal(err)
		}
		a.hear(b)
		if _, err := speaker.do(http.MethodGet, ""); err != nil { // it hears itself
			b.Fatal(err)
		}
	}
	before := s.memory(b)
	a := s.gather(b, sessions)
	time.Sleep(time.Second) // as `chhost load connect --hold 1s` does
	b.ReportMetric(float64(s.memory(b)-before)/sessions, "B/session")
	say(a)
	begin := s.cpu(b)
	for range rounds {
		say(a)
	}
	b.ReportMetric(float64((s.cpu(b)-begin).Microseconds())/(sessions*rounds), "cpu-µs/delivery")
	b.ReportMetric(0, "ns/op") // of no meaning
}
