package admin_test

import (
	"bufio"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/chhost/chhost/host/admin"
	"github.com/chhost/chhost/host/hosttest"
)

// both runs a test over plain connections and over TLS.
func both(t *testing.T, name string, test func(t *testing.T, secure bool)) {
	t.Run(name, func(t *testing.T) { test(t, false) })
	t.Run(name+" over TLS", func(t *testing.T) { test(t, true) })
}

// bubbleWith is a bubble whose connections are plain, or are over TLS: dial has shaken
// hands then.
func bubbleWith(t *testing.T, secure bool) (r *rig, dial func() net.Conn) {
	if !secure {
		return bubble(t)
	}
	r, raw, trusting := bubbleTLS(t)
	return r, func() net.Conn { return tls.Client(raw(), trusting) }
}

// bubbleTLS is a bubble that speaks TLS, with what its clients need for that.
func bubbleTLS(t *testing.T) (r *rig, raw func() net.Conn, trusting *tls.Config) {
	secure, trusting := secured(t)
	r, raw = bubbleOf(t, secure)
	return r, raw, trusting
}

// secured is what TLS is spoken with on both sides.
func secured(t *testing.T) (host, client *tls.Config) {
	t.Helper()
	made := hosttest.MakeCertificate(t, 1, time.Now().Add(24*time.Hour))
	cert, key := made.Write(t, t.TempDir())
	secure, err := admin.TLS(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	return secure, &tls.Config{RootCAs: made.Pool, ServerName: "localhost"}
}

// lastAnswer is an answer behind which the connection ends.
func lastAnswer(conn net.Conn) (*http.Response, error) {
	buf := bufio.NewReader(conn)
	resp, err := http.ReadResponse(buf, nil)
	if err == nil {
		_, err = io.Copy(io.Discard, buf)
	}
	return resp, err
}

// Who does not shake hands, and whose head does not come whole or is too long, is given up.
func TestSlowHeads(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		_, raw, _ := bubbleTLS(t)
		began, conn := time.Now(), raw()
		if got, err := io.ReadAll(conn); len(got) > 0 || time.Since(began) > 15*time.Second {
			t.Errorf("a handshake that does not begin ends after %v with %q, %v", time.Since(began), got, err)
		}
	})
	both(t, "slow", func(t *testing.T, secure bool) {
		synctest.Test(t, func(t *testing.T) {
			_, dial := bubbleWith(t, secure)
			conn := dial()
			fmt.Fprint(conn, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n")
			began := time.Now()
			if got, err := io.ReadAll(conn); err != nil || time.Since(began) > 15*time.Second {
				t.Errorf("a head without an end: %v with %q, %v", time.Since(began), got, err)
			}
		})
	})
	both(t, "long", func(t *testing.T, secure bool) {
		synctest.Test(t, func(t *testing.T) {
			_, dial := bubbleWith(t, secure)
			conn := dial()
			go fmt.Fprintf(conn, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nX-Long: %s\r\n\r\n", strings.Repeat("x", 64<<10))
			resp, err := lastAnswer(conn)
			if err != nil || resp.StatusCode != http.StatusRequestHeaderFieldsTooLarge {
				t.Errorf("a head of 64 KiB: %v, %v", resp, err)
			}
		})
	})
	both(t, "idle", func(t *testing.T, secure bool) {
		synctest.Test(t, func(t *testing.T) {
			r, dial := bubbleWith(t, secure)
			conn := dial()
			fmt.Fprintf(conn, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", r.token)
			buf, began := bufio.NewReader(conn), time.Now()
			if resp, err := http.ReadResponse(buf, nil); err != nil || resp.StatusCode != http.StatusOK {
				t.Fatal(resp, err)
			}
			if _, err := io.Copy(io.Discard, buf); err != nil || time.Since(began) > 3*time.Minute {
				t.Errorf("a connection on which nothing comes is kept for %v: %v", time.Since(began), err)
			}
		})
	})
}

// A length that is told by the body itself ends the connection, over TLS too.
func TestChunkedEnds(t *testing.T) {
	both(t, "chunked", func(t *testing.T, secure bool) {
		synctest.Test(t, func(t *testing.T) {
			r, dial := bubbleWith(t, secure)
			conn := dial()
			fmt.Fprintf(conn, "PUT /v1/tenants/acme/routes HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n", r.token)
			fmt.Fprint(conn, "d\r\n{\"routes\":[]}\r\n0\r\n\r\n")
			if resp, err := lastAnswer(conn); err != nil || resp.StatusCode != http.StatusOK || !resp.Close {
				t.Errorf("%v, %v", resp, err)
			}
		})
	})
}

// What is spoken: TLS from version 1.2 on and HTTP/1.1 in it, whatever a client offers;
// who speaks plain HTTP there is told, and who begins HTTP/2 unasked gets an error.
func TestProtocols(t *testing.T) {
	for _, tt := range []struct {
		name      string
		most      uint16
		protocols []string
		want      string // empty: refused
	}{
		{"TLS 1.1", tls.VersionTLS11, nil, ""},
		{"TLS 1.2", tls.VersionTLS12, nil, "TLS 1.2 "},
		{"TLS 1.3", tls.VersionTLS13, nil, "TLS 1.3 "},
		{"a browser's offer", 0, []string{"h2", "http/1.1"}, "TLS 1.3 http/1.1"},
		{"HTTP/2 alone", 0, []string{"h2"}, ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				r, raw, cfg := bubbleTLS(t)
				cfg.MinVersion, cfg.MaxVersion, cfg.NextProtos = tls.VersionTLS10, tt.most, tt.protocols
				conn := tls.Client(raw(), cfg)
				got, err := "", conn.HandshakeContext(t.Context())
				if err == nil {
					state := conn.ConnectionState()
					got = tls.VersionName(state.Version) + " " + state.NegotiatedProtocol
				}
				if got != tt.want {
					t.Fatalf("%q (%v), want %q", got, err, tt.want)
				}
				if err != nil {
					return
				}
				fmt.Fprintf(conn, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer %s\r\n\r\n", r.token)
				if resp, err := http.ReadResponse(bufio.NewReader(conn), nil); err != nil || resp.StatusCode != http.StatusOK {
					t.Errorf("%v, %v", resp, err)
				}
			})
		})
	}
	t.Run("plain HTTP to TLS", func(t *testing.T) {
		synctest.Test(t, func(t *testing.T) {
			_, raw, _ := bubbleTLS(t)
			conn := raw()
			go fmt.Fprint(conn, "GET /v1/whoami HTTP/1.1\r\nHost: localhost\r\n\r\n")
			got, err := io.ReadAll(conn)
			if err != nil || !strings.HasPrefix(string(got), "HTTP/1.0 400 ") || !strings.Contains(string(got), "HTTPS") {
				t.Errorf("%q, %v", got, err)
			}
		})
	})
	both(t, "HTTP/2 unasked", func(t *testing.T, secure bool) {
		synctest.Test(t, func(t *testing.T) {
			_, dial := bubbleWith(t, secure)
			conn := dial()
			go fmt.Fprint(conn, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00")
			resp, err := lastAnswer(conn)
			if err != nil || resp.ProtoMajor != 1 || resp.StatusCode < 400 {
				t.Errorf("%v, %v", resp, err)
			}
		})
	})
}

// What is wrong with the files is said with the name of the one at fault.
func TestTLSFiles(t *testing.T) {
	cert, key := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour)).Write(t, t.TempDir())
	for _, tt := range []struct{ cert, key, want string }{
		{cert + "x", key, "cert.pemx: no such file"}, {cert, key + "x", "key.pemx: no such file"}, {cert, cert, "cert.pem with the key "},
	} {
		if _, err := admin.TLS(tt.cert, tt.key, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s, %s: %v, want %q", tt.cert, tt.key, err, tt.want)
		}
	}
}
