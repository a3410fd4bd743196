package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/asn1"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chhost/chhost/host/hosttest"
)

// acmeServer is as much of a certificate authority (RFC 8555) as one client needs: it
// checks signatures and nonces, and the proof in a handshake (RFC 8737), for which it
// dials the address that proofs is, since names lead nowhere here.
type acmeServer struct {
	*httptest.Server
	root *x509.Certificate
	key  *ecdsa.PrivateKey

	mu         sync.Mutex
	proofs     string // where it dials
	nonces     map[string]bool
	account    *ecdsa.PublicKey
	thumbprint string
	contact    []string
	name       string // that is ordered
	valid      bool
	chain      []byte
	orders     int
}

const acmeToken = "a-token-that-nobody-guesses"

func startACME(t *testing.T) *acmeServer {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "the authority"}, NotAfter: time.Now().Add(time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	root, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	a := &acmeServer{root: root, key: key, nonces: make(map[string]bool)}
	a.Server = httptest.NewServer(a)
	t.Cleanup(a.Server.Close)
	return a
}

func (a *acmeServer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	a.mu.Lock()
	defer a.mu.Unlock()
	nonce := rand.Text()
	a.nonces[nonce] = true
	w.Header().Set("Replay-Nonce", nonce)
	if r.Method != http.MethodPost {
		if r.URL.Path == "/directory" {
			_ = json.NewEncoder(w).Encode(map[string]any{"meta": map[string]string{"termsOfService": a.URL + "/terms"}, "newNonce": a.URL + "/nonce", "newAccount": a.URL + "/account", "newOrder": a.URL + "/order"})
		}
		return
	}
	payload, err := a.open(r)
	if err == nil {
		err = a.answer(w, r.URL.Path, payload)
	}
	if err != nil {
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusBadRequest)
		_ = json.NewEncoder(w).Encode(map[string]string{"type": "urn:ietf:params:acme:error:malformed", "detail": err.Error()})
	}
}

func unbase64(text string) []byte {
	data, _ := base64.RawURLEncoding.DecodeString(text) // what is none will have no valid signature
	return data
}

// open returns what a request says, if the account has signed it.
func (a *acmeServer) open(r *http.Request) ([]byte, error) {
	var jws struct{ Protected, Payload, Signature string }
	var header struct {
		Nonce, URL string
		JWK        *struct{ Crv, Kty, X, Y string }
	}
	if err := errors.Join(json.NewDecoder(r.Body).Decode(&jws), json.Unmarshal(unbase64(jws.Protected), &header)); err != nil {
		return nil, err
	}
	if !a.nonces[header.Nonce] || header.URL != a.URL+r.URL.Path {
		return nil, errors.New("a wrong nonce or URL")
	}
	delete(a.nonces, header.Nonce)
	if k := header.JWK; k != nil && r.URL.Path == "/account" {
		a.account = &ecdsa.PublicKey{Curve: elliptic.P256(), X: new(big.Int).SetBytes(unbase64(k.X)), Y: new(big.Int).SetBytes(unbase64(k.Y))}
		sum := sha256.Sum256(fmt.Appendf(nil, `{"crv":"P-256","kty":"EC","x":"%s","y":"%s"}`, k.X, k.Y))
		a.thumbprint = base64.RawURLEncoding.EncodeToString(sum[:])
	}
	digest, signature := sha256.Sum256([]byte(jws.Protected+"."+jws.Payload)), unbase64(jws.Signature)
	if a.account == nil || len(signature) != 64 || !ecdsa.Verify(a.account, digest[:], new(big.Int).SetBytes(signature[:32]), new(big.Int).SetBytes(signature[32:])) {
		return nil, errors.New("a wrong signature")
	}
	return unbase64(jws.Payload), nil
}

