package admin_test

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/tenant"
)

// pipes is a listener whose connections are made in memory.
type pipes struct {
	conns chan net.Conn
	done  chan struct{}
}

func (p *pipes) Accept() (net.Conn, error) {
	select {
	case c := <-p.conns:
		return c, nil
	case <-p.done:
		return nil, net.ErrClosed
	}
}

func (p *pipes) Close() error   { close(p.done); return nil }
func (p *pipes) Addr() net.Addr { return &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1)} }

// bubble serves an API over pipes, within the test's bubble of time: tenant acme has the
// plugin it, of which nothing is compiled.
func bubble(t *testing.T) (r *rig, dial func() net.Conn) { return bubbleOf(t, nil) }

// bubbleOf is a bubble that speaks TLS, if it is given what with.
func bubbleOf(t *testing.T, secure *tls.Config) (r *rig, dial func() net.Conn) {
	r, l := pipesOf(t, secure)
	return r, func() net.Conn {
		client, host := net.Pipe()
		l.conns <- host
		t.Cleanup(func() { _ = client.Close() })
		return client
	}
}

// pipesOf is bubbleOf with the listener itself.
func pipesOf(t *testing.T, secure *tls.Config) (*rig, *pipes) {
	store := registry.NewMemory(registry.Config{})
	if _, err := store.Create(t.Context(), registry.Tenant{Name: "acme"}, registry.Entry{}); err != nil {
		t.Fatal(err)
	}
	bin := []byte("a module that is not looked at")
	if _, err := store.Update(t.Context(), "acme", registry.Change{Modules: [][]byte{bin}, Apply: func(record *registry.Tenant) error {
		record.AddVersion("it", registry.Version{Digest: registry.DigestOf(bin), Size: int64(len(bin))})
		return nil
	}}); err != nil {
		t.Fatal(err)
	}
	r := newOffline(t, store, nil)
	l := &pipes{make(chan net.Conn), make(chan struct{})}
	listener := net.Listener(l)
	if secure != nil {
		listener = tls.NewListener(l, secure)
	}
	server := r.api.Server()
	ended := make(chan error)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
		<-ended
		time.Sleep(time.Second) // of the bubble: the server is polite to whom it refuses
	})
	return r, l
}

// A request that does not come whole is given up, whether its body is wanted or not.
func TestSlowRequests(t *testing.T) {
	for _, tt := range []struct {
		name, method, path, kind string
		known                    bool // the token is
		status                   int
		within                   time.Duration
	}{
		{"JSON", "PUT", "/v1/tenants/acme/routes", "application/json", true, 400, 30 * time.Second},
		{"a module", "POST", "/v1/tenants/acme/plugins/it/versions", "application/wasm", true, 400, 3 * time.Minute},
		{"a stranger's", "PUT", "/v1/tenants/acme/routes", "application/json", false, 401, 30 * time.Second},
		{"a body that nobody wants", "POST", "/v1/tenants/acme/suspend", "application/json", true, 400, 30 * time.Second},
	} {
		both(t, tt.name, func(t *testing.T, secure bool) {
			synctest.Test(t, func(t *testing.T) {
				r, dial := bubbleWith(t, secure)
				began := time.Now()
				conn := dial()
				token := r.token
				if !tt.known {
					token = strings.Repeat("a", 43)
				}
				fmt.Fprintf(conn, "%s %s HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: %s\r\nContent-Length: 1000\r\n\r\n", tt.method, tt.path, token, tt.kind)
				var drip sync.WaitGroup
				drip.Go(func() { // a byte at a time, for as long as somebody takes them
					for {
						if _, err := conn.Write([]byte{' '}); err != nil {
							return
						}
						time.Sleep(10 * time.Second)
					}
				})
				buf := bufio.NewReader(conn)
				resp, err := http.ReadResponse(buf, nil)
				if err != nil {
					t.Fatal(err)
				}
				if resp.StatusCode != tt.status {
					t.Errorf("answered %s, want %d", resp.Status, tt.status)
				}
				if _, err := io.Copy(io.Discard, buf); err != nil { // until the connection is closed
					t.Fatal(err)
				}
				if took := time.Since(began); took > tt.within {
					t.Errorf("it was given up after %v, want %v", took, tt.within)
				}
				drip.Wait()
			})
		})
	}
}

