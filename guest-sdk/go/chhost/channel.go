package chhost

// Joiner is what every plugin implements.
type Joiner interface {
	// Join authorizes: a client wants to join [Socket.Topic], and
	// [Socket.Payload] is what it sent along. Return [OK] to let it in, [Refuse]
	// to tell it why not, or [Ignore] to leave it without an answer (the guide's
	// :ignore). The client is already subscribed when the effects of an OK are
	// carried out, so that it gets its own broadcasts.
	Join(s *Socket) JoinResult
}

// Leaver is implemented by plugins that want to know of the end of a channel.
type Leaver interface {
	// Leave is called once for every join that was answered with OK, after the
	// channel was unsubscribed; [Socket.LeaveReason] says why. It may broadcast,
	// and push, which reaches the client only if it left by itself.
	Leave(s *Socket)
}

// InHandler is implemented by plugins that take events from clients. Without
// it, each is answered with the error {"reason":"unhandled event"}.
type InHandler interface {
	// HandleIn is called for every event that a client sends to the topic.
	// Return [OK], [Stop] to close the channel, or [Fail].
	HandleIn(s *Socket, event string, payload Payload) InResult
}

// OutHandler is implemented by plugins that filter or change broadcasts for
// each subscriber.
type OutHandler interface {
	// HandleOut is called when a broadcast is on its way to this subscriber.
	// Return [Pass] to deliver it as it is (the cheapest), or [OK] to deliver
	// only what the callback pushed, which may be nothing; or [Stop], or [Fail].
	//
	// Broadcasting here is an error: it would never end. If Init calls
	// [Setup.Intercept], only those events come here, else every broadcast does.
	HandleOut(s *Socket, event string, payload Payload) OutResult
}

// InfoHandler is implemented by plugins that set timers or listen to other
// topics. Without it, timers and such broadcasts are dropped.
type InfoHandler interface {
	// HandleInfo is called for what this channel has arranged: a timer that
	// [Socket.SendAfter] set, or a broadcast to a topic that [Socket.Subscribe]
	// named. Return [OK], [Stop], or [Fail]. There is nobody to reply to, but
	// [Socket.ReplyTo] answers an earlier event.
	HandleInfo(s *Socket, info Info) InfoResult
}

// Upgrader is implemented by plugins whose assigns have another form than in the
// version before.
type Upgrader interface {
	// Upgrade is called once for each channel that moves to this version without
	// its client noticing. [Socket.Assigns] is what the version named from, such
	// as "foods@6", has left; Assign brings it into the form that this version
	// wants. Push and timers may be used as well; nothing else. Return [OK], or
	// [Fail] to leave the channel on the old version.
	//
	// Without Upgrade, assigns carry over as they are. Timers, subscriptions and
	// refs always do.
	Upgrade(s *Socket, from string) UpgradeResult
}

// Connector is implemented by the plugin that decides who may connect at all:
// the one that the operator names as the socket plugin. In others it is never
// called.
type Connector interface {
	// Connect is called for a client that opens a connection, before it joins
	// anything. Return [OK] to let it in, or [Refuse] to answer 403 with the
	// reason as the body; a number "status" in the reason, 400 to 599, is the HTTP
	// status in its place.
	Connect(c *Connection) ConnectResult
}

// Initializer is implemented by plugins that have settings to make.
type Initializer interface {
	// Init is called once in every instance of the plugin, before any other
	// callback. An error is logged and refuses this version of the plugin.
	Init(c *Setup) error
}

// registered is the plugin's channel. An instance is single-threaded, and init
// functions run before any callback.
var registered *channel

// Register makes v the plugin's channel. Call it once, from an init function: a
// module that is built with -buildmode=c-shared never runs main. It panics if it
// is called twice.
//
// A callback whose signature is not exactly that of its interface counts as
// missing. Let the compiler look:
//
//	var _ chhost.OutHandler = Food{}
func Register(v Joiner) {
	if v == nil {
		panic("chhost: Register was called with nil: give it a value with a Join method")
	}
	if registered != nil {
		panic("chhost: Register was called twice: a plugin has one channel, which looks at s.Topic()")
	}
	registered = newChannel(v)
}

// current returns the registered channel.
func current() *channel {
	if registered == nil {
		panic("chhost: the plugin has no channel: call chhost.Register in an init function")
	}
	return registered
}

// channel is a plugin's value, taken apart once so that a call costs no type
// assertion.
type channel struct {
	join    Joiner
	leave   Leaver
	in      InHandler
	out     OutHandler
	info    InfoHandler
	upgrade Upgrader
	connect Connector
	init    Initializer

	sockets []Socket // that callbacks have yet to use
	running *Socket  // of the latest callback
}

