package meter_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/chhost/chhost/host/hosttest"
	"github.com/chhost/chhost/host/wasm/meter"
)

// Whether something gets through unmetered is looked for with a reader of its own,
// which shares nothing with the decoder and the rewriter that it judges.

// output is what is read of a rewritten module.
type output struct {
	bin              []byte
	imports, globals uint64 // functions and globals that are imported
	own              uint64 // globals of the module
	refill           uint64
	types            [][]byte // the parameters of each
	functions        []uint64 // types of the defined functions
	bodies           [][]byte
	exports          map[string]uint64
}

// take reads an unsigned number at the beginning.
func take(b *[]byte) uint64 {
	v, n := binary.Uvarint(*b)
	if n <= 0 {
		panic("a number is cut")
	}
	*b = (*b)[n:]
	return v
}

func cut(b *[]byte, n uint64) []byte {
	head := (*b)[:n]
	*b = (*b)[n:]
	return head
}

// readOutput reads the sections that matter here; what is malformed panics.
func readOutput(bin []byte) *output {
	o := &output{bin: bin, exports: map[string]uint64{}}
	for rest := bin[8:]; len(rest) > 0; {
		id := cut(&rest, 1)[0]
		s := cut(&rest, take(&rest))
		if id == 0 {
			continue
		}
		n := uint64(0)
		if id != 8 { // start and data count have no vector
			n = take(&s)
		}
		switch id {
		case 1:
			for range n {
				cut(&s, 1)
				o.types = append(o.types, cut(&s, take(&s)))
				cut(&s, take(&s))
			}
		case 2:
			for range n {
				o.readImport(&s)
			}
		case 3:
			for range n {
				o.functions = append(o.functions, take(&s))
			}
		case 6:
			o.own = n
		case 7:
			for range n {
				name := string(cut(&s, take(&s)))
				cut(&s, 1)
				o.exports[name] = take(&s)
			}
		case 10:
			for range n {
				o.bodies = append(o.bodies, cut(&s, take(&s)))
			}
		}
	}
	return o
}

func (o *output) readImport(s *[]byte) {
	module, name := string(cut(s, take(s))), string(cut(s, take(s)))
	limits := func() {
		flags := take(s)
		take(s)
		if flags&1 != 0 {
			take(s)
		}
	}
	switch kind := cut(s, 1)[0]; kind {
	case 0:
		take(s)
		if module == meter.RefillModule && name == meter.RefillName {
			o.refill = o.imports
		}
		o.imports++
	case 1:
		cut(s, 1)
		limits()
	case 2:
		limits()
	case 3:
		cut(s, 2)
		o.globals++
	}
}

// skip leaves out what stands behind an instruction.
func skip(op byte, b *[]byte) {
	number := func() { // signed or not
		for cut(b, 1)[0] >= 0x80 {
			continue
		}
	}
	switch {
	case op == 0x02 || op == 0x03 || op == 0x04 || op == 0x0c || op == 0x0d || op == 0x10 || op == 0xd0 || op == 0xd2 || op >= 0x20 && op <= 0x26 || op >= 0x3f && op <= 0x42:
		number()
	case op == 0x0e:
		for range take(b) + 1 {
			number()
		}
	case op == 0x11 || op >= 0x28 && op <= 0x3e:
		number()
		number()
	case op == 0x1c:
		cut(b, take(b))
	case op == 0x43:
		cut(b, 4)
	case op == 0x44:
		cut(b, 8)
	case op == 0xfc:
		for range map[uint64]int{8: 2, 9: 1, 10: 2, 11: 1, 12: 2, 13: 1, 14: 2, 15: 1, 16: 1, 17: 1}[take(b)] {
			number()
		}
	case op == 0xfd:
		switch sub := take(b); {
		case sub <= 11 || sub == 0x5c || sub == 0x5d:
			number()
			number()
		case sub == 12 || sub == 13:
			cut(b, 16)
		case sub >= 0x15 && sub <= 0x22:
			cut(b, 1)
		case sub >= 0x54 && sub <= 0x5b:
			number()
			number()
			cut(b, 1)
		}
	}
}

