package tenant

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"reflect"
	"slices"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/registry"
	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/token"
)

// refreshTime is how often the published keys of issuers are looked after.
const refreshTime = time.Minute

// verifier makes what verifies the tokens of a tenant's clients; nil if nobody issues
// any. What a token says of a tenant does not count here: keys of its own vouch for a
// tenant's clients and never say which tenant a client is of.
func (d *Directory) verifier(issuers []registry.Issuer, revoked *token.Revocations) (*token.Verifier, error) {
	if len(issuers) == 0 {
		return nil, nil
	}
	cfg := token.Config{Now: d.cfg.Now, Revoked: revoked}
	for i, from := range issuers {
		issuer := token.Issuer{Issuer: from.Issuer, Audience: from.Audience, JWKS: from.JWKS}
		if from.Keys != "" {
			keys, err := token.ParseKeys([]byte(from.Keys))
			if err != nil {
				return nil, fmt.Errorf("the keys of issuer %d: %w", i+1, err)
			}
			issuer.Keys = keys
		}
		cfg.Issuers = append(cfg.Issuers, issuer)
	}
	return token.NewVerifier(cfg)
}

// trust lets the tenant verify tokens by these issuers, and forget those before.
func (t *Tenant) trust(old, issuers []registry.Issuer) error {
	e := t.estate
	if reflect.DeepEqual(old, issuers) {
		return nil
	}
	made, err := e.dir.verifier(issuers, e.revoked)
	if err != nil {
		return fmt.Errorf("tenant %s: %w", t.name, err)
	}
	if before := e.verifier.Swap(made); before != nil {
		before.Close()
	}
	return nil
}

// Authenticates tells whether clients need a token.
func (t *Tenant) Authenticates() bool { return t.estate != nil && t.estate.verifier.Load() != nil }

// Authenticate verifies the token of a client that connects, and returns what it says,
// a JSON object, and when it ends for the socket. Both are nil if the tenant needs none.
// The error is a [*socket.RefusedError], which has the code of package token as its
// reason: 401, or 503 if the issuer's keys could not be had.
func (t *Tenant) Authenticate(ctx context.Context, text string) (claims []byte, until *socket.Token, err error) {
	if !t.Authenticates() {
		return nil, nil, nil
	}
	verifier := t.estate.verifier.Load()
	said, err := verifier.Verify(ctx, text)
	if err != nil {
		return nil, nil, unauthenticated(err)
	}
	return said.Raw, t.until(said, func(ctx context.Context, text string) (*token.Claims, error) {
		now := t.estate.verifier.Load() // the issuers may be others by then
		if now == nil {
			return nil, nil
		}
		return now.Renew(ctx, said, text)
	}), nil
}

// until is when a socket ends whose client has shown a token. renew verifies another one;
// nil is that of a client who needs none any more.
func (t *Tenant) until(said *token.Claims, renew func(ctx context.Context, text string) (*token.Claims, error)) *socket.Token {
	var newest atomic.Pointer[token.Claims]
	newest.Store(said)
	return &socket.Token{Expires: said.Expires, Revoked: t.revoked(&newest), Renew: func(ctx context.Context, text string) (time.Time, error) {
		next, err := renew(ctx, text)
		if refused := new(token.Error); errors.As(err, &refused) {
			return time.Time{}, &channel.Refusal{Reason: phx.Reason(refused.Code)}
		} else if err != nil || next == nil {
			return time.Time{}, err
		}
		newest.Store(next)
		return next.Expires, nil
	}}
}

// revoked tells whether the token that a client has sent last was revoked. It looks
// again only when there are other revocations than before.
func (t *Tenant) revoked(newest *atomic.Pointer[token.Claims]) func() bool {
	e := t.estate
	var seen atomic.Int64
	seen.Store(-1) // between Verify and now there may have been one
	return func() bool {
		count := e.revocations.Load()
		if seen.Load() == count {
			return false
		}
		if e.revoked.Revokes(newest.Load()) {
			return true
		}
		seen.Store(count)
		return false
	}
}

