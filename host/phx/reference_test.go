package phx_test

import (
	"encoding/base64"
	"encoding/json"
	"os"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/chhost/chhost/host/phx"
)

// What the tests hold the serializers against: encoding/json and slow, obvious
// code, none of it shared with the package.

// decoded is a Message with its payload opened up, so that it can be compared.
type decoded struct {
	JoinRef, Ref  phx.Ref
	Topic, Event  string
	Data          string
	Binary        bool
	Reason        phx.Reason // of the FrameError, if any
	NotUTF8       bool
	FieldsUnknown bool // the reference does not say which fields can be read
}

// decode is s.Decode in comparable form.
func decode(t testing.TB, s phx.Serializer, f phx.Frame) decoded {
	t.Helper()
	m, err := s.Decode(f)
	d := decoded{JoinRef: m.JoinRef, Ref: m.Ref, Topic: m.Topic, Event: m.Event}
	switch err := err.(type) {
	case nil:
		d.Data, d.Binary = string(m.Payload.Data()), m.Payload.IsBinary()
		return d
	case *phx.FrameError:
		if err.Reason == "" || err.Detail == "" {
			t.Errorf("%+v has no reason or no detail", err)
		}
		d.Reason = err.Reason
	default:
		if err != phx.ErrNotUTF8 {
			t.Errorf("Decode: %v is neither ErrNotUTF8 nor a *FrameError", err)
		}
		d.NotUTF8 = true
	}
	if m.Payload.IsBinary() || string(m.Payload.Data()) != "{}" {
		t.Errorf("payload %q beside the error %v", m.Payload.Data(), err)
	}
	return d
}

// reference decodes a text frame with encoding/json.
func reference(s phx.Serializer, data []byte) decoded {
	if !utf8.Valid(data) {
		return decoded{NotUTF8: true}
	}
	fields, ok := referenceFields(s, data)
	if !ok {
		return decoded{Reason: phx.ReasonInvalidFrame, FieldsUnknown: true}
	}
	var d decoded
	fail := func(r phx.Reason) {
		if d.Reason == "" {
			d.Reason = r
		}
	}
	ref := func(raw string, ok bool) phx.Ref {
		text, isString := referenceText(raw)
		switch {
		case !ok || strings.ContainsAny(raw[:1], "{[tf"):
			fail(phx.ReasonInvalidFrame)
		case raw == "null":
		case isString && hopeless(raw):
			fail(phx.ReasonNameTooLong)
		case isString && text == nil:
			fail(phx.ReasonInvalidFrame)
		case isString && len(*text) > 255, !isString && len(raw) > 255:
			fail(phx.ReasonNameTooLong)
		default:
			return phx.Ref(raw)
		}
		return ""
	}
	// A topic that is too long is told, so that the client can be answered.
	name := func(raw string, tell bool) string {
		text, isString := referenceText(raw)
		switch {
		case isString && hopeless(raw):
			fail(phx.ReasonNameTooLong)
		case !isString || text == nil:
			fail(phx.ReasonInvalidFrame)
		case *text == "":
			fail(phx.ReasonNameTooLong)
		case regexp.MustCompile(`[\x00-\x1f\x7f]`).MatchString(*text):
			fail(phx.ReasonInvalidFrame)
		case len(*text) > 255:
			fail(phx.ReasonNameTooLong)
			if tell {
				return *text
			}
		default:
			return *text
		}
		return ""
	}
	if _, ok := fields["join_ref"]; !ok && s.Version() == "1.0.0" {
		fields["join_ref"] = "null"
	}
	raw, ok := fields["join_ref"]
	d.JoinRef = ref(raw, ok)
	raw, ok = fields["ref"]
	d.Ref = ref(raw, ok)
	d.Topic, d.Event = name(fields["topic"], true), name(fields["event"], false)
	switch raw, ok := fields["payload"]; {
	case !ok:
		fail(phx.ReasonInvalidFrame)
	case raw != "null" && raw[0] != '{' && d.Event != "phx_leave" && (d.Topic != "phoenix" || d.Event != "heartbeat"):
		fail(phx.ReasonPayloadNotObject)
	case d.Reason == "" && raw[0] == '{':
		d.Data = raw
	case d.Reason == "":
		d.Data = "{}"
	}
	return d
}

