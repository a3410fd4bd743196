package conversation

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"time"

	"github.com/chhost/chhost/host/phx"
	"github.com/chhost/chhost/host/phx/phxclient"
)

// Versions are the protocol versions that a dialogue can be run with.
func Versions() []string { return []string{"v1", "v2"} }

// Patience is how long a frame may take to arrive. It is long, because it only
// matters when something is wrong.
const Patience = 20 * time.Second

// Run holds the server whose socket is at url (such as
// "ws://localhost:4000/socket") against the dialogue. The error names the line
// and shows what was expected and what came.
func (d *Dialogue) Run(ctx context.Context, url, version string) error {
	r := &run{url: url, version: version, conns: make(map[string]*phxclient.Conn), topics: make(map[string][]json.RawMessage)}
	defer r.abort()
	for _, s := range d.steps {
		if s.version != "" && s.version != version {
			continue
		}
		if err := r.step(ctx, s); err != nil {
			return fmt.Errorf("line %d: %w", s.line, err)
		}
	}
	return r.quiet(ctx)
}

type run struct {
	url     string
	version string
	conns   map[string]*phxclient.Conn
	topics  map[string][]json.RawMessage // that each client has sent something to
}

func (r *run) abort() {
	for _, c := range r.conns {
		c.Abort()
	}
}

func (r *run) conn(ctx context.Context, name string) (*phxclient.Conn, error) {
	if c := r.conns[name]; c != nil {
		return c, nil
	}
	vsn := map[string]string{"v1": "1.0.0", "v2": "2.0.0"}[r.version]
	c, err := phxclient.Dial(ctx, r.url, phxclient.Options{Version: vsn})
	if err != nil {
		return nil, err
	}
	r.conns[name] = c
	return c, nil
}

func (r *run) note(client string, topic json.RawMessage) {
	same := func(t json.RawMessage) bool { return bytes.Equal(t, topic) }
	if !slices.ContainsFunc(r.topics[client], same) {
		r.topics[client] = append(r.topics[client], topic)
	}
}

func (r *run) step(ctx context.Context, s step) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	c, err := r.conn(ctx, s.client)
	if err != nil {
		return err
	}
	switch s.kind {
	case stepSend:
		frame, err := outgoing(r.version, s.frame)
		if err != nil {
			return err
		}
		r.note(s.client, s.frame[2])
		return c.Send(ctx, phx.Frame{Data: frame})
	case stepReceive:
		want, err := incoming(r.version, s.frame)
		if err != nil {
			return err
		}
		return expect(ctx, c, s.client, want)
	case stepClose:
		delete(r.conns, s.client)
		return c.Close(1000)
	default:
		delete(r.conns, s.client)
		return expectClosed(ctx, c, s)
	}
}

func expect(ctx context.Context, c *phxclient.Conn, client string, want []byte) error {
	f, err := c.Receive(ctx)
	if err != nil {
		return fmt.Errorf("%s should have received\n\t%s\nbut: %w", client, want, err)
	}
	if f.Binary {
		return fmt.Errorf("%s should have received\n\t%s\nbut received %d bytes", client, want, len(f.Data))
	}
	got, err := value(f.Data)
	if err != nil {
		return fmt.Errorf("%s received what is not JSON: %q: %w", client, f.Data, err)
	}
	wanted, err := value(want)
	if err != nil {
		return err
	}
	if !reflect.DeepEqual(got, wanted) {
		return fmt.Errorf("%s should have received\n\t%s\nbut received\n\t%s", client, want, f.Data)
	}
	return nil
}

func expectClosed(ctx context.Context, c *phxclient.Conn, s step) error {
	defer c.Abort()
	f, err := c.Receive(ctx)
	var closed *phxclient.CloseError
	switch {
	case err == nil:
		return fmt.Errorf("%s should have been closed, but received\n\t%s", s.client, f.Data)
	case !errors.As(err, &closed):
		return fmt.Errorf("%s should have been closed: %w", s.client, err)
	case closed.Code != s.code:
		return fmt.Errorf("%s should have been closed with code %d, not %d %s", s.client, s.code, closed.Code, closed.Reason)
	}
	return nil
}

// quiet checks that no client receives anything more. Each sends an event of the
// protocol itself to every topic it has named: such an event waits behind what
// the topic has still to do, is refused without asking the handler, and so is
// answered next if there is nothing else. The second round finds what the first
// one's end has let through from one client to another.
func (r *run) quiet(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, Patience)
	defer cancel()
	for round := range 2 {
		for name, c := range r.conns {
			for i, topic := range r.topics[name] {
				ref := fmt.Sprintf("quiet %d.%d", round, i)
				if err := r.probe(ctx, c, topic, ref); err != nil {
					return fmt.Errorf("at the end nothing more should have come to %s: %w", name, err)
				}
			}
		}
	}
	return nil
}

// probe sends an event that is refused and expects the refusal next.
func (r *run) probe(ctx context.Context, c *phxclient.Conn, topic json.RawMessage, ref string) error {
	quoted, err := json.Marshal(ref)
	if err != nil {
		return err
	}
	frame, err := outgoing(r.version, rawFrame(`null`, string(quoted), string(topic), `"phx_quiet"`, `{}`))
	if err != nil {
		return err
	}
	if err := c.Send(ctx, phx.Frame{Data: frame}); err != nil {
		return err
	}
	f, err := c.Receive(ctx)
	if err != nil {
		return err
	}
	if !bytes.Contains(f.Data, quoted) {
		return fmt.Errorf("received\n\t%s", f.Data)
	}
	return nil
}
