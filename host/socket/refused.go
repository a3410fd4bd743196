package socket

import (
	"fmt"

	"github.com/chhost/chhost/host/phx"
)

// RefusedError is returned by what decides about a new connection, and tells the
// transport how to answer.
type RefusedError struct {
	// Status is the HTTP status.
	Status int
	// Body is the answer's body, if HasBody.
	Body    phx.Payload
	HasBody bool
	// Err is for the log.
	Err error
}

func (e *RefusedError) Error() string {
	if e.Err == nil {
		return fmt.Sprintf("socket: refused with status %d", e.Status)
	}
	return e.Err.Error()
}

func (e *RefusedError) Unwrap() error { return e.Err }
