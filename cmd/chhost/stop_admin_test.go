//go:build unix

package main

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
)

// A server that ends answers the upload that is under way, whose client would otherwise
// not know whether it is kept, and lets go who follows a log.
func TestUploadOutlivesSIGTERM(t *testing.T) {
	data := t.TempDir()
	p := launch(t, nil, nil, "--data", data, "--admin-addr", "127.0.0.1:0")
	p.address()
	admin := ""
	for admin == "" {
		line, err := p.stdout.ReadString('\n')
		if err != nil {
			t.Fatalf("it does not say where the admin API is: %v\n%s", err, p.stderr)
		}
		if _, found, ok := strings.Cut(line, "the admin API is at http://"); ok {
			admin = strings.TrimSpace(found)
		}
	}
	token, err := os.ReadFile(filepath.Join(data, "operator-token"))
	if err != nil {
		t.Fatal(err)
	}
	module, err := os.ReadFile(filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm"))
	if err != nil {
		t.Fatal(err)
	}
	ask := func(head string, body []byte) (net.Conn, *bufio.Reader) {
		t.Helper()
		conn, err := net.Dial("tcp", admin)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close() })
		_ = conn.SetDeadline(time.Now().Add(time.Minute))
		if _, err := fmt.Fprintf(conn, "%s HTTP/1.1\r\nHost: %s\r\nAuthorization: Bearer %s\r\n%s", head, admin, bytes.TrimSpace(token), body); err != nil {
			t.Fatal(err)
		}
		return conn, bufio.NewReader(conn)
	}
	upload := func(module []byte, length int, more string) (net.Conn, *bufio.Reader) {
		return ask("POST /v1/tenants/default/plugins/echo/versions", fmt.Appendf(nil, "Content-Type: application/wasm\r\nContent-Length: %d\r\n%s\r\n%s", length, more, module))
	}
	answer := func(r *bufio.Reader) *http.Response {
		t.Helper()
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatalf("no answer: %v\n%s", err, p.stderr)
		}
		return resp
	}
	_, whole := upload(module, len(module), "")
	if got := answer(whole); got.StatusCode != http.StatusCreated {
		t.Fatalf("an upload: %s", got.Status)
	}
	_, log := ask("GET /v1/tenants/default/plugins/echo/logs?follow=1", []byte("\r\n"))
	following := answer(log)

	// A module of its own, of which the end is missing.
	other := append(bytes.Clone(module), 0, 3, 1, 'x', 'y')
	late, r := upload(other[:len(other)-1], len(other), "Expect: 100-continue\r\n")
	if got := answer(r); got.StatusCode != http.StatusContinue { // now it is under way
		t.Fatalf("the upload is answered %s", got.Status)
	}
	p.signal(syscall.SIGTERM)
	if _, err := io.ReadAll(following.Body); err != nil {
		t.Errorf("the log does not end, but breaks off: %v", err)
	}
	for { // until no new connection is taken
		conn, err := net.Dial("tcp", admin)
		if err != nil {
			break
		}
		_ = conn.Close()
	}
	if _, err := late.Write(other[len(other)-1:]); err != nil {
		t.Fatal(err)
	}
	if got := answer(r); got.StatusCode != http.StatusCreated {
		body, _ := io.ReadAll(got.Body)
		t.Errorf("the upload under way: %s %s", got.Status, body)
	}
	if code := p.end(); code != exitOK {
		t.Errorf("the exit code is %d\n%s", code, p.stderr)
	}
}
