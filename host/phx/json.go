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
// index behind it. With an error the index means nothing.

func skipSpace(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
		i++
	}
	return i
}

// nesting remembers which of the open containers are objects: one bit each.
type nesting struct {
	objects [MaxDepth / 64]uint64
	depth   int
	limit   int
}

// begin skips a scalar or goes inside a container, up to its first value. It
// tells whether a value is complete: a scalar, or a container without values,
// whose closing bracket is then next.
func (n *nesting) begin(b []byte, i int) (_ int, complete bool, err error) {
	if i == len(b) || b[i] != '{' && b[i] != '[' {
		i, err = skipScalar(b, i)
		return i, true, err
	}
	if n.depth == n.limit {
		return 0, false, ErrDepth
	}
	word, bit := &n.objects[n.depth/64], uint64(1)<<(n.depth%64)
	n.depth++
	object := b[i] == '{'
	if object {
		*word |= bit
	} else {
		*word &^= bit
	}
	i = skipSpace(b, i+1)
	if i < len(b) && (b[i] == '}' || b[i] == ']') {
		return i, true, nil // end sees whether it is the right bracket
	}
	if object {
		i, err = skipKey(b, i)
	}
	return i, false, err
}

// end skips what stands behind a value: the brackets of all containers that
// end there, and the comma and the key in front of the next value, if there is
// one.
func (n *nesting) end(b []byte, i int) (int, error) {
	for n.depth > 0 {
		i = skipSpace(b, i)
		if i == len(b) {
			return 0, ErrNotJSON
		}
		c, d := b[i], n.depth-1
		object := n.objects[d/64]>>(d%64)&1 != 0
		i++
		switch {
		case c == ',' && object:
			return skipKey(b, skipSpace(b, i))
		case c == ',':
			return skipSpace(b, i), nil
		case c == '}' && object, c == ']' && !object:
			n.depth--
		default:
			return 0, ErrNotJSON
		}
	}
	return i, nil
}

// skipValue skips the JSON value at b[i], which must not be white space and may
// be nested limit deep.
func skipValue(b []byte, i, limit int) (int, error) {
	open := nesting{limit: limit}
	for {
		next, complete, err := open.begin(b, i)
		if err != nil {
			return 0, err
		}
		if i = next; !complete {
			continue
		}
		if i, err = open.end(b, i); err != nil || open.depth == 0 {
			return i, err
		}
	}
}

// skipKey skips a key, its colon and the white space up to the value.
func skipKey(b []byte, i int) (int, error) {
	if i == len(b) || b[i] != '"' {
		return 0, ErrNotJSON
	}
	i, err := skipString(b, i)
	if err != nil {
		return 0, err
	}
	return skipColon(b, i)
}

func skipColon(b []byte, i int) (int, error) {
	i = skipSpace(b, i)
	if i == len(b) || b[i] != ':' {
		return 0, ErrNotJSON
	}
	return skipSpace(b, i+1), nil
}

func skipScalar(b []byte, i int) (int, error) {
	if i >= len(b) {
		return 0, ErrNotJSON
	}
	switch b[i] {
	case '"':
		return skipString(b, i)
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
	if i < len(b) && b[i] == '.' {
		start = i + 1
		if i = skipDigits(b, start); i == start {
			return 0, ErrNotJSON
		}
	}
	if i < len(b) && b[i]|0x20 == 'e' {
		i++
		if i < len(b) && (b[i] == '+' || b[i] == '-') {
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
	for i < len(b) && b[i]-'0' <= 9 {
		i++
	}
	return i
}

// skipString skips the string whose opening quote is b[i].
func skipString(b []byte, i int) (int, error) {
	i++
	for {
		i = skipPlain(b, i)
		if i == len(b) {
			return 0, ErrNotJSON
		}
		switch c := b[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			n := escapeLen(b[i:])
			if n == 0 {
				return 0, ErrNotJSON
			}
			i += n
		case c >= utf8.RuneSelf:
			// Such characters come in runs.
			for i < len(b) && b[i] >= utf8.RuneSelf {
				r, n := utf8.DecodeRune(b[i:])
				if r == utf8.RuneError && n == 1 {
					return 0, ErrNotUTF8
				}
				i += n
			}
		default: // a control character
			return 0, ErrNotJSON
		}
	}
}

// skipPlain returns the index of the next byte that is a quote, a backslash, a
// control character or not ASCII.
func skipPlain(b []byte, i int) int {
	for i+8 <= len(b) {
		if mask := special(binary.LittleEndian.Uint64(b[i:])); mask != 0 {
			return i + bits.TrailingZeros64(mask)/8
		}
		i += 8
	}
	for i < len(b) && b[i] >= ' ' && b[i] < utf8.RuneSelf && b[i] != '"' && b[i] != '\\' {
		i++
	}
	return i
}

// special looks at eight bytes at a time: the highest bit of each byte of the result
// tells whether that byte is a quote, a backslash, a control character or not ASCII.
// Borrows can set bits above the lowest one that is set, never below it.
func special(w uint64) uint64 {
	const (
		ones  = 0x0101010101010101
		highs = 0x8080808080808080
	)
	quote, backslash := w^'"'*ones, w^'\\'*ones
	return (w | (w - ' '*ones) | (quote - ones) | (backslash - ones)) & highs
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
		if _, ok := hex4(b[2:]); ok {
			return 6
		}
	}
	return 0
}

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
