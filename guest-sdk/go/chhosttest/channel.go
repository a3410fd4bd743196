package chhosttest

import (
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
	// Timers are those that wait for [Channel.Advance]; callbacks set and cancel
	// them.
	Timers []Timer
	// Subscriptions are the other topics that the channel listens to; callbacks
	// change them.
	Subscriptions []string

	refs     uint32    // the last one given to an event
	waiting  []openRef // events that may still be answered, the oldest first
	settings *settings // what Init settled; nil before it was called
}

// Timer is a timer of a channel.
type Timer struct {
	Key     uint32
	Due     int64 // in milliseconds since the Unix epoch
	Event   string
	Payload string
	Binary  bool // Payload is bytes
}

// Init calls the plugin's Init and returns what it settled.
func (c *Channel) Init() Outcome {
	o, settings := initialize(c.Plugin, c.Config)
	c.settings = settings
	return o
}

// Join joins the topic with a JSON object. The channel begins anew, without
// timers and subscriptions.
func (c *Channel) Join(payload string) Outcome {
	c.discard()
	return c.run(double.Join, double.Event{Payload: payload, WantsReply: true})
}

// Leave ends the channel.
func (c *Channel) Leave(reason chhost.LeaveReason) Outcome {
	return c.run(double.Leave, double.Event{Kind: uint32(reason)})
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

// HandleInfo lets the channel hear a broadcast of a JSON object to another topic.
// If it has not subscribed to it, it hears nothing.
func (c *Channel) HandleInfo(topic, event, payload string) Outcome {
	return c.heard(topic, double.Event{Event: event, Payload: payload})
}

// HandleInfoBytes is HandleInfo for a broadcast of bytes.
func (c *Channel) HandleInfoBytes(topic, event string, payload []byte) Outcome {
	return c.heard(topic, double.Event{Event: event, Payload: string(payload), Binary: true})
}

func (c *Channel) heard(topic string, e double.Event) Outcome {
	if !slices.Contains(c.Subscriptions, topic) {
		return Outcome{Status: OK}
	}
	e.Topic, e.Kind = topic, uint32(chhost.InfoBroadcast)
	return c.run(double.HandleInfo, e)
}

// Advance lets ms milliseconds pass: it calls the plugin's HandleInfo for every
// timer that is due by then, in the order of their times and with Now being that
// time, also for those that are set meanwhile. It ends with the channel.
func (c *Channel) Advance(ms int64) Outcomes {
	var outcomes Outcomes
	end := c.Now + ms
	for {
		next := earliest(c.Timers)
		if next < 0 || c.Timers[next].Due > end {
			break
		}
		t := c.Timers[next]
		c.Timers = slices.Delete(slices.Clone(c.Timers), next, next+1)
		c.Now = max(c.Now, t.Due)
		outcomes = append(outcomes, c.run(double.HandleInfo, double.Event{
			Event: t.Event, Payload: t.Payload, Binary: t.Binary, Kind: uint32(chhost.InfoTimer), Ref: t.Key,
		}))
	}
	c.Now = end
	return outcomes
}

// Upgrade moves the channel to the next version of its plugin; from is the name
// of the version before, such as "foods@6". If the next version refuses or
// crashes, the channel stays as it is.
func (c *Channel) Upgrade(next chhost.Joiner, from string) Outcome {
	moved := *c
	moved.Plugin, moved.settings = next, nil
	o := moved.run(double.Upgrade, double.Event{Event: from})
	if o.Status == OK {
		*c = moved
	}
	return o
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
	if e.Topic == "" {
		e.Topic = c.Topic
	}
	e.Assigns, e.SocketAssigns = c.Assigns, c.SocketAssigns
	if e.SocketAssigns == "" {
		e.SocketAssigns = "{}"
	}
	e.NowMS, e.Channel = c.Now, c.ID
	if e.WantsReply {
		c.refs++
		e.Ref = c.refs
	}
	o, limits := call(c.Plugin, callback, e, c.Config)
	return c.settle(callback, e, o, limits)
}
