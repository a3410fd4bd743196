package remote

import (
	"crypto/tls"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
)

// serveTLS is a host with a certificate that is good until then, which counts whom it has
// seen a token of.
func serveTLS(t *testing.T, until time.Time) (made hosttest.Certificate, address string, asked *int) {
	t.Helper()
	made, asked = hosttest.MakeCertificate(t, 1, until), new(int)
	pair, err := tls.X509KeyPair(made.Cert, made.Key)
	if err != nil {
		t.Fatal(err)
	}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		*asked++
		_, _ = io.WriteString(w, "{}")
	}))
	server.TLS = &tls.Config{Certificates: []tls.Certificate{pair}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return made, server.URL, asked
}

// A host gets the token if an authority that is named has signed its certificate, for its
// name and for now; else the error says what to do.
func TestMistrust(t *testing.T) {
	good, address, asked := serveTLS(t, time.Now().Add(time.Hour))
	old, expired, _ := serveTLS(t, time.Now().Add(-time.Hour))
	other := hosttest.MakeCertificate(t, 2, time.Now().Add(time.Hour))
	plain := httptest.NewServer(http.NotFoundHandler())
	defer plain.Close()
	elsewhere := httptest.NewUnstartedServer(http.NotFoundHandler()) // with a certificate for 127.0.0.1
	elsewhere.Config.ErrorLog = log.New(io.Discard, "", 0)
	elsewhere.StartTLS()
	defer elsewhere.Close()
	for _, tc := range []struct{ name, server, ca, want string }{
		{"known", address, string(good.Cert), ""},
		{"one of two", address, string(other.Cert) + string(good.Cert), ""},
		{"another", address, string(other.Cert), "is not signed by the authority that --ca names, or the context"},
		{"none", address, "", "that this machine does not know: ask its operator"},
		{"another name", strings.Replace(elsewhere.URL, "127.0.0.1", "localhost", 1), string(good.Cert), "is not for that name: ask for the host by one that the certificate has"},
		{"expired", expired, string(old.Cert), "has expired, or is not valid yet"},
		{"plain HTTP", strings.Replace(plain.URL, "http", "https", 1), string(good.Cert), "does not speak TLS: ask for it with http://"},
		{"TLS", strings.Replace(address, "https", "http", 1), "", "speaks TLS: ask for it with " + address},
	} {
		before := *asked
		c, err := New(Config{Server: tc.server, Token: secret, CA: tc.ca})
		if err != nil {
			t.Fatalf("%s: %v", tc.name, err)
		}
		_, err = c.Do(t.Context(), Call{Method: http.MethodGet, Path: "/v1"})
		c.Close()
		if tc.want == "" {
			if err != nil || *asked != before+1 {
				t.Errorf("%s: %v", tc.name, err)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), secret) || *asked != before {
			t.Errorf("%s: %v, want %q", tc.name, err, tc.want)
		}
	}
	if _, err := New(Config{Server: "http://127.0.0.1:4001", CA: string(good.Cert)}); err == nil || !strings.Contains(err.Error(), "leave --ca out") {
		t.Errorf("an authority for plain HTTP: %v", err)
	}
	if _, err := New(Config{Server: address, CA: "nonsense"}); err == nil || !strings.Contains(err.Error(), "log in again") {
		t.Errorf("a context that was damaged: %v", err)
	}
}

// Certificates are kept, and nothing else that lies beside them.
func TestAuthorities(t *testing.T) {
	a, b := hosttest.MakeCertificate(t, 1, time.Now().Add(time.Hour)), hosttest.MakeCertificate(t, 2, time.Now().Add(time.Hour))
	got, err := Authorities(fmt.Appendf(nil, "Subject: a\n%s\n# and\n%s\nend", a.Cert, b.Cert))
	if err != nil || got != string(a.Cert)+string(b.Cert) {
		t.Errorf("%q, %v", got, err)
	}
	for name, tc := range map[string]struct{ text, want string }{
		"nothing":      {"", "there is no certificate in it"},
		"no PEM":       {"nonsense", "there is no certificate in it"},
		"a key":        {string(a.Cert) + string(a.Key), "there is a PRIVATE KEY in it"},
		"damaged":      {string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})), "cannot be read"},
		"a terminal's": {"-----BEGIN A\x1b[2J-----\nAAAA\n-----END A\x1b[2J-----\n", "\ufffd"},
		"too many":     {strings.Repeat(string(a.Cert), 200), "may have 65536"},
	} {
		if got, err := Authorities([]byte(tc.text)); err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "\x1b") {
			t.Errorf("%s: %q, %v, want %q", name, got, err, tc.want)
		}
	}
}

// What is written can be read again: contexts that would be too many are not.
func TestContextsFit(t *testing.T) {
	file := t.TempDir() + "/contexts.json"
	var all Contexts
	all.Put("one", Context{Server: "https://a.example.com"})
	if err := all.Write(file); err != nil {
		t.Fatal(err)
	}
	for i := range 20 {
		all.Put(fmt.Sprint(i), Context{CA: strings.Repeat("x", MaxCA)})
	}
	if err := all.Write(file); err == nil || !strings.Contains(err.Error(), "chhost logout") {
		t.Errorf("%v", err)
	}
	if kept, err := ReadContexts(file); err != nil || len(kept.Contexts) != 1 {
		t.Errorf("%d contexts, %v", len(kept.Contexts), err)
	}
}
