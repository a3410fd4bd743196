package phx_test

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/phx"
)

var validJSON = []string{
	`{}`, `[]`, `""`, `0`, `-0`, `null`, `true`, `false`, ` { } `, "\t[\n]\r", `[[],{}]`, `{"":{}}`,
	`1`, `-1`, `10`, `0.5`, `-0.0`, `1e5`, `1E+5`, `1e-05`, `0e0`, `123.456e789`, `[1,2,3]`, `[ 1 , 2 ]`,
	`{"a":1,"a":2}`, `{"a" : [ {"b" : null} , true ] , "c" : "d"}`,
	`"\"\\\/\b\f\n\r\t\u00e9\uD83D\uDE00"`, `"\ud800"`, `"\udc00\ud800"`, `"\u0000"`,
	`"é"`, `"` + "\u007f\u0080\u07ff\u0800\ufffd\uffff\U00010000\U0010ffff" + `"`, `"1234567é"`, `"12345678é9"`,
	`"` + strings.Repeat("plain ", 100) + `"`, "\"\u2028\u2029\"",
}

var invalidJSON = []string{
	``, ` `, `{`, `}`, `[`, `]`, `[1`, `[1 `, `{"a":1`, `[}`, `{]`, `[1}`, `{"a":1]`, `"`, `"a`, `'a'`, `a`, `nul`, `nulll`, `True`, `tru`, `fals`, `-`, `+1`,
	`01`, `-01`, `00`, `1.`, `.5`, `1.e5`, `1e`, `1e+`, `0x1`, `1_0`, `Infinity`, `NaN`, `--1`, `1-`, `[1 2]`, `[1,]`, `[,1]`, `[,]`, `[1,,2]`,
	`{,}`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a" 1}`, `{a:1}`, `{1:1}`, `{"a":1 "b":2}`, `{"a":1,,"b":2}`, `{"a"::1}`, `{null:1}`, `{[]:1}`,
	`{} {}`, `{},`, `1 2`, `[]]`, `{}}`, `""""`, "\"\n\"", "\"\x00\"", "\"\x1f\"", "\"1234567\t\"", "\"12345678\t\"", "\x00", "{}\x00", "\v{}", "\u00a0{}", "\ufeff{}",
	`"\a"`, `"\'"`, `"\u"`, `"\u12"`, `"\u123g"`, `"\u123G"`, `"\u 123"`, `"\U0041"`, `"\`, `"\u12`, `"\u1234`, `"\x41"`, `{"\z":1}`, `// c`, `/**/{}`,
}

