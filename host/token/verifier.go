package token

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// Defaults of [Config], and what bounds it.
const (
	DefaultLeeway     = 30 * time.Second
	DefaultTimeout    = 5 * time.Second
	DefaultMinRefresh = 30 * time.Second
	DefaultMaxAge     = 10 * time.Minute
	// MaxLeeway is how far clocks may be apart.
	MaxLeeway = 5 * time.Minute
	// maxIssuers is how many issuers a verifier has.
	maxIssuers = 32
	// maxTried is how many signatures are computed for one token.
	maxTried = 4
)

// Issuer is who issues tokens. Its keys are given (Keys), published (JWKS), or both.
type Issuer struct {
	// Issuer is what its tokens have as iss, character for character. Empty: they
	// have none.
	Issuer string
	// Audience is who we are to it: tokens have one of these as aud. Empty: they have
	// none. Who leaves it out takes what was not meant for anybody, and that alone.
	Audience []string
	// Keys are known beforehand. Of those that sign, the public half is used.
	Keys []Key
	// JWKS is where it publishes its keys: an https URL of a JWK set. Shared secrets
	// and private keys in it do not count.
	JWKS string
	// TenantClaim is the claim that names a tenant, such as "tenant". Default: none
	// does.
	TenantClaim string
	// Tenants are those that it speaks for: tokens name one of them. Default: any,
	// or none.
	Tenants []string
}

// Config is what a verifier is made of. Issuers are needed.
type Config struct {
	Issuers []Issuer
	// Leeway is how far clocks may be apart, at most 5 min. Default 30 s; less than 0
	// is none.
	Leeway time.Duration
	// WithoutExpiry takes tokens that never expire. Default: they are refused.
	WithoutExpiry bool
	// MaxLifetime is how long a token may live, from iat to exp. Default: as long as
	// it says.
	MaxLifetime time.Duration
	// Revoked are the tokens that are refused all the same. Default none.
	Revoked *Revocations
	// MinRefresh is how long nobody asks for an issuer's keys after they came, even
	// if tokens name others. Default 30 s. After a fault it is a second, and each
	// time twice as long, up to 5 min.
	MinRefresh time.Duration
	// MaxAge is how old an issuer's keys become before they are asked for again.
	// Default 10 min. When they cannot be had, the last ones count for a day.
	MaxAge time.Duration
	// Timeout bounds the fetch of an issuer's keys. Default 5 s.
	Timeout time.Duration
	// Private lets keys be fetched from this machine and from private networks.
	// Default: they are not, since a URL may come from somebody who should not reach
	// what is there. It is of no effect if there is a Transport.
	Private bool
	// Transport fetches keys. Default: one that uses no proxy and keeps no connection.
	Transport http.RoundTripper
	// Now is the clock. Default time.Now.
	Now func() time.Time
}

// Verifier verifies tokens. Safe for concurrent use.
type Verifier struct {
	cfg     Config
	issuers []issuer
	cancel  context.CancelFunc
}

type issuer struct {
	Issuer
	published *source // nil: it publishes none
}

