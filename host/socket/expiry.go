package socket

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/chhost/chhost/host/channel"
	"github.com/chhost/chhost/host/phx"
)

// DefaultTokenGrace is how long a client may go on whose token has expired.
const DefaultTokenGrace = 30 * time.Second

// Of renewals so many may come, since each costs a signature's verification.
const (
	renewalBurst     = 3
	renewalPerSecond = 1
)

// Token is what is known of the token that a client has proved itself with. What is in
// it is for others: the socket knows when it ends, and whom to ask about another one.
type Token struct {
	// Expires is when it expires, on the clock of the socket's Env. Default: never.
	Expires time.Time
	// Grace is how long the client may go on after that, as if nothing had happened,
	// to send a new one. Default 30 s; less than 0 is none.
	Grace time.Duration
	// Renew is asked about a new one, which the client has sent as {"token":"..."} with
	// event access_token of topic phoenix; text is empty if there was none. It returns
	// when that expires, zero for never, and makes sure that it is about the same user
	// and tenant: channels are not told. A [*channel.Refusal] says to the client why
	// not, and any other error is logged. Either way the old token counts on. Renew is
	// called on the reader's goroutine, no more than once a second in the long run. It
	// may wait, but not for ever. Default: nobody is asked, and the topic is unmatched.
	Renew func(ctx context.Context, text string) (expires time.Time, err error)
	// Revoked tells whether the client may not go on for another reason: then there is
	// no grace. It is asked at each frame, on several goroutines, and must not block.
	// Default: it may.
	Revoked func() bool
}

// expiry is when a socket ends because of its token.
type expiry struct {
	grace time.Duration
	until atomic.Int64 // in milliseconds since 1970; 0: never
	rate  meter        // of renewals; the reader's
}

func newExpiry(t *Token) *expiry {
	if t == nil {
		return nil
	}
	e := &expiry{grace: t.Grace}
	if e.grace == 0 {
		e.grace = DefaultTokenGrace
	}
	e.grace = max(0, e.grace)
	e.set(t.Expires)
	return e
}

func (e *expiry) set(expires time.Time) {
	if expires.IsZero() {
		e.until.Store(0)
		return
	}
	// A date of 1970 and before has expired too.
	e.until.Store(max(1, expires.Add(e.grace).UnixMilli()))
}

// Expire ends the socket with [ClosePolicyViolation] if the client's token has expired
// and its grace is over, or was revoked, and tells whether it did. HandleFrame looks before it takes a
// frame, so that nothing is done for such a client; transports call Expire from time to
// time, for clients that only listen.
func (s *Socket) Expire() bool {
	e := s.expiry
	if e == nil {
		return false
	}
	until := e.until.Load()
	revoked := s.cfg.Token.Revoked != nil && s.cfg.Token.Revoked()
	// The swap fails if the client has sent another at the last moment.
	if !revoked && (until == 0 || s.cfg.Env.Now().UnixMilli() < until || !e.until.CompareAndSwap(until, 0)) {
		return false
	}
	if s.ended() {
		return true
	}
	s.cfg.Counts.Expired.Add(1)
	why := "the token has expired"
	if revoked {
		why = "the token was revoked"
		s.cfg.Logger.Info("the client's token was revoked")
	} else {
		s.cfg.Logger.Info("the client's token has expired, and it has sent no other")
	}
	s.Close(End{ClosePolicyViolation, why}, LeaveClosed)
	return true
}

// renews tells whether a message brings a new token.
func (s *Socket) renews(msg *phx.Message) bool {
	return msg.Topic == phx.TopicPhoenix && msg.Event == phx.EventAccessToken && s.cfg.Token != nil && s.cfg.Token.Renew != nil
}

// renew asks about the new token that a client has sent, and answers.
func (s *Socket) renew(ctx context.Context, msg *phx.Message) {
	if wait := s.expiry.rate.take(Rate{renewalPerSecond, renewalBurst}, 1, clock()); wait > 0 {
		s.cfg.Counts.RateLimited.Add(1)
		s.refuse(msg, phx.ReasonRateLimited, wait)
		return
	}
	if !msg.Payload.IsObject() {
		s.refuse(msg, phx.ReasonPayloadNotObject, 0)
		return
	}
	var body struct {
		Token string `json:"token"`
	}
	// What is no text is none, and Renew says what it says of none.
	_ = json.Unmarshal(msg.Payload.Data(), &body)
	expires, err := s.cfg.Token.Renew(ctx, body.Token)
	if err != nil {
		s.notRenewed(msg, err)
		return
	}
	s.expiry.set(expires)
	if !channel.Answered(msg) {
		return
	}
	s.Reply(&phx.Reply{JoinRef: msg.JoinRef, Ref: msg.Ref, Topic: msg.Topic, Status: phx.StatusOK, Payload: expiresPayload(expires)})
}

func (s *Socket) notRenewed(msg *phx.Message, err error) {
	var refusal *channel.Refusal
	if errors.As(err, &refusal) {
		s.refuse(msg, refusal.Reason, refusal.RetryAfter)
		return
	}
	s.cfg.Logger.Warn("a new token could not be looked at", "err", err)
	s.refuse(msg, phx.ReasonUnavailable, 0)
}

// expiresPayload tells a client when it has to come again, in seconds since 1970 as
// its token does: {"expires":1764158400}.
func expiresPayload(expires time.Time) phx.Payload {
	text := []byte("{}")
	if !expires.IsZero() {
		text = append(strconv.AppendInt([]byte(`{"expires":`), expires.Unix(), 10), '}')
	}
	payload, err := phx.JSON(text)
	if err != nil {
		panic("BUG: " + err.Error())
	}
	return payload
}
