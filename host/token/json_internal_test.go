package token

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"
)

// FuzzReadObject compares the reader with encoding/json: an object is read if that reads
// it, no deeper than is allowed, and has the same members then.
func FuzzReadObject(f *testing.F) {
	for _, text := range []string{
		`{}`, ` {"a" : [ 1 , {"b":"c\"\\"} , [ ] ] , "d":{ } } `, `{"a":1,"\u0061":2}`, `{"a":{"b":1,"b":2}}`, `[]`, `{"a":tru}`, "null",
		strings.Repeat(`{"a":[`, 20) + strings.Repeat(`]}`, 20), `{"a":-0.1e+5,"b":true,"c":null}`, `{"\ud800":1,"�":2}`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		got, err := readObject(text)
		var want map[string]json.RawMessage
		fault := json.Unmarshal([]byte(text), &want)
		switch {
		case err == nil && (fault != nil || want == nil):
			t.Fatalf("%q was read: %v", text, fault)
		case errors.Is(err, errNoObject):
			if fault == nil && want != nil && strings.ToValidUTF8(text, "") == text {
				t.Fatalf("%q was not read", text)
			}
		case errors.Is(err, errDepth):
			if strings.Count(text, "{")+strings.Count(text, "[") <= maxDepth {
				t.Fatalf("%q is not too deep", text)
			}
		case errors.Is(err, errTwice):
			if strings.Count(text, ":") < 2 {
				t.Fatalf("%q has no name twice", text)
			}
		}
		if err != nil {
			return
		}
		if len(got) != len(want) {
			t.Fatalf("%q: %d members, want %d", text, len(got), len(want))
		}
		for name, value := range want {
			if got.get(name) != strings.TrimSpace(string(value)) {
				t.Errorf("%q: %q is %q, want %q", text, name, got.get(name), value)
			}
		}
	})
}
