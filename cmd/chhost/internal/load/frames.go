package load

import (
	"bytes"
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// numberMark stands for a connection's number in a topic.
const numberMark = "{n}"

func topicOf(form string, n int) string {
	return strings.ReplaceAll(form, numberMark, strconv.Itoa(n))
}

// minSize is that of the smallest payload that payloadOf makes.
const minSize = len(`{"body":""}`)

// payloadOf makes a payload of size bytes.
func payloadOf(size int) string {
	return `{"body":"` + strings.Repeat("x", size-minSize) + `"}`
}

// quote writes a name in JSON.
func quote(name string) string {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	_ = e.Encode(name) // a string and a buffer never fail
	return strings.TrimSuffix(b.String(), "\n")
}

// message is a frame of a client that has joined, or joins.
func message(ref int, topic, event, payload string) phx.Frame {
	return phx.Frame{Data: fmt.Appendf(nil, `["1","%d",%s,%s,%s]`, ref, quote(topic), quote(event), payload)}
}

// frames builds what a connection sends.
type frames struct {
	cfg       *Config
	heartbeat phxclient.Prebuilt
	// Of those that all connections have in common, if the topic has no number.
	one               bool
	join, push, leave phxclient.Prebuilt
}

func newFrames(cfg *Config) *frames {
	f := &frames{cfg: cfg, heartbeat: phxclient.Prebuild(phx.Frame{Data: []byte(`[null,"0","phoenix","heartbeat",{}]`)})}
	f.join, f.push, f.leave = f.joinOf(0), f.pushOf(0), f.leaveOf(0)
	f.one = !strings.Contains(cfg.Topic, numberMark)
	return f
}

func (f *frames) joinOf(n int) phxclient.Prebuilt {
	if f.one {
		return f.join
	}
	return phxclient.Prebuild(message(1, topicOf(f.cfg.Topic, n), phx.EventJoin, f.cfg.Params))
}

// pushOf is a burst of pushes.
func (f *frames) pushOf(n int) phxclient.Prebuilt {
	if f.one {
		return f.push
	}
	burst := make([]phx.Frame, f.cfg.Burst)
	for i := range burst {
		burst[i] = message(2, topicOf(f.cfg.Topic, n), f.cfg.Event, f.cfg.Payload)
	}
	return phxclient.Prebuild(burst...)
}

func (f *frames) leaveOf(n int) phxclient.Prebuilt {
	if f.one {
		return f.leave
	}
	return phxclient.Prebuild(message(2, topicOf(f.cfg.Topic, n), phx.EventLeave, "{}"))
}

// sort is what a frame of the server is, by its beginning.
type sort int

const (
	sortOther sort = iota
	sortJoined
	sortHeartbeat
	sortBroadcast // what answers an echo follows, the better ones last
	sortPush
	sortReply
)

// sortOf sorts a frame without parsing it.
func sortOf(f phx.Frame) sort {
	switch {
	case f.Binary:
		return sortOther
	case bytes.HasPrefix(f.Data, []byte(`["1","2",`)):
		return sortReply
	case bytes.HasPrefix(f.Data, []byte(`[null,null,`)):
		return sortBroadcast
	case bytes.HasPrefix(f.Data, []byte(`["1",null,`)):
		return sortPush
	case bytes.HasPrefix(f.Data, []byte(`["1","1",`)):
		return sortJoined
	case bytes.HasPrefix(f.Data, []byte(`[null,"0",`)):
		return sortHeartbeat
	}
	return sortOther
}

// isOK reports whether a reply is a good one. Phoenix writes the status behind
// the response.
func isOK(data []byte) bool { return bytes.Contains(data, []byte(`"status":"ok"`)) }

// hasEvent reports whether a frame is of the event, which is written as in JSON
// with the commas around it. Only the head is looked at, where names are.
func hasEvent(data, event []byte) bool {
	return bytes.Contains(data[:min(len(data), 1024)], event)
}

// describe names the kind of a frame that was not expected. It parses, since it
// is the exception.
func describe(f phx.Frame) string {
	if f.Binary {
		return "a binary frame"
	}
	var parts []json.RawMessage
	var event string
	var body struct {
		Status, Reason string
		Response       struct{ Reason string }
	}
	if json.Unmarshal(f.Data, &parts) != nil || len(parts) != 5 || json.Unmarshal(parts[3], &event) != nil {
		return "a frame that is not of version 2 of the protocol"
	}
	_ = json.Unmarshal(parts[4], &body) // what is not there is empty
	switch event {
	case phx.EventReply:
		return fmt.Sprintf("a reply with the status %.20q%s", body.Status, because(body.Response.Reason))
	case phx.EventError, phx.EventClose:
		return event + because(body.Reason)
	}
	return fmt.Sprintf("an event %.40q that is nobody's", event)
}

func because(reason string) string {
	if reason == "" {
		return ""
	}
	return fmt.Sprintf(": %.80q", reason)
}
