package chhost

import (
	"iter"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// JSON is the text of one JSON value: to be sent as it stands, or to be read.
//
// Its methods read one value at a time, in time linear in the text's length and
// without memory of their own beside the strings they return. They are made for
// text that is JSON, as the host has checked of payloads; of other text they
// return what can be made out, and never panic. "" is no value at all: reading
// from it finds nothing.
type JSON string

func (j JSON) encode() (string, uint32) { return string(j), 0 }

// Field returns the value of an object's member, or "" if there is no such
// member or no object. Of several members with the key, the last counts, as in
// JavaScript.
func (j JSON) Field(key string) JSON {
	var found JSON
	c := open(j, '{')
	for {
		k, v, ok := c.member()
		if !ok {
			return found
		}
		if k.is(key) {
			found = v
		}
	}
}

// Members yields an object's keys and values in the order of the text, members
// with the same key included; nothing if it is no object.
func (j JSON) Members() iter.Seq2[string, JSON] {
	return func(yield func(string, JSON) bool) {
		c := open(j, '{')
		for {
			k, v, ok := c.member()
			if !ok || !yield(k.unquote(), v) {
				return
			}
		}
	}
}

// Elements yields the elements of an array; nothing if it is no array.
func (j JSON) Elements() iter.Seq[JSON] {
	return func(yield func(JSON) bool) {
		c := open(j, '[')
		for {
			v, ok := c.element()
			if !ok || !yield(v) {
				return
			}
		}
	}
}

// Text returns the value of a string, and whether it is one. An escaped
// surrogate without its other half becomes U+FFFD.
func (j JSON) Text() (text string, ok bool) {
	s := j.trim()
	if end, ok := skipString(s, 0); !ok || end != len(s) {
		return "", false
	}
	return quoted(s).unquote(), true
}

// Int returns the value of a number that is written as an integer and fits, and
// whether it is one. 1.0 and 1e3 are none: they are for Float.
func (j JSON) Int() (n int64, ok bool) {
	s := j.trim()
	if isNumber(s) != integer {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// Float returns the value of a number, and whether it is one and not too large.
func (j JSON) Float() (f float64, ok bool) {
	s := j.trim()
	if isNumber(s) == noNumber {
		return 0, false
	}
	f, err := strconv.ParseFloat(s, 64)
	return f, err == nil
}

// Bool returns the value of true or false, and whether it is one of them.
func (j JSON) Bool() (value, ok bool) {
	s := j.trim()
	return s == "true", s == "true" || s == "false"
}

// Merge returns an object's members with those of m in place of members of the
// same key, or added: the guide's Dict.merge. The members that stay are written
// first, as they were; then those of m in the order of their keys. Of anything
// but an object nothing stays.
func (j JSON) Merge(m Map) JSON {
	var few [fewMembers]member[any]
	list := sorted(few[:0], m)
	dst := append(make([]byte, 0, len(j)+64+32*len(m)), '{')
	c := open(j, '{')
	for {
		k, v, ok := c.member()
		if !ok {
			break
		}
		if k.among(list, m) {
			continue
		}
		if len(dst) > 1 {
			dst = append(dst, ',')
		}
		dst = append(append(append(dst, k...), ':'), v...)
	}
	if len(m) > 0 && len(dst) > 1 {
		dst = append(dst, ',')
	}
	return JSON(text(append(appendMembers(dst, list, 1), '}')))
}

func (j JSON) trim() string { return strings.Trim(string(j), " \t\r\n") }

// cursor walks along the members of one object or the elements of one array.
type cursor struct {
	s    string
	i    int
	more bool // a member or an element may follow
}

// open begins behind the bracket, if j begins with it.
func open(j JSON, bracket byte) cursor {
	c := cursor{s: string(j)}
	c.more = c.accept(bracket)
	return c
}

// accept skips white space, and b if it follows.
func (c *cursor) accept(b byte) bool {
	for c.i < len(c.s) && isSpace(c.s[c.i]) {
		c.i++
	}
	if c.i < len(c.s) && c.s[c.i] == b {
		c.i++
		return true
	}
	return false
}

// element returns the next value.
func (c *cursor) element() (JSON, bool) {
	if !c.more {
		return "", false
	}
	c.accept(' ')
	start := c.i
	c.i = skipValue(c.s, start)
	v := JSON(c.s[start:c.i])
	c.more = c.accept(',')
	return v, v != ""
}

// member returns the next key and its value.
func (c *cursor) member() (quoted, JSON, bool) {
	if !c.more {
		return "", "", false
	}
	c.accept(' ')
	start := c.i
	end, ok := skipString(c.s, start)
	if !ok {
		c.more = false
		return "", "", false
	}
	c.i = end
	if !c.accept(':') {
		c.more = false
		return "", "", false
	}
	v, ok := c.element()
	return quoted(c.s[start:end]), v, ok
}

// skipValue returns where the value that begins at i ends. Brackets are only
// counted: whether they match has been checked by the host.
func skipValue(s string, i int) int {
	depth := 0
	for i < len(s) {
		switch s[i] {
		case '"':
			end, ok := skipString(s, i)
			if !ok {
				return len(s)
			}
			i = end
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\t', '\r', '\n':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// skipString returns where the string that begins at i ends, and whether there
// is one. Looking for single bytes is what Go does fastest in Wasm.
func skipString(s string, i int) (int, bool) {
	if i >= len(s) || s[i] != '"' {
		return i, false
	}
	i++
	end := i - 1 // the next quote, once it is not before i
	for {
		if end < i {
			n := strings.IndexByte(s[i:], '"')
			if n < 0 {
				return len(s), false
			}
			end = i + n
		}
		escape := strings.IndexByte(s[i:end], '\\')
		if escape < 0 {
			return end + 1, true
		}
		i += escape + 2
	}
}

func isSpace(c byte) bool { return c == ' ' || c == '\t' || c == '\r' || c == '\n' }

// numberKind says how a number is written.
type numberKind uint8

const (
	noNumber numberKind = iota
	integer
	decimal // with a fraction or an exponent
)

// isNumber checks for the grammar of RFC 8259, which is stricter than strconv.
func isNumber(s string) numberKind {
	kind := integer
	s = strings.TrimPrefix(s, "-")
	rest := skipDigits(s)
	if rest == s || (s[0] == '0' && len(s)-len(rest) > 1) {
		return noNumber
	}
	if fraction, ok := strings.CutPrefix(rest, "."); ok {
		kind = decimal
		if rest = skipDigits(fraction); rest == fraction {
			return noNumber
		}
	}
	if rest != "" && (rest[0] == 'e' || rest[0] == 'E') {
		kind = decimal
		exponent := rest[1:]
		if exponent != "" && (exponent[0] == '+' || exponent[0] == '-') {
			exponent = exponent[1:]
		}
		if rest = skipDigits(exponent); rest == exponent {
			return noNumber
		}
	}
	if rest != "" {
		return noNumber
	}
	return kind
}

func skipDigits(s string) string {
	for s != "" && s[0] >= '0' && s[0] <= '9' {
		s = s[1:]
	}
	return s
}

// quoted is a JSON string as it is written, quotes included.
type quoted string

// is reports whether the string means s.
func (q quoted) is(s string) bool {
	inner := string(q[1 : len(q)-1])
	if strings.IndexByte(inner, '\\') < 0 {
		return inner == s
	}
	return q.unquote() == s
}

// among reports whether the string means a key of m, whose members list has.
func (q quoted) among(list []member[any], m Map) bool {
	if len(list) > fewMembers {
		_, ok := m[q.unquote()]
		return ok
	}
	for i := range list {
		if q.is(list[i].key) {
			return true
		}
	}
	return false
}

// unquote returns what the string means.
func (q quoted) unquote() string {
	s := string(q[1 : len(q)-1])
	i := strings.IndexByte(s, '\\')
	if i < 0 {
		return s
	}
	b := append(make([]byte, 0, len(s)), s[:i]...)
	for i < len(s) {
		if s[i] != '\\' || i+1 == len(s) {
			b = append(b, s[i])
			i++
			continue
		}
		c := s[i+1]
		i += 2
		switch c {
		case 'b':
			b = append(b, '\b')
		case 'f':
			b = append(b, '\f')
		case 'n':
			b = append(b, '\n')
		case 'r':
			b = append(b, '\r')
		case 't':
			b = append(b, '\t')
		case 'u':
			var r rune
			r, i = unescape(s, i)
			b = utf8.AppendRune(b, r)
		default: // quote, backslash, slash
			b = append(b, c)
		}
	}
	return text(b)
}

// unescape reads the four digits at i, and a second escape if the first is half
// of a surrogate pair. It returns the character and where the text goes on.
func unescape(s string, i int) (rune, int) {
	r, i := hex4(s, i)
	if !utf16.IsSurrogate(r) {
		return r, i
	}
	if strings.HasPrefix(s[i:], `\u`) {
		second, end := hex4(s, i+2)
		if pair := utf16.DecodeRune(r, second); pair != utf8.RuneError {
			return pair, end
		}
	}
	return utf8.RuneError, i
}

// hex4 reads four hexadecimal digits at i. If they are none, the character is
// unknown.
func hex4(s string, i int) (rune, int) {
	if len(s)-i < 4 {
		return utf8.RuneError, len(s)
	}
	n, err := strconv.ParseUint(s[i:i+4], 16, 16)
	if err != nil {
		return utf8.RuneError, i + 4
	}
	return rune(n), i + 4
}
