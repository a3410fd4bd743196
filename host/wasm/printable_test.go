package wasm

import (
	"strconv"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"
)

// TestEscapeIsGos: what is hidden is written as in a Go string, every character and what
// is none.
func TestEscapeIsGos(t *testing.T) {
	want := func(s string) string {
		var b strings.Builder
		for _, r := range strings.ToValidUTF8(s, string(utf8.RuneError)) {
			if unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp) && r != 0x200c && r != 0x200d && r != '\t' {
				quoted := strconv.QuoteRuneToASCII(r)
				b.WriteString(quoted[1 : len(quoted)-1])
			} else {
				b.WriteRune(r)
			}
		}
		return b.String()
	}
	wrong := 0
	try := func(s string) {
		if got := escape(s); got != want(s) {
			if wrong++; wrong < 20 {
				t.Errorf("%q becomes %q, want %q", s, got, want(s))
			}
		}
	}
	for r := range rune(utf8.MaxRune + 1) {
		try(string(r))
	}
	for _, s := range []string{"\xff", "\xff\xfe", "a\xff\xfeb\xff", "\xffé\xff", "\xff\ufffd\xff", "\x1b\xff\x1b", "\xe2\x80", "\xed\xa0\x80", "é\n\xf0\x9f\x98"} {
		try(s)
	}
}
