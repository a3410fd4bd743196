package token

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

const (
	// minBackoff is how long nobody asks again after a fault; it doubles.
	minBackoff = time.Second
	maxBackoff = 5 * time.Minute
	// maxStale is how long the last keys count that could be had.
	maxStale     = 24 * time.Hour
	maxRedirects = 3
)

// source is where an issuer publishes its keys. Safe for concurrent use. Whoever needs
// newer keys fetches them, one at a time; the others wait for that fetch, or go on with
// what there is.
type source struct {
	url    string
	client *http.Client
	cfg    *Config
	life   context.Context // ends with the verifier

	set atomic.Pointer[published]

	mu     sync.Mutex
	flight chan struct{} // closed when the fetch that is under way ends
	next   time.Time     // when the next one may begin
	faults int           // of fetches, one after the other
	fault  error         // the last one's
}

// published is a set of keys, which does not change.
type published struct {
	keys []Key
	at   time.Time
}

func newSource(ctx context.Context, cfg *Config, address string) (*source, error) {
	u, err := url.Parse(address)
	switch {
	case err != nil || u.Host == "":
		return nil, errors.New("its JWKS is no URL: give one such as https://id.example.com/.well-known/jwks.json")
	case u.Scheme != "https":
		return nil, errors.New("its JWKS is not an https URL: whoever could change what comes from it could let anybody in")
	case u.User != nil || u.Fragment != "":
		return nil, errors.New("its JWKS has a user's name, a password or a fragment: a JWK set is public")
	}
	return &source{
		url: u.String(), cfg: cfg, life: ctx,
		client: &http.Client{Transport: cfg.Transport, CheckRedirect: stay},
	}, nil
}

// stay lets redirects lead to the same host only.
func stay(r *http.Request, via []*http.Request) error {
	switch first := via[0].URL; {
	case r.URL.Scheme != first.Scheme || !strings.EqualFold(r.URL.Host, first.Host):
		return errors.New("it leads to another host, or away from https")
	case len(via) > maxRedirects:
		return fmt.Errorf("it leads from one place to the next, more than %d times", maxRedirects)
	}
	return nil
}

// newTransport returns what fetches keys if nothing else was given.
func newTransport(private bool) http.RoundTripper {
	dialer := &net.Dialer{Timeout: DefaultTimeout}
	if !private {
		dialer.Control = func(_, address string, _ syscall.RawConn) error { return publicOnly(address) }
	}
	return &http.Transport{
		DialContext:            dialer.DialContext,
		ForceAttemptHTTP2:      true,
		DisableKeepAlives:      true, // a connection that is kept is a goroutine
		MaxResponseHeaderBytes: 16 << 10,
		TLSHandshakeTimeout:    DefaultTimeout,
	}
}

// publicOnly refuses addresses of this machine and of private networks. It is asked
// for the address that is connected to, so that no name leads around it.
func publicOnly(address string) error {
	at, err := netip.ParseAddrPort(address)
	if err != nil {
		return errors.New("not an address")
	}
	a := at.Addr().Unmap()
	private := !a.IsGlobalUnicast() || a.IsPrivate()
	for _, net := range []string{
		"0.0.0.0/8",                     // this network
		"100.64.0.0/10",                 // between a provider and its customers
		"192.0.0.0/24", "198.18.0.0/15", // protocols, measurements
		"240.0.0.0/4",                    // nobody's
		"64:ff9b::/96", "64:ff9b:1::/48", // IPv4 addresses of any kind within
		"2002::/16", "2001::/32", "::/96", // likewise
	} {
		private = private || netip.MustParsePrefix(net).Contains(a)
	}
	if private {
		return errors.New("its address is not public: allow private networks if that is meant")
	}
	return nil
}

// choose returns the keys that a token's header may mean, and fetches them if they are
// not there or too old.
func (s *source) choose(ctx context.Context, h header) ([]Key, error) {
	now := s.cfg.Now()
	set := s.set.Load()
	var found []Key
	fault := refuse(CodeUnknownKey, "")
	if set != nil {
		found, fault = choose(set.keys, h)
		if fault == nil && now.Sub(set.at) < s.cfg.MaxAge {
			return found, nil
		}
	}
	// Who has a key goes on with it while somebody else asks whether it still counts,
	// unless it has been too long.
	stale := set == nil || now.Sub(set.at) >= maxStale
	if err := s.update(ctx, fault != nil || stale); err != nil {
		return nil, err
	}
	set = s.set.Load()
	if set == nil || s.cfg.Now().Sub(set.at) >= maxStale {
		return nil, &Error{CodeKeysUnavailable, "the issuer's keys cannot be had at the moment: try again", s.lastFault()}
	}
	found, fault = choose(set.keys, h)
	return found, asError(fault)
}

