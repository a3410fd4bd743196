package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/chhost/chhost/host/phx"
)

type stepKind uint8

const (
	stepSend stepKind = iota
	stepReceive
	stepClose
	stepClosed
	stepAt
)

type step struct {
	line    int
	version string // "v1", "v2" or both if empty
	client  string
	kind    stepKind
	frame   []json.RawMessage // join_ref, ref, topic, event, payload; nil if the step is raw
	raw     phx.Frame
	code    int
	at      time.Duration
}

// What a step looks like: one of clients, a raw frame, and the clock's.
var (
	stepForm = regexp.MustCompile(`^(?:(v[12]) )?([a-z])(?:([<>]) (.*)| (close)| closed ([0-9]{4}))$`)
	rawForm  = regexp.MustCompile(`^(?:([a-z]) )?(v[12])(b?)([<>])(?: (.*))?$`)
	atForm   = regexp.MustCompile(`^(?:(v[12]) )?at (\S+)$`)
)

func parseStep(line string) (step, error) {
	if m := atForm.FindStringSubmatch(line); m != nil {
		at, err := time.ParseDuration(m[2])
		if err != nil || at < 0 {
			return step{}, fmt.Errorf("%q is not a duration such as 500ms, 5s or 1m30s", m[2])
		}
		return step{version: m[1], kind: stepAt, at: at}, nil
	}
	line, err := expand(line)
	if err != nil {
		return step{}, err
	}
	if m := rawForm.FindStringSubmatch(line); m != nil {
		return parseRaw(m[1], m[2], m[3] != "", m[4], m[5])
	}
	m := stepForm.FindStringSubmatch(line)
	if m == nil {
		return step{}, fmt.Errorf("expected a> FRAME, a< FRAME, a v2> RAW, a v2b> BASE64, a close, a closed CODE or at TIME, not %q", shown(line))
	}
	s := step{version: m[1], client: m[2]}
	switch {
	case m[5] != "":
		s.kind = stepClose
	case m[6] != "":
		s.kind = stepClosed
		s.code, _ = strconv.Atoi(m[6]) // four digits
	default:
		s.kind = direction(m[3])
		if err := json.Unmarshal([]byte(m[4]), &s.frame); err != nil || len(s.frame) != 5 {
			return step{}, fmt.Errorf("%q is not [join_ref,ref,topic,event,payload]", shown(m[4]))
		}
	}
	return s, nil
}

func direction(arrow string) stepKind {
	if arrow == "<" {
		return stepReceive
	}
	return stepSend
}

func parseRaw(client, version string, binary bool, arrow, text string) (step, error) {
	s := step{version: version, client: client, kind: direction(arrow), raw: phx.Frame{Data: []byte(text), Binary: binary}}
	if client == "" {
		s.client = "a"
	}
	if binary && version == "v1" && s.kind == stepReceive {
		return step{}, fmt.Errorf("a client of version 1 receives no bytes")
	}
	var err error
	switch {
	case strings.HasPrefix(text, `"`):
		var unquoted string
		if unquoted, err = strconv.Unquote(text); err != nil {
			return step{}, fmt.Errorf("%s is not a Go string: what is within the quotes needs \\ before quotes and backslashes", shown(text))
		}
		s.raw.Data = []byte(unquoted)
	case binary:
		if s.raw.Data, err = base64.StdEncoding.DecodeString(text); err != nil {
			return step{}, fmt.Errorf("%q is neither base64 nor a Go string", shown(text))
		}
	}
	return s, nil
}

// maxLine bounds what repetitions make of a line.
const maxLine = 2 << 20

var repetition = regexp.MustCompile(`%\{(.*?)\*([0-9]+)\}`)

// expand writes %{TEXT*N} as TEXT N times.
func expand(line string) (string, error) {
	var out strings.Builder
	rest := line
	for {
		m := repetition.FindStringSubmatchIndex(rest)
		plain := rest
		if m != nil {
			plain = rest[:m[0]]
		}
		if strings.Contains(plain, "%{") {
			return "", fmt.Errorf("%%{ begins a repetition, %%{TEXT*N}, in %q there is none; where it means itself one of the two is written as an escape", shown(line))
		}
		out.WriteString(plain)
		if m == nil {
			return out.String(), nil
		}
		text := rest[m[2]:m[3]]
		n, err := strconv.Atoi(rest[m[4]:m[5]])
		if err != nil || n > maxLine || n*len(text)+out.Len() > maxLine {
			return "", fmt.Errorf("%%{%s*%s} is more than 2 MiB", shown(text), shown(rest[m[4]:m[5]]))
		}
		out.WriteString(strings.Repeat(text, n))
		rest = rest[m[1]:]
	}
}

// shown shortens a text for people.
func shown(text string) string {
	const begin, end = 300, 60
	if len(text) <= begin+end {
		return text
	}
	return fmt.Sprintf("%s [%d bytes] %s", text[:begin], len(text)-begin-end, text[len(text)-end:])
}

// outgoing renders a frame as a client of the version sends it.
func outgoing(version string, frame []json.RawMessage) ([]byte, error) {
	if version == "v2" {
		return json.Marshal(frame)
	}
	m := map[string]json.RawMessage{"ref": frame[1], "topic": frame[2], "event": frame[3], "payload": frame[4]}
	if string(frame[0]) != "null" {
		m["join_ref"] = frame[0]
	}
	return json.Marshal(m)
}

// incoming renders a frame as a client of the version receives it: version 1
// has no join_ref.
func incoming(version string, frame []json.RawMessage) ([]byte, error) {
	if version == "v2" {
		return json.Marshal(frame)
	}
	return json.Marshal(map[string]json.RawMessage{"ref": frame[1], "topic": frame[2], "event": frame[3], "payload": frame[4]})
}

// value decodes JSON so that reflect.DeepEqual compares it, numbers by their
// digits.
func value(data []byte) (any, error) {
	d := json.NewDecoder(bytes.NewReader(data))
	d.UseNumber()
	var v any
	if err := d.Decode(&v); err != nil {
		return nil, err
	}
	if _, err := d.Token(); err != io.EOF {
		return nil, fmt.Errorf("more than one value")
	}
	return v, nil
}

func rawFrame(fields ...string) []json.RawMessage {
	frame := make([]json.RawMessage, len(fields))
	for i, f := range fields {
		frame[i] = json.RawMessage(f)
	}
	return frame
}

// quote writes a text as JSON.
func quote(text string) []byte {
	data, err := json.Marshal(text)
	if err != nil {
		panic("BUG: a string that is not JSON: " + err.Error())
	}
	return data
}
