package chhost

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
)

// marshal is encoding/json without its escapes for HTML.
func marshal(t *testing.T, v any) string {
	t.Helper()
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSuffix(b.String(), "\n")
}

func TestMapIsWrittenAsEncodingJSONWritesIt(t *testing.T) {
	m := map[string]any{
		"user": "jo", "body": "a \"quoted\" \\ <b>&</b> \n\t\x00\x1f é 😀", "": nil, "é": true, "no": false,
		"int": -1, "int8": int8(-8), "int16": int16(-16), "int32": int32(-32), "int64": int64(math.MinInt64),
		"uint": uint(1), "uint8": uint8(8), "uint16": uint16(16), "uint32": uint32(32), "uint64": uint64(math.MaxUint64),
		"float": 0.1, "large": 1e300, "small": 1e-7, "negative": -2.5e-10, "edge": 1e21, "below": 999999999999999999999.0, "f32": float32(0.1), "zero": 0.0,
		"map": map[string]any{"b": 1, "a": []any{1, "two", nil, []any{}}}, "strings": []string{"x", "y"}, "words": map[string]string{"k": "v"},
		"empty": map[string]any{},
	}
	got, flags := Map(m).encode()
	if flags != 0 {
		t.Errorf("flags are %d", flags)
	}
	// Both write a number in the shortest form; encoding/json drops a zero from
	// the exponent, which means the same.
	want := marshal(t, m)
	got = strings.NewReplacer("e-07", "e-7", "e-06", "e-6").Replace(got)
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMapTakesJSON(t *testing.T) {
	m := Map{
		"json": JSON(`{"a": 1}`), "none": JSON(""), "payload": Payload{&content{data: "[1]"}}, "nothing": Payload{},
		"maps": []Map{{"x": 1}, nil}, "nested": Map{"y": Map(nil)},
	}
	got, _ := m.encode()
	want := `{"json":{"a": 1},"maps":[{"x":1},{}],"nested":{"y":{}},"none":null,"nothing":null,"payload":[1]}`
	if got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestMapRefuses(t *testing.T) {
	loop := Map{}
	loop["self"] = loop
	for _, c := range []struct {
		name, want string
		m          Map
	}{
		{"a struct", "a type that it does not take", Map{"x": struct{}{}}},
		{"a channel", "a type that it does not take", Map{"x": make(chan int)}},
		{"NaN", "infinite or none", Map{"x": math.NaN()}},
		{"infinity", "infinite or none", Map{"x": math.Inf(-1)}},
		{"bytes of a client", "binary Payload", Map{"x": Payload{&content{data: "{}", binary: true}}}},
		{"itself", "nested too deep", loop},
	} {
		t.Run(c.name, func(t *testing.T) { mustPanic(t, c.want, func() { c.m.encode() }) })
	}
}

func TestMapDepth(t *testing.T) {
	nest := func(levels int) Map {
		m := Map{}
		for range levels - 1 {
			m = Map{"x": m}
		}
		return m
	}
	if got, _ := nest(maxDepth).encode(); strings.Count(got, "{") != maxDepth {
		t.Errorf("%d levels of %d were written", strings.Count(got, "{"), maxDepth)
	}
	mustPanic(t, "nested too deep", func() { nest(maxDepth + 1).encode() })
}

func TestSendables(t *testing.T) {
	for _, c := range []struct {
		name  string
		v     Sendable
		data  string
		flags uint32
	}{
		{"nil", nil, "", 0},
		{"JSON", JSON(`[1]`), `[1]`, 0},
		{"Bytes", Bytes{0, 255}, "\x00\xff", payloadBinary},
		{"no Bytes", Bytes(nil), "", payloadBinary},
		{"nil Map", Map(nil), "{}", 0},
		{"Reason", Reason("a\"b"), `{"reason":"a\"b"}`, 0},
		{"Payload", Payload{&content{data: " {} "}}, " {} ", 0},
		{"binary Payload", Payload{&content{data: "\x01", binary: true}}, "\x01", payloadBinary},
		{"zero Payload", Payload{}, "", 0},
	} {
		if data, flags := encode(c.v); data != c.data || flags != c.flags {
			t.Errorf("%s: %q, %d; want %q, %d", c.name, data, flags, c.data, c.flags)
		}
	}
}

func FuzzQuote(f *testing.F) {
	for _, seed := range []string{"", "jo", `"\`, "\b\f\n\r\t\x00\x7f", "é😀\u2028", "\xff", "a\xc3", "\xed\xa0\x80", "\ufffd"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		q := string(Quote(s))
		var back string
		if err := json.Unmarshal([]byte(q), &back); err != nil {
			t.Fatalf("Quote(%q) is %s: %v", s, q, err)
		}
		// A range over a string reads each byte that is no UTF-8 as U+FFFD.
		if want := string([]rune(s)); back != want {
			t.Errorf("Quote(%q) means %q, want %q", s, back, want)
		}
		if text, ok := JSON(q).Text(); !ok || text != back {
			t.Errorf("JSON(%s).Text() is %q, %v, want %q", q, text, ok, back)
		}
	})
}
