package admin_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"testing/synctest"
	"time"
)

// from is a connection from an address.
type from struct {
	net.Conn
	addr net.Addr
}

func (f from) RemoteAddr() net.Addr { return f.addr }

func tcp(ip string) net.Addr { return &net.TCPAddr{IP: net.ParseIP(ip), Port: 1} }

// visit connects from an address and asks who one is; ok tells whether there is an answer.
func visit(t *testing.T, r *rig, l *pipes, secure *tls.Config, addr net.Addr) (conn net.Conn, ok bool) {
	t.Helper()
	conn, host := net.Pipe()
	l.conns <- from{host, addr}
	t.Cleanup(func() { _ = conn.Close() })
	if secure != nil {
		conn = tls.Client(conn, secure)
	}
	go fmt.Fprintf(conn, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", r.token)
	resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return conn, false
	}
	if _, err := io.Copy(io.Discard, resp.Body); err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%s, %v", resp.Status, err)
	}
	return conn, true
}

// There are so many connections at once, in all and from one address; one that ends makes
// room for another.
func TestConnectionsAreBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, l := pipesOf(t, nil)
		comes := func(want bool, ip string) (last net.Conn) {
			t.Helper()
			last, ok := visit(t, r, l, nil, tcp(ip))
			if ok != want {
				t.Fatalf("%s: let in: %v, want %v", ip, ok, want)
			}
			return last
		}
		var last net.Conn
		for n := range 100 {
			last = comes(true, "198.51.100.7")
			comes(true, fmt.Sprintf("2001:db8::%d", n+1)) // all of one /64
		}
		comes(false, "198.51.100.7")
		comes(false, "::ffff:198.51.100.7")
		comes(false, "2001:db8:0:0:1::")
		comes(true, "2001:db8:0:1::")
		comes(true, "198.51.100.8")
		_ = last.Close()
		synctest.Wait()
		comes(true, "198.51.100.7")
		comes(false, "198.51.100.7")
		synctest.Wait() // a line is written behind the close
		if n := r.log.Count("too many of one address"); n != 4 {
			t.Errorf("%d lines were logged", n)
		}
		// This machine's count in all only.
		for range 798 {
			last = comes(true, "127.0.0.1")
		}
		comes(false, "127.0.0.1")
		comes(false, "198.51.100.9")
		_ = last.Close()
		synctest.Wait()
		comes(true, "198.51.100.9")
		time.Sleep(5 * time.Minute) // nobody asks anything
		for range 100 {
			comes(true, "198.51.100.7")
		}
		comes(false, "198.51.100.7")
	})
}

// Connections count from their beginning: those that do not shake hands, too, until they
// are given up.
func TestStrangersCount(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		served, trusting := secured(t)
		r, l := pipesOf(t, served)
		for range 100 {
			client, host := net.Pipe()
			l.conns <- from{host, tcp("198.51.100.7")}
			defer client.Close()
		}
		if _, ok := visit(t, r, l, trusting, tcp("198.51.100.7")); ok {
			t.Error("one too many was let in")
		}
		if _, ok := visit(t, r, l, trusting, tcp("198.51.100.8")); !ok {
			t.Error("another address was kept out")
		}
		time.Sleep(15 * time.Second)
		if _, ok := visit(t, r, l, trusting, tcp("198.51.100.7")); !ok {
			t.Error("those who have shaken no hands hold their places still")
		}
	})
}
