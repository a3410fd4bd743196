package channel

import (
	"strings"

	"github.com/chhost/chhost/host/phx"
)

// This file holds what an operator of the host may ask a channel for, past its
// client and its handler.

// Standing is what a client is to a topic at one moment. The zero Standing is
// that of a client which is not joined.
type Standing struct {
	// Joined tells whether the client is a member of the topic. The other fields
	// are empty if it is not.
	Joined bool
	// Handler is the name of the membership's handler, such as "foods@7".
	Handler string
	// Assigns is the channel's state; it must not be changed.
	Assigns []byte
}

// Look calls f in the channel's turn, behind all that waits by now. f must not
// block, and is called once unless the error is [ErrRetired].
func (c *Channel) Look(f func(Standing)) error {
	return c.post(item{kind: itemLook, look: f})
}

// Admit is [Channel.Look] for a client that becomes a member first, unless it is
// one: the handler's Join is not asked, its Leave is called at the end all the
// same. No reply tells the client; what it receives from then on carries joinRef.
// Where no route leads to a handler it stays outside.
func (c *Channel) Admit(joinRef phx.Ref, f func(Standing)) error {
	return c.post(item{kind: itemAdmit, msg: phx.Message{JoinRef: joinRef}, look: f})
}

// admitted makes the client a member that Join was not asked about.
func (c *Channel) admitted(joinRef phx.Ref) {
	if c.joined() {
		return
	}
	u, ok := c.env.acquire(func() (Handler, bool) { return c.opts.Route(c.topic) })
	if !ok {
		return
	}
	defer func() {
		if c.member.use != u {
			c.env.release(u)
		}
	}()
	c.attach(membership{use: u, joinRef: phx.Ref(strings.Clone(string(joinRef))), id: c.env.ids.Add(1)})
	c.release()
}

func (c *Channel) standing() Standing {
	if !c.joined() {
		return Standing{}
	}
	return Standing{Joined: true, Handler: c.member.traits().Name, Assigns: c.member.assigns}
}
