package torture

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/chhost/chhost/host"
	"github.com/chhost/chhost/host/phx"
)

// noAnswer is what a client heard of an event that the plugin did not answer.
const noAnswer = "no answer"

// What ask returns beside the status of a reply.
const (
	nothing = "none"  // the host is at rest, and has not answered
	failed  = "error" // the channel has failed, or the answer is an error
)

// client is one client of a topic, on a socket of its own. One goroutine may use it.
type client struct {
	rack   *rack
	local  *host.Local
	topic  string
	frames chan string
	ref    int
}

func (r *rack) dial(topic string) (*client, error) {
	c := &client{rack: r, topic: topic, frames: make(chan string, 1024)}
	var err error
	c.local, err = r.host.Local(func(f phx.Frame) {
		select {
		case c.frames <- string(f.Data):
		default: // more than anybody reads; the answer is among the first
		}
	})
	return c, err
}

func (c *client) close() { c.local.Close() }

// ask sends an event and waits for what becomes of it: a reply's status with its
// payload, or nothing, or failed. Another text is no status, but what went wrong.
func (c *client) ask(ctx context.Context, event, payload string) (status, answer string) {
	c.ref++
	frame := fmt.Appendf(nil, `["1","%d",%q,%q,%s]`, c.ref, c.topic, event, payload)
	if err := c.local.HandleFrame(ctx, phx.Frame{Data: frame}); err != nil {
		return err.Error(), ""
	}
	return c.hear(ctx, fmt.Sprintf(`"%d"`, c.ref), true)
}

// fail waits for the end of the channel by a failure.
func (c *client) fail(ctx context.Context) (status string) {
	status, _ = c.hear(ctx, "", false)
	return status
}

// hear waits for the reply to ref, or for the failure of the channel, or, if it may be
// nothing, for a host at rest that has sent neither.
func (c *client) hear(ctx context.Context, ref string, mayBeNothing bool) (status, answer string) {
	late := time.NewTimer(patience)
	defer late.Stop()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for {
		rests := mayBeNothing && !c.rack.host.Busy() && len(c.frames) == 0
		select {
		case <-look.C:
			if rests && len(c.frames) == 0 {
				return nothing, noAnswer
			}
		case f := <-c.frames:
			if status, answer, ok := read(f, ref); ok {
				return status, answer
			}
		case <-late.C:
			return "nothing was heard", ""
		case <-ctx.Done():
			return ctx.Err().Error(), ""
		}
	}
}

// read tells whether a frame is what is waited for.
func read(frame, ref string) (status, answer string, ok bool) {
	var m [5]json.RawMessage
	var p struct {
		Status   string
		Response json.RawMessage
	}
	if json.Unmarshal([]byte(frame), &m) != nil {
		return "no message: " + frame, "", true
	}
	switch string(m[3]) {
	case `"phx_error"`:
		return failed, "", true
	case `"phx_reply"`:
		if string(m[1]) == ref && json.Unmarshal(m[4], &p) == nil {
			return p.Status, string(p.Response), true
		}
	}
	return "", "", false
}

// large is an event's payload that needs more room than an instance is asked for at
// first, so that ch_buffer is called again.
func large() string { return `{"body":"` + strings.Repeat("x", 5000) + `"}` }