func TestCheckJSON(t *testing.T) {
	for _, text := range validJSON {
		if err := phx.CheckJSON([]byte(text)); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
	for _, text := range invalidJSON {
		if err := phx.CheckJSON([]byte(text)); err != phx.ErrNotJSON {
			t.Errorf("%q: %v, want ErrNotJSON", text, err)
		}
		checkAgainstEncodingJSON(t, []byte(text))
	}
}

// Each string is an ill-formed sequence of table 3-7 of the Unicode Standard.
func TestCheckJSONUTF8(t *testing.T) {
	for _, bad := range []string{
		"\x80", "\xbf", "\xc0\x80", "\xc1\xbf", "\xc3", "\xc3(", "\xe0\x80\x80", "\xe0\x9f\xbf", "\xe2\x82", "\xe2\x82(", "\xed\xa0\x80", "\xed\xbf\xbf",
		"\xf0\x80\x80\x80", "\xf0\x8f\xbf\xbf", "\xf0\x9f\x98", "\xf4\x90\x80\x80", "\xf5\x80\x80\x80", "\xfe", "\xff",
	} {
		for _, pad := range []string{"", "1234567", "12345678", "é"} {
			for _, form := range []string{`"%s"`, `["%s"]`, `{"%s":1}`, `{"a":"%s"}`} {
				text := fmt.Sprintf(form, pad+bad)
				if err := phx.CheckJSON([]byte(text)); err != phx.ErrNotUTF8 {
					t.Errorf("%q: %v, want ErrNotUTF8", text, err)
				}
			}
		}
	}
}

func TestCheckJSONDepth(t *testing.T) {
	for _, form := range []struct {
		open, end string
		levels    int
	}{
		{`[`, `]`, 1}, {`{"a":`, `}`, 1}, {`[{"a":`, `}]`, 2}, {`{"a":[`, `]}`, 2}, {`[1,`, `]`, 1}, {"{\"\": {}, \"[\":\t", `, "]":0}`, 1},
	} {
		nest := func(n int) []byte {
			return []byte(strings.Repeat(form.open, n) + "[0]" + strings.Repeat(form.end, n))
		}
		fits := (phx.MaxDepth - 1) / form.levels
		if err := phx.CheckJSON(nest(fits)); err != nil {
			t.Errorf("%q %d times: %v", form.open, fits, err)
		}
		for _, n := range []int{fits + 1, 1 << 16} {
			if err := phx.CheckJSON(nest(n)); err != phx.ErrDepth {
				t.Errorf("%q %d times: %v, want ErrDepth", form.open, n, err)
			}
		}
	}
	wide := "[" + strings.Repeat("[],{},", 1000) + "[]]"
	if err := phx.CheckJSON([]byte(wide)); err != nil {
		t.Errorf("a wide and flat array: %v", err)
	}
}

func TestCheckJSONAllocates(t *testing.T) {
	text := []byte(`{"a":[1,2.5e3,{"b":"cé\u00e9\n"}],"d":` + strings.Repeat("[", 120) + strings.Repeat("]", 120) + `}`)
	if n := testing.AllocsPerRun(100, func() {
		if err := phx.CheckJSON(text); err != nil {
			t.Error(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// checkAgainstEncodingJSON fails t if CheckJSON and the standard library
// differ about data.
func checkAgainstEncodingJSON(t *testing.T, data []byte) {
	t.Helper()
	err := phx.CheckJSON(data)
	grammar, text, deepest := json.Valid(data), utf8.Valid(data), depth(data)
	switch want := grammar && text && deepest <= phx.MaxDepth; {
	case want != (err == nil),
		err == phx.ErrNotJSON && grammar,
		err == phx.ErrNotUTF8 && text,
		err == phx.ErrDepth && deepest <= phx.MaxDepth:
		t.Errorf("%q: %v; encoding/json: %v, UTF-8: %v, depth: %d", data, err, grammar, text, deepest)
	}
	if err != nil && err != phx.ErrNotJSON && err != phx.ErrNotUTF8 && err != phx.ErrDepth {
		t.Errorf("%q: undocumented error %v", data, err)
	}
}

func FuzzCheckJSON(f *testing.F) {
	for _, text := range append(validJSON, invalidJSON...) {
		f.Add([]byte(text))
	}
	for n := phx.MaxDepth - 1; n <= phx.MaxDepth+1; n++ {
		f.Add([]byte(strings.Repeat(`[`, n) + strings.Repeat(`]`, n)))
		f.Add([]byte(strings.Repeat(`{"":`, n) + `0` + strings.Repeat(`}`, n)))
	}
	f.Fuzz(func(t *testing.T, data []byte) { checkAgainstEncodingJSON(t, data) })
}

// TestAClientsPayloadFitsIntoAHandlers guards that the deepest payload that a
// client can send may be put into one of a handler's: otherwise a few hundred
// bytes from one client made the channel of every subscriber fail.
func TestAClientsPayloadFitsIntoAHandlers(t *testing.T) {
	deepest := strings.Repeat(`{"a":`, phx.MaxClientDepth) + "0" + strings.Repeat("}", phx.MaxClientDepth)
	m, err := phx.V2().Decode(phx.Frame{Data: []byte(`["1","2","t","e",` + deepest + `]`)})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := phx.Object([]byte(`{"message":{"from":[` + string(m.Payload.Data()) + `]}}`)); err != nil {
		t.Error(err)
	}
	if _, err := phx.V2().Decode(phx.Frame{Data: []byte(`["1","2","t","e",{"a":` + deepest + `}]`)}); err == nil {
		t.Error("a client may nest deeper than that")
	}
}
