// Package token verifies the tokens of clients: JSON Web Tokens (RFC 7519) in
// compact form that an issuer has signed, whose keys are given or published at a URL.
//
// A [Verifier] is made of [Issuer] values and answers what a token says as
// [Claims], or refuses it with an [*Error] that carries a stable code. It holds to
// RFC 8725:
//
//   - The algorithm belongs to the key. That of the token has to be the same one, so
//     that neither "none" nor a public key taken for a shared secret is a way in.
//   - A key counts for its issuer, and for no other. An issuer counts for its
//     audience, and for the tenants that it may speak for.
//   - A token brings no key along: no jwk, jku, x5u or x5c; nothing critical, nothing
//     compressed, no token within the token.
//   - It is bounded before it is read, and it is read in one way only: no name twice,
//     no other spelling of the same bytes, no bytes behind the end.
//
// Nothing here starts a goroutine. Keys that an issuer publishes are fetched on the
// goroutine of a caller that needs them, one fetch at a time and not often: whatever
// clients send, a provider is asked once per [Config.MinRefresh]. [Mint] is the other
// side, for tests and the command.
//
// Texts of errors contain neither a token nor a key, nor anything that was in a token.
package token
