package phx

import (
	"strconv"
	"time"
)

// Reason is why the host itself refused something, in the words that a client
// sees: the "reason" of an error reply. This table is all that a client is ever
// told; details go to the log.
type Reason string

const (
	// ReasonUnmatchedTopic: no route, or the topic is not joined.
	ReasonUnmatchedTopic Reason = "unmatched topic"
	// ReasonUnhandledEvent: the handler has no handle_in.
	ReasonUnhandledEvent Reason = "unhandled event"
	// ReasonJoinCrashed: the handler failed while it answered a join.
	ReasonJoinCrashed Reason = "join crashed"
	// ReasonChannelCrash is the payload of phx_error.
	ReasonChannelCrash Reason = "channel_crash"
	// ReasonInvalidFrame: the frame is malformed, but topic and ref could be read.
	ReasonInvalidFrame Reason = "invalid frame"
	// ReasonNameTooLong: a topic or event is empty, or one of these or a ref is longer
	// than 255 bytes.
	ReasonNameTooLong Reason = "name too long"
	// ReasonPayloadNotObject: join params and inbound payloads are objects or bytes.
	ReasonPayloadNotObject Reason = "payload must be an object"
	// ReasonReservedEvent: the event belongs to the host, see [ReservedEvent].
	ReasonReservedEvent Reason = "reserved event"
	// ReasonBinaryNotAccepted: the handler did not say that it takes bytes.
	ReasonBinaryNotAccepted Reason = "binary_not_accepted"
	// ReasonPayloadTooLarge: more than the handler or the tenant's limits take.
	ReasonPayloadTooLarge Reason = "payload_too_large"
	// ReasonTooManyChannels: the socket has joined as many topics as it may.
	ReasonTooManyChannels Reason = "too many channels joined"
	// ReasonOverloaded: the channel's mailbox is full.
	ReasonOverloaded Reason = "overloaded"
	// ReasonRateLimited: the client sends more than its rates allow.
	ReasonRateLimited Reason = "rate_limited"
	// ReasonTooManyJoins: the client joins more often than its rate allows.
	ReasonTooManyJoins Reason = "too_many_joins"
	// ReasonTooManyConnections: there are as many as there may be, of all clients or
	// of this one's address. It is told before there is a socket.
	ReasonTooManyConnections Reason = "too_many_connections"
	// ReasonBusy: no instance of the plugin was free in time.
	ReasonBusy Reason = "busy"
	// ReasonTenantCPUExhausted: the tenant's plugins have used as much as they may.
	ReasonTenantCPUExhausted Reason = "tenant_cpu_exhausted"
	// ReasonTooManyTopics: the tenant's clients have joined as many topics as they may
	// together.
	ReasonTooManyTopics Reason = "too_many_topics"
	// ReasonUnknownTenant and ReasonTenantMismatch: what a connection says of its tenant
	// names none, or two. They are told before there is a socket.
	ReasonUnknownTenant  Reason = "unknown_tenant"
	ReasonTenantMismatch Reason = "tenant_mismatch"
	// ReasonTenantSuspended: the operator has suspended the tenant. It is told before
	// there is a socket.
	ReasonTenantSuspended Reason = "tenant_suspended"
	// ReasonUnavailable: the plugin is not being served at the moment.
	ReasonUnavailable Reason = "unavailable"
)

// Payload is the body of an error reply: {"reason":"..."}, and retry_after_ms
// where retryAfter is not zero (rounded up to a millisecond).
func (r Reason) Payload(retryAfter time.Duration) Payload {
	b := append(make([]byte, 0, 64), `{"reason":"`...)
	b = append(b, r...) // the table above needs no escapes
	b = append(b, '"')
	if retryAfter > 0 {
		b = append(b, `,"retry_after_ms":`...)
		b = strconv.AppendInt(b, int64((retryAfter+time.Millisecond-1)/time.Millisecond), 10)
	}
	return Payload{data: append(b, '}')}
}
