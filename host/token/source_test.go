package token_test

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chhost/chhost/host/token"
)

// clock is one that tests move.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() time.Time       { return noon.Add(time.Duration(c.ahead.Load())) }
func (c *clock) move(d time.Duration) { c.ahead.Add(int64(d)) }

// provider is an issuer that publishes its keys, and may misbehave.
type provider struct {
	*httptest.Server
	asked  atomic.Int32
	answer atomic.Pointer[http.HandlerFunc]
}

func newProvider(t *testing.T) *provider {
	p := new(provider)
	p.Server = httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		(*p.answer.Load())(w, r)
	}))
	p.Config.ErrorLog = log.New(io.Discard, "", 0)
	p.StartTLS()
	t.Cleanup(p.Close)
	t.Cleanup(p.Client().CloseIdleConnections)
	return p
}

func (p *provider) does(f http.HandlerFunc) { p.answer.Store(&f) }

func (p *provider) publishes(set string) {
	p.does(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprint(w, set)
	})
}

func (p *provider) wantAsked(t *testing.T, times int32) {
	t.Helper()
	if got := p.asked.Load(); got != times {
		t.Fatalf("the provider was asked %d times, want %d", got, times)
	}
}

// verifier returns one that has only the keys of p.
func (p *provider) verifier(t *testing.T, c *clock, more ...func(*token.Config)) *token.Verifier {
	t.Helper()
	cfg := token.Config{
		Now: c.now, Transport: p.Client().Transport,
		Issuers: []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, JWKS: p.URL + "/jwks.json"}},
	}
	for _, change := range more {
		change(&cfg)
	}
	return verifier(t, cfg)
}

// lasting are claims of a token that outlives every move of the clock.
func lasting() string { return good("exp", seconds(noon.Add(1000*time.Hour))) }

func ofRSA(id string) string {
	return compact(`{"alg":"RS256","kid":"`+id+`"}`, lasting(), token.RS256, keys().rsa)
}

func ofOther(id string) string {
	return compact(`{"alg":"RS256","kid":"`+id+`"}`, lasting(), token.RS256, keys().otherRSA)
}

func publicRSA(id string) string   { return jwk(id, token.RS256, half(keys().rsa)) }
func publicOther(id string) string { return jwk(id, token.RS256, half(keys().otherRSA)) }

func wantAccepted(t *testing.T, v *token.Verifier, raw string) {
	t.Helper()
	if _, err := verify(v, raw); err != nil {
		t.Fatalf("got %v, want it accepted", err)
	}
}

func wantRefused(t *testing.T, v *token.Verifier, raw string, code token.Code) {
	t.Helper()
	_, err := verify(v, raw)
	wantCode(t, err, code, raw)
}

func TestKeysAreRotated(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("spring")))
	v := p.verifier(t, c)
	wantAccepted(t, v, ofRSA("spring"))
	wantAccepted(t, v, ofRSA("spring"))
	p.wantAsked(t, 1)

	p.publishes(jwks(publicRSA("spring"), publicOther("summer")))
	wantRefused(t, v, ofOther("summer"), token.CodeUnknownKey) // it was asked only now
	c.move(token.DefaultMinRefresh)
	wantAccepted(t, v, ofOther("summer"))
	wantAccepted(t, v, ofRSA("spring"))
	p.wantAsked(t, 2)

	p.publishes(jwks(publicOther("summer")))
	wantAccepted(t, v, ofRSA("spring")) // nobody has asked since
	c.move(token.DefaultMaxAge)
	wantRefused(t, v, ofRSA("spring"), token.CodeUnknownKey)
	p.wantAsked(t, 3)
	wantAccepted(t, v, ofOther("summer"))
}