const (
	// mostRevocations is how many revocations a tenant may have that have not expired.
	mostRevocations = 2000
	// revocationTime is for how long one counts that does not say.
	revocationTime = 366 * 24 * time.Hour
)

// Revoke refuses tokens of clients from now on, and ends the sockets of those who have
// connected with one: at their next frame, or within seconds if they only listen. Who
// gets a new token may come back. The error is [ErrInvalid], [ErrQuota], or that of a
// change.
func (t *Tenant) Revoke(ctx context.Context, v registry.Revocation, req Request) (registry.Tenant, error) {
	now := t.env.Now()
	if (v.ID == "") == (v.Subject == "") || len(v.ID) > 255 || len(v.Subject) > 255 {
		return registry.Tenant{}, fmt.Errorf("%w: a revocation names a token (its jti) or a subject (its sub), of at most 255 bytes", ErrInvalid)
	}
	if v.Expires.IsZero() {
		v.Expires = now.Add(revocationTime)
	}
	if v.Subject != "" && v.Before.IsZero() {
		v.Before = now
	}
	v.By = req.By
	if !v.Expires.After(now) {
		return registry.Tenant{}, fmt.Errorf("%w: the revocation has expired", ErrInvalid)
	}
	return t.change(ctx, req, "revoke", cmp.Or(v.ID, v.Subject), func(r *registry.Tenant) error {
		v := v // Apply may come again
		kept := slices.DeleteFunc(slices.Clone(r.Revocations), func(o registry.Revocation) bool {
			same := o.ID == v.ID && o.Subject == v.Subject
			if same { // what was revoked stays so
				v.Before, v.Expires = later(o.Before, v.Before), later(o.Expires, v.Expires)
			}
			return same || !o.Expires.After(now)
		})
		if len(kept) >= mostRevocations {
			return fmt.Errorf("%w: too_many_revocations: %d have not expired", ErrQuota, len(kept))
		}
		r.Revocations = append(kept, v)
		return nil
	})
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// distrust carries out what a record revokes.
func (t *Tenant) distrust(revocations []registry.Revocation) error {
	e := t.estate
	for _, v := range revocations {
		if err := e.revoked.Add(token.Revocation{ID: v.ID, Subject: v.Subject, Before: v.Before, Expires: v.Expires}); err != nil {
			return fmt.Errorf("tenant %s: %w", t.name, err)
		}
	}
	e.revocations.Add(1)
	return nil
}

// unauthenticated is the answer to a client whose token does not do.
func unauthenticated(err error) error {
	refused := new(token.Error)
	if !errors.As(err, &refused) {
		return &socket.RefusedError{Status: http.StatusServiceUnavailable, RetryAfter: time.Second, Err: err}
	}
	answer := &socket.RefusedError{Status: http.StatusUnauthorized, HasBody: true, Err: err}
	if refused.Code == token.CodeKeysUnavailable {
		answer.Status, answer.RetryAfter = http.StatusServiceUnavailable, time.Second
	}
	text, err := json.Marshal(map[string]string{"reason": string(refused.Code)})
	if err == nil {
		answer.Body, err = phx.Object(text)
	}
	if err != nil {
		panic(fmt.Sprintf("BUG: a code that is no JSON: %v", err))
	}
	return answer
}

// refresh looks after the published keys of all issuers, until ctx ends.
func (d *Directory) refresh(ctx context.Context) {
	if d.vouchers != nil {
		if err := d.vouchers.Refresh(ctx); err != nil {
			d.log.Warn("the keys of an issuer whose tokens name tenants could not be fetched", "err", err)
		}
	}
	for _, t := range d.Tenants() {
		if verifier := t.estate.verifier.Load(); verifier != nil && ctx.Err() == nil {
			if err := verifier.Refresh(ctx); err != nil {
				t.log.Warn("the keys of a token's issuer could not be fetched", "err", err)
			}
		}
	}
}