func (a *acmeServer) answer(w http.ResponseWriter, path string, payload []byte) error {
	var said struct {
		Contact     []string
		Agreed      bool `json:"termsOfServiceAgreed"`
		Identifiers []struct{ Value string }
		CSR         string
	}
	if len(payload) > 0 {
		if err := json.Unmarshal(payload, &said); err != nil {
			return err
		}
	}
	status := map[bool]string{true: "valid", false: "pending"}[a.valid]
	challenge := map[string]string{"type": "tls-alpn-01", "url": a.URL + "/challenge", "token": acmeToken, "status": status}
	order := map[string]any{"status": "pending", "authorizations": []string{a.URL + "/authorization"}, "finalize": a.URL + "/finalize"}
	switch {
	case a.chain != nil:
		order["status"], order["certificate"] = "valid", a.URL+"/certificate"
	case a.valid:
		order["status"] = "ready"
	}
	var body any
	switch path {
	case "/account":
		if !said.Agreed {
			return errors.New("the terms were not agreed to")
		}
		a.contact = said.Contact
		w.Header().Set("Location", a.URL+"/account/1")
		w.WriteHeader(http.StatusCreated)
		body = map[string]string{"status": "valid"}
	case "/order":
		a.orders++
		a.valid, a.chain, a.name = false, nil, said.Identifiers[0].Value
		order["status"] = "pending"
		w.Header().Set("Location", a.URL+"/order/1")
		w.WriteHeader(http.StatusCreated)
		body = order
	case "/order/1":
		body = order
	case "/authorization":
		body = map[string]any{"status": status, "identifier": map[string]string{"type": "dns", "value": a.name}, "challenges": []any{challenge}}
	case "/challenge":
		if err := a.prove(); err != nil {
			return err
		}
		a.valid = true
		body = challenge
	case "/finalize":
		if err := a.issue(unbase64(said.CSR)); err != nil {
			return err
		}
		order["status"] = "processing" // and nothing says where to ask for the end
		body = order
	case "/certificate":
		_, err := w.Write(a.chain)
		return err
	default:
		return fmt.Errorf("there is no %s", path)
	}
	return json.NewEncoder(w).Encode(body)
}

// prove looks for the proof: a certificate for the name that has the digest of the
// token and the account's key in it.
func (a *acmeServer) prove() error {
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: &tls.Config{ServerName: a.name, NextProtos: []string{"acme-tls/1"}, InsecureSkipVerify: true}}
	conn, err := dialer.DialContext(context.Background(), "tcp", a.proofs)
	if err != nil {
		return err
	}
	defer conn.Close()
	state := conn.(*tls.Conn).ConnectionState()
	digest := sha256.Sum256([]byte(acmeToken + "." + a.thumbprint))
	want, err := asn1.Marshal(digest[:])
	if err != nil {
		return err
	}
	for _, e := range state.PeerCertificates[0].Extensions {
		if e.Id.Equal(asn1.ObjectIdentifier{1, 3, 6, 1, 5, 5, 7, 1, 31}) && e.Critical && string(e.Value) == string(want) && state.NegotiatedProtocol == "acme-tls/1" {
			return nil
		}
	}
	return errors.New("no proof")
}