// TestUnknownKeysAskOnce: whoever invents IDs of keys does not make the host ask for
// each of them.
func TestUnknownKeysAskOnce(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("rs")))
	v := p.verifier(t, c)
	for interval := range int32(3) {
		var all sync.WaitGroup
		for i := range 20 {
			all.Go(func() {
				_, err := verify(v, ofRSA(fmt.Sprintf("invented %d", i)))
				var refused *token.Error
				if !errors.As(err, &refused) || refused.Code != token.CodeUnknownKey {
					t.Errorf("got %v", err)
				}
			})
		}
		all.Wait()
		p.wantAsked(t, interval+1)
		c.move(token.DefaultMinRefresh)
	}
	wantAccepted(t, v, ofRSA("rs"))
	p.wantAsked(t, 3)
}

// TestOneFetchServesAll: those that come meanwhile wait for it, and for nothing after
// their time.
func TestOneFetchServesAll(t *testing.T) {
	p, c := newProvider(t), new(clock)
	arrived, release := make(chan struct{}), make(chan struct{})
	p.does(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived) // a second time panics
		<-release
		fmt.Fprint(w, jwks(publicRSA("rs")))
	})
	v := p.verifier(t, c, func(cfg *token.Config) { cfg.Timeout = time.Minute })
	var all sync.WaitGroup
	first, hangUp := context.WithCancel(t.Context())
	all.Go(func() {
		if _, err := v.Verify(first, ofRSA("rs")); err != nil {
			t.Errorf("the one that fetches: %v", err)
		}
	})
	<-arrived
	hangUp() // which does not keep the keys from the others
	for range 10 {
		all.Go(func() {
			if _, err := verify(v, ofRSA("rs")); err != nil {
				t.Errorf("one that waits: %v", err)
			}
		})
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := v.Verify(gone, ofRSA("rs")); !errors.Is(err, context.Canceled) {
		t.Errorf("one whose client has gone: got %v", err)
	}
	close(release)
	all.Wait()
	p.wantAsked(t, 1)
}

// TestKnownKeysDoNotWait: a provider that is slow delays only those that need it.
func TestKnownKeysDoNotWait(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("rs")))
	v := p.verifier(t, c, func(cfg *token.Config) { cfg.Timeout = time.Minute })
	wantAccepted(t, v, ofRSA("rs"))

	arrived, release := make(chan struct{}), make(chan struct{})
	p.does(func(w http.ResponseWriter, _ *http.Request) {
		close(arrived)
		<-release
		fmt.Fprint(w, jwks(publicRSA("rs")))
	})
	c.move(token.DefaultMaxAge)
	var fetching sync.WaitGroup
	fetching.Go(func() {
		if _, err := verify(v, ofRSA("rs")); err != nil {
			t.Errorf("the one that fetches: %v", err)
		}
	})
	<-arrived
	wantAccepted(t, v, ofRSA("rs")) // while that is under way
	close(release)
	fetching.Wait()
	p.wantAsked(t, 2)
}

func TestCloseEndsAFetch(t *testing.T) {
	p, c := newProvider(t), new(clock)
	arrived := make(chan struct{})
	p.does(func(_ http.ResponseWriter, r *http.Request) {
		close(arrived)
		<-r.Context().Done()
	})
	v := p.verifier(t, c, func(cfg *token.Config) { cfg.Timeout = time.Hour })
	var fetching sync.WaitGroup
	fetching.Go(func() {
		_, err := verify(v, ofRSA("rs"))
		if !errors.Is(err, context.Canceled) {
			t.Errorf("got %v, want that it was ended", err)
		}
	})
	<-arrived
	v.Close()
	fetching.Wait()
}

