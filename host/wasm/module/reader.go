package module

import (
	"fmt"
	"unicode/utf8"
)

// reader reads one section. What breaks a rule panics with an *Error, which
// Decode returns.
type reader struct {
	bin     []byte
	pos     int
	end     int // of the section, or of the body that is read
	section string
}

//go:noinline
func (r *reader) fail(at int, rule Rule, format string, args ...any) {
	panic(&Error{Section: r.section, Offset: at, Rule: rule, Detail: fmt.Sprintf(format, args...)})
}

func (r *reader) left() int { return r.end - r.pos }

func (r *reader) byte() byte {
	if r.pos >= r.end {
		r.fail(r.pos, RuleTruncated, "a byte is missing")
	}
	b := r.bin[r.pos]
	r.pos++
	return b
}

func (r *reader) take(n uint32, what string) Span {
	if int64(n) > int64(r.left()) {
		r.fail(r.pos, RuleTruncated, "%s has %d bytes, and %d are left", what, n, r.left())
	}
	s := Span{uint32(r.pos), uint32(r.pos) + n}
	r.pos += int(n)
	return s
}

// u32 reads an unsigned number of 32 bits.
func (r *reader) u32() uint32 {
	if r.pos < r.end {
		if b := r.bin[r.pos]; b < 0x80 {
			r.pos++
			return uint32(b)
		}
	}
	start := r.pos
	var v uint32
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if shift == 28 && b > 0x0f {
			r.fail(start, RuleLEB128, "a number has more than 32 bits")
		}
		v |= uint32(b&0x7f) << shift
		if b < 0x80 {
			return v
		}
	}
}

// signed reads a signed number of 32, 33 or 64 bits.
func (r *reader) signed(bits int) int64 {
	start := r.pos
	var v int64
	for shift := 0; ; shift += 7 {
		b := r.byte()
		if room := bits - shift; room < 7 { // the bits above must repeat the sign
			above := int8(b<<1) >> room // the sign bit and what is above it
			if b >= 0x80 || above != 0 && above != -1 {
				r.fail(start, RuleLEB128, "a number has more than %d bits", bits)
			}
		}
		v |= int64(b&0x7f) << shift
		if b < 0x80 {
			if shift+7 < 64 && b&0x40 != 0 {
				v |= -1 << (shift + 7)
			}
			return v
		}
	}
}

// count reads how many of something follow, each of which has at least size
// bytes, within a budget.
func (r *reader) count(what string, size, budget int) int {
	at := r.pos
	n := int64(r.u32())
	if n*int64(size) > int64(r.left()) {
		r.fail(at, RuleCount, "%d %s cannot fit into the %d bytes that are left", n, what, r.left())
	}
	r.budget(at, what, n, budget)
	return int(n)
}

func (r *reader) budget(at int, what string, n int64, budget int) {
	if n > int64(budget) {
		r.fail(at, RuleBudget, "%d %s: %d are allowed", n, what, budget)
	}
}

// index reads an index and checks that there is such a thing.
func (r *reader) index(what string, count int) uint32 {
	at := r.pos
	i := r.u32()
	if int64(i) >= int64(count) {
		r.fail(at, RuleIndex, "%s %d does not exist: there are %d", what, i, count)
	}
	return i
}

func (r *reader) name() Span {
	at := r.pos
	s := r.take(r.u32(), "a name")
	if !utf8.Valid(s.Of(r.bin)) {
		r.fail(at, RuleUTF8, "a name is not UTF-8")
	}
	return s
}

func (r *reader) valueType() ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if !t.known() {
		r.fail(at, RuleType, "%#x is no type of values", byte(t))
	}
	return t
}

func (r *reader) referenceType() ValueType {
	at := r.pos
	t := ValueType(r.byte())
	if !t.reference() {
		r.fail(at, RuleType, "%#x is no type of references", byte(t))
	}
	return t
}

// bounds reads those of a memory or a table.
func (r *reader) bounds(what string, most uint32) Bounds {
	at := r.pos
	var b Bounds
	switch flags := r.byte(); flags {
	case 0:
	case 1:
		b.Bounded = true
	default:
		r.fail(at, RuleType, "the bounds of a %s have the flags %#x: 0 and 1 are known (shared and 64-bit memories are not served)", what, flags)
	}
	b.Min = r.u32()
	if b.Bounded {
		b.Max = r.u32()
	}
	switch {
	case b.Min > most || b.Max > most:
		r.fail(at, RuleBounds, "a %s of %d to %d is too large: %d is the most", what, b.Min, b.Max, most)
	case b.Bounded && b.Min > b.Max:
		r.fail(at, RuleType, "the minimum of a %s, %d, is above its maximum, %d", what, b.Min, b.Max)
	}
	return b
}
