package main

import (
	"crypto/tls"
	"log/slog"

	"github.com/urfave/cli/v2"

	"github.com/chhost/chhost/cmd/chhost/internal/authority"
)

// acmeTLS reads what is said of certificates that are obtained; nil if none are.
func acmeTLS(c *cli.Context, log *slog.Logger) (*tls.Config, error) {
	hosts := c.StringSlice("acme-host")
	switch {
	case len(hosts) == 0 && (c.String("acme-cache") != "" || c.String("acme-email") != "" || c.String("acme-directory") != ""):
		return nil, &usageError{c.Command.Name, "--acme-cache, --acme-email and --acme-directory are for the certificates of --acme-host, which names none"}
	case len(hosts) == 0:
		return nil, nil
	case c.String("tls-cert") != "":
		return nil, &usageError{c.Command.Name, "--acme-host and --tls-cert both say where certificates come from: leave one of them out"}
	case c.String("acme-cache") == "":
		return nil, &usageError{c.Command.Name, "--acme-host needs --acme-cache, where keys and certificates are kept: without it each start would ask for new ones, of which an authority gives few"}
	}
	secure, err := authority.TLS(authority.Config{
		Hosts: hosts, CacheDir: c.String("acme-cache"), Email: c.String("acme-email"), Directory: c.String("acme-directory"), Logger: log,
	})
	if err != nil {
		return nil, &usageError{c.Command.Name, "--acme-host: " + err.Error()}
	}
	return secure, nil
}