func (a *acmeServer) issue(csr []byte) error {
	request, err := x509.ParseCertificateRequest(csr)
	if err != nil || !a.valid || len(request.DNSNames) != 1 || request.DNSNames[0] != a.name {
		return fmt.Errorf("a certificate that was not ordered, or without proof: %w", err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(int64(1 + a.orders)), DNSNames: request.DNSNames, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(90 * 24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, a.root, request.PublicKey, a.key)
	a.chain = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return err
}

// handshake connects as a client that trusts the authority, and returns the
// certificate's serial number.
func (a *acmeServer) handshake(t *testing.T, address, name string) (serial string, err error) {
	t.Helper()
	roots := x509.NewCertPool()
	roots.AddCert(a.root)
	dialer := tls.Dialer{NetDialer: &net.Dialer{Timeout: time.Minute}, Config: &tls.Config{ServerName: name, RootCAs: roots}}
	conn, err := dialer.DialContext(t.Context(), "tcp", address)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	return conn.(*tls.Conn).ConnectionState().PeerCertificates[0].SerialNumber.String(), nil
}

// The first client of a name waits for its certificate, which the next start finds in
// the cache; whoever asks for another name is refused, and the authority not asked.
func TestACME(t *testing.T) {
	a, cache := startACME(t), filepath.Join(t.TempDir(), "certificates")
	serve := func() string {
		c := start(t, "serve", "--route", "*="+filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm"), "--addr", "127.0.0.1:0", "--cache", hosttest.CacheDir(t, "compiled"),
			"--acme-host", "chat.example.com", "--acme-cache", cache, "--acme-email", "ops@example.com", "--acme-directory", a.URL+"/directory")
		_, port, err := net.SplitHostPort(c.address(t))
		if err != nil {
			t.Fatal(err)
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.proofs = "127.0.0.1:" + port
		return a.proofs
	}
	address := serve()
	if _, err := a.handshake(t, address, "other.example.com"); err == nil {
		t.Fatal("there is a certificate for another name")
	}
	first, err := a.handshake(t, address, "chat.example.com")
	if err != nil {
		t.Fatal(err)
	}
	client := http.Client{Timeout: time.Minute, Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{ServerName: "chat.example.com", InsecureSkipVerify: true}}}
	if resp, err := client.Get("https://" + address + "/healthz"); err != nil {
		t.Error(err)
	} else if _, _ = io.Copy(io.Discard, resp.Body); resp.Body.Close() != nil || resp.StatusCode != http.StatusOK || resp.ProtoMajor != 1 {
		t.Errorf("over it: %s, %s", resp.Status, resp.Proto)
	}
	address = serve()
	second, err := a.handshake(t, address, "chat.example.com")
	if err != nil || second != first {
		t.Errorf("after the second start: certificate %q, %v; want %q", second, err, first)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.orders != 1 || strings.Join(a.contact, " ") != "mailto:ops@example.com" {
		t.Errorf("%d orders, contact %q", a.orders, a.contact)
	}
}

// An authority that refuses is in the log, once; the host serves on.
func TestACMEFails(t *testing.T) {
	a := startACME(t)
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	_ = gone.Close()
	a.proofs = gone.Addr().String() // nobody proves anything there
	var c *running
	t.Run("serving", func(t *testing.T) {
		c = start(t, "serve", "--route", "*="+filepath.Join(hosttest.Root(t), "testdata/guests/served/echo.wasm"), "--addr", "127.0.0.1:0", "--cache", hosttest.CacheDir(t, "compiled"),
			"--acme-host", "chat.example.com", "--acme-cache", t.TempDir(), "--acme-directory", a.URL+"/directory")
		_, port, err := net.SplitHostPort(c.address(t))
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := a.handshake(t, "127.0.0.1:"+port, "chat.example.com"); err == nil {
				t.Error("there is a certificate without proof")
			}
		}
	})
	if n := strings.Count(c.errs.String(), "no certificate was obtained"); n != 1 {
		t.Errorf("logged %d times:\n%s", n, c.errs)
	}
}

func TestACMEFlagsAreChecked(t *testing.T) {
	for _, tc := range []struct{ flags, says string }{
		{"--acme-host a.example.com", "--acme-host needs --acme-cache"},
		{"--acme-cache x", "for the certificates of --acme-host"},
		{"--acme-host a.example.com --acme-cache x --tls-cert c --tls-key k", "--acme-host and --tls-cert both"},
		{"--acme-host *.example.com --acme-cache x", `"*.example.com" is no name`},
		{"--acme-host 192.0.2.1 --acme-cache x", `"192.0.2.1" is no name`},
		{"--acme-host localhost --acme-cache x", `"localhost" is no name`},
		{"--acme-host a.example.com:443 --acme-cache x", "without port"},
		{"--acme-host a.example.com --acme-cache x --acme-directory http://example.com/d", "is no authority"},
	} {
		_, err := configOf(t, strings.Fields(tc.flags)...)
		var usage *usageError
		if !errors.As(err, &usage) || !strings.Contains(err.Error(), tc.says) {
			t.Errorf("%s: %v, want a fault of usage that says %q", tc.flags, err, tc.says)
		}
	}
}
