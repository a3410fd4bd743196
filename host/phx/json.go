package phx

import (
	"encoding/binary"
	"errors"
	"math/bits"
	"unicode/utf8"
)

// MaxDepth is how deeply arrays and objects may be nested in a payload. It
// keeps recursive parsers in guests and clients off the end of their stacks.
//
// What a client sends may be nested [MaxClientDepth] deep only: a handler that
// puts a client's payload into one of its own must not exceed MaxDepth by it, or
// one client could make the channel of every subscriber fail.
const (
	MaxDepth       = 192
	MaxClientDepth = 128
)

var (
	// ErrNotJSON is returned when data is not exactly one JSON value (RFC 8259).
	ErrNotJSON = errors.New("phx: not one JSON value; send what a JSON encoder wrote")
	// ErrDepth is returned when a JSON value is nested deeper than it may be.
	// What stands behind that point has not been looked at.
	ErrDepth = errors.New("phx: JSON is nested too deep (128 levels from a client, 192 from a handler); send a flatter value")
	// ErrNotObject is returned when a JSON value has to be an object and is not.
	ErrNotObject = errors.New("phx: the payload is not a JSON object; wrap the value in one")
)

// CheckJSON tells whether data is exactly one JSON value (RFC 8259), valid
// UTF-8 (RFC 3629) and nested at most [MaxDepth] deep. The error is
// [ErrNotJSON], [ErrNotUTF8] or [ErrDepth], whichever comes first in data.
//
// A string may contain escapes of unpaired surrogates, as most parsers accept
// them. It takes one pass and neither allocates nor recurses, so that its cost
// is bounded by len(data).
func CheckJSON(data []byte) error {
	end, err := skipValue(data, skipSpace(data, 0), MaxDepth)
	if err != nil {
		return err
	}
	return checkEnd(data, end)
}

// checkEnd tells whether nothing but white space stands at b[i:].
func checkEnd(b []byte, i int) error {
	if skipSpace(b, i) != len(b) {
		return ErrNotJSON
	}
	return nil
}

// The skip functions take the index at which something starts and return the
// index behind it. With an error the index means nothing. Their comparisons are
// of uint, and the ends of words are compared with both sides, because from
// these the compiler sees that an index is in bounds and checks it no second time.

func skipSpace(b []byte, i int) int {
	if uint(i) < uint(len(b)) && b[i] <= ' ' {
		return skipSpaces(b, i)
	}
	return i // most often: encoders write none
}

// skipSpaces takes a step for each run of up to eight blanks, which is how text
// is indented.
func skipSpaces(b []byte, i int) int {
	for {
		if end := i + 8; uint(i) <= uint(end) && uint(end) <= uint(len(b)) {
			i += bits.TrailingZeros64(binary.LittleEndian.Uint64(b[i:end:end])^' '*ones) / 8
		}
		if uint(i) >= uint(len(b)) {
			return i
		}
		switch b[i] {
		case ' ', '\n', '\r', '\t':
			i++
		default:
			return i
		}
	}
}

// skipValue skips the JSON value at b[i], which must not be white space and may
// be nested limit deep.
//
// Of each open container one bit is remembered: whether it is an object. The
// innermost one has the lowest bit of open, and each 64th level puts open
// away. Two tricks with bits keep branches out of the loop: the brackets of
// objects are those of arrays plus 0x20, and no bit is set outside of all.
func skipValue(b []byte, i, limit int) (_ int, err error) {
	var away [MaxDepth / 64]uint64
	var open uint64
	for depth := uint(0); ; {
		if open&1 != 0 {
			if i, err = skipKey(b, i); err != nil {
				return 0, err
			}
		}
		if uint(i) >= uint(len(b)) {
			return 0, ErrNotJSON
		}
		switch c := b[i]; c {
		case '"':
			i, err = skipString(b, i)
		case '{', '[':
			if depth == uint(limit) {
				return 0, ErrDepth
			}
			if depth%64 == 0 {
				away[depth/64] = open
			}
			depth++
			open = open<<1 | uint64(c>>5&1)
			i = skipSpace(b, i+1)
			if uint(i) >= uint(len(b)) || b[i]|0x20 != '}' {
				continue
			} // else the loop below sees whether it is the right bracket
		default:
			i, err = skipScalar(b, i)
		}
		if err != nil {
			return 0, err
		}
		for comma := false; !comma; {
			if depth == 0 {
				return i, nil
			}
			if i = skipSpace(b, i); uint(i) >= uint(len(b)) {
				return 0, ErrNotJSON
			}
			switch b[i] {
			case ',':
				comma = true
				i = skipSpace(b, i+1)
			case ']' | byte(open&1)<<5:
				i++
				depth--
				if open >>= 1; depth%64 == 0 {
					open = away[depth/64]
				}
			default:
				return 0, ErrNotJSON
			}
		}
	}
}

// skipKey skips a key, its colon and the white space up to the value.
func skipKey(b []byte, i int) (int, error) {
	if uint(i) >= uint(len(b)) || b[i] != '"' {
		return 0, ErrNotJSON
	}
	i, err := skipString(b, i)
	if err != nil {
		return 0, err
	}
	if uint(i) < uint(len(b)) && b[i] == ':' {
		return skipSpace(b, i+1), nil
	}
	return skipColon(b, i)
}

