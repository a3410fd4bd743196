package conversation

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/url"
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
	stepConnect
	stepRefused
	stepAt
	stepCut
	stepMend
	stepStop
	stepStart
)

type step struct {
	line    int
	version string // "v1", "v2" or both if empty
	client  string
	node    int // that the client connects to, or that the step is about; 0: not said
	kind    stepKind
	frame   []json.RawMessage // join_ref, ref, topic, event, payload; nil if the step is raw
	raw     phx.Frame
	code    int
	at      time.Duration
	params  url.Values // that the client connects with
	reason  string     // why it is refused
}

// What a step looks like: one of clients, a raw frame, the clock's, and those of
// several nodes.
var (
	stepForm = regexp.MustCompile(`^(?:(v[12]) )?([a-z])(?:@([1-9]))?(?:([<>]) (.*)| (close)| closed ([0-9]{4}))$`)
	rawForm  = regexp.MustCompile(`^(?:([a-z])(?:@([1-9]))? )?(v[12])(b?)([<>])(?: (.*))?$`)
	atForm   = regexp.MustCompile(`^(?:(v[12]) )?at (\S+)$`)
	linkForm = regexp.MustCompile(`^(?:(v[12]) )?link (cut|mend)$`)
	joinForm = regexp.MustCompile(`^(?:(v[12]) )?([a-z])(?:@([1-9]))? (?:connect|refused ([a-z_]+))((?: +[^ =]+=\S*)*)$`)
	nodeForm = regexp.MustCompile(`^(?:(v[12]) )?node ([1-9]) (stop|start)$`)
)

// words are the last ones of the lines about links and nodes.
func words() map[string]stepKind {
	return map[string]stepKind{"cut": stepCut, "mend": stepMend, "stop": stepStop, "start": stepStart}
}

func parseStep(line string) (step, error) {
	if m := atForm.FindStringSubmatch(line); m != nil {
		at, err := time.ParseDuration(m[2])
		if err != nil || at < 0 {
			return step{}, fmt.Errorf("%q is not a duration such as 500ms, 5s or 1m30s", m[2])
		}
		return step{version: m[1], kind: stepAt, at: at}, nil
	}
	if m := linkForm.FindStringSubmatch(line); m != nil {
		return step{version: m[1], kind: words()[m[2]]}, nil
	}
	if m := nodeForm.FindStringSubmatch(line); m != nil {
		return step{version: m[1], kind: words()[m[3]], node: digit(m[2])}, nil
	}
	line, err := expand(line)
	if err != nil {
		return step{}, err
	}
	if m := rawForm.FindStringSubmatch(line); m != nil {
		s, err := parseRaw(m[1], m[3], m[4] != "", m[5], m[6])
		s.node = digit(m[2])
		return s, err
	}
	if m := joinForm.FindStringSubmatch(line); m != nil {
		s := step{version: m[1], client: m[2], node: digit(m[3]), kind: stepConnect, reason: m[4], params: params(strings.Fields(m[5]))}
		if s.reason != "" {
			s.kind = stepRefused
		}
		return s, nil
	}
	m := stepForm.FindStringSubmatch(line)
	if m == nil {
		return step{}, fmt.Errorf("expected a> FRAME, a< FRAME, a v2> RAW, a v2b> BASE64, a connect NAME=VALUE, a refused REASON NAME=VALUE, a close, a closed CODE, at TIME, link cut, link mend, node N stop or node N start, not %q", shown(line))
	}
	s := step{version: m[1], client: m[2], node: digit(m[3])}
	switch {
	case m[6] != "":
		s.kind = stepClose
	case m[7] != "":
		s.kind = stepClosed
		s.code, _ = strconv.Atoi(m[7]) // four digits
	default:
		s.kind = direction(m[4])
		if err := json.Unmarshal([]byte(m[5]), &s.frame); err != nil || len(s.frame) != 5 {
			return step{}, fmt.Errorf("%q is not [join_ref,ref,topic,event,payload]", shown(m[5]))
		}
	}
	return s, nil
}

// digit is the number of a node, or 0 for no text.
func digit(text string) int {
	n, _ := strconv.Atoi(text)
	return n
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
			return "", fmt.Errorf("%%{ begins a repetition, %%{TEXT*N}, or a token, %%{token NAME=VALUE}, in %q there is none; where it means itself one of the two is written as an escape", shown(line))
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
