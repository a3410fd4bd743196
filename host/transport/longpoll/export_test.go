package longpoll

import "encoding/base64"

// Sessions is the number of sessions.
func (t *Transport) Sessions() int { return len(t.all()) }

// Tick does what Run does each quarter of the idle timeout.
func (t *Transport) Tick() { t.sweep(t.tick.Add(1)) }

// Verify tells whether text is a token of this transport, and writes it anew.
func (t *Transport) Verify(text string) (again string, ok bool) {
	tok, ok := t.verify(text)
	if !ok {
		return "", false
	}
	return t.sign(tok), true
}

// Forge is what a token looks like that is made of raw bytes.
func Forge(raw []byte) string { return tokenPrefix + base64.RawURLEncoding.EncodeToString(raw) }

// For fuzzing.
var (
	SplitLines = splitLines
	QueryToken = queryToken
	IsToken    = isToken
	Quote      = quote
)
