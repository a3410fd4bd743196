package wasm

import (
	"strconv"
	"strings"
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

func escape(s string) string {
	var b strings.Builder
	for _, r := range strings.ToValidUTF8(s, string(utf8.RuneError)) {
		if hidden(r) {
			quoted := strconv.QuoteRuneToASCII(r)
			b.WriteString(quoted[1 : len(quoted)-1])
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// hidden tells whether a character acts instead of showing. The two joiners are part
// of how some scripts, and emoji, are written; a tab is a space.
func hidden(r rune) bool {
	const nonJoiner, joiner = 0x200c, 0x200d
	if r == nonJoiner || r == joiner || r == '\t' {
		return false
	}
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
