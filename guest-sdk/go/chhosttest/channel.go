package chhosttest

import (
	"errors"
	"fmt"
	"slices"

	"github.com/chhost/chhost/guest-sdk/go/chhost"
	"github.com/chhost/chhost/guest-sdk/go/internal/double"
)

// Channel is one client's membership of one topic, served by a plugin. Set the
// fields, then call the methods as the client's story goes. Before the first
// callback Init is called, if the plugin has it.
//
// A Channel is used by one goroutine; different ones may be used at once, and
// take turns.
type Channel struct {
	// Plugin is the value that the plugin registers.
	Plugin chhost.Joiner
	// Topic is the channel's topic.
	Topic string
	// Assigns is the channel's state. It changes when a callback that returned
	// well has assigned another.
	Assigns string
	// SocketAssigns is what is known of the client's connection; "" means {}.
	SocketAssigns string
	// Now is the time that callbacks see, in milliseconds since the Unix epoch.
	Now int64
	// ID is the channel's number.
	ID uint64
	// Config holds the plugin's settings.
	Config map[string]string

	settings *settings // what Init settled; nil before it was called
}

// settings is what a plugin settles in Init.
type settings struct {
	intercepts []string
	binary     bool
	err        error
}

// Init calls the plugin's Init and returns what it settled.
func (c *Channel) Init() Outcome {
	o := c.call(double.Init, double.Event{})
	c.settings = &settings{err: o.Err}
	if o.Err == nil && o.Status != OK {
		c.settings.err = errors.New("Init refused this version of the plugin: see the Outcome's Log")
	}
	for _, e := range o.Effects {
		switch e.Kind {
		case Intercept:
			c.settings.intercepts = append(c.settings.intercepts, e.Event)
		case AcceptBinary:
			c.settings.binary = true
		}
	}
	return o
}

// Join joins the topic with a JSON object.
func (c *Channel) Join(payload string) Outcome {
	return c.run(double.Join, double.Event{Payload: payload, WantsReply: true})
}

// Leave ends the channel.
func (c *Channel) Leave(reason chhost.LeaveReason) Outcome {
	return c.run(double.Leave, double.Event{Leave: uint32(reason)})
}

// HandleIn sends an event with a JSON object, of a client that waits for the
// answer.
func (c *Channel) HandleIn(event, payload string) Outcome {
	return c.run(double.HandleIn, double.Event{Event: event, Payload: payload, WantsReply: true})
}

// HandleInBytes sends an event with bytes.
func (c *Channel) HandleInBytes(event string, payload []byte) Outcome {
	return c.run(double.HandleIn, double.Event{Event: event, Payload: string(payload), Binary: true, WantsReply: true})
}

// HandleOut lets another channel's broadcast of a JSON object pass by. If the
// plugin does not intercept the event, it passes unseen.
func (c *Channel) HandleOut(event, payload string) Outcome {
	return c.run(double.HandleOut, double.Event{Event: event, Payload: payload})
}

// HandleOutSelf is HandleOut for a broadcast of this channel.
func (c *Channel) HandleOutSelf(event, payload string) Outcome {
	return c.run(double.HandleOut, double.Event{Event: event, Payload: payload, Self: true})
}

// HandleOutBytes is HandleOut for a broadcast of bytes.
func (c *Channel) HandleOutBytes(event string, payload []byte) Outcome {
	return c.run(double.HandleOut, double.Event{Event: event, Payload: string(payload), Binary: true})
}

// run does what the host does around a callback.
func (c *Channel) run(callback double.Callback, e double.Event) Outcome {
	if c.settings == nil {
		c.Init()
	}
	if c.settings.err != nil {
		return Outcome{Status: Crash, Err: c.settings.err}
	}
	if e.Binary && callback == double.HandleIn && !c.settings.binary {
		return answered("binary_not_accepted")
	}
	if callback == double.HandleOut && c.settings.intercepts != nil && !slices.Contains(c.settings.intercepts, e.Event) {
		return Outcome{Status: Pass}
	}
	o := c.call(callback, e)
	for _, effect := range o.Effects {
		if effect.Kind == Assign {
			c.Assigns = effect.Payload
		}
	}
	return o
}

// answered is the host's own error reply.
func answered(reason string) Outcome {
	return Outcome{Status: OK, Effects: []Effect{{Kind: ReplyError, Payload: `{"reason":"` + reason + `"}`}}}
}

// call runs the callback, if the plugin has it.
func (c *Channel) call(callback double.Callback, e double.Event) (o Outcome) {
	e.Topic, e.Assigns, e.SocketAssigns = c.Topic, c.Assigns, c.SocketAssigns
	if e.SocketAssigns == "" {
		e.SocketAssigns = "{}"
	}
	e.NowMS, e.Channel = c.Now, c.ID
	r := &recorder{callback: callback, event: e, config: c.Config}
	double.With(r, func(guest double.Guest) {
		defer func() {
			if p := recover(); p != nil {
				o = Outcome{Status: Crash, Log: r.log, Err: fault(p)}
			}
		}()
		r.limits = guest.Limits()
		if callback != double.Init && !guest.Has(c.Plugin, callback) {
			o = absent(callback)
			return
		}
		o = r.outcome(guest.Call(c.Plugin, callback, e))
	})
	return o
}

// absent is what the host does in place of a callback that a plugin lacks.
func absent(callback double.Callback) Outcome {
	switch callback {
	case double.HandleIn:
		return answered("unhandled event")
	case double.HandleOut:
		return Outcome{Status: Pass}
	}
	return Outcome{Status: OK}
}

// fault makes an error of what a callback panicked with.
func fault(p any) error {
	if err, ok := p.(error); ok {
		return err
	}
	return fmt.Errorf("panic: %v", p)
}
