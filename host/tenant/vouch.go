package tenant

import (
	"context"
	"fmt"

	"github.com/chhost/chhost/host/socket"
	"github.com/chhost/chhost/host/token"
)

// This file holds the issuers of the node's configuration, whose tokens name a tenant.

// vouchersOf makes what verifies the tokens of the operator's issuers; nil without any.
// Their keys may be on a private network: who configures a node may reach what it does.
func vouchersOf(cfg *DirectoryConfig) (*token.Verifier, error) {
	if len(cfg.Issuers) == 0 {
		return nil, nil
	}
	for i, from := range cfg.Issuers {
		switch {
		case from.Issuer == "":
			return nil, fmt.Errorf("tenant: issuer %d has no name (iss): a token has to say that it is of an issuer which may name tenants", i+1)
		case from.TenantClaim == "":
			return nil, fmt.Errorf("tenant: issuer %d, %q, has no claim that names a tenant: tokens of one tenant's clients are for the issuers in its own settings", i+1, from.Issuer)
		}
	}
	return token.NewVerifier(token.Config{Issuers: cfg.Issuers, Private: true, Now: cfg.Now})
}

// Claimed is the tenant that a token claims to be for, unverified; empty if it is of none
// of the operator's issuers. It is only for asking what that tenant's settings would say,
// before [Directory.Vouch] decides.
func (d *Directory) Claimed(text string) string {
	if d.vouchers == nil {
		return ""
	}
	name, _ := d.vouchers.Claimed(text)
	return name
}

// Vouch verifies a token that names a tenant, of one of the operator's issuers; nil if it
// does not. Any other token is left to the tenant that the connection names otherwise.
// The error is that of [Tenant.Authenticate].
func (d *Directory) Vouch(ctx context.Context, text string) (*token.Claims, error) {
	if d.vouchers == nil {
		return nil, nil
	}
	if _, named := d.vouchers.Claimed(text); !named {
		return nil, nil
	}
	said, err := d.vouchers.Verify(ctx, text)
	if err != nil {
		return nil, unauthenticated(err)
	}
	return said, nil
}

// Vouched is [Tenant.Authenticate] for a token that [Directory.Vouch] has verified, and
// that names this tenant: the operator's word is as good as that of the tenant's own
// issuers. What the tenant has revoked does not count here either.
func (t *Tenant) Vouched(said *token.Claims) (claims []byte, until *socket.Token, err error) {
	e := t.estate
	if said.Tenant != t.name {
		panic(fmt.Sprintf("BUG: a token that names another tenant than %s", t.name))
	}
	if revoked := e.revoked.Check(said); revoked != nil {
		return nil, nil, unauthenticated(revoked)
	}
	return said.Raw, t.until(said, func(ctx context.Context, text string) (*token.Claims, error) {
		next, err := e.dir.vouchers.Renew(ctx, said, text)
		if err != nil {
			return nil, err
		}
		if revoked := e.revoked.Check(next); revoked != nil {
			return nil, revoked
		}
		return next, nil
	}), nil
}