// follow asks for a log that goes on.
func follow(conn net.Conn, token string) {
	fmt.Fprintf(conn, "GET /v1/tenants/acme/plugins/it/logs?follow=1 HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", token)
}

// ofAcme is the tenant, and a deploy token that it has.
func ofAcme(t *testing.T, r *rig) (acme *tenant.Tenant, token string) {
	token = "chd_YWNtZQ.one.secret"
	acme, _ = r.Tenant("acme")
	tokens := []registry.DeployToken{{ID: "one", Hash: registry.DigestOf([]byte(token)), Created: time.Now()}}
	if _, err := acme.PutTokens(t.Context(), tokens, tenant.Request{Operator: true}); err != nil {
		t.Fatal(err)
	}
	return acme, token
}

// Who follows a log hears that it goes on, and does so no longer than the token is good
// and the tenant the same one.
func TestFollowersEnd(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, tn *tenant.Tenant, r *rig){
		"the token is taken back": func(t *testing.T, tn *tenant.Tenant, r *rig) {
			if _, err := tn.PutTokens(t.Context(), nil, tenant.Request{}); err != nil {
				t.Fatal(err)
			}
		},
		"the tenant is deleted": func(t *testing.T, tn *tenant.Tenant, r *rig) {
			if err := r.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
				t.Fatal(err)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, dial := bubble(t)
				acme, token := ofAcme(t, r)
				conn := dial()
				follow(conn, token)
				resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil || resp.StatusCode != http.StatusOK {
					t.Fatal(resp, err)
				}
				time.AfterFunc(10*time.Minute, func() { end(t, acme, r) })
				began := time.Now()
				heard, err := io.ReadAll(resp.Body)
				if err != nil {
					t.Fatal(err)
				}
				if n := bytes.Count(heard, []byte(": still here")); n < 20 {
					t.Errorf("it was told %d times that it goes on", n)
				}
				if took := time.Since(began) - 10*time.Minute; took < 0 || took > time.Minute {
					t.Errorf("it ended %v after that", took)
				}
			})
		})
	}
}

// Who follows a log sees no line of the next tenant that has the name and the plugin.
func TestFollowersDoNotSeeTheNextTenant(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, dial := bubble(t)
		conn := dial()
		follow(conn, r.token)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil || resp.StatusCode != http.StatusOK {
			t.Fatal(resp, err)
		}
		r.logger.Info("the first one's", "plugin", "it@1", "tenant", "acme")
		synctest.Wait()
		if err := r.Delete(t.Context(), "acme", tenant.Request{}); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Create(t.Context(), "acme", tenant.Settings{}, tenant.Request{}); err != nil {
			t.Fatal(err)
		}
		r.logger.Info("the next one's", "plugin", "it@1", "tenant", "acme")
		heard, err := io.ReadAll(resp.Body)
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Contains(heard, []byte("the first one's")) || bytes.Contains(heard, []byte("the next one's")) {
			t.Errorf("who followed the first one's log has heard %s", heard)
		}
	})
}

// A follower that does not read, and one whose lines do not end, hold nobody up, and the
// first is gone after its time.
func TestFollowerThatDoesNotRead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r, dial := bubble(t)
		_, token := ofAcme(t, r)
		line := strings.Repeat("x", 1000)
		say := func() {
			for range 200 {
				r.logger.Info(line, "plugin", "it@1", "tenant", "acme")
			}
		}
		say()
		for range 10 { // as many as one tenant may have
			conn := dial()
			follow(conn, token)
			if _, err := bufio.NewReaderSize(conn, 16).ReadByte(); err != nil {
				t.Fatal(err)
			}
		}
		say()
		eleventh := func() int {
			conn := dial()
			follow(conn, token)
			resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			_ = conn.Close()
			return resp.StatusCode
		}
		if status := eleventh(); status != http.StatusServiceUnavailable {
			t.Errorf("one too many is answered %d", status)
		}
		time.Sleep(2 * time.Minute)
		if status := eleventh(); status != http.StatusOK {
			t.Errorf("when those who do not read are gone: %d", status)
		}
	})
}
