// Package authority obtains certificates from a certificate authority that speaks ACME (RFC 8555).
//
// The authority asks for the proof in a TLS handshake at port 443 (TLS-ALPN-01, RFC
// 8737), which the listener itself gives: no other port has to be open, as port 80
// would have to be for HTTP-01, and no other program has to know. Where a proxy takes
// TLS off in front of the host, the proxy is who needs the certificate.
package authority

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"golang.org/x/crypto/acme"
	"golang.org/x/crypto/acme/autocert"
)

// DefaultDirectory is the authority unless configured otherwise.
const DefaultDirectory = acme.LetsEncryptURL

// Config says for what certificates are obtained, and from whom. Hosts, CacheDir and
// Logger are needed.
type Config struct {
	// Hosts are the names that certificates are obtained for, one for each. Who asks for
	// another name gets none.
	Hosts []string
	// CacheDir keeps the keys and certificates, see [Prepare].
	CacheDir string
	// Email is whom the authority may write to. Default nobody.
	Email string
	// Directory is the URL of the authority. Default [DefaultDirectory].
	Directory string
	// Logger receives why no certificate was obtained.
	Logger *slog.Logger
}

// TLS returns what a listener speaks TLS with. A certificate is obtained at the first
// handshake that asks for its name, which waits for it, and a new one before it ends;
// the authority's terms of service are agreed to. It starts nothing, but the library
// renews what was obtained by timers that end with the process.
func TLS(cfg Config) (*tls.Config, error) {
	if cfg.Directory == "" {
		cfg.Directory = DefaultDirectory
	}
	if err := errors.Join(checkHosts(cfg.Hosts), checkDirectory(cfg.Directory)); err != nil {
		return nil, err
	}
	manager := &autocert.Manager{
		Prompt:     autocert.AcceptTOS,
		Cache:      autocert.DirCache(cfg.CacheDir),
		HostPolicy: autocert.HostWhitelist(cfg.Hosts...),
		Email:      cfg.Email,
		Client: &acme.Client{
			DirectoryURL: cfg.Directory, UserAgent: "chhost",
			HTTPClient: &http.Client{Timeout: time.Minute, Transport: &orderTransport{next: http.DefaultTransport}},
		},
	}
	o := &obtainer{manager: manager, log: cfg.Logger, allowed: manager.HostPolicy}
	return &tls.Config{GetCertificate: o.get, NextProtos: []string{"http/1.1", acme.ALPNProto}, MinVersion: tls.VersionTLS12}, nil
}

// Prepare makes the directory for keys and certificates if it is not there, and tells
// whether they can be kept in it: the library would go on without, and ask for new ones
// at each start.
func Prepare(cacheDir string) error {
	if err := os.MkdirAll(cacheDir, 0o700); err != nil {
		return fmt.Errorf("the directory for certificates: %w", err)
	}
	probe, err := os.CreateTemp(cacheDir, ".probe-")
	if err != nil {
		return fmt.Errorf("the directory for certificates: %w", err)
	}
	return errors.Join(probe.Close(), os.Remove(probe.Name()))
}

// checkHosts returns what is wrong with the names, all of it.
func checkHosts(hosts []string) error {
	var errs []error
	for _, host := range hosts {
		if net.ParseIP(strings.Trim(host, "[]")) != nil || !strings.Contains(host, ".") || strings.ContainsAny(host, "*:/ @") {
			errs = append(errs, fmt.Errorf("%q is no name that a certificate is obtained for: expected one such as chat.example.com, without port and wildcard", host))
		}
	}
	return errors.Join(errs...)
}

// checkDirectory wants TLS, except within this machine: who could change what an
// authority says would be asked for accounts and proofs.
func checkDirectory(directory string) error {
	u, err := url.Parse(directory)
	if err == nil && u.Host != "" && (u.Scheme == "https" || u.Scheme == "http" && net.ParseIP(u.Hostname()).IsLoopback()) {
		return nil
	}
	return fmt.Errorf("%q is no authority: expected the https:// URL of its directory, such as %s", directory, DefaultDirectory)
}

// between is how long one failure is logged for all that follow.
const between = time.Minute

// obtainer is autocert with a log. It is safe for concurrent use.
type obtainer struct {
	manager *autocert.Manager
	allowed autocert.HostPolicy
	log     *slog.Logger

	mu     sync.Mutex
	logged map[string]time.Time // by name, of which there are as many as hosts
}

// get implements [tls.Config.GetCertificate]. The server would not log its error, since
// anybody can cause errors in handshakes.
func (o *obtainer) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	certificate, err := o.manager.GetCertificate(hello)
	if err != nil && o.allowed(hello.Context(), hello.ServerName) == nil && o.first(hello.ServerName, time.Now()) {
		o.log.Error("no certificate was obtained", "host", hello.ServerName, "err", err)
	}
	return certificate, err
}

// first tells whether a failure for a name is to be logged.
func (o *obtainer) first(name string, now time.Time) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	if last, ok := o.logged[name]; ok && now.Sub(last) < between {
		return false
	}
	if o.logged == nil {
		o.logged = make(map[string]time.Time)
	}
	o.logged[name] = now
	return true
}
