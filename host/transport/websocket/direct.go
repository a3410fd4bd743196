//go:build unix

package websocket

import (
	"syscall"
)

// direct writes to a socket of the operating system without waiting for it. A
// deadline for each write, which hardly any write needs, would cost as much as
// all else that is done for a frame.
type direct struct {
	data []byte
	n    int
	err  error
	try  func(fd uintptr) (done bool)
}

func newDirect() *direct {
	d := new(direct)
	d.try = func(fd uintptr) bool {
		for {
			n, err := syscall.Write(int(fd), d.data)
			switch {
			case err == syscall.EINTR:
				continue
			case err == syscall.EAGAIN:
			case err != nil:
				d.err = err
			default:
				d.n = n
			}
			return true // also if nothing was written: the caller does the waiting
		}
	}
	return d
}

// write writes as much of data as there is room for at once. raw is nil for
// connections that are not sockets, which take nothing this way.
func (d *direct) write(raw syscall.RawConn, data []byte) (n int, err error) {
	if raw == nil {
		return 0, nil
	}
	d.data, d.n, d.err = data, 0, nil
	err = raw.Write(d.try)
	d.data = nil
	if err == nil {
		err = d.err
	}
	return d.n, err
}