func newChannel(v Joiner) *channel {
	c := &channel{join: v}
	c.leave, _ = v.(Leaver)
	c.in, _ = v.(InHandler)
	c.out, _ = v.(OutHandler)
	c.info, _ = v.(InfoHandler)
	c.upgrade, _ = v.(Upgrader)
	c.connect, _ = v.(Connector)
	c.init, _ = v.(Initializer)
	return c
}

// callbacks returns the bits of the callbacks that the value has, and of the
// housekeeping that every instance does.
func (c *channel) callbacks() uint32 {
	bits := uint32(callbackJoin | callbackIdle)
	if c.leave != nil {
		bits |= callbackLeave
	}
	if c.in != nil {
		bits |= callbackHandleIn
	}
	if c.out != nil {
		bits |= callbackHandleOut
	}
	if c.info != nil {
		bits |= callbackHandleInfo
	}
	if c.upgrade != nil {
		bits |= callbackUpgrade
	}
	if c.connect != nil {
		bits |= callbackConnect
	}
	return bits
}

// setUp runs Init and returns its status.
func (c *channel) setUp() int32 {
	if c.init == nil {
		return statusOK
	}
	setup := Setup{open: true}
	err := c.init.Init(&setup)
	setup.open = false
	if err == nil && setup.intercepts && c.out == nil {
		err = errNoHandleOut
	}
	if err != nil {
		Log(LevelError, "Init: "+err.Error())
		return statusError
	}
	return statusOK
}

// call runs one of the callbacks for the event and returns its status. Those that run
// most often have functions of their own, since Go's Wasm code pays for the size of a
// function at each call that it makes.
func (c *channel) call(callback uint32, ev *event) int32 {
	switch callback {
	case callbackHandleIn:
		return c.handleIn(ev)
	case callbackHandleOut:
		return c.handleOut(ev)
	case callbackConnect:
		return c.open(ev)
	}
	s := c.begin(callback, ev)
	status := c.decide(callback, s)
	s.end()
	return status
}

func (c *channel) handleIn(ev *event) int32 {
	if c.in == nil {
		return statusOK
	}
	s := c.begin(callbackHandleIn, ev)
	s.read(ev)
	result := c.in.HandleIn(s, s.name, Payload{s.payload})
	s.end()
	if result == nil {
		returnedNil("HandleIn")
	}
	return result.inStatus()
}

func (c *channel) handleOut(ev *event) int32 {
	if c.out == nil {
		return statusPass
	}
	s := c.begin(callbackHandleOut, ev)
	s.read(ev)
	result := c.out.HandleOut(s, s.name, Payload{s.payload})
	s.end()
	if result == nil {
		returnedNil("HandleOut")
	}
	return result.outStatus()
}

// decide runs one of the other callbacks.
func (c *channel) decide(callback uint32, s *Socket) int32 {
	switch callback {
	case callbackJoin:
		return checked("Join", c.join.Join(s)).joinStatus(s)
	case callbackLeave:
		if c.leave != nil {
			c.leave.Leave(s)
		}
	case callbackHandleInfo:
		if info, known := s.info(); known && c.info != nil {
			return checked("HandleInfo", c.info.HandleInfo(s, info)).infoStatus()
		}
	case callbackUpgrade:
		if c.upgrade != nil {
			return checked("Upgrade", c.upgrade.Upgrade(s, s.Event())).upgradeStatus()
		}
	}
	return statusOK
}

// begin returns the Socket of a callback. It ends with the callback; one that panics
// ends the whole instance, and outside of a module whoever goes on after that calls
// abandon. Each callback has a Socket of its own, so that one that was kept does not
// act for another client, but they are made several at a time: a small piece of memory
// takes Go's allocator as long as a large one.
func (c *channel) begin(callback uint32, ev *event) *Socket {
	if len(c.sockets) == 0 {
		c.sockets = make([]Socket, 16)
	}
	s := &c.sockets[0]
	c.sockets = c.sockets[1:]
	s.ev, s.callback = ev, callback
	c.running = s
	return s
}

// abandon ends the Socket of a callback that has panicked.
func (c *channel) abandon() {
	if c.running != nil {
		c.running.end()
	}
}

// open is call for a connection, which is no channel yet.
func (c *channel) open(ev *event) int32 {
	if c.connect == nil {
		return statusOK
	}
	conn := &Connection{ev: ev}
	defer conn.end()
	return checked("Connect", c.connect.Connect(conn)).connectStatus(conn)
}
