package host_test

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/channel/channeltest"
	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

func echoRoutes() []host.Route {
	return []host.Route{{Pattern: "*", Handler: natives()["echo"]}}
}

func trusting(pool *x509.CertPool) phxclient.ClientOptions {
	return phxclient.ClientOptions{Options: phxclient.Options{TLS: &tls.Config{RootCAs: pool}}}
}

// TestTLS: a client talks over TLS, in small frames and in ones that take several
// records, and many of them at once.
func TestTLS(t *testing.T) {
	made := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour))
	cert, key := made.Write(t, t.TempDir())
	s := hosttest.Start(t, host.Config{Routes: echoRoutes(), CertFile: cert, KeyFile: key})
	if !strings.HasPrefix(s.Socket, "wss://") {
		t.Fatalf("the socket is %s", s.Socket)
	}
	c := s.Connect(t, trusting(made.Pool))
	joined, _, err := c.Join(t.Context(), "echo", phx.Payload{})
	if err != nil {
		t.Fatal(err)
	}
	for _, size := range []int{1, 100, 20 << 10, 200 << 10} {
		text := `{"x":"` + strings.Repeat("a", size) + `"}`
		payload, err := phx.Object([]byte(text))
		if err != nil {
			t.Fatal(err)
		}
		const burst = 20
		for range burst { // several wait, and leave together
			if err := joined.Send(t.Context(), "say", payload); err != nil {
				t.Fatal(err)
			}
		}
		for range burst {
			m, err := joined.Receive(t.Context())
			if err != nil || !bytes.Equal(m.Payload.Data(), []byte(text)) {
				t.Fatalf("with %d bytes: %d bytes came back, %v", size, m.Payload.Len(), err)
			}
		}
	}
	if _, err := phxclient.Connect(t.Context(), s.Socket, phxclient.ClientOptions{}); err == nil {
		t.Error("a client that does not trust the certificate connected")
	}
}

// handshakeTLS returns what a client with these settings would speak.
func handshakeTLS(t *testing.T, s *hosttest.Server, cfg *tls.Config) (tls.ConnectionState, error) {
	t.Helper()
	c, err := tls.Dial("tcp", strings.TrimPrefix(s.URL, "https://"), cfg)
	if err != nil {
		return tls.ConnectionState{}, err
	}
	defer c.Close()
	return c.ConnectionState(), nil
}

// TestTLSVersions: no old version of TLS, and no HTTP/2, in which a WebSocket's
// handshake cannot be written.
func TestTLSVersions(t *testing.T) {
	made := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour))
	cert, key := made.Write(t, t.TempDir())
	s := hosttest.Start(t, host.Config{Routes: echoRoutes(), CertFile: cert, KeyFile: key})
	for _, tc := range []struct {
		name      string
		least     uint16
		most      uint16
		protocols []string
		want      string // the version and the protocol, or empty: refused
	}{
		{"TLS 1.0", tls.VersionTLS10, tls.VersionTLS10, nil, ""},
		{"TLS 1.1", tls.VersionTLS10, tls.VersionTLS11, nil, ""},
		{"TLS 1.2", tls.VersionTLS12, tls.VersionTLS12, nil, "TLS 1.2 "},
		{"TLS 1.3", tls.VersionTLS13, tls.VersionTLS13, nil, "TLS 1.3 "},
		{"the best", 0, 0, []string{"h2", "http/1.1"}, "TLS 1.3 http/1.1"},
		{"HTTP/1.1", 0, 0, []string{"http/1.1"}, "TLS 1.3 http/1.1"},
		{"HTTP/2 alone", 0, 0, []string{"h2"}, ""},
	} {
		state, err := handshakeTLS(t, s, &tls.Config{RootCAs: made.Pool, ServerName: "localhost", MinVersion: tc.least, MaxVersion: tc.most, NextProtos: tc.protocols})
		got := ""
		if err == nil {
			got = tls.VersionName(state.Version) + " " + state.NegotiatedProtocol
		}
		if got != tc.want {
			t.Errorf("%s: %q (%v), want %q", tc.name, got, err, tc.want)
		}
	}
	// A browser that offers HTTP/2 gets its pages and its WebSocket nevertheless.
	o := trusting(made.Pool)
	o.TLS.NextProtos = []string{"h2", "http/1.1"}
	expectAlive(t, s.Connect(t, o))
	o.LongPoll = true
	expectAlive(t, s.Connect(t, o))
	// And who forgot the s is told.
	res, err := http.Get(strings.Replace(s.URL, "https", "http", 1))
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != http.StatusBadRequest || !strings.Contains(string(body), "HTTPS") {
		t.Errorf("plain HTTP: %d, %q, %v", res.StatusCode, body, err)
	}
}

