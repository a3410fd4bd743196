package remote

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

// MaxCA is how large the certificates of authorities may be, in bytes: some forty. They
// lie among the contexts, and are not to fill the file.
const MaxCA = 64 << 10

// Authorities reads the certificates of authorities, in PEM, and returns them in the same
// form without what stands around them. Anything else is refused, above all a key, which
// is not to be copied to where certificates are kept.
func Authorities(data []byte) (string, error) {
	var found bytes.Buffer
	for {
		var block *pem.Block
		if block, data = pem.Decode(data); block == nil {
			break
		}
		if block.Type != "CERTIFICATE" {
			return "", fmt.Errorf("there is a %s in it, which is no certificate: only those of authorities are wanted", Printable(block.Type))
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return "", fmt.Errorf("a certificate in it cannot be read: %w", err)
		}
		if err := pem.Encode(&found, &pem.Block{Type: block.Type, Bytes: block.Bytes}); err != nil {
			return "", err
		}
	}
	switch {
	case found.Len() == 0:
		return "", errors.New("there is no certificate in it: expected PEM, which begins with -----BEGIN CERTIFICATE-----")
	case found.Len() > MaxCA:
		return "", fmt.Errorf("the certificates have %d bytes, and may have %d: leave those of other authorities out", found.Len(), MaxCA)
	}
	return found.String(), nil
}

// trusting is what TLS to a host is spoken with, whose certificate is signed by one of
// these authorities; without any by one that this machine knows.
func trusting(authorities string) (*tls.Config, error) {
	if authorities == "" {
		return nil, nil
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM([]byte(authorities)) {
		return nil, errors.New("the authority's certificate that is kept for this host cannot be read: log in again with --ca FILE")
	}
	return &tls.Config{RootCAs: pool, MinVersion: tls.VersionTLS12}, nil
}

// mistrust says what to do about a certificate, or about the lack of one; nil if err is
// about something else.
func (c *Client) mistrust(err error) error {
	var (
		unknown  x509.UnknownAuthorityError
		name     x509.HostnameError
		invalid  x509.CertificateInvalidError
		noRecord tls.RecordHeaderError
	)
	at := c.Server()
	switch {
	case errors.As(err, &unknown) && c.config.CA != "":
		return fmt.Errorf("the certificate of %s is not signed by the authority that --ca names, or the context: ask its operator for the authority's certificate, and log in again with --ca FILE; if it is the right one, somebody else answers there (%w)", at, err)
	case errors.As(err, &unknown):
		return fmt.Errorf("the certificate of %s is signed by an authority that this machine does not know: ask its operator for the authority's certificate, and log in with --ca FILE (%w)", at, err)
	case errors.As(err, &name):
		return fmt.Errorf("the certificate of %s is not for that name: ask for the host by one that the certificate has, with --server (%w)", at, err)
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return fmt.Errorf("the certificate of %s has expired, or is not valid yet: its operator has to renew it, unless the clock of this machine is wrong (%w)", at, err)
	case errors.As(err, &invalid):
		return fmt.Errorf("the certificate of %s is not one that can be trusted: its operator has to replace it (%w)", at, err)
	case errors.Is(err, http.ErrSchemeMismatch), errors.As(err, &noRecord):
		return fmt.Errorf("%s does not speak TLS: ask for it with http://, or have chhost serve use --admin-tls-cert and --admin-tls-key (%w)", at, err)
	}
	return nil
}

// speaksTLS tells whether a request over plain HTTP came to a server that speaks TLS.
func speaksTLS(c *Client, status int, body []byte) bool {
	return c.base.Scheme == "http" && status == http.StatusBadRequest && strings.Contains(string(body), "HTTPS")
}
