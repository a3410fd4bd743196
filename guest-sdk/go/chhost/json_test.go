package chhost

import (
	"encoding/json"
	"maps"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestField(t *testing.T) {
	const object = ` { "a" : "x" , "b":{"a":[1,{"c":"}"}]},"s":"\"]}" ,"\u00e9":7,"a":"last","n":null,"":0 } `
	for _, c := range []struct{ text, key, want string }{
		{object, "a", `"last"`},
		{object, "b", `{"a":[1,{"c":"}"}]}`},
		{object, "s", `"\"]}"`},
		{object, "é", `7`},
		{object, "n", `null`},
		{object, "", `0`},
		{object, "c", ``},
		{`{}`, "a", ``},
		{`[{"a":1}]`, "a", ``},
		{`"a"`, "a", ``},
		{``, "a", ``},
		{`{"a":1`, "a", `1`},
		{`{"a":"`, "a", `"`},
		{`{"a`, "a", ``},
		{`{"a":`, "a", ``},
		{`{"a":}`, "a", ``},
		{`{,"a":1}`, "a", ``},
	} {
		if got := JSON(c.text).Field(c.key); string(got) != c.want {
			t.Errorf("%s: field %q is %s, want %s", c.text, c.key, got, c.want)
		}
	}
}

func TestMembersAndElements(t *testing.T) {
	var got []string
	for k, v := range JSON(`{"a":1, "b\n" : [ 2 , "x,y" ] ,"a":{}}`).Members() {
		got = append(got, k+"="+string(v))
		for e := range v.Elements() {
			got = append(got, string(e))
		}
	}
	if want := []string{"a=1", "b\n=[ 2 , \"x,y\" ]", "2", `"x,y"`, "a={}"}; !reflect.DeepEqual(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
	for range JSON(`[1,2,3]`).Elements() {
		break // must end the walk without a second yield
	}
	for range JSON(`{"a":1,"b":2}`).Members() {
		break
	}
	for _, none := range []JSON{"", "{}", `{"a":1}`, "[]", " [ ] ", "1"} {
		for e := range none.Elements() {
			t.Errorf("%q has an element %q", none, e)
		}
	}
}

func TestValues(t *testing.T) {
	for _, c := range []struct {
		text  string
		text1 any // what each reader finds; nil if it refuses
		n     any
		f     any
		b     any
	}{
		{text: `"x"`, text1: "x"},
		{text: ` "é\u00e9\ud83d\ude00\/\\\"\b\f\n\r\t" `, text1: "éé😀/\\\"\b\f\n\r\t"},
		{text: `"\ud800"`, text1: "\ufffd"},
		{text: `"\ud800\ud800\udc00"`, text1: "\ufffd\U00010000"},
		{text: `"\udc00A\ud800\u0041"`, text1: "\ufffdA\ufffdA"},
		{text: `"x" y`}, {text: `"x`}, {text: `"`}, {text: `"\"`}, {text: ``}, {text: `null`}, {text: `{}`}, {text: `x`},
		{text: `0`, n: int64(0), f: 0.0},
		{text: ` -12 `, n: int64(-12), f: -12.0},
		{text: `9223372036854775807`, n: int64(9223372036854775807), f: 9223372036854775807.0},
		{text: `9223372036854775808`, f: 9223372036854775808.0},
		{text: `1.0`, f: 1.0}, {text: `1e3`, f: 1000.0}, {text: `-0.5E-1`, f: -0.05}, {text: `1e+2`, f: 100.0},
		{text: `1e999`}, {text: `01`}, {text: `-`}, {text: `+1`}, {text: `1.`}, {text: `.5`}, {text: `1e`}, {text: `1e+`},
		{text: `0x10`}, {text: `1_000`}, {text: `Inf`}, {text: `NaN`}, {text: `-01`}, {text: `1 2`},
		{text: `true`, b: true}, {text: ` false `, b: false}, {text: `True`},
	} {
		j := JSON(c.text)
		check := func(reader string, got any, ok bool, want any) {
			t.Helper()
			if ok != (want != nil) || (ok && got != want) {
				t.Errorf("%s of %s: %v, %v; want %v", reader, c.text, got, ok, want)
			}
		}
		text, ok := j.Text()
		check("Text", text, ok, c.text1)
		n, ok := j.Int()
		check("Int", n, ok, c.n)
		f, ok := j.Float()
		check("Float", f, ok, c.f)
		b, ok := j.Bool()
		check("Bool", b, ok, c.b)
	}
}

func TestMerge(t *testing.T) {
	for _, c := range []struct {
		text string
		m    Map
		want string
	}{
		{`{"say":"hi"}`, Map{"magic_8_ball_sez": "Yes."}, `{"say":"hi","magic_8_ball_sez":"Yes."}`},
		{` { "b" : [ 1 ] , "a" : 2 } `, Map{"d": 1, "c": 2}, `{"b":[ 1 ],"a":2,"c":2,"d":1}`},
		{`{"a":1,"b":2,"a":3}`, Map{"a": nil}, `{"b":2,"a":null}`},
		{`{"\u0061":1}`, Map{"a": 2}, `{"a":2}`},
		{`{"a":1}`, nil, `{"a":1}`},
		{`{}`, nil, `{}`},
		{`{}`, Map{"a": 1}, `{"a":1}`},
		{``, Map{"a": 1}, `{"a":1}`},
		{`[1]`, Map{"a": 1}, `{"a":1}`},
	} {
		if got := JSON(c.text).Merge(c.m); string(got) != c.want {
			t.Errorf("%s with %v is %s, want %s", c.text, c.m, got, c.want)
		}
	}
}

func TestPayload(t *testing.T) {
	object := Payload{&content{data: `{"a":1}`}}
	if object.IsBinary() || object.Raw() != `{"a":1}` || object.Field("a") != "1" || object.Merge(Map{"a": 2}) != `{"a":2}` {
		t.Errorf("the object reads as %v, %s, %s", object.IsBinary(), object.Raw(), object.Field("a"))
	}
	// Bytes that look like JSON are not read as such.
	bytes := Payload{&content{data: `{"a":1}`, binary: true}}
	if !bytes.IsBinary() || bytes.Raw() != `{"a":1}` || bytes.JSON() != "" || bytes.Field("a") != "" || bytes.Merge(Map{"b": 2}) != `{"b":2}` {
		t.Errorf("the bytes read as %v, %q, %q", bytes.IsBinary(), bytes.JSON(), bytes.Field("a"))
	}
	var none Payload
	if none.IsBinary() || none.Raw() != "" || none.Field("a") != "" {
		t.Error("the zero Payload is not empty")
	}
}

// FuzzJSON compares the readers with encoding/json on valid JSON, and lets them
// read anything else.
func FuzzJSON(f *testing.F) {
	for _, seed := range []string{
		`{"a":1,"b":[true,null,{"c":"d"}],"a":"\ud83d\ude00"}`, `[1,-2.5e3,"x\\",[],{}]`, `"\ud800\u0041"`, ` 12 `, `-0`,
		`{"":{"":[[[]]]}}`, `{"a`, `[1,`, `{"a":[}`, `"\u12`, "\x00", `{"a":1}}`, `{"\u0061":1,"a":2}`,
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, s string) {
		j := JSON(s)
		fields := map[string]JSON{}
		for k, v := range j.Members() {
			fields[k] = v
		}
		var elements []JSON
		for e := range j.Elements() {
			elements = append(elements, e)
		}
		text, isText := j.Text()
		n, isInt := j.Int()
		number, isFloat := j.Float()
		merged := j.Merge(Map{"added": 1})
		if !utf8.ValidString(s) || !json.Valid([]byte(s)) {
			return
		}
		var v any
		if err := json.Unmarshal([]byte(s), &v); err != nil {
			return // a number beyond float64
		}
		_, wantText := v.(string)
		_, wantNumber := v.(float64)
		if isText != wantText || isFloat != wantNumber || (isInt && !wantNumber) {
			t.Errorf("%s: text %v, number %v, integer %v", s, isText, isFloat, isInt)
		}
		switch v := v.(type) {
		case string:
			if text != v {
				t.Errorf("%s: text %q, want %q", s, text, v)
			}
		case float64:
			if number != v || (isInt && float64(n) != v) {
				t.Errorf("%s: numbers %v and %d, want %v", s, number, n, v)
			}
		case []any:
			if got := parseAll(t, elements); !reflect.DeepEqual(got, v) && len(v)+len(got) > 0 {
				t.Errorf("%s: elements %v, want %v", s, got, v)
			}
		case map[string]any:
			got := map[string]any{}
			for k, field := range fields {
				if j.Field(k) != field {
					t.Errorf("%s: Field(%q) is %s, Members says %s", s, k, j.Field(k), field)
				}
				got[k] = parseAll(t, []JSON{field})[0]
			}
			if !reflect.DeepEqual(got, v) {
				t.Errorf("%s: members %v, want %v", s, got, v)
			}
			maps.Copy(got, map[string]any{"added": 1.0})
			if all := parseAll(t, []JSON{merged})[0]; !reflect.DeepEqual(all, got) {
				t.Errorf("%s: merged %s", s, merged)
			}
		}
	})
}

func parseAll(t *testing.T, list []JSON) []any {
	t.Helper()
	var values []any
	for _, j := range list {
		var v any
		if err := json.Unmarshal([]byte(j), &v); err != nil {
			t.Fatalf("%q is no JSON: %v", j, err)
		}
		values = append(values, v)
	}
	return values
}

// Nothing that is deep or long makes the readers slow or deep: they do not call
// themselves.
func TestDeepJSON(t *testing.T) {
	const deep = 1_000_000
	j := JSON(`{"a":` + strings.Repeat("[", deep) + strings.Repeat("]", deep) + `,"b":"found"}`)
	if got, _ := j.Field("b").Text(); got != "found" {
		t.Errorf("b is %q", got)
	}
}