// TestTLSReload: a certificate that is replaced serves the next handshake, and
// disturbs no connection; what is no pair disturbs nobody.
func TestTLSReload(t *testing.T) {
	until := time.Now().Add(time.Hour)
	first, second := hosttest.MakeCertificate(t, 1, until), hosttest.MakeCertificate(t, 2, until)
	dir := t.TempDir()
	cert, key := first.Write(t, dir)
	var log channeltest.Log
	s := hosttest.Start(t, host.Config{Routes: echoRoutes(), CertFile: cert, KeyFile: key, Logger: log.Logger()})
	old := s.Connect(t, trusting(first.Pool))
	second.Write(t, dir)
	channeltest.Eventually(t, "the new certificate", func() bool {
		state, err := handshakeTLS(t, s, &tls.Config{RootCAs: second.Pool, ServerName: "localhost"})
		return err == nil && state.PeerCertificates[0].SerialNumber.Int64() == 2
	})
	expectAlive(t, old)
	expectAlive(t, s.Connect(t, trusting(second.Pool)))

	first.Key = []byte("nonsense")
	first.Write(t, dir)
	channeltest.Eventually(t, "a line about the broken pair", func() bool {
		expectAlive(t, s.Connect(t, trusting(second.Pool)))
		return log.Count("the new certificate cannot be used, the one before stays") > 0
	})
	if n := log.Count("level=ERROR"); n != 1 {
		t.Errorf("%d errors were logged, want one:\n%s", n, &log)
	}
}

// A library may bring its certificates itself; HTTP/2 is taken out of what it
// offers, and nothing else, in a copy.
func TestTLSOfTheLibrary(t *testing.T) {
	made := hosttest.MakeCertificate(t, 7, time.Now().Add(time.Hour))
	pair, err := tls.X509KeyPair(made.Cert, made.Key)
	if err != nil {
		t.Fatal(err)
	}
	cfg := &tls.Config{Certificates: []tls.Certificate{pair}, NextProtos: []string{"h2", "acme-tls/1"}, MinVersion: tls.VersionTLS13}
	uri := ""
	told := connecting(func(ev *channel.Event) (channel.Result, error) {
		uri = string(ev.Payload.Data())
		return channel.Result{}, nil
	})
	s := hosttest.Start(t, host.Config{Routes: echoRoutes(), TLS: cfg, ConnectHandler: told})
	for protocol, want := range map[string]string{"acme-tls/1": "acme-tls/1", "http/1.1": "http/1.1"} {
		state, err := handshakeTLS(t, s, &tls.Config{RootCAs: made.Pool, ServerName: "localhost", NextProtos: []string{"h2", protocol}})
		if err != nil || state.NegotiatedProtocol != want {
			t.Errorf("%s: %q, %v", protocol, state.NegotiatedProtocol, err)
		}
	}
	if _, err := handshakeTLS(t, s, &tls.Config{RootCAs: made.Pool, ServerName: "localhost", MaxVersion: tls.VersionTLS12}); err == nil {
		t.Error("the library's least version does not count")
	}
	if len(cfg.NextProtos) != 2 || cfg.NextProtos[0] != "h2" {
		t.Errorf("the library's settings were changed: %q", cfg.NextProtos)
	}
	expectAlive(t, s.Connect(t, trusting(made.Pool)))
	if !strings.Contains(uri, `"scheme":"https"`) {
		t.Errorf("the connector was told %s", uri)
	}
}

func TestTLSConfiguration(t *testing.T) {
	made := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour))
	cert, key := made.Write(t, t.TempDir())
	pair, err := tls.X509KeyPair(made.Cert, made.Key)
	if err != nil {
		t.Fatal(err)
	}
	const addr = "127.0.0.1:0"
	for _, tc := range []struct {
		cfg  host.Config
		want string
	}{
		{host.Config{Addr: addr, CertFile: cert}, "set both CertFile and KeyFile"},
		{host.Config{Addr: addr, KeyFile: key}, "set both CertFile and KeyFile"},
		{host.Config{CertFile: cert, KeyFile: key}, "set Addr or Listener"},
		{host.Config{Addr: addr, CertFile: key, KeyFile: cert}, "key.pem"},
		{host.Config{Addr: addr, CertFile: cert + "x", KeyFile: key}, "cert.pemx: no such file"},
		{host.Config{Addr: addr, TLS: &tls.Config{}}, "TLS has no certificate"},
		{host.Config{Addr: addr, TLS: &tls.Config{Certificates: []tls.Certificate{pair}}, CertFile: cert, KeyFile: key}, "both have a certificate"},
		{host.Config{Addr: addr, TLS: &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS11}}, "TLS.MinVersion is TLS 1.1"},
	} {
		tc.cfg.Routes = echoRoutes()
		if _, err := host.New(tc.cfg); err == nil || !strings.Contains(err.Error(), tc.want) {
			t.Errorf("%v, want %q", err, tc.want)
		}
	}
	h, err := host.New(host.Config{Routes: echoRoutes(), Addr: addr, CertFile: cert, KeyFile: key, TLS: &tls.Config{ClientAuth: tls.RequireAnyClientCert}})
	if err != nil {
		t.Fatal(err)
	}
	if err := h.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
