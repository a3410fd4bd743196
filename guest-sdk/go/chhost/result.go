package chhost

// JoinResult is what Join returns: [OK], [Refuse], [RefuseForGood], [Ignore], or
// the result of an effect such as Broadcast, which is OK.
type JoinResult interface{ joinStatus(s *Socket) int32 }

// InResult is what HandleIn returns: [OK], [Stop], [Fail], or the result of an
// effect such as Broadcast, which is OK.
type InResult interface{ inStatus() int32 }

// OutResult is what HandleOut returns: [OK], [Pass], [Stop], [Fail], or the
// result of Push, which is OK.
type OutResult interface{ outStatus() int32 }

// InfoResult is what HandleInfo returns: [OK], [Stop], [Fail], or the result of
// an effect such as Push, which is OK.
type InfoResult interface{ infoStatus() int32 }

// UpgradeResult is what Upgrade returns: [OK], or [Fail].
type UpgradeResult interface{ upgradeStatus() int32 }

// ConnectResult is what Connect returns: [OK], [Refuse], or the result of
// [Connection.Name], which is OK.
type ConnectResult interface{ connectStatus(c *Connection) int32 }

// The results that carry nothing. Each can be returned only where it means
// something; elsewhere the plugin does not compile.
const (
	// OK carries out what the callback asked for. In HandleOut, the message
	// itself is not delivered: [Pass] does that.
	OK OKResult = 0
	// Ignore leaves a join without any answer: the client hears nothing until its
	// own timeout.
	Ignore IgnoreResult = 0
	// Stop carries out what the callback asked for, the reply included, and then
	// closes the channel. The client does not join again by itself.
	Stop StopResult = 0
	// Pass carries out what HandleOut asked for and then delivers the message as
	// it is.
	Pass PassResult = 0
)

// Types of the results; see the values of the same name.
type (
	OKResult     uint8
	IgnoreResult uint8
	StopResult   uint8
	PassResult   uint8

	// RefuseResult is made by [Refuse].
	RefuseResult struct{ reason Sendable }
	// RefuseForGoodResult is made by [RefuseForGood].
	RefuseForGoodResult struct{ reason Sendable }
	// FailResult is made by [Fail].
	FailResult struct{ text string }
)

// Refuse answers a join with an error, and nothing else that Join asked for
// happens; in Connect it refuses the client. The reason is usually [Reason]:
//
//	return chhost.Refuse(chhost.Reason("unauthorized"))
func Refuse(reason Sendable) RefuseResult { return RefuseResult{reason} }

// RefuseForGood is [Refuse] for a join that is not worth trying again, which
// clients would do for ever, every ten seconds:
//
//	return chhost.RefuseForGood(chhost.Reason("banned"))
func RefuseForGood(reason Sendable) RefuseForGoodResult { return RefuseForGoodResult{reason} }

// Fail gives an event up: none of the effects happen, the client gets phx_error
// and joins again, and the text is logged. It is for errors that a client can do
// nothing about; to tell it what it did wrong, use [Socket.ReplyError]. In
// Upgrade it leaves the channel on the old version, and the client notices
// nothing.
func Fail(text string) FailResult { return FailResult{text} }

// Reason is the map {"reason": text}, which Phoenix clients know from refused
// joins and pushes.
func Reason(text string) Map { return Map{"reason": text} }

func (OKResult) joinStatus(*Socket) int32 { return statusOK }
func (OKResult) inStatus() int32          { return statusOK }
func (OKResult) outStatus() int32         { return statusOK }
func (OKResult) infoStatus() int32        { return statusOK }
func (OKResult) upgradeStatus() int32     { return statusOK }

func (OKResult) connectStatus(*Connection) int32 { return statusOK }

func (IgnoreResult) joinStatus(*Socket) int32 { return statusIgnore }

func (StopResult) inStatus() int32   { return statusStop }
func (StopResult) outStatus() int32  { return statusStop }
func (StopResult) infoStatus() int32 { return statusStop }

func (PassResult) outStatus() int32 { return statusPass }

func (r RefuseResult) joinStatus(s *Socket) int32 {
	s.reply("Refuse", replyError, r.reason)
	return statusError
}

func (r RefuseForGoodResult) joinStatus(s *Socket) int32 {
	s.reply("RefuseForGood", replyError, r.reason)
	return statusStop
}

func (r RefuseResult) connectStatus(c *Connection) int32 {
	c.reply("Refuse", replyError, r.reason)
	return statusError
}

func (r FailResult) inStatus() int32 {
	Log(LevelError, r.text)
	return statusError
}

func (r FailResult) outStatus() int32     { return r.inStatus() }
func (r FailResult) infoStatus() int32    { return r.inStatus() }
func (r FailResult) upgradeStatus() int32 { return r.inStatus() }

// checked panics if a callback returned nil: whether that was meant as "no
// error" or as "nothing to deliver" cannot be told.
func checked[R comparable](callback string, result R) R {
	var none R
	if result == none {
		returnedNil(callback)
	}
	return result
}

func returnedNil(callback string) {
	panic("chhost: " + callback + " returned nil: return chhost.OK or another result")
}