// misbehaviours are what a provider may answer that is of no use, and what the error
// says of it.
func misbehaviours(t *testing.T) map[string]struct {
	does http.HandlerFunc
	says string
} {
	says := func(text string) http.HandlerFunc {
		return func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }
	}
	elsewhere := newProvider(t)
	elsewhere.publishes(jwks(publicOther("evil")))
	t.Cleanup(func() { elsewhere.wantAsked(t, 0) })
	leads := func(to string) http.HandlerFunc {
		return func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, to, http.StatusFound) }
	}
	thousands := make([]string, 1000)
	for i := range thousands {
		thousands[i] = `{"kty":"oct"}`
	}
	return map[string]struct {
		does http.HandlerFunc
		says string
	}{
		"nothing in time": {func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }, "deadline exceeded"},
		"drops": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, " ")
				w.(http.Flusher).Flush()
				time.Sleep(time.Millisecond)
			}
		}, "deadline exceeded"},
		"an endless answer": {func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				fmt.Fprint(w, strings.Repeat(" ", 1<<16))
			}
		}, "more than 262144 bytes"},
		"a bomb": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			packed := gzip.NewWriter(w)
			fmt.Fprint(packed, strings.Repeat(" ", 1<<24))
			_ = packed.Close() // the reader may have gone
		}, "more than 262144 bytes"},
		"half an answer": {func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Length", "100")
			fmt.Fprint(w, `{"keys":[`)
		}, "unexpected EOF"},
		"no answer":        {func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }, "EOF"},
		"a fault":          {func(w http.ResponseWriter, _ *http.Request) { http.Error(w, "{}", 500) }, "status is 500"},
		"not there":        {http.NotFound, "status is 404"},
		"a partial answer": {func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(206) }, "status is 206"},
		"another host":     {leads(elsewhere.URL), "another host"},
		"no https":         {leads("http://" + strings.TrimPrefix(elsewhere.URL, "https://")), "away from https"},
		"no https, on its own host": {func(w http.ResponseWriter, r *http.Request) {
			http.Redirect(w, r, "http://"+r.Host+r.URL.Path, http.StatusFound)
		}, "away from https"},
		"a file":                   {leads("file:///etc/passwd"), "another host"},
		"round and round":          {leads("/again"), "more than 3 times"},
		"a page":                   {says("<!DOCTYPE html><html><body>Sign in</body></html>"), "a page"},
		"nothing":                  {says(""), "not a JSON object"},
		"garbage":                  {says("\x00\xff\xfe"), "not a JSON object"},
		"another object":           {says(`{"error":"slow down"}`), "neither a JWK set nor a JWK"},
		"an object of keys":        {says(`{"keys":{"rs":` + publicOther("rs") + `}}`), "no list"},
		"no keys":                  {says(`{"keys":[]}`), "no key"},
		"thousands of keys":        {says(jwks(thousands...)), "at most 100"},
		"two lists":                {says(`{"keys":[],"keys":[` + publicOther("rs") + `]}`), "one name"},
		"keys too deep":            {says(strings.Repeat(`{"keys":[`, 100) + strings.Repeat(`]}`, 100)), "too deeply"},
		"a shared secret":          {says(jwks(jwk("rs", token.HS256, keys().secret))), "a shared secret"},
		"a private key":            {says(jwks(jwk("rs", token.RS256, keys().otherRSA))), "a private key"},
		"a key for encryption":     {says(strings.Replace(jwks(publicOther("rs")), `"sig"`, `"enc"`, 1)), "not for signatures"},
		"a key of one bit":         {says(jwks(`{"kty":"RSA","n":"AQ","e":"AQAB"}`)), "at least 2048"},
		"a key with two exponents": {says(`{"keys":[{"kty":"RSA","e":"AQAB","e":"AAAA"}]}`), "one name"},
	}
}

