// Package certfile is a certificate and its key in two files, which are read
// again when they change.
package certfile

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// Every is how often the files are looked at, at most: a handshake costs a
	// hundred times what it takes to read them.
	Every = time.Second
	// maxFile bounds what is read of a file, in bytes.
	maxFile = 1 << 20
)

// Pair is a certificate with its chain and its key, in PEM. It is safe for
// concurrent use. It has no goroutine: files are looked at when somebody asks for
// the certificate, and compared by their content, since a date has a grain, and
// links are turned without one.
type Pair struct {
	certFile, keyFile string
	log               *slog.Logger

	current atomic.Pointer[tls.Certificate]

	mu     sync.Mutex
	looked time.Time
	digest [sha256.Size]byte // of what current was made of
	fault  string            // what was last found in place of a pair
	told   bool              // it was logged
}

// Load reads the files. The error says which of them is at fault.
func Load(certFile, keyFile string, log *slog.Logger) (*Pair, error) {
	p := &Pair{certFile: certFile, keyFile: keyFile, log: log, looked: time.Now()}
	if err := p.read(); err != nil {
		return nil, err
	}
	p.warn(p.looked)
	return p, nil
}

// Get is a [tls.Config.GetCertificate]. While the files hold no pair, such as in
// the middle of their replacement, it returns the last one there was.
func (p *Pair) Get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	// Who comes while another looks takes what there is.
	if p.mu.TryLock() {
		defer p.mu.Unlock()
		if now := time.Now(); now.Sub(p.looked) >= Every {
			p.looked = now
			p.look(now)
		}
	}
	return p.current.Load(), nil
}

// look reads the files again. The caller holds p.mu.
func (p *Pair) look(now time.Time) {
	before := p.current.Load()
	err := p.read()
	if err != nil {
		p.complain(err)
		return
	}
	p.fault, p.told = "", false
	if p.current.Load() != before {
		p.log.Info("the certificate was replaced", "file", p.certFile, "until", p.current.Load().Leaf.NotAfter)
		p.warn(now)
	}
}

// complain logs what is wrong with the files, once, and not before it was seen
// twice: two files cannot be replaced at the same moment.
func (p *Pair) complain(err error) {
	if text := err.Error(); p.fault != text {
		p.fault, p.told = text, false
		return
	}
	if !p.told {
		p.told = true
		p.log.Error("the new certificate cannot be used, the one before stays", "file", p.certFile, "err", err)
	}
}

// warn tells of a certificate that clients will not accept.
func (p *Pair) warn(now time.Time) {
	leaf := p.current.Load().Leaf
	switch {
	case now.After(leaf.NotAfter):
		p.log.Warn("the certificate has expired: clients will refuse it", "file", p.certFile, "until", leaf.NotAfter)
	case now.Before(leaf.NotBefore):
		p.log.Warn("the certificate is not valid yet: clients will refuse it", "file", p.certFile, "from", leaf.NotBefore)
	}
}

// read replaces current if the files hold another pair.
func (p *Pair) read() error {
	cert, err := readFile(p.certFile)
	if err != nil {
		return err
	}
	key, err := readFile(p.keyFile)
	if err != nil {
		return err
	}
	digest := sha256.Sum256(fmt.Appendf(nil, "%d %s%s", len(cert), cert, key))
	if p.current.Load() != nil && digest == p.digest {
		return nil
	}
	made, err := tls.X509KeyPair(cert, key)
	if err != nil {
		return fmt.Errorf("%s with the key %s: %w", p.certFile, p.keyFile, err)
	}
	p.digest = digest
	p.current.Store(&made)
	return nil
}

func readFile(name string) ([]byte, error) {
	f, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	data, err := io.ReadAll(io.LimitReader(f, maxFile+1))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	if len(data) > maxFile {
		return nil, fmt.Errorf("%s: more than %d bytes: no certificate or key in PEM", name, maxFile)
	}
	return data, nil
}