// instructions cuts a body, without its locals, into instructions.
func instructions(body []byte) (list []string) {
	for range take(&body) {
		take(&body)
		cut(&body, 1)
	}
	for len(body) > 0 {
		rest := body
		skip(cut(&rest, 1)[0], &rest)
		list = append(list, string(body[:len(body)-len(rest)]))
		body = rest
	}
	return list
}

// begins tells whether a list begins with a pattern, in which an instruction of one
// byte may stand for all with that byte.
func begins(list, pattern []string) bool {
	if len(list) < len(pattern) {
		return false
	}
	for i, p := range pattern {
		if list[i] != p && (len(p) != 1 || list[i][0] != p[0]) {
			return false
		}
	}
	return true
}

// sequences are what the rewriter writes.
type sequences struct {
	charge, ask, enter, leave []string
	fuel, stack, refill       string // what only they may name
}

func (o *output) sequences() sequences {
	index := func(op byte, i uint64) string { return string(binary.AppendUvarint([]byte{op}, i)) }
	fuel, stack, refill := o.globals+o.own-2, o.globals+o.own-1, index(0x10, o.refill)
	get, set := index(0x23, fuel), index(0x24, fuel)
	left, give := index(0x23, stack), index(0x24, stack)
	return sequences{
		charge: []string{get, "\x42", "\x7d", set},
		ask:    []string{get, "\x42\x00", "\x53", "\x04\x40", "\x41\x00", refill, "\x0b"},
		enter:  []string{left, "\x41", "\x6b", give, left, "\x41\x00", "\x48", "\x04\x40", "\x41\x01", refill, "\x00", "\x0b", "\x02"},
		leave:  []string{left, "\x41", "\x6a", give},
		fuel:   get[1:], stack: left[1:], refill: refill,
	}
}

// unmetered finds what a rewritten module does without being asked or charged. The
// first functions are the guest's, as many as it had.
func unmetered(bin []byte, guests int) error {
	o := readOutput(bin)
	q := o.sequences()
	dispatcher, dispatching := o.exports[meter.CallExport]
	for i, body := range o.bodies {
		list := instructions(body)
		switch {
		case dispatching && uint64(i)+o.imports == dispatcher: // straight code that only calls
			for _, in := range list {
				if in[0] == 0x03 {
					return fmt.Errorf("the dispatcher has a loop")
				}
			}
		case i < guests:
			if err := q.guest(list); err != nil {
				return fmt.Errorf("function %d: %w", i, err)
			}
		default:
			if err := q.loops(list); err != nil {
				return fmt.Errorf("function %d, an added one: %w", i, err)
			}
		}
	}
	return nil
}

// loops finds a loop that does not begin with a charge and a question.
func (q *sequences) loops(list []string) error {
	paid := slices.Concat(q.charge, q.ask)
	for i, in := range list {
		if in[0] == 0x03 && !begins(list[i+1:], paid) && costs(list[i+1:]) {
			return fmt.Errorf("a loop has no question: % x", list[i:min(i+12, len(list))])
		}
	}
	return nil
}