func skipColon(b []byte, i int) (int, error) {
	i = skipSpace(b, i)
	if uint(i) >= uint(len(b)) || b[i] != ':' {
		return 0, ErrNotJSON
	}
	return skipSpace(b, i+1), nil
}

// skipScalar skips a literal or a number.
func skipScalar(b []byte, i int) (int, error) {
	switch b[i] {
	case 't':
		return skipLiteral(b, i, "true")
	case 'f':
		return skipLiteral(b, i, "false")
	case 'n':
		return skipLiteral(b, i, "null")
	}
	return skipNumber(b, i)
}

func skipLiteral(b []byte, i int, literal string) (int, error) {
	end := i + len(literal)
	if end > len(b) || string(b[i:end]) != literal {
		return 0, ErrNotJSON
	}
	return end, nil
}

func skipNumber(b []byte, i int) (int, error) {
	if b[i] == '-' {
		i++
	}
	start := i
	i = skipDigits(b, i)
	if i == start || b[start] == '0' && i > start+1 {
		return 0, ErrNotJSON
	}
	if uint(i) < uint(len(b)) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return 0, ErrNotJSON
		}
	}
	if uint(i) < uint(len(b)) && b[i]|0x20 == 'e' {
		i++
		if uint(i) < uint(len(b)) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		start = i
		if i = skipDigits(b, i); i == start {
			return 0, ErrNotJSON
		}
	}
	return i, nil
}

func skipDigits(b []byte, i int) int {
	for uint(i) < uint(len(b)) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// skipString skips the string whose opening quote is b[i].
func skipString(b []byte, i int) (_ int, err error) {
	i++
	for {
		if end := i + 8; uint(i) <= uint(end) && uint(end) <= uint(len(b)) {
			mask := special(binary.LittleEndian.Uint64(b[i:end:end]))
			if mask == 0 {
				i += 8
				continue
			}
			i += bits.TrailingZeros64(mask) / 8
		} else {
			i = skipPlain(b, i)
		}
		if uint(i) >= uint(len(b)) {
			return 0, ErrNotJSON
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c >= utf8.RuneSelf:
			if i, err = skipRunes(b, i); err != nil {
				return 0, err
			}
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return 0, ErrNotJSON
			}
			i += n
		default: // a control character
			return 0, ErrNotJSON
		}
	}
}

// skipRunes skips characters that are not ASCII: they come in runs. Those of
// two and three bytes, which all living scripts are written with, are told by
// their bits; utf8 judges the others.
func skipRunes(b []byte, i int) (int, error) {
	for uint(i) < uint(len(b)) && b[i] >= utf8.RuneSelf {
		if end := i + 4; uint(i) <= uint(end) && uint(end) <= uint(len(b)) {
			w := binary.LittleEndian.Uint32(b[i:end:end])
			if w&0xc0c0f0 == 0x8080e0 && w&0x200f != 0 && w&0x200f != 0x200d { // neither overlong nor a surrogate
				i += 3
				continue
			}
			if w&0xc0e0 == 0x80c0 && w&0x1e != 0 { // not overlong
				i += 2
				continue
			}
		}
		r, n := utf8.DecodeRune(b[i:])
		if r == utf8.RuneError && n == 1 {
			return 0, ErrNotUTF8
		}
		i += n
	}
	return i, nil
}

// skipPlain returns the index of the next byte that is a quote, a backslash, a
// control character or not ASCII.
func skipPlain(b []byte, i int) int {
	for uint(i) < uint(len(b)) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// Eight bytes in one word: 0x01 in each of them, and the highest bit of each.
const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// special looks at eight bytes at a time: the highest bit of each byte of the result
// tells whether that byte is a quote, a backslash, a control character or not ASCII.
// Borrows can set bits above the lowest one that is set, never below it.
func special(w uint64) uint64 {
	quoteOrControl, backslash := w^('"'-' ')*ones, w^'\\'*ones // a quote becomes a blank, controls stay below
	return (w | (quoteOrControl - (' '+1)*ones) | (backslash - ones)) & highs
}

// escapeLen is the length of the escape sequence that b starts with, or 0.
func escapeLen(b []byte) int {
	if len(b) < 2 {
		return 0
	}
	switch b[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(b) >= 6 && isHex(b[2]) && isHex(b[3]) && isHex(b[4]) && isHex(b[5]) {
			return 6
		}
	}
	return 0
}

func isHex(c byte) bool { return c-'0' <= 9 || c|0x20-'a' <= 5 }

// hex4 reads four hexadecimal digits.
func hex4(b []byte) (r rune, ok bool) {
	if len(b) < 4 {
		return 0, false
	}
	for _, c := range b[:4] {
		switch {
		case c-'0' <= 9:
			c -= '0'
		case c|0x20-'a' <= 5:
			c = c | 0x20 - 'a' + 10
		default:
			return 0, false
		}
		r = r<<4 | rune(c)
	}
	return r, true
}
