package token_test

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/token"
)

// BenchmarkVerify is what a client that connects costs, by the algorithm of its token.
func BenchmarkVerify(b *testing.B) {
	for _, alg := range algorithms {
		b.Run(string(alg), func(b *testing.B) {
			key := parsed(b, jwk("key", alg, half(keys().private(alg))))
			revoked := token.NewRevocations(0, atNoon)
			if err := revoked.Add(token.Revocation{ID: "stolen"}); err != nil {
				b.Fatal(err)
			}
			v := verifier(b, token.Config{Revoked: revoked, Issuers: []token.Issuer{{Issuer: ours, Audience: []string{"chhost"}, Keys: key, TenantClaim: "tenant"}}})
			raw := compact(fmt.Sprintf(`{"typ":"JWT","alg":%q,"kid":"key"}`, alg), good(), alg, keys().private(alg))
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(context.Background(), raw); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkRefuse is what a client costs that has no key, by how far it comes.
func BenchmarkRefuse(b *testing.B) {
	v := desk(b)
	for name, raw := range map[string]string{
		"malformed": "let-me-in", "unknown": rs(good(), "kid", `"x"`),
		"large": part(rs(good("app", `"`+strings.Repeat("a", 5000)+`"`)), 2, flip), "signature": part(rs(good()), 2, flip),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := v.Verify(context.Background(), raw); err == nil {
					b.Fatal("it was accepted")
				}
			}
		})
	}
}

// BenchmarkRevokes asks a full set.
func BenchmarkRevokes(b *testing.B) {
	r := token.NewRevocations(0, atNoon)
	for i := range token.DefaultMaxRevocations {
		if err := r.Add(token.Revocation{ID: fmt.Sprint("token ", i)}); err != nil {
			b.Fatal(err)
		}
	}
	c := &token.Claims{ID: "another token", Subject: "users:7", Issued: noon}
	b.ReportAllocs()
	for b.Loop() {
		if r.Revokes(c) {
			b.Fatal("it is revoked")
		}
	}
}
