package token

import (
	"encoding/json"
	"math"
	"slices"
	"strconv"
	"time"
)

const (
	// MaxToken is how long a token may be, in bytes.
	MaxToken = 8 << 10
	// maxName bounds each claim that is a name, in bytes.
	maxName = 255
	// maxAudience is how many audiences a token may have.
	maxAudience = 32
	// maxDate is the last second of the year 9999.
	maxDate = 253402300799
)

// Claims is what a verified token says. Times that it does not say are zero.
type Claims struct {
	// Issuer (iss) has issued it, and KeyID is the key that it was verified with, as
	// the issuer's keys have it.
	Issuer, KeyID string
	// Subject (sub) is whom it is about: the user, as a rule. At most 255 bytes.
	Subject string
	// ID (jti) is the token's own. At most 255 bytes.
	ID string
	// Audience (aud) is for whom it is meant.
	Audience []string
	// Tenant is the value of [Issuer.TenantClaim], empty if it says none.
	Tenant string
	// Issued (iat), NotBefore (nbf) and Expires (exp), without any leeway.
	Issued, NotBefore, Expires time.Time
	// Raw is the whole of it, a JSON object of less than 8 KiB in UTF-8, in which no
	// object has two members of one name.
	Raw []byte
}

// readClaims reads what a token says, whoever has signed it. tenantClaim is called with
// the issuer, and answers the claim that names a tenant.
func readClaims(payload []byte, tenantClaim func(issuer string) string) (*Claims, *Error) {
	said, err := readObject(string(payload))
	if err != nil {
		return nil, refuse(CodeMalformed, "the token's claims are "+err.Error())
	}
	c := &Claims{Raw: payload}
	for _, f := range []struct {
		name string
		into *string
	}{{"iss", &c.Issuer}, {"sub", &c.Subject}, {"jti", &c.ID}} {
		if *f.into, err = said.text(f.name, maxName); err != nil {
			return nil, refuse(CodeMalformed, `the token's "`+f.name+`" is no text of 1 to 255 bytes`)
		}
	}
	if name := tenantClaim(c.Issuer); name != "" {
		if c.Tenant, err = said.text(name, maxName); err != nil {
			return nil, refuse(CodeMalformed, "the claim that names the token's tenant is no text of 1 to 255 bytes")
		}
	}
	for _, f := range []struct {
		name string
		into *time.Time
	}{{"iat", &c.Issued}, {"nbf", &c.NotBefore}, {"exp", &c.Expires}} {
		var ok bool
		if *f.into, ok = readDate(said.get(f.name)); !ok {
			return nil, refuse(CodeMalformed, `the token's "`+f.name+`" is no number of seconds since 1970, up to the year 9999`)
		}
	}
	var ok bool
	if c.Audience, ok = readAudience(said.get("aud")); !ok {
		return nil, refuse(CodeMalformed, `the token's "aud" is neither a text of 1 to 255 bytes nor a list of at most 32 of them`)
	}
	return c, nil
}

// readDate reads a NumericDate of RFC 7519; none is the zero time.
func readDate(value string) (time.Time, bool) {
	if value == "" {
		return time.Time{}, true
	}
	seconds, err := strconv.ParseFloat(value, 64) // fails for what is no number: a text keeps its quotes
	if err != nil || !(seconds >= 0 && seconds <= maxDate) {
		return time.Time{}, false
	}
	whole, part := math.Modf(seconds)
	return time.Unix(int64(whole), int64(part*1e9)), true
}

func readAudience(value string) ([]string, bool) {
	if value == "" {
		return nil, true
	}
	if value[0] == '"' {
		one, err := unquote(value, maxName)
		return []string{one}, err == nil
	}
	var raw []json.RawMessage
	if json.Unmarshal([]byte(value), &raw) != nil || len(raw) == 0 || len(raw) > maxAudience {
		return nil, false
	}
	list := make([]string, len(raw))
	for i := range raw {
		var err error
		if list[i], err = unquote(string(raw[i]), maxName); err != nil {
			return nil, false
		}
	}
	return list, true
}

// checkAudience wants one of the audiences that we are. A token that is meant for
// somebody is none for one who has no name, and the other way round.
func checkAudience(said, ours []string) *Error {
	if len(said) == 0 && len(ours) == 0 || slices.ContainsFunc(said, func(a string) bool { return slices.Contains(ours, a) }) {
		return nil
	}
	return refuse(CodeWrongAudience, "the token is not meant for this audience")
}

// checkTimes holds the token's times against now.
func checkTimes(c *Claims, cfg *Config, now time.Time) *Error {
	leeway := cfg.Leeway
	switch {
	case c.Expires.IsZero() && !cfg.WithoutExpiry:
		return refuse(CodeLifetime, `the token does not say when it expires ("exp")`)
	case !c.Expires.IsZero() && !now.Before(c.Expires.Add(leeway)):
		return refuse(CodeExpired, "the token has expired: get a new one")
	case c.NotBefore.After(now.Add(leeway)):
		return refuse(CodeNotYetValid, `the token is not valid yet ("nbf"): is a clock wrong?`)
	case c.Issued.After(now.Add(leeway)):
		return refuse(CodeNotYetValid, `the token was issued in the future ("iat"): is a clock wrong?`)
	}
	if cfg.MaxLifetime <= 0 {
		return nil
	}
	from := c.Issued
	if from.IsZero() {
		from = now // it lives for at least this long still
	}
	if c.Expires.IsZero() || c.Expires.Sub(from) > cfg.MaxLifetime {
		return refuse(CodeLifetime, "the token lives for longer than is allowed here")
	}
	return nil
}
