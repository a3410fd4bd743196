// Package conversation reads golden dialogues and holds a server against them.
//
// A dialogue is what clients send and what each of them must receive, in order,
// in a file that reads like a transcript:
//
//	serve foods:* food
//
//	== a refused join
//	a> ["1","1","foods:secret","phx_join",{}]
//	a< ["1","1","foods:secret","phx_reply",{"status":"error","response":{"reason":"unauthorized"}}]
//
// Before the first dialogue, each line "serve PATTERN PLUGIN" routes topics to a
// plugin, and "now TIME" (RFC 3339) sets the clock that plugins see. A line that
// starts with # is a comment. In a dialogue, a letter names
// a client, which connects when it is named first:
//
//	a> FRAME         a sends the frame
//	a< FRAME         the next frame that a receives is this one
//	a close          a closes its connection
//	a closed CODE    the server closes a's connection with that code
//	v1 LINE, v2 LINE the line holds for that version of the protocol only
//
// Frames are written as version 2 of the protocol has them,
// [join_ref,ref,topic,event,payload]; for version 1 they are rendered with
// encoding/json. Object keys may come in any order. At the end no client may
// have received anything else.
package conversation

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// File is a file of dialogues.
type File struct {
	Routes []Route
	// Now is the time that plugins are to see, or zero for the real time.
	Now       time.Time
	Dialogues []Dialogue
}

// Route is a line "serve PATTERN PLUGIN".
type Route struct {
	Pattern string
	Plugin  string
}

// Dialogue is one conversation.
type Dialogue struct {
	Title string
	steps []step
}

type stepKind uint8

const (
	stepSend stepKind = iota
	stepReceive
	stepClose
	stepClosed
)

type step struct {
	line    int
	version string // "v1", "v2" or both if empty
	client  string
	kind    stepKind
	frame   []json.RawMessage // join_ref, ref, topic, event, payload
	code    int
}

// Parse reads a file of dialogues. The error names the line.
func Parse(r io.Reader) (*File, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f := &File{}
	for i, line := range strings.Split(string(data), "\n") {
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		if err := f.parseLine(i+1, line); err != nil {
			return nil, fmt.Errorf("line %d: %w", i+1, err)
		}
	}
	if len(f.Dialogues) == 0 {
		return nil, fmt.Errorf("there is no dialogue: one begins with a line == TITLE")
	}
	return f, nil
}

func (f *File) parseLine(n int, line string) error {
	if title, ok := strings.CutPrefix(line, "== "); ok {
		f.Dialogues = append(f.Dialogues, Dialogue{Title: title})
		return nil
	}
	if len(f.Dialogues) == 0 {
		return f.parseSetting(line)
	}
	s, err := parseStep(line)
	if err != nil {
		return err
	}
	s.line = n
	d := &f.Dialogues[len(f.Dialogues)-1]
	d.steps = append(d.steps, s)
	return nil
}

func (f *File) parseSetting(line string) (err error) {
	words := strings.Fields(line)
	switch {
	case len(words) == 3 && words[0] == "serve":
		f.Routes = append(f.Routes, Route{Pattern: words[1], Plugin: words[2]})
	case len(words) == 2 && words[0] == "now":
		f.Now, err = time.Parse(time.RFC3339, words[1])
	default:
		err = fmt.Errorf("expected serve PATTERN PLUGIN, now TIME or == TITLE, not %q", line)
	}
	return err
}

// stepForm is what a step looks like.
var stepForm = regexp.MustCompile(`^(?:(v[12]) )?([a-z])(?:([<>]) (.*)| (close)| closed ([0-9]{4}))$`)

func parseStep(line string) (step, error) {
	m := stepForm.FindStringSubmatch(line)
	if m == nil {
		return step{}, fmt.Errorf("expected a> FRAME, a< FRAME, a close or a closed CODE, not %q", line)
	}
	s := step{version: m[1], client: m[2]}
	switch {
	case m[5] != "":
		s.kind = stepClose
	case m[6] != "":
		s.kind = stepClosed
		s.code, _ = strconv.Atoi(m[6]) // four digits
	default:
		s.kind = stepSend
		if m[3] == "<" {
			s.kind = stepReceive
		}
		if err := json.Unmarshal([]byte(m[4]), &s.frame); err != nil || len(s.frame) != 5 {
			return step{}, fmt.Errorf("%q is not [join_ref,ref,topic,event,payload]", m[4])
		}
	}
	return s, nil
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
	if d.More() {
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