// refresh fetches the keys if they are older than age, and returns what went wrong
// when that was tried last.
func (s *source) refresh(ctx context.Context, age time.Duration) error {
	if set := s.set.Load(); set != nil && s.cfg.Now().Sub(set.at) < age {
		return nil
	}
	if err := s.update(ctx, true); err != nil {
		return err
	}
	return s.lastFault()
}

func (s *source) lastFault() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.fault
}

// update fetches the keys if nobody does and it is time for it. If somebody does, it
// waits if it is told to; the error is ctx's. The fetch itself does not end with ctx:
// others wait for it, and clients that hang up should not keep new keys away.
func (s *source) update(ctx context.Context, wait bool) error {
	s.mu.Lock()
	if flight := s.flight; flight != nil {
		s.mu.Unlock()
		if !wait {
			return nil
		}
		select {
		case <-flight:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	if s.cfg.Now().Before(s.next) {
		s.mu.Unlock()
		return nil
	}
	flight := make(chan struct{})
	s.flight = flight
	s.mu.Unlock()
	keys, err := []Key(nil), errors.New("fetching keys has not come to an end")
	defer func() { // whatever happens: nobody else fetches before
		s.landed(keys, err)
		close(flight)
	}()
	keys, err = s.fetch()
	return nil
}

// landed takes what a fetch has brought.
func (s *source) landed(keys []Key, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.flight, s.fault = nil, err
	now := s.cfg.Now()
	if err == nil {
		s.set.Store(&published{keys, now})
		s.faults, s.next = 0, now.Add(s.cfg.MinRefresh)
		return
	}
	wait := maxBackoff
	if s.faults < 9 { // 2^9 s is more
		wait = min(minBackoff<<s.faults, maxBackoff)
	}
	s.faults++
	s.next = now.Add(wait)
}

// fetch asks for the keys once.
func (s *source) fetch() ([]Key, error) {
	ctx, cancel := context.WithTimeout(s.life, s.cfg.Timeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.url, nil)
	if err != nil {
		return nil, err
	}
	request.Header.Set("Accept", "application/jwk-set+json, application/json")
	response, err := s.client.Do(request)
	if err != nil {
		var at *url.Error
		if errors.As(err, &at) { // the URL may have a query that nobody else should see
			err = at.Err
		}
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, fmt.Errorf("fetching keys: the answer's status is %d", response.StatusCode)
	}
	if kind, _, err := mime.ParseMediaType(response.Header.Get("Content-Type")); err == nil && kind == "text/html" {
		return nil, errors.New("fetching keys: the answer is a page, not a JWK set")
	}
	body, err := io.ReadAll(io.LimitReader(response.Body, maxKeysText+1))
	if err != nil {
		return nil, fmt.Errorf("fetching keys: %w", err)
	}
	if len(body) > maxKeysText {
		return nil, fmt.Errorf("fetching keys: the answer has more than %d bytes", maxKeysText)
	}
	keys, err := parsePublished(body)
	if err != nil && ctx.Err() != nil { // a connection that is given up may end like an answer
		err = fmt.Errorf("fetching keys: %w", ctx.Err())
	}
	return keys, err
}

// parsePublished reads a set that somebody else publishes: what is of no use in it is
// left out, and what should not be in it.
func parsePublished(body []byte) ([]Key, error) {
	var first error
	useless := func(err error) error {
		if first == nil {
			first = err
		}
		return nil
	}
	all, err := parseDocument(body, useless)
	if err != nil {
		return nil, fmt.Errorf("reading fetched keys: %w", err)
	}
	var keys []Key
	for _, k := range all {
		if k.Signs() {
			_ = useless(fmt.Errorf("%q: a shared secret or a private key that is published is none", k.ID))
			continue
		}
		keys = append(keys, k)
	}
	if len(keys) == 0 {
		if first == nil {
			first = errors.New("there is no key")
		}
		return nil, fmt.Errorf("reading fetched keys: none is of use: %w", first)
	}
	return keys, nil // two of one ID are both tried
}