// TestMisbehavingProviders: whatever comes, it ends, says why, and leaves the keys that
// were there before.
func TestMisbehavingProviders(t *testing.T) {
	for name, m := range misbehaviours(t) {
		t.Run(name, func(t *testing.T) {
			p, c := newProvider(t), new(clock)
			slow := m.says == "deadline exceeded"
			timeout := func(cfg *token.Config) {
				if cfg.Timeout = time.Minute; slow {
					cfg.Timeout = 100 * time.Millisecond
				}
			}
			p.publishes(jwks(publicRSA("rs")))
			v, fresh := p.verifier(t, c, timeout), p.verifier(t, c, timeout)
			for tries := 0; v.Refresh(t.Context()) != nil; tries++ { // on a busy machine that is a short time
				if c.move(time.Hour); tries == 100 {
					t.Fatal("the keys cannot be had")
				}
			}
			p.does(m.does)
			_, err := verify(fresh, ofRSA("rs"))
			wantCode(t, err, token.CodeKeysUnavailable, "")
			if !strings.Contains(err.Error(), m.says) {
				t.Errorf("got %v, want that it says %q", err, m.says)
			}
			if strings.Contains(err.Error(), p.URL) {
				t.Errorf("the error repeats the address: %v", err)
			}

			c.move(token.DefaultMaxAge)
			before := p.asked.Load()
			wantAccepted(t, v, ofRSA("rs"))
			if p.asked.Load() == before && !slow {
				t.Error("the provider was not asked again")
			}
			wantRefused(t, v, ofOther("evil"), token.CodeUnknownKey)
		})
	}
}

// TestLastKeysCountForADay, and not for ever: somebody may have kept them away because
// one of them was stolen.
func TestLastKeysCountForADay(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("rs")))
	v := p.verifier(t, c)
	wantAccepted(t, v, ofRSA("rs"))
	p.does(http.NotFound)
	c.move(24*time.Hour - time.Second)
	wantAccepted(t, v, ofRSA("rs"))
	c.move(time.Second)
	wantRefused(t, v, ofRSA("rs"), token.CodeKeysUnavailable)
	p.publishes(jwks(publicRSA("rs")))
	c.move(5 * time.Minute)
	wantAccepted(t, v, ofRSA("rs"))
}

// TestFaultsAreSpacedOut: a provider that is down is asked after 1, 2, 4, ... seconds,
// up to five minutes, however many clients come.
func TestFaultsAreSpacedOut(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.does(http.NotFound)
	v := p.verifier(t, c)
	var asked int32
	for _, wait := range []time.Duration{1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300} {
		for range 3 {
			wantRefused(t, v, ofRSA("rs"), token.CodeKeysUnavailable)
		}
		asked++
		p.wantAsked(t, asked)
		c.move(wait*time.Second - 1)
		wantRefused(t, v, ofRSA("rs"), token.CodeKeysUnavailable)
		p.wantAsked(t, asked)
		c.move(1)
	}
	p.publishes(jwks(publicRSA("rs")))
	wantAccepted(t, v, ofRSA("rs"))
	c.move(token.DefaultMaxAge)
	p.does(http.NotFound)
	wantAccepted(t, v, ofRSA("rs"))
	p.wantAsked(t, asked+2)
	c.move(time.Second) // it begins anew
	wantAccepted(t, v, ofRSA("rs"))
	p.wantAsked(t, asked+3)
}

// TestUsefulKeysAmongOthers: what a provider publishes besides does no harm, and does
// not count.
func TestUsefulKeysAmongOthers(t *testing.T) {
	k := keys()
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(
		jwk("shared", token.HS256, k.secret), jwk("private", token.EdDSA, k.ed),
		`{"kty":"future","kid":"future"}`, `{"kty":"EC","crv":"secp256k1","kid":"coin","x":"AA","y":"AA"}`, `7`, `{}`,
		strings.Replace(publicOther("enc"), `"sig"`, `"enc"`, 1),
		`{"kty":"RSA","kid":"small","e":"AQAB","n":"`+b64(k.rsa.N.Bytes()[:128])+`"}`,
		strings.Replace(jwk("rs", "", half(k.rsa)), `"use":"sig"`, `"x5t":"`+b64(make([]byte, 20))+`"`, 1)))
	v := p.verifier(t, c)
	wantAccepted(t, v, ofRSA("rs"))
	wantRefused(t, v, ofOther("enc"), token.CodeUnknownKey)
	wantRefused(t, v, hs(lasting(), "kid", `"shared"`), token.CodeUnknownKey)
	wantRefused(t, v, ed(lasting(), "kid", `"private"`), token.CodeUnknownKey)
	wantRefused(t, v, compact(`{"alg":"PS256","kid":"rs"}`, lasting(), token.PS256, k.rsa), token.CodeAlgorithm)
	p.wantAsked(t, 1)
}

