package meter

import "unicode/utf8"

// The parts of the name section that are kept (core specification 2.0, section
// 7.4.1): the module's name, and the names of functions and their locals.
const (
	namesModule    = 0
	namesFunctions = 1
	namesLocals    = 2
)

// readU32 reads an unsigned number of 32 bits; it is false where there is none.
func readU32(b []byte) (v uint32, rest []byte, ok bool) {
	for i := range min(5, len(b)) {
		if i == 4 && b[i] > 0x0f {
			break
		}
		v |= uint32(b[i]&0x7f) << (7 * i)
		if b[i] < 0x80 {
			return v, b[i+1:], true
		}
	}
	return 0, nil, false
}

// take reads a number and as many bytes.
func take(b []byte) (taken, rest []byte, ok bool) {
	n, rest, ok := readU32(b)
	if !ok || uint64(n) > uint64(len(rest)) {
		return nil, nil, false
	}
	return rest[:n], rest[n:], true
}

// names rewrites the name section, which says nothing that a module needs: one
// that is malformed is left out.
func (r *rewriter) names(old []byte) []byte {
	out := appendName(nil, "name")
	for len(old) > 0 {
		id := old[0]
		part, rest, ok := take(old[1:])
		if !ok {
			return nil
		}
		old = rest
		switch id {
		case namesModule:
			ok = onlyName(part)
		case namesFunctions:
			part, ok = r.nameMap(part, false)
		case namesLocals:
			part, ok = r.nameMap(part, true)
		default:
			continue
		}
		if !ok {
			return nil
		}
		out = append(appendU32(append(out, id), uint32(len(part))), part...)
	}
	return out
}

// nameMap renumbers what is named by function: names, or maps of locals.
func (r *rewriter) nameMap(old []byte, locals bool) ([]byte, bool) {
	n, old, ok := readU32(old)
	if !ok {
		return nil, false
	}
	total := n
	if !locals {
		total += uint32(len(r.added))
	}
	out := appendU32(make([]byte, 0, len(old)+16), total)
	least := uint32(0) // functions are in order, each once
	for range n {
		index, rest, ok := readU32(old)
		if !ok || index < least || int64(index) >= int64(r.m.FunctionCount()) {
			return nil, false
		}
		least = index + 1
		skip := skipName
		if locals {
			skip = skipNames
		}
		if old, ok = skip(rest); !ok {
			return nil, false
		}
		out = append(appendU32(out, r.renumber(index)), rest[:len(rest)-len(old)]...)
	}
	if len(old) != 0 {
		return nil, false
	}
	if !locals {
		for i, h := range r.added {
			out = appendName(appendU32(out, uint32(r.m.FunctionCount()+1+i)), h.name)
		}
	}
	return out, true
}

// onlyName tells whether there is a name and nothing else.
func onlyName(b []byte) bool {
	rest, ok := skipName(b)
	return ok && len(rest) == 0
}

// skipName returns what follows a name.
func skipName(b []byte) ([]byte, bool) {
	name, rest, ok := take(b)
	return rest, ok && utf8.Valid(name)
}

// skipNames returns what follows a map of names.
func skipNames(b []byte) ([]byte, bool) {
	n, b, ok := readU32(b)
	for ; ok && n > 0; n-- {
		if _, b, ok = readU32(b); ok {
			b, ok = skipName(b)
		}
	}
	return b, ok
}
