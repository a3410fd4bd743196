package socket

import "context"

// Room waits until no more than 1 MiB of the client's messages waits for its
// channels. [Socket.HandleFrame] does so behind each message; a transport whose
// wait was cut short by ctx calls Room before it hands over the next one. It is
// the reader's, like HandleFrame. The error is [ErrClosed], or ctx's.
func (s *Socket) Room(ctx context.Context) error { return s.waitForRoom(ctx) }
