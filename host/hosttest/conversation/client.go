package conversation

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// client is one of a dialogue's.
type client struct {
	name    string
	node    int
	conn    *phxclient.Conn
	waiting []phx.Frame // received before the dialogue has come to them
	topics  []string    // that it has sent something to
}

func (c *client) receive(ctx context.Context) (phx.Frame, error) {
	if len(c.waiting) > 0 {
		f := c.waiting[0]
		c.waiting = slices.Delete(c.waiting, 0, 1)
		return f, nil
	}
	return c.arrival(ctx)
}

// arrival is the next frame from the server.
func (c *client) arrival(ctx context.Context) (phx.Frame, error) {
	f, err := c.conn.Receive(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		err = context.Cause(ctx) // which says how long it was waited for
	}
	return f, err
}

// next receives a frame in place of the one that should come.
func (c *client) next(ctx context.Context, want phx.Frame) (phx.Frame, error) {
	f, err := c.receive(ctx)
	if err != nil {
		return f, fmt.Errorf("%s should have received\n\t%s\nbut: %w", c.name, describe(want), err)
	}
	return f, nil
}

func (c *client) mismatch(want, got phx.Frame) error {
	return fmt.Errorf("%s should have received\n\t%s\nbut received\n\t%s", c.name, describe(want), describe(got))
}

// expect wants a text frame whose JSON has the same value.
func (c *client) expect(ctx context.Context, text []byte) error {
	want := phx.Frame{Data: text}
	f, err := c.next(ctx, want)
	if err != nil {
		return err
	}
	if f.Binary {
		return c.mismatch(want, f)
	}
	got, err := value(f.Data)
	if err != nil {
		return fmt.Errorf("%s received what is not JSON: %s: %w", c.name, describe(f), err)
	}
	wanted, err := value(text)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, wanted) {
		return c.mismatch(want, f)
	}
	return nil
}

// expectRaw wants exactly this frame.
func (c *client) expectRaw(ctx context.Context, want phx.Frame) error {
	f, err := c.next(ctx, want)
	if err != nil {
		return err
	}
	if f.Binary == want.Binary && bytes.Equal(f.Data, want.Data) {
		return nil
	}
	err = c.mismatch(want, f)
	if f.Binary == want.Binary && len(want.Data) > len(shown(string(want.Data))) {
		at := 0
		for at < min(len(f.Data), len(want.Data)) && f.Data[at] == want.Data[at] {
			at++
		}
		err = fmt.Errorf("%w\nwhich is another from byte %d on", err, at)
	}
	return err
}

// expectClosed wants the server to close the connection.
func (c *client) expectClosed(ctx context.Context, code int) error {
	defer c.conn.Abort()
	f, err := c.receive(ctx)
	var closed *phxclient.CloseError
	switch {
	case err == nil:
		return fmt.Errorf("%s should have been closed, but received\n\t%s", c.name, describe(f))
	case !errors.As(err, &closed):
		return fmt.Errorf("%s should have been closed: %w", c.name, err)
	case closed.Code != code:
		return fmt.Errorf("%s should have been closed with code %d, not %d %s", c.name, code, closed.Code, closed.Reason)
	}
	return nil
}

// describe shows a frame to people, bytes in base64 and as a Go string.
func describe(f phx.Frame) string {
	if f.Binary {
		return fmt.Sprintf("%s, the bytes %s", shown(base64.StdEncoding.EncodeToString(f.Data)), shown(fmt.Sprintf("%q", f.Data)))
	}
	return shown(string(f.Data))
}

// topicOf is the topic that a client's frame names; empty if it is none.
func topicOf(version string, f phx.Frame) string {
	var topic string
	switch {
	case f.Binary:
		m, _ := phx.V2().Decode(f)
		topic = m.Topic
	case version == "v2":
		var fields []json.RawMessage
		if json.Unmarshal(f.Data, &fields) == nil && len(fields) > 2 {
			_ = json.Unmarshal(fields[2], &topic)
		}
	default:
		var fields struct{ Topic json.RawMessage }
		if json.Unmarshal(f.Data, &fields) == nil {
			_ = json.Unmarshal(fields.Topic, &topic)
		}
	}
	if phx.CheckName(topic) != nil {
		return ""
	}
	return topic
}
