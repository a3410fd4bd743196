package socket

import (
	"cmp"
	"maps"
	"slices"
	"sync"
	"time"
)

// Directory lists the sockets that are open, and finds them by what the application
// calls them, which several may share. It is safe for concurrent use; the zero value
// is empty.
type Directory struct {
	mu   sync.Mutex
	last uint64 // number that was given
	all  map[*Socket]struct{}
	byID map[string]map[*Socket]struct{}

	// What was closed in the last minute, for sockets that were on their way then:
	// a client has its answer before its socket can be listed. There are two maps
	// so that forgetting takes no search.
	moment        Moment
	recent, older map[string]closing
	everything    closing   // the last CloseAll
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

// CloseAll ends every socket, see [Socket.Close], and returns how many it found. Those
// that are on their way end when they arrive.
func (d *Directory) CloseAll(end End, why LeaveKind) int {
	d.mu.Lock()
	d.moment++
	d.everything = closing{d.moment, end, why}
	found := slices.Collect(maps.Keys(d.all))
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
	if d.all == nil {
		d.all = make(map[*Socket]struct{})
	}
	d.all[s] = struct{}{}
	d.last++
	s.number, s.opened = d.last, time.Now()
	if d.everything.at > s.cfg.Since {
		c, closed = d.everything, true
	}
	if s.cfg.ID == "" {
		return c, closed
	}
	sockets := d.byID[s.cfg.ID]
	if sockets == nil {
		sockets = make(map[*Socket]struct{}, 1)
		if d.byID == nil {
			d.byID = make(map[string]map[*Socket]struct{})
		}
		d.byID[s.cfg.ID] = sockets
	}
	sockets[s] = struct{}{}
	named, found := d.recent[s.cfg.ID]
	if !found {
		named, found = d.older[s.cfg.ID]
	}
	if found && named.at > s.cfg.Since {
		c, closed = named, true
	}
	return c, closed
}

func (d *Directory) remove(s *Socket) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.all, s)
	sockets := d.byID[s.cfg.ID]
	delete(sockets, s)
	if len(sockets) == 0 {
		delete(d.byID, s.cfg.ID)
	}
}

// listed tells whether the socket is to be found.
func (s *Socket) listed() bool { return s.cfg.Directory != nil }

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

// Info is what is known of an open socket.
type Info struct {
	// Number is the directory's own, and not given again.
	Number uint64
	// ID is what the application calls it, or empty.
	ID string
	// Opened is when it was.
	Opened time.Time
	// Topics are those that it has joined, or is about to.
	Topics []string
}

// All lists the open sockets, in no order.
func (d *Directory) All() []*Socket {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Collect(maps.Keys(d.all))
}

// Len is how many sockets are open.
func (d *Directory) Len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.all)
}

// List tells of the open sockets, the oldest first.
func (d *Directory) List() []Info {
	sockets := d.All()
	list := make([]Info, len(sockets))
	for i, s := range sockets {
		list[i] = s.info()
	}
	slices.SortFunc(list, func(a, b Info) int { return cmp.Compare(a.Number, b.Number) })
	return list
}

func (s *Socket) info() Info {
	info := Info{Number: s.number, ID: s.cfg.ID, Opened: s.opened}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.channels.list {
		if !c.Left() {
			info.Topics = append(info.Topics, c.Topic())
		}
	}
	return info
}

// CloseNumber ends one socket, and tells whether it was open.
func (d *Directory) CloseNumber(number uint64, end End, why LeaveKind) bool {
	for _, s := range d.All() {
		if s.number == number {
			s.Close(end, why)
			return true
		}
	}
	return false
}