// guest checks the code of one of the guest's functions.
func (q *sequences) guest(list []string) error {
	if err := q.loops(list); err != nil {
		return err
	}
	if begins(list, q.enter) {
		list = list[len(q.enter):]
	}
	if !begins(list, slices.Concat(q.charge, q.ask)) && costs(list) {
		return fmt.Errorf("the entry has no question: % x", list[:min(12, len(list))])
	}
	for i := 0; i < len(list); i++ {
		rest := list[i:]
		for _, known := range [][]string{q.charge, q.ask, q.leave} {
			if begins(rest, known) {
				i += len(known) - 1
				rest = nil
				break
			}
		}
		if rest == nil {
			continue
		}
		switch in := list[i]; {
		case in == q.refill, (in[0] == 0x23 || in[0] == 0x24) && (in[1:] == q.fuel || in[1:] == q.stack):
			return fmt.Errorf("instruction %d names what is the host's: % x", i, in)
		case in[0] == 0x40, strings.HasPrefix(in, "\xfc\x0b"), strings.HasPrefix(in, "\xfc\x0f"), strings.HasPrefix(in, "\xfc\x11"):
			return fmt.Errorf("instruction %d fills or grows: % x", i, in)
		case strings.HasPrefix(in, "\xfc\x08"), strings.HasPrefix(in, "\xfc\x0a"), strings.HasPrefix(in, "\xfc\x0c"), strings.HasPrefix(in, "\xfc\x0e"):
			if i == 0 || list[i-1][0] != 0x41 || len(list[i-1]) > 4 {
				return fmt.Errorf("instruction %d copies what may be more than a piece: % x", i, in)
			}
		}
	}
	return nil
}

// costs tells whether code begins with something that costs: only what opens and closes
// blocks does not, up to the end or another loop, which is looked at by itself.
func costs(list []string) bool {
	depth := 0
	for _, in := range list {
		switch in[0] {
		case 0x02:
			depth++
		case 0x03:
			return false
		case 0x0b:
			if depth--; depth < 0 {
				return false
			}
		default:
			return true
		}
	}
	return false
}

// TestNothingIsUnmetered: whatever is rewritten, a plugin in Go among it, every function and every loop begins
// with a charge and a question, and nothing of the guest's names what is the host's.
func TestNothingIsUnmetered(t *testing.T) {
	var paths []string
	for _, dir := range append(specDirs(t), "testdata", "../../../testdata/guests/served") {
		more, err := filepath.Glob(filepath.Join(dir, "*.wasm"))
		if err != nil || len(more) == 0 {
			t.Fatalf("%s: %v", dir, err)
		}
		paths = append(paths, more...)
	}
	modules := [][]byte{hosttest.Guest(t, "plugins/chat")}
	for _, path := range paths {
		bin, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		modules = append(modules, bin)
	}
	for seed := range uint64(500) {
		modules = append(modules, generate(rand.New(rand.NewPCG(seed, 11))))
	}
	checked := 0
	options := relaxed()
	options.Entries = []string{"a", "run", "memory"}
	for i, bin := range modules {
		out, err := meter.Rewrite(bin, options)
		if err != nil {
			continue // malformed on purpose
		}
		checked++
		if err := unmetered(out, len(readOutput(bin).bodies)); err != nil {
			t.Errorf("module %d: %v", i, err)
		}
	}
	t.Logf("%d of %d modules", checked, len(modules))
	if checked < 4000 {
		t.Errorf("%d modules were rewritten", checked)
	}
}

// TestUnmeteredIsFound: the reader finds what is missing.
func TestUnmeteredIsFound(t *testing.T) {
	bin := fixture(t, "endless")
	guests := len(readOutput(bin).bodies)
	good := rewrite(t, bin, meter.Options{})
	if err := unmetered(good, guests); err != nil {
		t.Fatal(err)
	}
	q := readOutput(good).sequences()
	ask := []byte(strings.Join(q.ask, ""))
	missed := 0
	for at, n := 0, 0; ; n++ { // each question becomes as many instructions that do nothing
		i := bytes.Index(good[at:], ask)
		if i < 0 {
			if missed < guests || missed < n/2 { // others are asked in the middle of code, or in functions that are added
				t.Errorf("%d of %d questions are missed", missed, n)
			}
			break
		}
		bad := bytes.Clone(good)
		copy(bad[at+i:], bytes.Repeat([]byte{0x01}, len(ask)))
		at += i + len(ask)
		if unmetered(bad, guests) != nil {
			missed++
		}
	}
}
