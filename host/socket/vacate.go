package socket

// Abandon is called by a transport that makes no socket of a Config it was given,
// in place of [Socket.Vacate].
func (c *Config) Abandon() {
	if c.Vacate != nil {
		c.Vacate()
	}
}

// Vacate is called by the transport, once, when it has nothing left of the
// connection: what a client holds on to is counted, though its socket has ended.
func (s *Socket) Vacate() { s.cfg.Abandon() }