// NewVerifier returns a verifier. It starts nothing and asks nobody for keys. The
// error says what is wrong with the configuration.
func NewVerifier(cfg Config) (*Verifier, error) {
	if err := cfg.complete(); err != nil {
		return nil, fmt.Errorf("token: %w", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	v := &Verifier{cfg: cfg, cancel: cancel}
	for i, from := range cfg.Issuers {
		made, err := newIssuer(ctx, &v.cfg, from)
		if err == nil && slices.ContainsFunc(v.issuers, func(o issuer) bool { return o.Issuer.Issuer == from.Issuer }) {
			err = errors.New("another one has the same name")
		}
		if err != nil {
			cancel()
			return nil, fmt.Errorf("token: issuer %d, %q: %w", i+1, from.Issuer, err)
		}
		v.issuers = append(v.issuers, made)
	}
	return v, nil
}

// complete fills in the defaults.
func (cfg *Config) complete() error {
	if len(cfg.Issuers) == 0 || len(cfg.Issuers) > maxIssuers {
		return fmt.Errorf("there are %d issuers, 1 to %d are needed", len(cfg.Issuers), maxIssuers)
	}
	for _, d := range []struct {
		value *time.Duration
		usual time.Duration
	}{{&cfg.Leeway, DefaultLeeway}, {&cfg.MinRefresh, DefaultMinRefresh}, {&cfg.MaxAge, DefaultMaxAge}, {&cfg.Timeout, DefaultTimeout}} {
		if *d.value == 0 {
			*d.value = d.usual
		}
	}
	if cfg.Leeway > MaxLeeway {
		return fmt.Errorf("a leeway of %v is more than %v", cfg.Leeway, MaxLeeway)
	}
	cfg.Leeway = max(0, cfg.Leeway)
	if cfg.MinRefresh < 0 || cfg.MaxAge < 0 || cfg.Timeout < 0 || cfg.MaxLifetime < 0 {
		return errors.New("a time is less than 0")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Transport == nil {
		cfg.Transport = newTransport(cfg.Private)
	}
	return nil
}

func newIssuer(ctx context.Context, cfg *Config, from Issuer) (issuer, error) {
	from.Audience, from.Keys, from.Tenants = slices.Clone(from.Audience), slices.Clone(from.Keys), slices.Clone(from.Tenants)
	made := issuer{Issuer: from}
	switch {
	case len(from.Keys) == 0 && from.JWKS == "":
		return made, errors.New("it has neither Keys nor JWKS: nothing could be verified")
	case len(from.Keys) > MaxKeys:
		return made, fmt.Errorf("it has %d keys, at most %d are allowed", len(from.Keys), MaxKeys)
	case len(from.Issuer) > maxName:
		return made, fmt.Errorf("its name has more than %d bytes", maxName)
	case len(from.Tenants) > 0 && from.TenantClaim == "":
		return made, errors.New("it has Tenants, but no TenantClaim that names one")
	case slices.Contains(from.Audience, "") || slices.Contains(from.Tenants, ""):
		return made, errors.New("an Audience or one of the Tenants is empty")
	}
	for i, k := range from.Keys {
		if err := k.check(); err != nil {
			return made, fmt.Errorf("key %d, %q: %w", i+1, k.ID, err)
		}
	}
	if err := distinct(from.Keys); err != nil {
		return made, err
	}
	if from.JWKS == "" {
		return made, nil
	}
	var err error
	made.published, err = newSource(ctx, cfg, from.JWKS)
	return made, err
}

// Close ends fetches that are under way. Tokens are verified afterwards too, with the
// keys that are there.
func (v *Verifier) Close() { v.cancel() }

// Refresh fetches the keys that are due at half their age, so that no client has to
// wait for it. It is for the host's own loop and for its start. The error is that of
// an issuer whose keys could not be had, or ctx's.
func (v *Verifier) Refresh(ctx context.Context) error {
	var faults []error
	for _, from := range v.issuers {
		if from.published == nil {
			continue
		}
		if err := from.published.refresh(ctx, v.cfg.MaxAge/2); err != nil {
			faults = append(faults, fmt.Errorf("issuer %q: %w", from.Issuer.Issuer, err))
		}
	}
	return errors.Join(faults...)
}

// Verify returns what a token says, or an [*Error] that says why it is refused. It
// waits for an issuer's keys if the token needs them; the error may be ctx's then.
func (v *Verifier) Verify(ctx context.Context, token string) (*Claims, error) {
	head, payload, fault := split(token)
	if fault != nil {
		return nil, fault
	}
	h, fault := readHeader(head)
	if fault != nil {
		return nil, fault
	}
	claims, fault := readClaims(payload, func(name string) string {
		if from := v.issuer(name); from != nil {
			return from.TenantClaim
		}
		return ""
	})
	if fault != nil {
		return nil, fault
	}
	from := v.issuer(claims.Issuer)
	if from == nil {
		return nil, refuse(CodeWrongIssuer, "the token's issuer is none of those that are accepted here")
	}
	keys, err := from.keys(ctx, h)
	if err != nil {
		return nil, err
	}
	if fault := signed(token, keys, claims); fault != nil {
		return nil, fault
	}
	if fault := v.check(from, claims); fault != nil {
		return nil, fault
	}
	return claims, nil
}

// Claimed returns the tenant that a token claims to be for, and tells whether it does:
// whether one of the issuers is named in it and the claim that names a tenant is there.
// Nothing is verified: it is for asking what would follow, and who else may be meant. The
// tenant is empty if the claim is no text.
func (v *Verifier) Claimed(token string) (tenant string, claims bool) {
	_, payload, fault := split(token)
	if fault != nil {
		return "", false
	}
	said, err := readObject(string(payload))
	if err != nil {
		return "", false
	}
	name, err := said.text("iss", maxName)
	if err != nil {
		return "", false
	}
	from := v.issuer(name)
	if from == nil || from.TenantClaim == "" || said.get(from.TenantClaim) == "" {
		return "", false
	}
	if tenant, err = said.text(from.TenantClaim, maxName); err != nil {
		return "", true
	}
	return tenant, true
}

// Renew is Verify for a token that takes the place of an older one: it has to be about
// the same subject and tenant, and from the same issuer.
func (v *Verifier) Renew(ctx context.Context, old *Claims, token string) (*Claims, error) {
	claims, err := v.Verify(ctx, token)
	if err != nil {
		return nil, err
	}
	if claims.Subject != old.Subject || claims.Tenant != old.Tenant || claims.Issuer != old.Issuer {
		return nil, refuse(CodeWrongSubject, "the token is about somebody else than the one whose place it should take")
	}
	return claims, nil
}

func (v *Verifier) issuer(name string) *issuer {
	for i := range v.issuers {
		if v.issuers[i].Issuer.Issuer == name {
			return &v.issuers[i]
		}
	}
	return nil
}

// signed tries the keys.
func signed(token string, keys []Key, claims *Claims) *Error {
	for _, k := range keys {
		// The library decodes it once more: what it has verified is what was read.
		if payload, ok := k.verify(token); ok && bytes.Equal(payload, claims.Raw) {
			claims.KeyID = k.ID
			return nil
		}
	}
	return refuse(CodeBadSignature, "the token was changed, or signed with another key")
}

// check holds what a signed token says against what is wanted.
func (v *Verifier) check(from *issuer, c *Claims) *Error {
	if fault := checkAudience(c.Audience, from.Audience); fault != nil {
		return fault
	}
	if len(from.Tenants) > 0 && !slices.Contains(from.Tenants, c.Tenant) {
		return refuse(CodeWrongTenant, "the token is not for a tenant that its issuer speaks for")
	}
	if fault := checkTimes(c, &v.cfg, v.cfg.Now()); fault != nil {
		return fault
	}
	return v.cfg.Revoked.Check(c)
}

// keys are those that a token may be signed with. There is at least one.
func (from *issuer) keys(ctx context.Context, h header) ([]Key, error) {
	found, fault := choose(from.Keys, h)
	if fault == nil || from.published == nil {
		return found, asError(fault)
	}
	return from.published.choose(ctx, h)
}

// asError keeps a nil *Error from becoming an error.
func asError(fault *Error) error {
	if fault == nil {
		return nil
	}
	return fault
}

// choose returns the keys that the token's header may mean: those with its ID, and
// those without any; all of them if it has no ID.
func choose(keys []Key, h header) ([]Key, *Error) {
	var found []Key
	named := false
	for _, k := range keys {
		if h.keyID != "" && k.ID != "" && k.ID != h.keyID {
			continue
		}
		named = true
		if k.Algorithm == h.alg {
			found = append(found, k)
		}
	}
	switch {
	case !named:
		return nil, refuse(CodeUnknownKey, "the token's issuer has no such key")
	case len(found) == 0:
		return nil, refuse(CodeAlgorithm, "the token's algorithm is not that of the key")
	case len(found) > maxTried:
		return nil, refuse(CodeUnknownKey, "the token does not say which of many keys it was signed with")
	}
	return found, nil
}
