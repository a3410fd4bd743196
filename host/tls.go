package host

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"github.com/chhost/chhost/host/internal/certfile"
)

// tlsConfig returns what the listener speaks TLS with, or nil if it does not.
func tlsConfig(cfg *Config, log *slog.Logger) (*tls.Config, error) {
	files := cfg.CertFile != "" || cfg.KeyFile != ""
	switch {
	case !files && cfg.TLS == nil:
		return nil, nil
	case cfg.Addr == "" && cfg.Listener == nil:
		return nil, errors.New("host: TLS is configured, and nothing to listen on: set Addr or Listener, or leave TLS to the server that calls ServeHTTP")
	case files && (cfg.CertFile == "" || cfg.KeyFile == ""):
		return nil, errors.New("host: a certificate needs its key: set both CertFile and KeyFile")
	}
	made := &tls.Config{}
	if cfg.TLS != nil {
		made = cfg.TLS.Clone()
	}
	switch made.MinVersion {
	case 0:
		made.MinVersion = tls.VersionTLS12
	case tls.VersionTLS10, tls.VersionTLS11:
		return nil, fmt.Errorf("host: TLS.MinVersion is %s, which can be broken: TLS 1.2 is the least", tls.VersionName(made.MinVersion))
	}
	// A WebSocket begins as HTTP/1.1. A client that offers both would get HTTP/2.
	made.NextProtos = slices.DeleteFunc(slices.Clone(made.NextProtos), func(p string) bool { return p == "h2" })
	if !slices.Contains(made.NextProtos, "http/1.1") {
		made.NextProtos = append(made.NextProtos, "http/1.1")
	}
	if !files {
		if len(made.Certificates) == 0 && made.GetCertificate == nil && made.GetConfigForClient == nil {
			return nil, errors.New("host: TLS has no certificate: set CertFile and KeyFile, or TLS.Certificates or TLS.GetCertificate")
		}
		return made, nil
	}
	if len(made.Certificates) > 0 || made.GetCertificate != nil {
		return nil, errors.New("host: CertFile and TLS both have a certificate: set one of them")
	}
	pair, err := certfile.Load(cfg.CertFile, cfg.KeyFile, log)
	if err != nil {
		return nil, fmt.Errorf("host: %w", err)
	}
	made.GetCertificate = pair.Get
	return made, nil
}
