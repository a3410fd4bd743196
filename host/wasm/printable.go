package wasm

import (
	"unicode"
	"unicode/utf8"
)

// printable is text for people, from a guest, whose bytes may be anything: cut after
// about n bytes, in valid UTF-8, and with what would end the line, speak to a terminal
// or turn the writing's direction around written out, as \n, \x1b and \u202e. A tab does
// none of that and stays: stacks are indented with it. Logs and commands show it as it is.
func printable[T []byte | string](text T, n int) string {
	cut := len(text) > n
	if cut {
		text = T(cutText([]byte(text[:min(len(text), n+utf8.UTFMax)]), n))
	}
	s := string(text)
	if !plain(s) {
		s = escape(s)
	}
	if cut {
		s += " [cut]"
	}
	return s
}

// plain tells whether s is printable ASCII, as most texts are.
func plain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// escape writes what is hidden as Go does in a string. It takes some 10 ns for a character,
// whatever that is: guests pay for lines by their bytes.
func escape(s string) string {
	b := make([]byte, 0, 2*len(s))
	valid := true // in a run of bytes that are none one character stands for all
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch was := valid; {
		case r == utf8.RuneError && size == 1:
			if valid = false; was {
				b = append(b, "\uFFFD"...)
			}
		case hidden(r):
			valid = true
			b = appendEscape(b, r)
		default:
			valid = true
			b = append(b, s[:size]...)
		}
		s = s[size:]
	}
	return string(b)
}

func appendEscape(b []byte, r rune) []byte {
	if r >= '\a' && r <= '\r' {
		return append(b, '\\', "abtnvfr"[r-'\a'])
	}
	const digits = "0123456789abcdef"
	kind, places := byte('U'), 8
	switch {
	case r < 0x80:
		kind, places = 'x', 2
	case r < 0x10000:
		kind, places = 'u', 4
	}
	b = append(b, '\\', kind)
	for places--; places >= 0; places-- {
		b = append(b, digits[r>>(4*places)&0xf])
	}
	return b
}

// hidden tells whether a character acts instead of showing: it is of one of the classes Cc,
// Cf, Zl and Zp. The two joiners are part of how some scripts, and emoji, are written;
// a tab is a space.
func hidden(r rune) bool {
	const nonJoiner, joiner, line, paragraph = 0x200c, 0x200d, 0x2028, 0x2029
	switch {
	case r == '\t':
		return false
	case r < ' ' || r >= 0x7f && r < 0xa0 || r == line || r == paragraph:
		return true
	case r < 0x7f || r == nonJoiner || r == joiner:
		return false
	}
	return unicode.Is(unicode.Cf, r)
}
