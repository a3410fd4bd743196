package token

// Code says why a token was refused. Codes are a part of what clients and logs see
// and do not change.
type Code string

const (
	// CodeMissing: there is no token.
	CodeMissing Code = "token_missing"
	// CodeTooLarge: it has more than [MaxToken] bytes.
	CodeTooLarge Code = "token_too_large"
	// CodeMalformed: it is no JSON Web Token in compact form, or can be read in more
	// than one way.
	CodeMalformed Code = "token_malformed"
	// CodeHeader: its header wants what is never granted, such as a key of its own.
	CodeHeader Code = "token_header"
	// CodeAlgorithm: its algorithm is none that is used here, or not that of the key.
	CodeAlgorithm Code = "token_algorithm"
	// CodeUnknownKey: the issuer has no key that it could be signed with.
	CodeUnknownKey Code = "token_unknown_key"
	// CodeKeysUnavailable: the issuer's keys could not be fetched. The only code that
	// is not about the token: the same one may be right a moment later.
	CodeKeysUnavailable Code = "token_keys_unavailable"
	// CodeBadSignature: it was changed, or signed with another key.
	CodeBadSignature Code = "token_bad_signature"
	// CodeWrongIssuer: it comes from somebody else.
	CodeWrongIssuer Code = "token_wrong_issuer"
	// CodeWrongAudience: it is meant for somebody else.
	CodeWrongAudience Code = "token_wrong_audience"
	// CodeWrongTenant: it is for a tenant that its issuer does not speak for.
	CodeWrongTenant Code = "token_wrong_tenant"
	// CodeWrongSubject: it is about somebody else than the one whose place it should
	// take, see [Verifier.Renew].
	CodeWrongSubject Code = "token_wrong_subject"
	// CodeExpired: its time is over.
	CodeExpired Code = "token_expired"
	// CodeNotYetValid: its time has not come.
	CodeNotYetValid Code = "token_not_yet_valid"
	// CodeLifetime: it does not say when it expires, or lives for longer than allowed.
	CodeLifetime Code = "token_lifetime"
	// CodeRevoked: it was revoked, or all of its subject's were.
	CodeRevoked Code = "token_revoked"
)

// Error is why a token was refused.
type Error struct {
	// Code is what programs look at.
	Code Code
	// Detail is a sentence for people. A client may see it.
	Detail string
	// cause is what a log may see besides, such as why a fetch failed.
	cause error
}

func (e *Error) Error() string {
	if e.cause != nil {
		return string(e.Code) + ": " + e.Detail + ": " + e.cause.Error()
	}
	return string(e.Code) + ": " + e.Detail
}

// Unwrap returns what led to the error, if that was not the token.
func (e *Error) Unwrap() error { return e.cause }

func refuse(code Code, detail string) *Error { return &Error{Code: code, Detail: detail} }
