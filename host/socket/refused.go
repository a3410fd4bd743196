package socket

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"strconv"
	"time"

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
	// RetryAfter is when the client may try again. 0: the host does not say.
	RetryAfter time.Duration
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

// crowdedRetry is what a client is told that finds no place. Most of those who
// leave do so by themselves, and not soon.
const crowdedRetry = 5 * time.Second

// TooMany counts a client for whom there is no place, and returns its refusal; err
// says of what there are as many as there may be. Status is 429 if the client can do
// something about it, else 503. A nil c counts nothing.
func (c *Counts) TooMany(status int, err error) *RefusedError {
	if c != nil {
		c.TurnedAway.Add(1)
	}
	return &RefusedError{
		Status: status, Err: err, RetryAfter: crowdedRetry,
		Body: phx.ReasonTooManyConnections.Payload(crowdedRetry), HasBody: true,
	}
}

// SetHeader sets what the answer's header says of the refusal, besides its status and
// the kind of its body.
func (e *RefusedError) SetHeader(h http.Header) {
	if e.RetryAfter > 0 {
		h.Set("Retry-After", strconv.Itoa(int((e.RetryAfter+time.Second-1)/time.Second)))
	}
}

// LogRefused notes that a transport refuses a connection. That there are too many
// concerns the operator; anything else is between the client and who decides about it.
func LogRefused(log *slog.Logger, err error) {
	var refused *RefusedError
	if errors.As(err, &refused) && refused.RetryAfter > 0 {
		log.Warn("connection refused: there are too many", "err", err)
		return
	}
	log.Info("connection refused", "err", err)
}