// TestTwoKeysOfOneID: a provider that uses an ID again is asked to be right, not neat.
func TestTwoKeysOfOneID(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicOther("rs"), publicRSA("rs")))
	v := p.verifier(t, c)
	wantAccepted(t, v, ofRSA("rs"))
	wantAccepted(t, v, ofOther("rs"))
	p.wantAsked(t, 1)
}

// TestRedirectsWithinTheHost are followed.
func TestRedirectsWithinTheHost(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.does(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/jwks.json" {
			http.Redirect(w, r, "/v2/keys", http.StatusMovedPermanently)
			return
		}
		fmt.Fprint(w, jwks(publicRSA("rs")))
	})
	wantAccepted(t, p.verifier(t, c), ofRSA("rs"))
	p.wantAsked(t, 2)
}

// TestRefresh: the host's own loop fetches at half of the age, so that no client waits.
func TestRefresh(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("rs")))
	v := p.verifier(t, c)
	refresh := func(asked int32) {
		t.Helper()
		if err := v.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
		p.wantAsked(t, asked)
	}
	refresh(1)
	c.move(token.DefaultMaxAge/2 - 1)
	refresh(1)
	c.move(1)
	refresh(2)
	wantAccepted(t, v, ofRSA("rs"))
	c.move(token.DefaultMaxAge / 2)
	p.does(http.NotFound)
	if err := v.Refresh(t.Context()); err == nil || !strings.Contains(err.Error(), ours) || !strings.Contains(err.Error(), "404") {
		t.Errorf("got %v, want an error that names the issuer and the status", err)
	}
	p.wantAsked(t, 3)
}

// TestGivenAndPublishedKeys count together.
func TestGivenAndPublishedKeys(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("rs")))
	v := p.verifier(t, c, func(cfg *token.Config) {
		cfg.Issuers[0].Keys = parsed(t, publicOther("other"))
	})
	wantAccepted(t, v, ofOther("other"))
	p.wantAsked(t, 0)
	wantAccepted(t, v, ofRSA("rs"))
	wantRefused(t, v, ofRSA("none"), token.CodeUnknownKey)
	p.wantAsked(t, 1)
}

// TestPrivateNetworks: keys are not fetched from this machine unless that is meant.
func TestPrivateNetworks(t *testing.T) {
	p, c := newProvider(t), new(clock)
	p.publishes(jwks(publicRSA("rs")))
	for private, says := range map[bool]string{false: "not public", true: "certificate"} {
		v := p.verifier(t, c, func(cfg *token.Config) { cfg.Transport, cfg.Private = nil, private })
		_, err := verify(v, ofRSA("rs"))
		wantCode(t, err, token.CodeKeysUnavailable, "")
		if !strings.Contains(err.Error(), says) {
			t.Errorf("private %v: got %v, want that it says %q", private, err, says)
		}
	}
	p.wantAsked(t, 0)
}

// lateAnswer answers when the request's time is over, as a connection does that is being
// closed: the answer may win.
type lateAnswer struct{}

func (lateAnswer) RoundTrip(r *http.Request) (*http.Response, error) {
	<-r.Context().Done()
	return &http.Response{StatusCode: http.StatusOK, Header: http.Header{}, Body: http.NoBody, Request: r}, nil
}

// TestEmptyAnswerAtTheDeadline: it is the deadline that is at fault then, and not what
// the issuer publishes.
func TestEmptyAnswerAtTheDeadline(t *testing.T) {
	v := newProvider(t).verifier(t, new(clock), func(cfg *token.Config) {
		cfg.Transport, cfg.Timeout = lateAnswer{}, time.Millisecond
	})
	_, err := verify(v, ofRSA("rs"))
	wantCode(t, err, token.CodeKeysUnavailable, "")
	if !strings.Contains(err.Error(), "deadline exceeded") {
		t.Errorf("got %v, want that it says that the time was over", err)
	}
}
