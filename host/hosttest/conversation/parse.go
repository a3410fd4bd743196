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
// A line that starts with # is a comment. Before the first dialogue stand the
// settings of the server:
//
//	serve PATTERN PLUGIN   routes topics to a plugin
//	now TIME               what the clock shows when a dialogue begins (RFC 3339)
//	channels N             how many topics a client may join
//	nodes N                how many nodes the server has, 1 to 9
//	secret TEXT            clients need a token that is signed with this (HS256), of 32 bytes or more
//	claims NAME=VALUE ...  what such tokens say, unless a dialogue says otherwise; iss and aud are the server's too
//
// In a dialogue, a letter names a client, which connects when it is named first:
//
//	a> FRAME         a sends the frame
//	a< FRAME         the next frame that a receives is this one
//	a connect NAME=VALUE ...
//	                 a connects, which it has not yet, with these params
//	a refused REASON NAME=VALUE ...
//	                 a connects with these params, and is not let in for this reason
//	a close          a closes its connection
//	a closed CODE    the server closes a's connection with that code
//	at 5s            moves the clock: so much time has passed since the beginning
//	v1 LINE, v2 LINE the line holds for that version of the protocol only
//
// Where the server has several nodes, b@2 is the client b at the second one. A
// client stays where it connected, so the number need only stand where it is named
// first; without one it connects to the first node.
//
//	b@2> FRAME       b sends the frame, to node 2
//	b@2 v2b> BASE64  the same for a raw line, see below
//	link cut         the link between the nodes breaks
//	link mend        it is there again
//	node 2 stop      node 2 shuts down, which closes its clients
//	node 2 start     it starts anew; who was connected to it has to connect again
//
// These lines wait until what was sent before is done, on all nodes.
//
// Frames are written as version 2 of the protocol has them,
// [join_ref,ref,topic,event,payload]; for version 1 they are rendered with
// encoding/json. Object keys may come in any order.
//
// What cannot be written so is written raw, for one version:
//
//	a v2> RAW        a sends exactly this text
//	a v2< RAW        the next frame that a receives is exactly this text
//	a v2b> BASE64    a sends these bytes
//	a v2b< BASE64    the next frame that a receives are these bytes
//
// v1> and v1< are the same for version 1, and v1b> what its clients must not send.
// The letter a may be left out. Instead of RAW and BASE64 there may be a Go string,
// with its quotes, for what a line cannot hold or show: "[\"1\",null,\"\xff\"". In
// frames and raw lines %{TEXT*N} stands for TEXT N times; a line may grow to 2 MiB.
//
// Where there is a secret, %{token NAME=VALUE ...} stands for a token (a JWT) with the
// file's claims and these, of which exp, nbf and iat are durations from the beginning of
// the dialogue, which a line "now" has to set; others are texts, and NAME= leaves a claim
// out. %{forged NAME=VALUE ...} is the same with a signature of somebody else:
//
//	a connect token=%{token sub=ada exp=60s}
//	a> [null,"1","phoenix","access_token",{"token":"%{token sub=ada exp=2m}"}]
//
// Over long-polling, which carries no bytes to a client, v2b< lines are passed over.
//
// Time passes at lines "at" only, which go forward: timers of the server that are
// due by then run, one after the other, each when what the clients had sent
// before, and what the timers before it have caused, is done. Whoever runs a
// dialogue with such lines gives the server a [Clock].
//
// At the end no client may have received anything else.
package conversation

import (
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// File is a file of dialogues.
type File struct {
	Routes []Route
	// Now is what the clock shows when a dialogue begins, or zero for the time of
	// day, see [File.Clock].
	Now time.Time
	// Channels is how many topics a client may join, or 0 for the server's default.
	Channels int
	// Nodes is how many nodes the server has, at least 1.
	Nodes     int
	Dialogues []Dialogue
	tokens    issuer // see [File.Registry]
}

// Clock returns a new clock for one dialogue.
func (f *File) Clock() *Clock {
	if f.Now.IsZero() {
		return NewClock(time.Now())
	}
	return NewClock(f.Now)
}

// Route is a line "serve PATTERN PLUGIN".
type Route struct {
	Pattern string
	Plugin  string
}

// Dialogue is one conversation.
type Dialogue struct {
	Title string
	line  int
	steps []step
}

// Parse reads a file of dialogues. The error names the line.
func Parse(r io.Reader) (*File, error) {
	data, err := io.ReadAll(r)
	if err != nil {
		return nil, err
	}
	f := &File{Nodes: 1}
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
		return nil, errors.New("there is no dialogue: one begins with a line == TITLE")
	}
	for _, d := range f.Dialogues {
		if len(d.steps) == 0 {
			return nil, fmt.Errorf("line %d: the dialogue %q says nothing", d.line, d.Title)
		}
	}
	return f, nil
}

func (f *File) parseLine(n int, line string) error {
	if title, ok := strings.CutPrefix(line, "== "); ok {
		f.Dialogues = append(f.Dialogues, Dialogue{Title: title, line: n})
		return nil
	}
	if len(f.Dialogues) == 0 {
		return f.parseSetting(line)
	}
	line, err := f.withTokens(line)
	if err != nil {
		return err
	}
	s, err := parseStep(line)
	if err != nil {
		return err
	}
	s.line = n
	if err := f.checkNode(s); err != nil {
		return err
	}
	d := &f.Dialogues[len(f.Dialogues)-1]
	if s.kind == stepAt {
		for _, before := range d.steps {
			if before.kind == stepAt && before.at > s.at && (before.version == s.version || before.version == "" || s.version == "") {
				return fmt.Errorf("at %v is before at %v in line %d, and a clock does not go back", s.at, before.at, before.line)
			}
		}
	}
	d.steps = append(d.steps, s)
	return nil
}

// checkNode tells whether the server has what the step is about.
func (f *File) checkNode(s step) error {
	if s.node > f.Nodes {
		return fmt.Errorf("there is no node %d: before the first dialogue a line says how many there are, such as nodes %d", s.node, s.node)
	}
	if s.kind >= stepCut && f.Nodes < 2 {
		return errors.New("this is about several nodes: before the first dialogue a line says how many there are, such as nodes 2")
	}
	return nil
}

func (f *File) parseSetting(line string) (err error) {
	words := strings.Fields(line)
	switch {
	case len(words) == 3 && words[0] == "serve":
		f.Routes = append(f.Routes, Route{Pattern: words[1], Plugin: words[2]})
	case len(words) == 2 && words[0] == "now":
		if f.Now, err = time.Parse(time.RFC3339, words[1]); err != nil {
			return fmt.Errorf("%q is not a time such as 2015-03-24T09:21:40Z", words[1])
		}
	case len(words) == 2 && words[0] == "channels":
		if f.Channels, err = strconv.Atoi(words[1]); err != nil || f.Channels < 1 {
			return fmt.Errorf("%q is not a number of channels", words[1])
		}
	case len(words) == 2 && words[0] == "nodes":
		if f.Nodes, err = strconv.Atoi(words[1]); err != nil || f.Nodes < 1 || f.Nodes > 9 {
			return fmt.Errorf("%q is not a number of nodes, 1 to 9", words[1])
		}
	case len(words) == 2 && words[0] == "secret":
		return f.parseSecret(words[1])
	case len(words) > 1 && words[0] == "claims":
		f.tokens.claims, err = parseClaims(f.tokens.claims, words[1:])
		return err
	default:
		return fmt.Errorf("expected serve PATTERN PLUGIN, now TIME, channels N, nodes N, secret TEXT, claims NAME=VALUE or == TITLE, not %q", shown(line))
	}
	return nil
}