// referenceFields returns the raw fields by name. It is not ok if data is not
// one JSON value of the right kind, or one within it is nested too deep.
func referenceFields(s phx.Serializer, data []byte) (map[string]string, bool) {
	fields := map[string]string{}
	if !json.Valid(data) {
		return nil, false
	}
	if s.Version() == "1.0.0" {
		var object map[string]json.RawMessage
		if json.Unmarshal(data, &object) != nil || object == nil || depth(data) > phx.MaxClientDepth+1 {
			return nil, false
		}
		for k, v := range object {
			fields[k] = string(v)
		}
		return fields, true
	}
	var array []json.RawMessage
	if json.Unmarshal(data, &array) != nil || array == nil || depth(data) > phx.MaxClientDepth+1 {
		return nil, false
	}
	for i, k := range []string{"join_ref", "ref", "topic", "event", "payload"} {
		if i < len(array) {
			fields[k] = string(array[i])
		}
	}
	return fields, true
}

var escapes = regexp.MustCompile(`(?s)\\u[0-9a-fA-F]{4}|\\.|[^\\]`)

// referenceText is the text of a raw JSON string; nil if it holds half of a
// surrogate pair, which encoding/json would replace.
func referenceText(raw string) (text *string, isString bool) {
	if !strings.HasPrefix(raw, `"`) {
		return nil, false
	}
	high := false
	for _, token := range append(escapes.FindAllString(raw, -1), "end") {
		unit := uint64(0)
		if strings.HasPrefix(token, `\u`) {
			unit, _ = strconv.ParseUint(token[2:], 16, 16)
		}
		low := unit >= 0xdc00 && unit <= 0xdfff
		if high != low {
			return nil, true
		}
		high = unit >= 0xd800 && unit <= 0xdbff
	}
	text = new(string)
	if json.Unmarshal([]byte(raw), text) != nil {
		return nil, true
	}
	return text, true
}

// hopeless tells whether a raw string is too long for a name even if it is
// nothing but escapes: what else is wrong with it is then not looked for.
func hopeless(raw string) bool { return len(raw) > len(`""`)+255*len(`\u0000`) }

// depth counts how deeply brackets are nested outside of strings.
func depth(data []byte) int {
	inside, deepest, quoted := 0, 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			inside++
			deepest = max(deepest, inside)
		case c == '}' || c == ']':
			inside--
		}
	}
	return deepest
}

// sameJSON tells whether two texts are the same JSON value; numbers have to be
// spelled alike.
func sameJSON(t testing.TB, a, b []byte) bool {
	t.Helper()
	return reflect.DeepEqual(parse(t, a), parse(t, b))
}

func parse(t testing.TB, text []byte) (v any) {
	t.Helper()
	d := json.NewDecoder(strings.NewReader(string(text)))
	d.UseNumber()
	if err := d.Decode(&v); err != nil {
		t.Fatalf("encoding/json: %v in %q", err, text)
	}
	if d.More() || !utf8.Valid(text) {
		t.Fatalf("%q is not one value in UTF-8", text)
	}
	return v
}

// marshal is encoding/json's opinion of v.
func marshal(t testing.TB, v any) []byte {
	t.Helper()
	b, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// rawRef is a Ref as a value for encoding/json.
func rawRef(r phx.Ref) json.RawMessage {
	if r == "" {
		return json.RawMessage("null")
	}
	return json.RawMessage(r)
}

// refText is the text of a Ref, as it stands in a binary header.
func refText(t testing.TB, r phx.Ref) string {
	t.Helper()
	if !strings.HasPrefix(string(r), `"`) {
		return string(r)
	}
	var text string
	if err := json.Unmarshal([]byte(r), &text); err != nil {
		t.Fatalf("ref %q: %v", r, err)
	}
	return text
}

// header writes a binary frame.
func header(kind byte, data string, fields ...string) string {
	lengths := string([]byte{kind})
	for _, f := range fields {
		lengths += string([]byte{byte(len(f))})
	}
	return lengths + strings.Join(fields, "") + data
}

// recorded is one line of a dialogue.
type recorded struct {
	line       string
	fromClient bool
	frame      phx.Frame
	serializer phx.Serializer
}

func dialogues(t testing.TB) (lines []recorded) {
	t.Helper()
	file, err := os.ReadFile("testdata/phoenix-1.7.txt")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(file)) {
		line = strings.TrimSuffix(line, "\n")
		if line == "" || line[0] == '#' {
			continue
		}
		r := recorded{line: line, fromClient: line[1] == '>', serializer: phx.V2()}
		text := line[len("a> "):]
		switch text[0] {
		case '!':
			r.frame.Binary = true
			if r.frame.Data, err = base64.StdEncoding.DecodeString(text[1:]); err != nil {
				t.Fatalf("%s: %v", line, err)
			}
		case '{':
			r.serializer = phx.V1()
			fallthrough
		default:
			r.frame.Data = []byte(text)
		}
		lines = append(lines, r)
	}
	return lines
}
