package meter

import "unicode/utf8"

// The parts of the name section that are kept (core specification 2.0, section
// 7.4.1): the module's name and the names of functions, which stack traces show.
const (
	namesModule    = 0
	namesFunctions = 1
)

// longestName is how much of a name is kept, in bytes: engines repeat the module's
// name for each function, and a function's for each of its frames in a trace.
const longestName = 256

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
	for next := 0; len(old) > 0; { // parts are in order, each once
		id := old[0]
		part, rest, ok := take(old[1:])
		if !ok || int(id) < next {
			return nil
		}
		old, next = rest, int(id)+1
		switch id {
		case namesModule:
			part, ok = moduleName(part)
		case namesFunctions:
			part, ok = r.functionNames(part)
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

func moduleName(old []byte) ([]byte, bool) {
	name, rest, ok := takeName(old)
	if !ok || len(rest) != 0 {
		return nil, false
	}
	return appendName(nil, name), true
}

// functionNames renumbers the functions and adds those that the rewriter made.
func (r *rewriter) functionNames(old []byte) ([]byte, bool) {
	n, old, ok := readU32(old)
	if !ok {
		return nil, false
	}
	out := appendU32(make([]byte, 0, len(old)+16), n+uint32(len(r.added)))
	least := uint32(0) // functions are in order, each once
	for range n {
		index, rest, ok := readU32(old)
		if !ok || index < least || int64(index) >= int64(r.m.FunctionCount()) {
			return nil, false
		}
		least = index + 1
		var name string
		if name, old, ok = takeName(rest); !ok {
			return nil, false
		}
		out = appendName(appendU32(out, r.renumber(index)), name)
	}
	if len(old) != 0 {
		return nil, false
	}
	for i, h := range r.added {
		out = appendName(appendU32(out, uint32(r.m.FunctionCount()+1+i)), h.name)
	}
	return out, true
}

// takeName reads a name and cuts it, but no character in two.
func takeName(b []byte) (name string, rest []byte, ok bool) {
	all, rest, ok := take(b)
	if !ok || !utf8.Valid(all) {
		return "", nil, false
	}
	if n := longestName; len(all) > n {
		for !utf8.RuneStart(all[n]) {
			n--
		}
		all = all[:n]
	}
	return string(all), rest, true
}
