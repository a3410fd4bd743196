package admin

import (
	"crypto/tls"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/chhost/chhost/host/internal/certfile"
)

// Bounds of a connection to the API, beside those of each request's body and answer.
const (
	// headTime is how long a TLS handshake may take, and then the head of a request.
	headTime = 10 * time.Second
	idleTime = 2 * time.Minute
	maxHead  = 32 << 10
)

// Server returns a server for a listener of the API's own. It starts nothing: Serve does,
// and before Shutdown there is [API.End]. For TLS, the listener is one of
// [tls.NewListener] with what [TLS] returns.
//
// It speaks HTTP/1.1 only. Within HTTP/2 a deadline is one of a stream and not of the
// connection, bodies have no Transfer-Encoding that could be told from a length, and one
// connection carries hundreds of requests: each bound here would be needed a second time,
// for a protocol that nobody who uses the API gains anything by.
func (a *API) Server() *http.Server {
	only := new(http.Protocols)
	only.SetHTTP1(true)
	return &http.Server{
		Handler: a, Protocols: only, ReadHeaderTimeout: headTime, IdleTimeout: idleTime, MaxHeaderBytes: maxHead,
		ConnState: newVisitors(a.log).note,
		ErrorLog:  slog.NewLogLogger(a.log.Handler(), slog.LevelDebug), // what strangers do to a connection
	}
}

// TLS is what a listener of the API speaks TLS with, from version 1.2 on: with the
// certificate and the key in two files, in PEM. They are read again when they change, at
// the next handshake; while they hold no pair the last one stays. What becomes of them is
// logged, and the error says which file is at fault.
func TLS(certFile, keyFile string, log *slog.Logger) (*tls.Config, error) {
	pair, err := certfile.Load(certFile, keyFile, log)
	if err != nil {
		return nil, fmt.Errorf("admin: the certificate: %w", err)
	}
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: []string{"http/1.1"}, GetCertificate: pair.Get}, nil
}
