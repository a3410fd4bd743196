package socket

import (
	"sync"
	"time"
)

// Directory finds the sockets that are open by what the application calls them,
// which several may share. It is safe for concurrent use; the zero value is empty.
type Directory struct {
	mu   sync.Mutex
	byID map[string]map[*Socket]struct{}

	// What was closed in the last minute, for sockets that were on their way then:
	// a client has its answer before its socket can be listed. There are two maps
	// so that forgetting takes no search.
	moment        Moment
	recent, older map[string]closing
	turned        time.Time // when recent was new
}

// Moment is a point in the order of a directory's Closes.
type Moment uint64

type closing struct {
	at  Moment
	end End
	why LeaveKind
}

// onTheWay is how long it may take from the question to the application whether a
// client may connect until its socket is open, at least.
const onTheWay = time.Minute

// Now is the moment for [Config.Since].
func (d *Directory) Now() Moment {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.moment
}

// Close ends every socket with the given ID, see [Socket.Close], and returns how
// many it found. Those that are on their way end when they arrive.
func (d *Directory) Close(id string, end End, why LeaveKind) int {
	d.mu.Lock()
	d.note(id, end, why)
	found := make([]*Socket, 0, len(d.byID[id]))
	for s := range d.byID[id] {
		found = append(found, s)
	}
	d.mu.Unlock()
	for _, s := range found {
		s.Close(end, why)
	}
	return len(found)
}

// note remembers a Close. The caller holds d.mu.
func (d *Directory) note(id string, end End, why LeaveKind) {
	if now := time.Now(); d.recent == nil || now.Sub(d.turned) > onTheWay {
		d.older, d.recent, d.turned = d.recent, make(map[string]closing), now
	}
	d.moment++
	d.recent[id] = closing{d.moment, end, why}
}

// add lists a socket, and tells whether it was closed while it was on its way.
func (d *Directory) add(s *Socket) (c closing, closed bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sockets := d.byID[s.cfg.ID]
	if sockets == nil {
		sockets = make(map[*Socket]struct{}, 1)
		if d.byID == nil {
			d.byID = make(map[string]map[*Socket]struct{})
		}
		d.byID[s.cfg.ID] = sockets
	}
	sockets[s] = struct{}{}
	c, closed = d.recent[s.cfg.ID]
	if !closed {
		c, closed = d.older[s.cfg.ID]
	}
	return c, closed && c.at > s.cfg.Since
}

func (d *Directory) remove(s *Socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	sockets := d.byID[s.cfg.ID]
	delete(sockets, s)
	if len(sockets) == 0 {
		delete(d.byID, s.cfg.ID)
	}
}

// listed tells whether the socket is to be found.
func (s *Socket) listed() bool { return s.cfg.Directory != nil && s.cfg.ID != "" }

// Open is called by the transport once Wake may be called: from then until its
// end the socket is in its directory.
func (s *Socket) Open() {
	if !s.listed() {
		return
	}
	if c, closed := s.cfg.Directory.add(s); closed {
		s.Close(c.end, c.why)
	}
	if s.end.Load() != nil { // and Close may have been there before
		s.cfg.Directory.remove(s)
	}
}
