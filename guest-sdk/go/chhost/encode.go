package chhost

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
	"unsafe"
)

// Map is a JSON object to be sent, the guide's %{user: name}. Its members are
// written in the order of their keys. A value is nil, a bool, a string, a number
// of any of Go's types, a [JSON] text ("" is null), a [Payload] that is not
// binary, a Map, a map[string]string, a []string, or a slice of any of these as
// []any or []Map. Other values, numbers that are not finite, and more than 128
// levels of maps and slices panic. For anything larger there is encoding/json.
type Map map[string]any

func (m Map) encode() (string, uint32) {
	return text(appendMap(make([]byte, 0, 64+32*len(m)), m, 1)), 0
}

// Quote returns a string as JSON writes it, quotes included. Bytes that are not
// UTF-8 become U+FFFD.
func Quote(s string) JSON {
	return JSON(text(appendQuoted(make([]byte, 0, len(s)+2), s)))
}

// text makes the bytes a string without copying them; they must not change any
// more.
func text(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func appendMap[V any](dst []byte, m map[string]V, depth int) []byte {
	var few [fewMembers]member[V]
	return append(appendMembers(append(dst, '{'), sorted(few[:0], m), depth), '}')
}

// member is one of a map.
type member[V any] struct {
	key   string
	value V
}

// fewMembers is how many members most maps have at most: a list of them needs no
// memory.
const fewMembers = 8

// sorted appends the members in the order of their keys. Maps are slow in Wasm, so each
// is walked once and nothing is looked up.
func sorted[V any](list []member[V], m map[string]V) []member[V] {
	for key, value := range m {
		list = append(list, member[V]{key, value})
	}
	if len(list) > fewMembers {
		slices.SortFunc(list, func(a, b member[V]) int { return strings.Compare(a.key, b.key) })
		return list
	}
	for i := range list { // to sort one or two, a library takes longer
		for ; i > 0 && list[i].key < list[i-1].key; i-- {
			list[i], list[i-1] = list[i-1], list[i]
		}
	}
	return list
}

// appendMembers writes what stands between the braces.
func appendMembers[V any](dst []byte, list []member[V], depth int) []byte {
	for i, m := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(appendQuoted(dst, m.key), ':')
		dst = appendValue(dst, m.value, depth+1)
	}
	return dst
}

func appendSlice[V any](dst []byte, list []V, depth int) []byte {
	dst = append(dst, '[')
	for i, v := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendValue(dst, v, depth+1)
	}
	return append(dst, ']')
}

// appendValue writes a value that depth-1 maps and slices surround.
func appendValue(dst []byte, value any, depth int) []byte {
	switch v := value.(type) {
	case nil:
		return append(dst, "null"...)
	case bool:
		return strconv.AppendBool(dst, v)
	case string:
		return appendQuoted(dst, v)
	case JSON:
		return appendJSON(dst, v)
	case Payload:
		if v.IsBinary() {
			panic("chhost: a Map holds a binary Payload, which is no JSON: send it as it is")
		}
		return appendJSON(dst, v.JSON())
	case float64:
		return appendFloat(dst, v, 64)
	case float32:
		return appendFloat(dst, float64(v), 32)
	}
	if dst, ok := appendInteger(dst, value); ok {
		return dst
	}
	if depth > maxDepth {
		panic("chhost: a Map is nested too deep: 128 levels are the limit of JSON payloads; does it contain itself?")
	}
	switch v := value.(type) {
	case Map:
		return appendMap(dst, v, depth)
	case map[string]any:
		return appendMap(dst, v, depth)
	case map[string]string:
		return appendMap(dst, v, depth)
	case []any:
		return appendSlice(dst, v, depth)
	case []string:
		return appendSlice(dst, v, depth)
	case []Map:
		return appendSlice(dst, v, depth)
	}
	panic("chhost: a Map holds a value of a type that it does not take: convert it, or use encoding/json and chhost.JSON")
}

func appendInteger(dst []byte, value any) ([]byte, bool) {
	switch v := value.(type) {
	case int:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int8:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int16:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int32:
		return strconv.AppendInt(dst, int64(v), 10), true
	case int64:
		return strconv.AppendInt(dst, v, 10), true
	case uint:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint8:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint16:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint32:
		return strconv.AppendUint(dst, uint64(v), 10), true
	case uint64:
		return strconv.AppendUint(dst, v, 10), true
	}
	return dst, false
}

func appendJSON(dst []byte, v JSON) []byte {
	if v == "" {
		return append(dst, "null"...)
	}
	return append(dst, v...)
}

// appendFloat writes a number as JavaScript does.
func appendFloat(dst []byte, f float64, bits int) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		panic("chhost: a Map holds a number that is infinite or none, which JSON cannot write")
	}
	format := byte('f')
	if size := math.Abs(f); size != 0 && (size < 1e-6 || size >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, bits)
}

// appendQuoted writes a JSON string. Only what has to be escaped is: quotes,
// backslashes and control characters.
func appendQuoted(dst []byte, s string) []byte {
	dst = append(dst, '"')
	start := 0 // of what is not yet written
	for i := 0; ; {
		i += plain(s[i:])
		if i == len(s) {
			break
		}
		c := s[i]
		if c >= utf8.RuneSelf {
			if r, size := utf8.DecodeRuneInString(s[i:]); r != utf8.RuneError || size > 1 {
				i += size
				continue
			}
		}
		dst = append(dst, s[start:i]...)
		dst = appendEscaped(dst, c)
		i++
		start = i
	}
	dst = append(dst, s[start:]...)
	return append(dst, '"')
}

// plain counts the bytes at the start of s that stand for themselves in a JSON
// string: ASCII without control characters, quote and backslash. Go's Wasm code
// takes long for every turn of a loop, so it looks at eight bytes at once.
func plain(s string) int {
	const (
		ones = 0x0101010101010101 // times a byte: that byte eight times
		high = 0x80 * ones
	)
	i := 0
	for ; i+8 <= len(s); i += 8 {
		b := s[i : i+8]
		w := uint64(b[0]) | uint64(b[1])<<8 | uint64(b[2])<<16 | uint64(b[3])<<24 |
			uint64(b[4])<<32 | uint64(b[5])<<40 | uint64(b[6])<<48 | uint64(b[7])<<56
		quote, backslash := w^'"'*ones, w^'\\'*ones
		// The high bit of a byte remains if subtracting wraps, and in w itself.
		if (w|(w-' '*ones)|(quote-ones)|(backslash-ones))&high != 0 {
			break
		}
	}
	for i < len(s) && s[i] >= ' ' && s[i] < utf8.RuneSelf && s[i] != '"' && s[i] != '\\' {
		i++
	}
	return i
}

// appendEscaped writes one byte that cannot stand for itself.
func appendEscaped(dst []byte, c byte) []byte {
	const hex = "0123456789abcdef"
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	if c >= utf8.RuneSelf {
		return utf8.AppendRune(dst, utf8.RuneError) // not UTF-8
	}
	return append(dst, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
}
